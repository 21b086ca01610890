/**
 * When a robot may send: one item for each. A turn is taken by a conditional write before anything is sent, so that two containers, or an
 * event that comes twice, send one message.
 *
 * The limits hold without a count for the month: twenty messages a day may follow one another by a minute, the others by an hour, and a
 * robot that fails waits twice as long each time, up to an hour. Those are 75 tries a day at most, and less than 2,400 in a month.
 */
import { awsNowMs } from '../aws/clock.ts'
import { getItem, type Key, updateItem } from '../aws/dynamodb.ts'

/** What is known of a robot. Times are AWS's, epoch milliseconds. */
export type RobotRecord = {
  version: number
  /** Another container sends until then. */
  takenUntilMs?: number
  /** The last try, and on which UTC day how many were made. */
  triedAtMs?: number
  day?: string
  tries?: number
  /** Tries in a row that failed, since when, and how long the vendor asked to wait after the last one. */
  failures?: number
  failingSinceMs?: number
  askedMs?: number
  /** The local day of the last digest, and until when that counted. */
  digestDay?: string
  digestUntilMs?: number
}

/** What a message contained. */
export type Digested = Pick<RobotRecord, 'digestDay' | 'digestUntilMs'>

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const QUICK_TRIES = 20
/** Longer than the function may run. */
const TURN_MS = 2 * MINUTE_MS

const keyOf = (robot: string): Key => ({ pk: `robot#${robot}`, sk: 'turn' })
const utcDayOf = (atMs: number) => new Date(atMs).toISOString().slice(0, 10)

/** What the ledger has of the robot. */
export async function readRobot(robot: string): Promise<RobotRecord> {
  const { item } = await getItem(keyOf(robot))
  return item ? (item as unknown as RobotRecord) : { version: 0 }
}

/** When the robot may send next. A digest does not wait for the hour. */
export function nextTurnMs(record: RobotRecord, { isDigest }: { isDigest: boolean }): number {
  const { takenUntilMs = 0, triedAtMs, day, tries = 0, failures = 0, askedMs = 0 } = record
  if (triedAtMs === undefined) return takenUntilMs
  const isQuick = isDigest || tries < QUICK_TRIES || day !== utcDayOf(awsNowMs())
  const backoffMs = failures > 0 ? Math.min(HOUR_MS, MINUTE_MS * 2 ** failures) : 0
  return Math.max(takenUntilMs, triedAtMs + Math.max(isQuick ? MINUTE_MS : HOUR_MS, backoffMs, askedMs))
}

/** Takes the robot's turn, and counts the try. Undefined where another container took it. */
export async function takeTurn(
  robot: string,
  { version, day, tries = 0 }: RobotRecord,
): Promise<RobotRecord | undefined> {
  const nowMs = awsNowMs()
  const today = utcDayOf(nowMs)
  const { ok, item } = await updateItem(keyOf(robot), {
    set: {
      version: version + 1,
      takenUntilMs: nowMs + TURN_MS,
      day: today,
      tries: day === today ? tries + 1 : 1,
    },
    when: version === 0 ? { version: { exists: false } } : { version },
  })
  return ok ? (item as unknown as RobotRecord) : undefined
}

/** The message was sent: ends the turn. */
export const recordSent = (robot: string, turn: RobotRecord, digested: Digested): Promise<void> =>
  endTurn(robot, turn, digested, ['failures', 'failingSinceMs', 'askedMs'])

/** The try failed: ends the turn. Returns since when the robot has been failing. */
export async function recordFailed(robot: string, turn: RobotRecord, askedMs: number | undefined): Promise<number> {
  const { failures = 0, failingSinceMs = awsNowMs() } = turn
  const failed = { failures: failures + 1, failingSinceMs }
  if (askedMs === undefined) await endTurn(robot, turn, failed, ['askedMs'])
  else await endTurn(robot, turn, { ...failed, askedMs }, [])
  return failingSinceMs
}

async function endTurn(robot: string, turn: RobotRecord, set: Partial<RobotRecord>, remove: string[]): Promise<void> {
  const { version } = turn
  await updateItem(keyOf(robot), {
    set: { ...set, version: version + 1, triedAtMs: awsNowMs() },
    remove: ['takenUntilMs', ...remove],
    when: { version },
  })
}
