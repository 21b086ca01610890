/**
 * How many calls of a bucket may go at once. Only one batch of a bucket is in work at a time, so what this container knows
 * of the bucket's last minute is mostly all there is to know; where it knows nothing, one call goes first and finds out.
 */
import type { Operation } from './operation.ts'

type Window = { endsAtMs: number; calls: number }
type Paced = Pick<Operation, 'name' | 'pace'>

const MINUTE_MS = 60_000
/** The least that lies between the end of one batch and the first call of the next. */
const TURNAROUND_MS = 10

const windows = new Map<string, Window>()
const keyOf = ({ name }: Paced, bucket: string) => `${name} ${bucket}`

/** Calls that fit into the bucket's minute as far as this container knows; 0 when it does not know, or none do. */
export function room(operation: Paced, bucket: string): number {
  const window = windows.get(keyOf(operation, bucket))
  if (!window || Date.now() >= window.endsAtMs) return 0
  return Math.max(0, (operation.pace.perMinute ?? Number.POSITIVE_INFINITY) - window.calls)
}

/** The vendor has taken `calls` calls, the first of which was sent at `startedAtMs`. One that had no room opens a new minute. */
export function used(operation: Paced, bucket: string, calls: number, startedAtMs: number, hadRoom: boolean): void {
  const key = keyOf(operation, bucket)
  const window = windows.get(key)
  if (hadRoom && window) window.calls += calls
  else windows.set(key, { endsAtMs: startedAtMs + MINUTE_MS, calls })
}

/** The vendor has refused a call: nothing is known of the minute that comes. */
export const exhausted = (operation: Paced, bucket: string): void => void windows.delete(keyOf(operation, bucket))

/**
 * When a batch that made `calls` calls may end, so that the next one, in whatever container, keeps the limit per second.
 * Epoch milliseconds.
 */
export const endsAtMs = ({ pace }: Paced, calls: number, startedAtMs: number): number =>
  pace.perSecond ? startedAtMs + (calls * 1_000) / pace.perSecond - TURNAROUND_MS : 0
