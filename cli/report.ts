/** `offboarding report`: what became of every target, from the ledger. */
import { Command, Option } from 'commander'
import { readRecords } from '../lib/ledger/records.ts'
import { OUTCOMES } from '../lib/report/rows.ts'
import { type Report, summarize } from '../lib/report/summary.ts'
import { CommandError, goneIsFineOption, repeatable, withOptions } from './command.ts'
import { type Io, log } from './io.ts'
import { getExitCode } from './progress/exit-code.ts'
import { describeUnknown, follow } from './progress/follow.ts'
import { FORMATS } from './progress/report-formats.ts'
import { loadOperations, readWaits } from './progress/waits.ts'
import { type Connection, type ConnectionOptions, commandLine, connect, connectionOptions } from './stack/connection.ts'
import { useLedger } from './stack/ledger.ts'

type Options = ConnectionOptions & {
  json?: true
  csv?: true
  markdown?: true
  only?: string[]
  dryRun?: true
  follow?: true
  goneIsFine?: true
}

export const reportCommand = (io: Io): Command =>
  withOptions(
    new Command('report')
      .summary('show what became of every target of an offboarding')
      .description(
        'Shows every target of an offboarding with its outcome, vendor code, time, vendor request id and history; what needs ' +
          'an operator comes first. A table on a terminal leaves out what does not fit 100 columns. A target counts once, by ' +
          'its newest outcome; once changed, it stays changed when a later try finds it unchanged or gone.',
      )
      .argument('<offboarding-id>', 'as "list" shows it')
      .addOption(new Option('--json', 'print one JSON object').conflicts(['csv', 'markdown']))
      .addOption(new Option('--csv', 'print CSV for a spreadsheet').conflicts(['json', 'markdown']))
      .addOption(new Option('--markdown', 'print Markdown for a ticket').conflicts(['json', 'csv']))
      .addOption(repeatable('--only <outcome>', 'show only targets with this outcome; may be repeated', OUTCOMES))
      .option('--dry-run', 'report on its dry runs; without this they are shown only if there is no real run')
      .option('--follow', 'show progress until everything has ended, then the report')
      .addOption(goneIsFineOption()),
    connectionOptions(),
  )
    .addHelpText(
      'after',
      `
Exit code 0: everything ended well. 1: something is parked, rejected or
unfinished, the offboarding is unknown, or the command failed. 2: wrong options.
3: everything ended, but the vendor does not know an id (gone): check it.

Examples:
  AWS_PROFILE=ops npx offboarding report hr-2026-000123 --stage prod --markdown`,
    )
    .action(async (offboardingId: string, options: Options) => {
      io.exitCode = await report(io, offboardingId, options)
    })

async function report(io: Io, offboardingId: string, options: Options): Promise<number> {
  const connection = await connect(io, options)
  const found = options.follow
    ? await followed(io, connection, offboardingId, options)
    : await read(connection, offboardingId, options)
  if (!found) return 130
  const { json, csv, markdown, only } = options
  const format = FORMATS[json ? 'json' : csv ? 'csv' : markdown ? 'markdown' : 'table']
  const shown = found.rows.filter(({ outcome }) => only === undefined || only.includes(outcome))
  io.stdout.write(`${format(found, shown, io.stdout)}\n`)
  return getExitCode(found, options)
}

async function read(connection: Connection, offboardingId: string, { dryRun }: Options): Promise<Report> {
  useLedger(connection)
  const operations = Object.keys(connection.names.operations)
  const records = await readRecords(offboardingId)
  const found = summarize(offboardingId, records, { operations, dryRun })
  if (found?.rows.some(({ outcome }) => outcome === 'open'))
    return { ...found, waits: await readWaits(records, found, await loadOperations(connection), connection.speed) }
  if (found) return found
  throw new CommandError(describeUnknown({ dryRun }))
}

/** Nothing when it was interrupted. */
async function followed(
  io: Io,
  connection: Connection,
  offboardingId: string,
  options: Options,
): Promise<Report | undefined> {
  const signal = io.catchInterrupt()
  try {
    return await follow(io, connection, { offboardingId, dryRun: options.dryRun, signal })
  } catch (error) {
    if (!signal.aborted) throw error
    log(io, `To go on following it: ${commandLine(['report', offboardingId, '--follow'], options)}`)
    return undefined
  }
}
