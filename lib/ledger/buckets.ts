/**
 * How many calls of a bucket may be sent, by what its item in the ledger says of the last window. One conditional write
 * reserves a whole batch before it is sent, so that no two batches count on the same room. It names the moment at which
 * they are sent, so that how long the write takes makes no difference to how evenly they arrive.
 *
 * | known of the bucket                       | sent                                                  |
 * |-------------------------------------------|-------------------------------------------------------|
 * | nothing                                   | the batch, as far as every limit allows               |
 * | calls within the last window              | what every limit has left                             |
 * | no limit has anything left                | nothing, until the oldest of those calls leaves; when |
 * |                                           | that is about a second ahead, reserved for then       |
 * | the vendor refused and named a time       | nothing until then; then as if nothing were known     |
 * | held until a time to come                 | nothing                                               |
 * | held until now                            | one call, the probe; the others a round later         |
 */

import { awsNowMs } from '../aws/clock.ts'
import { getItem, type Item, type Key, updateItem } from '../aws/dynamodb.ts'
import { OperationError } from '../error.ts'

/** Calls that a vendor allows for a bucket. */
export type Pace = { perSecond?: number; perMinute?: number }

/** What the ledger knows of a bucket. Times are AWS's, epoch milliseconds. */
export type Bucket = {
  version: number
  /** Reservations that still count: when the calls were to be sent, and how many. Oldest first. */
  calls: [atMs: number, count: number][]
  /** The vendor's window is used up until then, by its own word. */
  windowEndsAtMs?: number
  /** Nothing is sent until then, and afterwards a probe. */
  heldUntilMs?: number
}

/** Calls that may be sent at the time asked for; when more may be, if not all; and the bucket with them counted. */
export type Reservation = { granted: number; retryAtMs: number | undefined; bucket: Bucket }

/** Windows slide, and last longer than the vendor's by as much as one call may take longer to arrive than another. */
const WINDOWS_MS = { perSecond: 1_050, perMinute: 60_600 } as const
const LIMITS = Object.keys(WINDOWS_MS) as (keyof typeof WINDOWS_MS)[]
/** Calls are reserved for a moment so far ahead: until then the reservation is written. */
const LEAD_MS = 20
/** Or for one at most so far ahead. Longer waits are left to the queue, which counts in whole seconds. */
const AHEAD_MS = 1_200
/** How long others wait for the outcome of a probe. */
const PROBE_ROUND_MS = 30_000
const KEPT_MS = 24 * 60 * 60_000
const MAX_CONFLICTS = 10

/** A bucket of which nothing is known. */
export const EMPTY: Bucket = { version: 0, calls: [] }

/** Reserves up to `wanted` calls that will be sent at `atMs`. `speed`: how much faster than documented windows pass. */
export function reserve(bucket: Bucket, pace: Pace, wanted: number, atMs: number, speed = 1): Reservation {
  const { heldUntilMs, windowEndsAtMs = 0 } = bucket
  const closedUntilMs = Math.max(heldUntilMs ?? 0, windowEndsAtMs)
  if (closedUntilMs > atMs) return { granted: 0, retryAtMs: closedUntilMs, bucket }
  // The vendor's window has ended, and with it everything before.
  const known = bucket.calls.filter(([sentAtMs]) => sentAtMs >= windowEndsAtMs)
  const limits = LIMITS.flatMap((name) => {
    const limit = pace[name]
    return limit === undefined ? [] : [leftOf(limit, WINDOWS_MS[name] / speed, known, atMs)]
  })
  const allowed = Math.min(heldUntilMs === undefined ? wanted : 1, wanted)
  const granted = Math.max(0, Math.min(allowed, ...limits.map(({ left }) => left)))
  const isProbe = heldUntilMs !== undefined && granted > 0
  const retryAtMs = isProbe ? atMs + PROBE_ROUND_MS : Math.max(...limits.map(({ nextAtMs }) => nextAtMs(granted)))
  return {
    granted,
    retryAtMs: granted < wanted ? retryAtMs : undefined,
    bucket:
      granted === 0
        ? bucket
        : {
            version: bucket.version + 1,
            calls: [...known.filter(([sentAtMs]) => atMs - sentAtMs < longestMs(pace) / speed), [atMs, granted]],
            ...(isProbe && { heldUntilMs: atMs + PROBE_ROUND_MS }),
          },
  }
}

const longestMs = (pace: Pace): number =>
  Math.max(0, ...LIMITS.map((name) => (pace[name] === undefined ? 0 : WINDOWS_MS[name])))

/** What a limit has left at `atMs`, and when it has more once `granted` of it are taken. */
function leftOf(limit: number, windowMs: number, calls: Bucket['calls'], atMs: number) {
  const counting = calls.filter(([sentAtMs]) => atMs - sentAtMs < windowMs)
  const left = limit - counting.reduce((sum, [, count]) => sum + count, 0)
  const oldestMs = Math.min(...counting.map(([sentAtMs]) => sentAtMs))
  return {
    left,
    nextAtMs: (granted: number): number =>
      granted < left ? atMs : (granted > 0 ? Math.min(atMs, oldestMs) : oldestMs) + windowMs,
  }
}

/** The vendor refused a call and says that its window ends in `waitMs`. */
export const recordRefusal = (bucket: Bucket, waitMs: number, atMs: number): Bucket => ({
  ...bucket,
  version: bucket.version + 1,
  windowEndsAtMs: Math.max(bucket.windowEndsAtMs ?? 0, atMs + waitMs),
})

