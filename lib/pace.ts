/**
 * How many calls of a bucket may go at once. One batch of a bucket is in work at a time, so what this container has seen of
 * the bucket's minute is mostly all there is to see; where it has seen nothing, it asks with one call after another.
 */
import type { Operation } from './operation.ts'

type Paced = Pick<Operation, 'name' | 'pace'>
/** A minute of the vendor's, as far as this container has seen it. */
type Minute = { endsAtMs: number; calls: number }

const MINUTE_MS = 60_000
/** The most calls a batch makes at once: SQS hands over ten messages of a group. */
const BATCH_CALLS = 10
/** Later after a minute's end, others may have begun the next. */
const AFTERWARDS_MS = 1_500
/** The least that lies between the end of one batch and the first call of the next. */
const TURNAROUND_MS = 18

const minutes = new Map<string, Minute>()
const keyOf = ({ name }: Paced, bucket: string) => `${name} ${bucket}`
const limitOf = ({ pace }: Paced) => pace.perMinute ?? Number.POSITIVE_INFINITY

/** Calls that fit into the bucket's minute for all this container knows; 0 when it does not know, or none do. */
export function room(operation: Paced, bucket: string): number {
  if (!operation.pace.perMinute) return BATCH_CALLS
  const minute = minutes.get(keyOf(operation, bucket))
  return minute && Date.now() < minute.endsAtMs ? Math.max(0, limitOf(operation) - minute.calls) : 0
}

/**
 * The vendor took `calls` calls, the last sent at `sentAtMs`. A call for which there was no room, and which was taken all
 * the same, opens a new minute if the last was used up. If that is not known, a limit per second still allows a batch.
 */
export function taken(operation: Paced, bucket: string, calls: number, sentAtMs: number): void {
  const key = keyOf(operation, bucket)
  const minute = minutes.get(key)
  const isUsedUp = minute && minute.calls >= limitOf(operation) && sentAtMs - minute.endsAtMs < AFTERWARDS_MS
  if (minute && room(operation, bucket) > 0) minute.calls += calls
  else if (operation.pace.perSecond || isUsedUp) minutes.set(key, { endsAtMs: sentAtMs + MINUTE_MS, calls })
}

/** The vendor refused a call: the minute is used up and ends in `waitMs`. */
export const refused = (operation: Paced, bucket: string, waitMs: number): void =>
  void minutes.set(keyOf(operation, bucket), { endsAtMs: Date.now() + waitMs, calls: Number.POSITIVE_INFINITY })

/**
 * When a batch may end that sent its last calls at `sentAtMs`. Begun no closer together, batches of ten keep the limit per
 * second, in whatever containers they are. Epoch milliseconds.
 */
export const endsAtMs = ({ pace }: Paced, sentAtMs: number): number =>
  pace.perSecond ? sentAtMs + (BATCH_CALLS * 1_000) / pace.perSecond - TURNAROUND_MS : 0
