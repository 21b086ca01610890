/**
 * What the robots of group chats say: once a day how many offboardings are completed, open and waiting for an operator, and what needs an
 * operator now. The latter waits on a queue of each robot, and leaves it when the robot has taken the message: what fails is in the next.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, errorFields, framesOf, writeMetrics } from '../audit.ts'
import { batchesOf } from '../aws/batch.ts'
import { awsNowMs } from '../aws/clock.ts'
import { withSecret } from '../aws/secrets-manager.ts'
import { deleteMessages, type Received, receiveMessages } from '../aws/sqs-receive.ts'
import { environment } from '../environment.ts'
import { toOperationError } from '../error.ts'
import {
  type Digested,
  nextTurnMs,
  type RobotRecord,
  readRobot,
  recordFailed,
  recordSent,
  takeTurn,
} from '../ledger/robots.ts'
import { sumUp } from '../notify/notices.ts'
import { post, ROBOTS, type Robot, robotSecret, robotSecretId } from '../notify/robots.ts'
import { type Counted, type Digest, type Language, SHOWN_IDS, writeMessage } from '../notify/texts.ts'
import { listOffboardings } from '../report/listing.ts'

export const NOTIFICATIONS = 'notifications'

/** A turn that comes so soon is waited for: the function runs every minute. */
const PATIENCE_MS = 10_000
/** Of the function's time, what is left to send and to delete. */
const RESERVE_MS = 30_000
const AT_ONCE = 10
/** One message sums up no more; the next has the rest. */
const MOST_EVENTS = 20_000
const MOST_COUNTED = 100_000
const DAY_MS = 24 * 60 * 60_000
/** The index by state is some moments behind: what was completed since then counts tomorrow. */
const LAG_MS = 10_000

/**
 * Has each robot say what there is to say, if it may by now. Throws when AWS fails before or after a robot's message; what keeps a message
 * from being sent is recorded, and tried again in a later turn.
 */
export async function notify(functionName: string, remainingMs: () => number): Promise<void> {
  const names = environment('ROBOTS').split(',')
  const robots = ROBOTS.filter(({ name }) => names.includes(name))
  const ended = await Promise.allSettled(robots.map((robot) => notifyBy(robot, functionName, remainingMs)))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

async function notifyBy(robot: Robot, functionName: string, remainingMs: () => number): Promise<void> {
  const record = await readRobot(robot.name)
  const day = dueDay(record)
  const waitMs = nextTurnMs(record, { isDigest: day !== undefined }) - awsNowMs()
  if (waitMs > PATIENCE_MS) return
  if (waitMs > 0) await sleep(waitMs)
  const queue = environment(`${robot.name.toUpperCase()}_ROBOT_QUEUE_URL`)
  const first = await receiveMessages(queue)
  if (first.length === 0 && day === undefined) return
  const turn = await takeTurn(robot.name, record)
  if (!turn) return
  const events = [...first, ...(await receiveAll(queue, () => remainingMs() - RESERVE_MS))]
  let digested: Digested
  try {
    digested = await sendMessage(robot, events, day, record)
  } catch (thrown) {
    return noteFailure(robot, functionName, turn, thrown)
  }
  await recordSent(robot.name, turn, digested)
  await deleteAll(queue, events)
}

/** Sends the message; returns what its digest covered, if it has one. */
async function sendMessage(
  robot: Robot,
  events: Received[],
  day: string | undefined,
  record: RobotRecord,
): Promise<Digested> {
  const secret = await withSecret(robotSecretId(robot.name), robotSecret, async (one) => one)
  const digestUntilMs = awsNowMs() - LAG_MS
  const digest = day === undefined ? undefined : await readDigest(day, record.digestUntilMs, digestUntilMs)
  const notices = events.length > 0 ? sumUp(events.map(({ body }) => body)) : undefined
  const stage = environment('STAGE')
  const option = process.env.STAGE_OPTION ?? `--stage ${stage}`
  const text = writeMessage({ digest, notices, stage, option }, environment('ROBOT_LANGUAGE') as Language)
  await post(robot, secret, text, awsNowMs())
  audit({ message: 'notified', operation: NOTIFICATIONS, robot: robot.name, items: events.length })
  return digest ? { digestDay: digest.day, digestUntilMs } : {}
}

async function noteFailure({ name }: Robot, functionName: string, turn: RobotRecord, thrown: unknown): Promise<void> {
  const error = toOperationError(thrown)
  const stack = error === thrown ? {} : { stack: framesOf(thrown) }
  audit({ message: 'failed', operation: NOTIFICATIONS, robot: name, ...errorFields(error), ...stack })
  const sinceMs = await recordFailed(name, turn, error.retryAfterMs)
  const FailingSeconds = Math.round((awsNowMs() - sinceMs) / 1_000)
  writeMetrics({ FunctionName: functionName, Robot: name }, { FailingSeconds }, 'Seconds')
}

/** Five minutes past the hour: on the hour and the half hour Feishu is busy. */
const DIGEST_MINUTE = '05'

/** The local day whose digest is to be sent now. */
function dueDay({ digestDay }: RobotRecord): string | undefined {
  const [day = '', time = ''] = localTime(awsNowMs()).split(' ')
  const dueAt = `${environment('DIGEST_HOUR').padStart(2, '0')}:${DIGEST_MINUTE}`
  return day !== digestDay && time >= dueAt ? day : undefined
}

/** `2026-11-28 09:05` in the time zone of the digest. */
const localTime = (atMs: number): string =>
  new Intl.DateTimeFormat('sv-SE', {
    timeZone: environment('DIGEST_TIME_ZONE'),
    dateStyle: 'short',
    timeStyle: 'short',
  }).format(atMs)

async function readDigest(day: string, lastMs: number | undefined, untilMs: number): Promise<Digest> {
  const fromMs = lastMs === undefined ? untilMs - DAY_MS : lastMs + 1
  const period = { from: new Date(fromMs).toISOString(), to: new Date(untilMs).toISOString() }
  const [completed, open, attention] = await Promise.all([
    count('finished', period),
    count('open', {}),
    count('attention', {}),
  ])
  return { day, since: localTime(fromMs), completed, open, attention }
}

async function count(
  state: 'finished' | 'open' | 'attention',
  period: { from?: string; to?: string },
): Promise<Counted> {
  const counted: Counted = { count: 0, isMore: false, ids: [] }
  for await (const { offboardingId } of listOffboardings(state, { dryRun: false, ...period })) {
    if (counted.count === MOST_COUNTED) return { ...counted, isMore: true }
    counted.count++
    if (offboardingId !== null && counted.ids.length < SHOWN_IDS) counted.ids.push(offboardingId)
  }
  return counted
}

async function receiveAll(queue: string, remainingMs: () => number): Promise<Received[]> {
  const received: Received[] = []
  const run = async () => {
    while (remainingMs() > 0 && received.length < MOST_EVENTS) {
      const messages = await receiveMessages(queue)
      if (messages.length === 0) return
      received.push(...messages)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))
  return received
}

/** What could not be deleted is in the next message again. */
async function deleteAll(queue: string, messages: Received[]): Promise<void> {
  const batches = batchesOf(messages)
  const run = async () => {
    for (let batch = batches.pop(); batch; batch = batches.pop()) await deleteMessages(queue, batch)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))
}
