/** `offboarding follow`: shows progress until offboardings have ended, then what became of them. */
import { Command, Option } from 'commander'
import { toJson } from '../lib/report/json.ts'
import { goneIsFineOption, withOptions } from './command.ts'
import { type Io, log } from './io.ts'
import { follow } from './progress/follow.ts'
import { followAll } from './progress/follow-all.ts'
import { FORMATS } from './progress/report-formats.ts'
import { formatAll, getExitCodeOfAll } from './progress/report-of-all.ts'
import { type ConnectionOptions, commandLine, connect, connectionOptions } from './stack/connection.ts'

type Options = ConnectionOptions & { dryRun?: boolean; goneIsFine?: boolean; json?: boolean }

export const followCommand = (io: Io): Command =>
  withOptions(
    new Command('follow')
      .summary('show progress until offboardings have ended')
      .description(
        'Shows the progress of one or more offboardings on standard error until all have ended, then their report. Ctrl-C ' +
          'stops following; the work goes on.',
      )
      .argument('<offboarding-id...>', 'as "list" shows it'),
    [
      new Option('--dry-run', 'follow their dry runs'),
      goneIsFineOption(),
      new Option('--json', 'print one line of JSON for each offboarding, with the fields of "report --json"'),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `
Exit code 0: everything ended well. 1: something is parked or was rejected, an
offboarding is unknown, or the command failed. 2: wrong options. 3: everything
ended, but the vendor does not know an id (gone): check it. 130: interrupted.

Examples:
  npx offboarding follow hr-2026-000123
  AWS_PROFILE=ops npx offboarding follow hr-2026-000123 hr-2026-000124 \\
    --stage prod --json`,
    )
    .action(async (ids: string[], options: Options) => {
      io.exitCode = await followEach(io, [...new Set(ids)], options)
    })

async function followEach(io: Io, ids: string[], options: Options): Promise<number> {
  const { dryRun = false, json = false, ...rest } = options
  const connection = await connect(io, rest)
  const signal = io.catchInterrupt()
  try {
    const [offboardingId = '', ...others] = ids
    const reports =
      others.length === 0
        ? [await follow(io, connection, { offboardingId, ...(dryRun && { dryRun }), signal })]
        : await followAll(
            io,
            connection,
            ids.map((offboardingId) => ({ offboardingId, ...(dryRun && { dryRun }) })),
            signal,
          )
    const [report] = reports
    if (json) for (const one of reports) io.stdout.write(`${JSON.stringify(toJson(one, one.rows))}\n`)
    else
      io.stdout.write(
        `\n${report && reports.length === 1 ? FORMATS.table(report, report.rows, io.stdout) : formatAll(reports, io.stdout)}\n`,
      )
    return getExitCodeOfAll(reports, options)
  } catch (error) {
    if (!signal.aborted) throw error
    log(io, `To go on following: ${commandLine(['follow', ...ids, ...(dryRun ? ['--dry-run'] : [])], options)}`)
    return 130
  }
}
