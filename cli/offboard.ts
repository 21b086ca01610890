/** `npm run offboard -- EVENT.json`: checks an offboarding event, sends it, follows it to its end and reports. */
import { parseArgs } from 'node:util'
import { loadOperations } from '../infra/operations.ts'
import { OperationError } from '../lib/error.ts'
import { offboarding, withinTargets } from '../lib/offboarding-event.ts'
import type { EventOption } from '../lib/operation-docs.ts'
import { parse } from '../lib/schema.ts'
import { readObject, runCommand, say, UsageError } from './command.ts'
import { assertEvent, mergeParts, newOffboardingId } from './event/event-detail.ts'
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

const help = (
  options: EventOption[],
) => `Checks an offboarding event, sends it, shows what becomes of every target, and ends with the report.

  npm run offboard -- EVENT.json [options]
  npm run offboard -- TARGET … [options]
  npm run offboard -- --follow OFFBOARDING_ID [options]

  EVENT.json                      the event's detail, as in local/events/offboarding.json
  --dry-run                       check everything, change no subscription; may renew and store a user's token
  --follow OFFBOARDING_ID         send nothing: go on following what was sent

Targets, where there is no file; those with … may be given more than once:
${options.map(({ name, value, help }) => `  ${`--${name} ${value}`.padEnd(30)}  ${help}`.trimEnd()).join('\n')}
  --id OFFBOARDING_ID             what to call it (default: a name with the time in it)

${CONNECTION_HELP}
  --help

Exit code 0: everything ended well. 1: something is parked or was rejected, or it failed. 2: wrong options or event, nothing
was sent. 130: no longer followed, which stops nothing.

  npm run offboard -- local/events/offboarding.json --dry-run
  AWS_PROFILE=ops npm run offboard -- --approval-code 7C468A54-8745-2245-9675-08B7C63E7A85 --file doxcnXXXX:docx --stage prod
`

/** The one option for targets that is no operation's own. */
const TENANT_KEY: EventOption = {
  name: 'tenant-key',
  value: 'KEY',
  help: 'for store apps',
  part: (tenantKey) => ({ feishu: { tenantKey } }),
}

const isMultiple = ({ value }: EventOption): boolean => value.endsWith('…')

/** The event's detail that the options ask for. What is missing or wrong in it the event's schema tells. */
function detailOf(options: EventOption[], given: Record<string, unknown>): Record<string, unknown> {
  const parts = options.flatMap(({ name, value, part, example }) =>
    [given[name] ?? []].flat().map((text) => {
      const asked = part(String(text))
      if (asked) return asked
      throw new UsageError(`--${name} must be ${value.replace(' …', '')}, as in ${example}`)
    }),
  )
  return mergeParts([{ offboardingId: given.id ?? newOffboardingId() }, ...parts])
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
  const ofOperations = (await loadOperations()).flatMap(({ docs }) => docs.event.options ?? [])
  const targetOptions = [...ofOperations, TENANT_KEY]
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      ...(Object.fromEntries(
        targetOptions.map((option) => [option.name, { type: 'string', multiple: isMultiple(option) }]),
      ) as Record<string, { type: 'string'; multiple: boolean }>),
      id: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      follow: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const { stage, region, param, local, follow: followed, 'dry-run': isDryRun, help: isHelp, ...targets } = values
  const options: ConnectionOptions = {
    ...(stage && { stage }),
    ...(region && { region }),
    ...(param && { param }),
    ...(local && { local }),
  }
  if (isHelp) {
    process.stdout.write(help(targetOptions))
    return 0
  }
  const [file, ...others] = positionals
  const ways = [file, followed, Object.keys(targets).length > 0 || undefined].filter((way) => way !== undefined)
  if (ways.length !== 1 || others.length > 0)
    throw new UsageError('give one EVENT.json, or targets, or --follow OFFBOARDING_ID')
  if (followed !== undefined && isDryRun) throw new UsageError('--dry-run has no effect with --follow')

  let detail: Record<string, unknown> | undefined
  if (followed === undefined) {
    detail = {
      ...(file === undefined ? detailOf(targetOptions, targets) : readObject(file)),
      ...(isDryRun && { dryRun: true }),
    }
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
