/** `npm run report -- OFFBOARDING_ID`: what became of every target, from the functions' audit log. */
import { parseArgs } from 'node:util'
import { CommandError, runCommand, UsageError, wholeNumber } from './command.ts'
import { AuditLog } from './progress/audit-log.ts'
import { exitCodeOf } from './progress/follow.ts'
import { Ledger } from './progress/ledger.ts'
import { FORMATS } from './progress/report-formats.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, connect } from './stack/connection.ts'

const HELP = `Shows every target of an offboarding: outcome, vendor's code, time, vendor's request id; and what is parked and why.
It is read from the audit log of the functions. Each target counts once, by its newest outcome.

  npm run report -- OFFBOARDING_ID [options]

  --json, --csv      for programs and spreadsheets
  --markdown         for a ticket
  --days N           how far back to look (default 30); the log is kept for the deploy parameter logRetentionDays

${CONNECTION_HELP}
  --help

Exit code 0: everything has ended well. 1: something is parked or rejected, is still to be done, or nothing is known.

  AWS_PROFILE=ops npm run report -- hr-2026-000123 --stage prod --markdown
`

const DAY_MS = 86_400_000

await runCommand('report', async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      json: { type: 'boolean', default: false },
      csv: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      days: { type: 'string', default: '30' },
      help: { type: 'boolean', default: false },
    },
  })
  const { json, csv, markdown, days, help, ...connection } = values
  if (help) {
    process.stdout.write(HELP)
    return 0
  }
  const [offboardingId, ...others] = positionals
  if (offboardingId === undefined || others.length > 0) throw new UsageError('say of which: one OFFBOARDING_ID')
  const formats = Object.entries({ json, csv, markdown }).flatMap(([name, wanted]) => (wanted ? [name] : []))
  if (formats.length > 1) throw new UsageError('one of --json, --csv and --markdown')
  const sinceMs = Date.now() - wholeNumber('days', days, 1, 3_653) * DAY_MS

  const log = new AuditLog(await connect(connection), { offboardingId }, sinceMs)
  const ledger = new Ledger()
  for (const line of await log.next({ deferrals: false })) ledger.add(line)
  if (ledger.isEmpty)
    throw new CommandError(`nothing is known of this offboarding in the last ${days} days; --days looks further back`)
  const format = FORMATS[(formats[0] ?? 'table') as keyof typeof FORMATS]
  process.stdout.write(`${format(ledger, offboardingId)}\n`)
  return exitCodeOf(ledger)
})
