/** `offboarding cancel`: removes an offboarding that is scheduled for later. */
import { Command } from 'commander'
import { withOptions } from './command.ts'
import { type Io, log } from './io.ts'
import { cancelSchedule } from './leavers/schedules.ts'
import { type ConnectionOptions, connect, connectionOptions } from './stack/connection.ts'

export const cancelCommand = (io: Io): Command =>
  withOptions(
    new Command('cancel')
      .summary('remove an offboarding that is scheduled')
      .description(
        'Removes an offboarding that "offboard --at" scheduled and whose time has not come; "list" shows them. What has been sent ' +
          'goes on.',
      )
      .argument('<offboarding-id>', 'as "list" shows it'),
    connectionOptions(),
  )
    .addHelpText(
      'after',
      `
Exit code 0: it was removed. 1: nothing is scheduled under this id, or the
command failed. 2: wrong options.

Examples:
  AWS_PROFILE=ops npx offboarding cancel hr-2026-000123 --stage prod`,
    )
    .action(async (offboardingId: string, options: ConnectionOptions) => {
      await cancelSchedule(await connect(io, options), offboardingId)
      log(io, `Cancelled ${offboardingId}.`)
    })
