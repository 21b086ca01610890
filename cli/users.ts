/** `offboarding users`: who has tokens stored, how they are obtained, and how those of people who left are removed. */
import { Command } from 'commander'
import type { Io } from './io.ts'
import { authorizeCommand } from './users/authorize.ts'
import { forgetCommand } from './users/forget.ts'
import { listCommand } from './users/list.ts'

export const usersCommand = (io: Io): Command =>
  new Command('users')
    .summary('list, authorize or remove users whose tokens are stored')
    .description('Lists the users whose tokens are stored, has one grant access, and removes those who have left.')
    .addCommand(listCommand(io))
    .addCommand(forgetCommand(io))
    .addCommand(authorizeCommand(io))
    .addHelpText(
      'after',
      `
Examples:
  npx offboarding users forget --gone --stage prod
  AWS_PROFILE=ops npx offboarding users authorize --vendor feishu \\
    --open-id ou_xxxxxxxx --stage prod`,
    )
