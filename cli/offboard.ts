/** `offboarding offboard`: checks an offboarding event, sends it, follows it to its end and reports. */
import { Command, Option } from 'commander'
import { OperationError } from '../lib/error.ts'
import { offboarding, withinTargets } from '../lib/offboarding-event.ts'
import { parse } from '../lib/schema.ts'
import { readObject, repeatable, UsageError, withOptions } from './command.ts'
import { assertEvent, fileOf, newOffboardingId } from './event/event-detail.ts'
import { type Io, log } from './io.ts'
import { AuditLog } from './progress/audit-log.ts'
import { exitCodeOf, follow, sendEvent } from './progress/follow.ts'
import { FORMATS } from './progress/report-formats.ts'
import { type Connection, type ConnectionOptions, commandLine, connect, connectionOptions } from './stack/connection.ts'

/** The options that stand for an event file. */
const targetOptions = () => [
  new Option('--feishu-open-id <open-id>', "end this person's calendar change events"),
  repeatable('--approval-code <code>', 'end the events of an approval; may be repeated'),
  repeatable(
    '--file <token:type>',
    'end the events of a document; the type is doc, docx, sheet, bitable, file, folder or slides; may be repeated',
  ),
  repeatable('--acl-calendar-id <id>', 'watch who has access to a calendar; may be repeated'),
  new Option('--custodian-open-id <open-id>', 'the person as whom to watch them'),
  new Option('--tenant-key <key>', 'the tenant, for store apps'),
  new Option('--dingtalk-union-id <union-id>', 'the person whose subscriptions to DingTalk calendars end'),
  repeatable('--dingtalk-calendar-id <id>', 'such a calendar; may be repeated'),
  new Option('--id <offboarding-id>', 'what to call the offboarding (default: a name that contains the time)'),
]

type Targets = {
  feishuOpenId?: string
  approvalCode?: string[]
  file?: string[]
  aclCalendarId?: string[]
  custodianOpenId?: string
  tenantKey?: string
  dingtalkUnionId?: string
  dingtalkCalendarId?: string[]
  id?: string
}

type Options = ConnectionOptions & Targets & { dryRun?: boolean; follow?: string }

export const offboardCommand = (io: Io): Command =>
  withOptions(
    new Command('offboard')
      .summary('send an offboarding event and follow it to its end')
      .description(
        'Checks an offboarding event, sends it, shows the outcome of every target, and ends with the report.',
      )
      .argument('[event.json]', "file with the event's detail, as in local/events/offboarding.json; or give targets")
      .option('--dry-run', "check everything, change no subscription; may renew and store a user's token")
      .addOption(
        new Option('--follow <offboarding-id>', 'send nothing: go on following an offboarding').conflicts([
          'dryRun',
          ...targetOptions().map((option) => option.attributeName()),
        ]),
      ),
    [...targetOptions(), ...connectionOptions()],
  )
    .addHelpText(
      'after',
      `
Exit code 0: everything ended well. 1: something is parked or was rejected, or the command failed. 2: wrong options or
event, nothing was sent. 130: interrupted; the work goes on.

Examples:
  npx offboarding offboard local/events/offboarding.json --dry-run
  AWS_PROFILE=ops npx offboarding offboard --approval-code 7C468A54-8745-2245-9675-08B7C63E7A85 --file doxcnXXXX:docx --stage prod`,
    )
    .action(async (file: string | undefined, options: Options) => {
      io.exitCode = await offboard(io, file, options)
    })

async function offboard(io: Io, file: string | undefined, options: Options): Promise<number> {
  const { stage, region, param, local, follow: followed, dryRun = false, ...targets } = options
  const ways = [file !== undefined, followed !== undefined, Object.keys(targets).length > 0].filter(Boolean)
  if (ways.length !== 1) throw new UsageError('expected one EVENT.json, or targets, or --follow OFFBOARDING_ID')

  let detail: Record<string, unknown> | undefined
  if (followed === undefined) {
    detail = { ...(file === undefined ? detailOf(targets) : readObject(file)), ...(dryRun && { dryRun }) }
    assertEvent(detail, file ?? 'this', io)
  }
  const offboardingId = followed ?? String(detail?.offboardingId)
  const connection = await connect(io, options)
  let auditLog = new AuditLog(connection, { offboardingId }, Date.now() - LONGEST_MS)
  if (detail) {
    checkCount(detail, connection)
    const eventId = await sendEvent(connection, detail)
    // The clocks of the log and of this machine may differ by so much.
    auditLog = new AuditLog(connection, { eventId }, Date.now() - DAY_MS)
    log(io, `Sent ${offboardingId} as event ${eventId}. Ctrl-C stops following it, not the work.`)
  }

  const signal = io.catchInterrupt()
  try {
    const ledger = await follow(io, connection, auditLog, { isSent: followed === undefined, signal })
    io.stdout.write(`\n${FORMATS.table(ledger, offboardingId)}\n`)
    return exitCodeOf(ledger)
  } catch (error) {
    log(io, `To go on following it: ${commandLine(['offboard', '--follow', offboardingId], options)}`)
    if (signal.aborted) return 130
    throw error
  }
}

/** The event's detail that the options ask for. What is missing or wrong in it, the event's schema finds. */
function detailOf(targets: Targets): Record<string, unknown> {
  const { feishuOpenId: openId, aclCalendarId: calendarIds, custodianOpenId } = targets
  const feishu = {
    tenantKey: targets.tenantKey,
    ...(openId !== undefined && { openId, calendar: true }),
    ...((calendarIds ?? custodianOpenId) && { calendarAcls: { openId: custodianOpenId, calendarIds } }),
    approvalCodes: targets.approvalCode,
    files: targets.file?.map((file) => fileOf(file)),
  }
  const dingtalk = { unionId: targets.dingtalkUnionId, calendarIds: targets.dingtalkCalendarId }
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