/** The calls that were to be sent at `atMs` were sent at `sentAtMs`. */
export const moveReserved = (bucket: Bucket, atMs: number, sentAtMs: number): Bucket => ({
  ...bucket,
  version: bucket.version + 1,
  calls: bucket.calls
    .map(([reservedAtMs, count]): [number, number] => [reservedAtMs === atMs ? sentAtMs : reservedAtMs, count])
    .sort(([a], [b]) => a - b),
})

/** Holds the bucket until `untilMs`, or releases it. */
export function setHold({ heldUntilMs: _, ...bucket }: Bucket, untilMs: number | undefined): Bucket {
  return { ...bucket, version: bucket.version + 1, ...(untilMs !== undefined && { heldUntilMs: untilMs }) }
}

const keyOf = (operation: string, name: string): Key => ({ pk: `bucket#${operation}#${name}`, sk: 'pace' })

/** The bucket as the ledger has it. */
export const readBucket = async (operation: string, name: string): Promise<Bucket> =>
  bucketOf((await getItem(keyOf(operation, name))).item)

/** The bucket's item as this container saw it last: mostly it is the only one that works on the bucket. */
const seen = new Map<string, Bucket>()

/**
 * Reserves up to `wanted` calls of a bucket in the ledger, to be sent at `sendAtMs` by AWS's clock and not before. That is
 * as soon as any may be sent; `granted` is 0 when that is more than about a second ahead. `waitMs`: how long until more may be
 * sent, when not all may. Throws `unavailable` when the table does not answer: then nothing may be sent.
 */
export async function reserveCalls(
  operation: string,
  name: string,
  pace: Pace,
  wanted: number,
): Promise<{ granted: number; sendAtMs: number; waitMs: number | undefined }> {
  return change(operation, name, (bucket) => {
    const nowMs = awsNowMs()
    const at = (sendAtMs: number) => ({ sendAtMs, ...reserve(bucket, pace, wanted, sendAtMs, limitSpeed()) })
    const soon = at(nowMs + LEAD_MS)
    const laterMs = soon.granted === 0 ? soon.retryAtMs : undefined
    const isNear = laterMs !== undefined && laterMs - nowMs <= AHEAD_MS
    const { granted, sendAtMs, retryAtMs, bucket: next } = isNear ? at(laterMs) : soon
    return { next, result: { granted, sendAtMs, waitMs: retryAtMs && retryAtMs - nowMs } }
  })
}

/** Above 1 in front of a sandbox whose windows pass faster than the vendor's. */
const limitSpeed = () => Number(process.env.LIMIT_SPEED ?? 1)

/** Keeps in the ledger that the calls reserved at `atMs` were sent later. */
export const moveCalls = (operation: string, name: string, atMs: number, sentAtMs: number): Promise<void> =>
  change(operation, name, (bucket) => ({ next: moveReserved(bucket, atMs, sentAtMs), result: undefined }))

/** Keeps in the ledger that the vendor refused a call of the bucket and asked to wait. */
export const refuseCalls = (operation: string, name: string, waitMs: number): Promise<void> =>
  change(operation, name, (bucket) => ({ next: recordRefusal(bucket, waitMs, awsNowMs()), result: undefined }))

/** Holds the bucket in the ledger for `holdMs`, or releases it. */
export const holdCalls = (operation: string, name: string, holdMs: number | undefined): Promise<void> =>
  change(operation, name, (bucket) => ({
    next: setHold(bucket, holdMs === undefined ? undefined : awsNowMs() + holdMs),
    result: undefined,
  }))

/** Writes what `decide` makes of the bucket, and decides again where another container was faster. */
async function change<Result>(
  operation: string,
  name: string,
  decide: (bucket: Bucket) => { next: Bucket; result: Result },
): Promise<Result> {
  const key = keyOf(operation, name)
  let bucket = seen.get(key.pk) ?? (await readBucket(operation, name))
  for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts++) {
    const { next, result } = decide(bucket)
    if (next === bucket) {
      if (conflicts > 0 || !seen.has(key.pk)) return result
      // It may have changed since this container saw it.
      bucket = await readBucket(operation, name)
      seen.set(key.pk, bucket)
      continue
    }
    const { version, calls, windowEndsAtMs, heldUntilMs } = next
    const keptUntilMs = Math.max(awsNowMs(), windowEndsAtMs ?? 0, heldUntilMs ?? 0) + KEPT_MS
    const { ok, item } = await updateItem(key, {
      set: { version, calls, windowEndsAtMs, heldUntilMs, expiresAt: Math.ceil(keptUntilMs / 1_000) },
      remove: [
        ...(windowEndsAtMs === undefined ? ['windowEndsAtMs'] : []),
        ...(heldUntilMs === undefined ? ['heldUntilMs'] : []),
      ],
      when: bucket.version === 0 ? { version: { exists: false } } : { version: bucket.version },
    })
    bucket = ok ? next : bucketOf(item)
    seen.set(key.pk, bucket)
    if (ok) return result
  }
  throw new OperationError('unavailable', {
    en: `Too many containers reserve calls of the bucket "${name}".`,
    zh: `预留分组 "${name}" 调用的容器过多。`,
  })
}

const bucketOf = (item: Item | undefined): Bucket => (item ? (item as unknown as Bucket) : EMPTY)
