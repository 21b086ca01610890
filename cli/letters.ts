/** `offboarding letters`: what was set aside and why, and the ways back. */
import { Command } from 'commander'
import type { Io } from './io.ts'
import { discardCommand } from './letters/discard.ts'
import { listCommand } from './letters/list.ts'
import { redriveCommand } from './letters/redrive.ts'
import { showCommand } from './letters/show.ts'

export const lettersCommand = (io: Io): Command =>
  new Command('letters')
    .summary('list, redrive or discard what needs an operator')
    .description(
      'Letters are parked work items, rejected events, and events that no function accepted. SQS deletes a letter after ' +
        '14 days.',
    )
    .addCommand(listCommand(io))
    .addCommand(showCommand(io))
    .addCommand(redriveCommand(io))
    .addCommand(discardCommand(io))
    .addHelpText(
      'after',
      `
Exit code 0: done. 1: something failed, or you declined. 2: wrong options,
nothing was done. 130: interrupted.

Examples:
  npx offboarding letters redrive --kind forbidden
  AWS_PROFILE=ops npx offboarding letters list --stage prod`,
    )
