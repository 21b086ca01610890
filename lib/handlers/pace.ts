/**
 * How many calls of a bucket may go at once. One batch of a bucket is in work at a time, so what this container has seen of
 * the bucket's minute is mostly all there is to see; where it has seen nothing, it asks with one call after another.
 */
import type { Operation } from '../operation.ts'

type Paced = Pick<Operation, 'name' | 'pace'>
/** A batch's first message: when it was queued, and how often it has been delivered. */
type Head = { queuedAtMs: number; deliveries: number }
/** A minute of the vendor's, as far as this container knows, and when it last looked. */
type Minute = { endsAtMs: number; calls: number; seenAtMs: number }

const MINUTE_MS = 60_000
/** The most calls a batch makes at once: SQS hands over ten messages of a group. */
const BATCH_CALLS = 10
/** Later after a minute's end, others may have begun the next. */
const AFTERWARDS_MS = 1_500
/** The vendor counts calls as they arrive, not as they are sent: batches lie this much further apart than the limit asks. */
const MARGIN = 1.05

const minutes = new Map<string, Minute>()
const keyOf = ({ name }: Paced, bucket: string) => `${name} ${bucket}`
const callsMs = ({ pace: { perSecond = 0 } }: Paced, calls: number) => (MARGIN * calls * 1_000) / perSecond
const batchMs = (operation: Paced) => callsMs(operation, BATCH_CALLS)

/**
 * Calls that fit into the bucket's minute for all this container knows, when the vendor took `accepted` calls of the batch; 0
 * when it does not know, or none do. Under a limit of full batches, minutes that begin with a full batch also end with one.
 * What waited for more than a minute is in such a one, so where one call is taken, so is its batch.
 */
export function room(operation: Paced, bucket: string, head: Head, accepted: number): number {
  const { perSecond, perMinute } = operation.pace
  if (!perMinute) return BATCH_CALLS
  const key = keyOf(operation, bucket)
  const minute = minutes.get(key)
  if (isRunning(minute)) {
    minute.calls += callsOfOthers(operation, head, minute.seenAtMs)
    minute.seenAtMs = Date.now()
    return Math.max(0, perMinute - minute.calls)
  }
  if (!perSecond) return accepted > 0 && Date.now() - head.queuedAtMs > MINUTE_MS ? BATCH_CALLS : 0
  const calls = callsOfOthers(operation, head)
  if (head.deliveries > 1 || calls >= perMinute) return 0
  minutes.set(key, { endsAtMs: head.queuedAtMs + MINUTE_MS, calls, seenAtMs: Date.now() })
  return perMinute - calls
}

const isRunning = (minute?: Minute): minute is Minute => minute !== undefined && Date.now() < minute.endsAtMs

/** Calls that other containers have made since `seenAtMs`: while `head` waited, batch followed upon batch. */
function callsOfOthers(operation: Paced, { queuedAtMs }: Head, seenAtMs = 0): number {
  if (!operation.pace.perSecond) return 0
  const sinceMs = Math.max(queuedAtMs, seenAtMs + batchMs(operation))
  return BATCH_CALLS * Math.max(0, Math.floor((Date.now() - sinceMs) / batchMs(operation)))
}

/**
 * The vendor took `calls` calls, the last sent at `sentAtMs`. They begin a new minute if the last was used up. If that is not
 * known, a limit per second still allows a batch.
 */
export function taken(operation: Paced, bucket: string, calls: number, sentAtMs: number): void {
  const key = keyOf(operation, bucket)
  const minute = minutes.get(key)
  const isNext = minute?.calls === Number.POSITIVE_INFINITY && sentAtMs - minute.endsAtMs < AFTERWARDS_MS
  if (isRunning(minute) && !isNext) {
    minute.calls += calls
    minute.seenAtMs = sentAtMs
  } else if (isNext || operation.pace.perSecond)
    minutes.set(key, { endsAtMs: sentAtMs + MINUTE_MS, calls, seenAtMs: sentAtMs })
}

/** The vendor refused a call: the minute is used up and ends in `waitMs`. */
export const refused = (operation: Paced, bucket: string, waitMs: number): void =>
  void minutes.set(keyOf(operation, bucket), {
    endsAtMs: Date.now() + waitMs,
    calls: Number.POSITIVE_INFINITY,
    seenAtMs: Date.now(),
  })

/**
 * When a batch may end that made `calls` calls, its last at `sentAtMs`. Calls that were tried again count too. Batches then
 * keep the limit per second in whatever containers they are, even if the next one sends its first call at once. Epoch
 * milliseconds.
 */
export const endsAtMs = (operation: Paced, calls: number, sentAtMs: number): number =>
  operation.pace.perSecond ? Math.ceil(sentAtMs + callsMs(operation, Math.max(calls, BATCH_CALLS))) : 0
