/** `npm run offboard -- EVENT.json`: checks an offboarding event, sends it, follows it to its end and reports. */
import { parseArgs } from 'node:util'
import { OperationError } from '../lib/error.ts'
import { offboarding, withinTargets } from '../lib/offboarding-event.ts'
import { parse } from '../lib/schema.ts'
import { readObject, runCommand, say, UsageError } from './command.ts'
import { assertEvent, fileOf, newOffboardingId } from './event/event-detail.ts'
import { AuditLog } from './progress/audit-log.ts'
import { exitCodeOf, follow, sendEvent } from './progress/follow.ts'
import { FORMATS } from './progress/report-formats.ts'
import {
  CONNECTION_HELP,
  CONNECTION_OPTIONS,
  type Connection,
  type ConnectionOptions,
  commandLine,
  connect,
} from './stack/connection.ts'

const HELP = `Checks an offboarding event, sends it, shows what becomes of every target, and ends with the report.

  npm run offboard -- EVENT.json [options]
  npm run offboard -- TARGET … [options]
  npm run offboard -- --follow OFFBOARDING_ID [options]

  EVENT.json                      the event's detail, as in local/events/offboarding.json
  --dry-run                       check everything, change no subscription; may renew and store a user's token
  --follow OFFBOARDING_ID         send nothing: go on following what was sent

Targets, where there is no file; those with … may be given more than once:
  --feishu-open-id OPEN_ID        end this person's calendar change events
  --approval-code CODE …          end the events of an approval
  --file TOKEN:TYPE …             end the events of a document; TYPE as in doc, docx, sheet, bitable, file, folder, slides
  --acl-calendar-id ID …          watch access to a calendar, with
  --custodian-open-id OPEN_ID     as whom
  --tenant-key KEY                for store apps
  --dingtalk-union-id UNION_ID    end this person's subscriptions to the calendars
  --dingtalk-calendar-id ID …
  --id OFFBOARDING_ID             what to call it (default: a name with the time in it)

${CONNECTION_HELP}
  --help

Exit code 0: everything ended well. 1: something is parked or was rejected, or it failed. 2: wrong options or event, nothing
was sent. 130: no longer followed, which stops nothing.

  npm run offboard -- local/events/offboarding.json --dry-run
  AWS_PROFILE=ops npm run offboard -- --approval-code 7C468A54-8745-2245-9675-08B7C63E7A85 --file doxcnXXXX:docx --stage prod
`

const TARGET_OPTIONS = {
  'feishu-open-id': { type: 'string' },
  'approval-code': { type: 'string', multiple: true },
  file: { type: 'string', multiple: true },
  'acl-calendar-id': { type: 'string', multiple: true },
  'custodian-open-id': { type: 'string' },
  'tenant-key': { type: 'string' },
  'dingtalk-union-id': { type: 'string' },
  'dingtalk-calendar-id': { type: 'string', multiple: true },
  id: { type: 'string' },
} as const

type Targets = { [name in keyof typeof TARGET_OPTIONS]?: string | string[] }

/** The event's detail that the options ask for. What is missing or wrong in it the event's schema tells. */
function detailOf(targets: Targets): Record<string, unknown> {
  const all = (name: keyof Targets) => targets[name] as string[] | undefined
  const openId = targets['feishu-open-id']
  const feishu = {
    tenantKey: targets['tenant-key'],
    ...(openId !== undefined && { openId, calendar: true }),
    ...((all('acl-calendar-id') ?? targets['custodian-open-id']) && {
      calendarAcls: { openId: targets['custodian-open-id'], calendarIds: all('acl-calendar-id') },
    }),
    approvalCodes: all('approval-code'),
    files: all('file')?.map((file) => fileOf(file)),
  }
  const dingtalk = { unionId: targets['dingtalk-union-id'], calendarIds: all('dingtalk-calendar-id') }
  const isGiven = (part: object) => Object.values(part).some((value) => value !== undefined)
  return {
    offboardingId: targets.id ?? newOffboardingId(),
    ...(isGiven(feishu) && { feishu }),
    ...(isGiven(dingtalk) && { dingtalk }),
  }
}

/** Throws for more targets than the stack takes at once. */
function checkCount(detail: unknown, { variables }: Connection): void {
  try {
    withinTargets(parse(offboarding, detail), Number(variables.MAX_TARGETS_PER_EVENT))
  } catch (error) {
    if (error instanceof OperationError) throw new UsageError(`${error.detail.en} ${error.hint.en} Nothing was sent.`)
    throw error
  }
}

const DAY_MS = 86_400_000
/** Nothing takes longer: 14 days in a queue, as long as a dead letter, and in the queue again. */
const LONGEST_MS = 42 * DAY_MS

await runCommand('offboard', async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      ...TARGET_OPTIONS,
      'dry-run': { type: 'boolean', default: false },
      follow: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const { stage, region, param, local, follow: followed, 'dry-run': isDryRun, help, ...targets } = values
  const options: ConnectionOptions = {
    ...(stage && { stage }),
    ...(region && { region }),
    ...(param && { param }),
    ...(local && { local }),
  }
  if (help) {
    process.stdout.write(HELP)
    return 0
  }
  const [file, ...others] = positionals
  const ways = [file, followed, Object.keys(targets).length > 0 || undefined].filter((way) => way !== undefined)
  if (ways.length !== 1 || others.length > 0)
    throw new UsageError('give one EVENT.json, or targets, or --follow OFFBOARDING_ID')
  if (followed !== undefined && isDryRun) throw new UsageError('--dry-run has no effect with --follow')

  let detail: Record<string, unknown> | undefined
  if (followed === undefined) {
    detail = { ...(file === undefined ? detailOf(targets) : readObject(file)), ...(isDryRun && { dryRun: true }) }
    assertEvent(detail, file ?? 'this')
  }
  const offboardingId = followed ?? String(detail?.offboardingId)
  const connection = await connect(options)
  let log = new AuditLog(connection, { offboardingId }, Date.now() - LONGEST_MS)
  if (detail) {
    checkCount(detail, connection)
    const eventId = await sendEvent(connection, detail)
    // The clocks of the log and of this machine may differ by so much.
    log = new AuditLog(connection, { eventId }, Date.now() - DAY_MS)
    say(`Sent ${offboardingId} as event ${eventId}. Ctrl-C stops following it, not the work.`)
  }

  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort())
  try {
    const ledger = await follow(connection, log, { isSent: followed === undefined, signal: stopping.signal })
    process.stdout.write(`\n${FORMATS.table(ledger, offboardingId)}\n`)
    return exitCodeOf(ledger)
  } catch (error) {
    say(`To go on following it: ${commandLine('offboard', ['--follow', offboardingId], options)}`)
    if (stopping.signal.aborted) return 130
    throw error
  }
})
