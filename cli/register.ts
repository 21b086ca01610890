/** `offboarding register`: what was subscribed for whom, since no vendor lists approvals and documents. */
import { Command } from 'commander'
import type { Io } from './io.ts'
import { addCommand, removeCommand } from './register/change.ts'
import { importCommand } from './register/import.ts'
import { listCommand } from './register/list.ts'

export const registerCommand = (io: Io): Command =>
  new Command('register')
    .summary('record what a person is subscribed to, and list it')
    .description(
      'Keeps the register of subscriptions: no vendor lists the documents and approvals that a person is subscribed to. An ' +
        'entry is taken out when an offboarding has ended its subscription.',
    )
    .addCommand(addCommand(io))
    .addCommand(removeCommand(io))
    .addCommand(listCommand(io))
    .addCommand(importCommand(io))
    .addHelpText(
      'after',
      `
Examples:
  npx offboarding register add feishu-drive-unsubscribe --open-id ou_xxxxxxxx \\
    --input file_token=https://corp.feishu.cn/docx/doxcnXXXX
  npx offboarding register list --open-id ou_xxxxxxxx
  AWS_PROFILE=ops npx offboarding register import subscriptions.csv --stage prod`,
    )
