/** `offboarding report`: what became of every target, from the functions' audit log. */
import { Command, Option } from 'commander'
import { CommandError, wholeNumber, withOptions } from './command.ts'
import type { Io } from './io.ts'
import { AuditLog } from './progress/audit-log.ts'
import { exitCodeOf } from './progress/follow.ts'
import { Ledger } from './progress/ledger.ts'
import { FORMATS } from './progress/report-formats.ts'
import { type ConnectionOptions, connect, connectionOptions } from './stack/connection.ts'

type Options = ConnectionOptions & { json?: true; csv?: true; markdown?: true; days: number }

export const reportCommand = (io: Io): Command =>
  withOptions(
    new Command('report')
      .summary('show what became of every target of an offboarding')
      .description(
        "Shows every target of an offboarding with its outcome, the vendor's code, the time and the vendor's request id; and what " +
          'is parked and why. Read from the audit log of the functions. Each target counts once, by its newest outcome.',
      )
      .argument('<offboarding-id>', 'as in the event')
      .addOption(new Option('--json', 'as JSON').conflicts(['csv', 'markdown']))
      .addOption(new Option('--csv', 'as a table for a spreadsheet').conflicts(['json', 'markdown']))
      .addOption(new Option('--markdown', 'for a ticket').conflicts(['json', 'csv']))
      .addOption(
        new Option(
          '--days <n>',
          'how many days to look back; the log is kept for the deploy parameter logRetentionDays',
        )
          .default(30)
          .argParser(wholeNumber(1, 3_653)),
      ),
    connectionOptions(),
  )
    .addHelpText(
      'after',
      `
Exit code 0: everything ended well. 1: something is parked, rejected or
unfinished, the offboarding is unknown, or the command failed. 2: wrong options.

Example:
  AWS_PROFILE=ops npx offboarding report hr-2026-000123 --stage prod --markdown`,
    )
    .action(async (offboardingId: string, options: Options) => {
      io.exitCode = await report(io, offboardingId, options)
    })

const DAY_MS = 86_400_000

async function report(io: Io, offboardingId: string, { json, csv, markdown, days, ...connection }: Options) {
  const log = new AuditLog(await connect(io, connection), { offboardingId }, Date.now() - days * DAY_MS)
  const ledger = new Ledger()
  for (const line of await log.next({ deferrals: false })) ledger.add(line)
  if (ledger.isEmpty)
    throw new CommandError(`no record of this offboarding in the last ${days} days; --days looks further back`)
  const format = FORMATS[json ? 'json' : csv ? 'csv' : markdown ? 'markdown' : 'table']
  io.stdout.write(`${format(ledger, offboardingId)}\n`)
  return exitCodeOf(ledger)
}
