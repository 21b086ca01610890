/** `offboarding offboard`: checks who leaves or what is to end, sends it, follows it to its end and reports. */
import { Command, Option } from 'commander'
import { OperationError } from '../lib/error.ts'
import { LEAVING } from '../lib/leaving-event.ts'
import { OFFBOARDING, offboarding, withinTargets } from '../lib/offboarding-event.ts'
import type { EventOption } from '../lib/operation-docs.ts'
import { parse } from '../lib/schema.ts'
import { goneIsFineOption, UsageError, withOptions } from './command.ts'
import { MOST_ROWS } from './csv-rows.ts'
import { listEventOptions, optionOf } from './event/event-options.ts'
import { type Detail, type OffboardOptions, readRequest } from './event/offboard-request.ts'
import { sendEvent } from './event/send-events.ts'
import { type Io, log } from './io.ts'
import { leaverIdOptions, leaverOptions } from './leavers/person.ts'
import { assertCanAsk, offboardLeavers } from './leavers/run.ts'
import { readTime, schedule } from './leavers/schedules.ts'
import { getExitCode } from './progress/exit-code.ts'
import { follow } from './progress/follow.ts'
import { FORMATS } from './progress/report-formats.ts'
import { type Connection, commandLine, connect, connectionOptions } from './stack/connection.ts'

export async function offboardCommand(io: Io): Promise<Command> {
  const eventOptions = await listEventOptions()
  return withOptions(
    new Command('offboard')
      .summary('offboard a leaver, or many, and follow it to the end')
      .description(
        'Ends the subscriptions of a leaver: finds the person at the vendors, shows what would happen, asks for confirmation, ' +
          'then ends each subscription and prints a report. An event file, or options that name targets by their ids, are sent ' +
          'without confirmation.',
      )
      .argument(
        '[leaver]',
        "the leaver's e-mail address, mobile or open_id; or a file with an event's detail, as in local/events/offboarding.json",
      )
      .option(
        '--custodian <who>',
        "who will watch access to the leaver's calendars: e-mail address, mobile or open_id",
      ),
    [
      ...leaverOptions(),
      ...leaverIdOptions(),
      new Option('--csv <file>', `the leavers in a CSV file, at most ${MOST_ROWS}; its columns are those below`),
      new Option(
        '--dry-run',
        "show what would happen to every target; changes no subscription, but may renew and store a user's token",
      ),
      new Option('--at <time>', 'when to do it, as in 2026-12-04T18:00+08:00; "list" shows it, "cancel" removes it'),
      new Option('--yes', 'do it without the dry run and the question before it'),
      new Option('--follow <offboarding-id>', 'send nothing: the same as "offboarding follow"'),
      new Option('--no-follow', 'send, and do not wait for the end'),
      ...eventOptions.map(optionOf),
      new Option('--id <offboarding-id>', "the offboarding's id (default: a new one with the time in it)"),
      goneIsFineOption(),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `
Columns of a CSV file: offboardingId, email, mobile, employeeNumber,
feishu.openId, feishu.userId, feishu.unionId, feishu.tenantKey, dingtalk.userId,
dingtalk.unionId, and each of these but the first after "custodian.", as in
custodian.email. Leave cells empty that a row does not need. All rows are
checked before anything is sent. After an interruption, run the same file again:
leavers that were sent are not sent twice.

Exit code 0: everything ended well. 1: something is parked or was rejected, you
declined, or the command failed. 2: wrong options, event or row, nothing was
sent. 3: everything ended, but the vendor does not know an id (gone): check it.
130: interrupted; what was sent goes on. A dry run exits as a real run would.

Examples:
  npx offboarding offboard leaver@corp.example \\
    --custodian custodian@corp.example
  npx offboarding offboard local/events/offboarding.json --dry-run
  AWS_PROFILE=ops npx offboarding offboard --csv leavers.csv --stage prod
  AWS_PROFILE=ops npx offboarding offboard --stage prod \\
    --approval-code 7C468A54-8745-2245-9675-08B7C63E7A85 --file doxcnXXXX:docx`,
    )
    .action(async (argument: string | undefined, options: OffboardOptions) => {
      io.exitCode = await offboard(io, argument, options, eventOptions)
    })
}

async function offboard(
  io: Io,
  argument: string | undefined,
  options: OffboardOptions,
  eventOptions: EventOption[],
): Promise<number> {
  const { yes = false, follow: followed, goneIsFine = false } = options
  const request = readRequest(io, argument, options, eventOptions)
  if ('follow' in request) return followOne(io, await connect(io, options), options, { offboardingId: request.follow })
  const { details, isNamed, isList } = request
  const dryRun = details.some((detail) => detail.dryRun === true)
  if (isNamed) assertCanAsk(io, { dryRun, yes })
  const atMs = options.at === undefined ? undefined : readTime(options.at)
  if (atMs !== undefined && dryRun) throw new UsageError('--at has no effect on a dry run: leave one of them out')
  const connection = await connect(io, options)
  const toFollow = (id: string) => commandLine(['follow', id], options)
  const isFollowed = followed !== false
  if (isNamed) {
    const again = commandLine(['offboard', '--csv', options.csv ?? '', ...(yes ? ['--yes'] : [])], options)
    const act =
      atMs === undefined
        ? undefined
        : async ([detail]: Detail[]) => detail && scheduleOne(io, connection, options, LEAVING, detail, atMs)
    const run = {
      details,
      isList,
      dryRun,
      yes,
      isFollowed,
      goneIsFine,
      act,
      toFollow,
      toList: commandLine(['list'], options),
      again,
    }
    return offboardLeavers(io, connection, run)
  }
  const [detail] = details
  checkCount(detail, connection)
  const offboardingId = String(detail?.offboardingId)
  if (atMs !== undefined && detail) {
    await scheduleOne(io, connection, options, OFFBOARDING, detail, atMs)
    return 0
  }
  const eventId = await sendEvent(connection, detail)
  if (!isFollowed) {
    log(io, `Sent ${offboardingId} as event ${eventId}. To follow it: ${toFollow(offboardingId)}`)
    return 0
  }
  log(io, `Sent ${offboardingId} as event ${eventId}. Ctrl-C stops following it, not the work.`)
  return followOne(io, connection, options, { offboardingId, eventId })
}

async function scheduleOne(
  io: Io,
  connection: Connection,
  options: OffboardOptions,
  type: string,
  detail: Detail,
  atMs: number,
): Promise<void> {
  const { offboardingId } = detail
  await schedule(connection, { offboardingId, type, detail, atMs })
  const at = new Date(atMs).toISOString().replace('.000Z', 'Z')
  log(io, `Scheduled ${offboardingId} for ${at}. To remove it: ${commandLine(['cancel', offboardingId], options)}`)
}

async function followOne(
  io: Io,
  connection: Connection,
  options: OffboardOptions,
  one: { offboardingId: string; eventId?: string },
): Promise<number> {
  const signal = io.catchInterrupt()
  try {
    const report = await follow(io, connection, { ...one, signal })
    io.stdout.write(`\n${FORMATS.table(report, report.rows, io.stdout)}\n`)
    return getExitCode(report, options)
  } catch (error) {
    if (signal.aborted || one.eventId !== undefined)
      log(io, `To go on following it: ${commandLine(['follow', one.offboardingId], options)}`)
    if (signal.aborted) return 130
    throw error
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
