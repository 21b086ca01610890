/**
 * The buckets in the ledger: one item for each. One conditional write reserves a whole batch of calls before it is sent, so that no two
 * batches count on the same room. It names the moment at which they are sent, so that how long the write takes makes no
 * difference to how evenly they arrive.
 */

import { awsNowMs } from '../aws/clock.ts'
import { getItem, type Item, type Key, updateItem } from '../aws/dynamodb.ts'
import { OperationError } from '../error.ts'
import { type Bucket, EMPTY, type Hold, type Pace } from './bucket.ts'
import { applyReport, holdAt, isTryingOthers, NEEDS_OPERATOR, type Report } from './hold.ts'
import { moveReserved, type Reservation, reserve, type Wish } from './pace.ts'

/** Calls are reserved for a moment so far ahead: until then the reservation is written. */
const LEAD_MS = 20
/** Or for one at most so far ahead. Longer waits are left to the queue, which counts in whole seconds. */
const AHEAD_MS = 1_200
const KEPT_MS = 24 * 60 * 60_000
const MAX_CONFLICTS = 40
/** A hold that may end by itself is announced when it has lasted so long; others at once. */
const ANNOUNCED_AFTER_MS = 60 * 60_000

const keyOf = (operation: string, name: string): Key => ({ pk: `bucket#${operation}#${name}`, sk: 'pace' })

/** The bucket as the ledger has it. */
export const readBucket = async (operation: string, name: string): Promise<Bucket> =>
  bucketOf((await getItem(keyOf(operation, name))).item)

/** The bucket's item as this container saw it last: mostly it is the only one that works on the bucket. */
const seen = new Map<string, Bucket>()

/**
 * Reserves calls of a bucket in the ledger for the first of the items wished for, to be sent at `sendAtMs` by AWS's clock and not
 * before. That is as soon as any may be sent; none is `granted` when that is more than about a second ahead. `waitMs`: how long until
 * more may be sent, when not all may. Throws `unavailable` when the table does not answer: then nothing may be sent.
 */
export async function reserveCalls(
  operation: string,
  name: string,
  pace: Pace,
  wish: Wish,
): Promise<Omit<Reservation, 'retryAtMs'> & { sendAtMs: number; waitMs: number | undefined }> {
  return change(operation, name, (bucket) => {
    const nowMs = awsNowMs()
    const at = (sendAtMs: number) => ({ sendAtMs, ...reserve(bucket, pace, wish, sendAtMs, limitSpeed()) })
    const soon = at(nowMs + LEAD_MS)
    const laterMs = soon.granted.length === 0 ? soon.retryAtMs : undefined
    const isNear = laterMs !== undefined && laterMs - nowMs <= AHEAD_MS
    const { retryAtMs, ...reservation } = isNear ? at(laterMs) : soon
    return { next: reservation.bucket, result: { ...reservation, waitMs: retryAtMs && retryAtMs - nowMs } }
  })
}

/** Above 1 in front of a sandbox whose windows pass faster than the vendor's. */
const limitSpeed = () => Number(process.env.LIMIT_SPEED ?? 1)

/** Keeps in the ledger that the calls reserved at `atMs` were sent later. */
export const moveCalls = (operation: string, name: string, atMs: number, sentAtMs: number): Promise<void> =>
  change(operation, name, (bucket) => ({ next: moveReserved(bucket, atMs, sentAtMs), result: undefined }))

/**
 * Keeps in the ledger how calls ended, for the items `names`. Returns the bucket after it, and the hold that ended with it,
 * if one did.
 */
export const recordReport = (
  operation: string,
  name: string,
  report: Report,
  names: string[],
): Promise<{ bucket: Bucket; released: Hold | undefined }> =>
  change(operation, name, (before) => {
    const nowMs = awsNowMs()
    const bucket = applyReport(before, report, names, nowMs)
    return { next: bucket, result: { bucket, released: bucket.hold ? undefined : holdAt(before, nowMs) } }
  })

/**
 * Whether the bucket's hold is to be announced: one that an operator must end, unless one of that kind was within the hour, or that
 * has lasted for an hour.
 */
export function mustAnnounce({ hold, announced }: Bucket): boolean {
  if (!hold || hold.isAnnounced) return false
  const isLong = (sinceMs: number) => awsNowMs() - sinceMs >= ANNOUNCED_AFTER_MS
  const isNews = announced?.kind !== hold.kind || isLong(announced.atMs)
  return (NEEDS_OPERATOR.includes(hold.kind) && !isTryingOthers(hold) && isNews) || isLong(hold.sinceMs)
}

/** Keeps in the ledger that the bucket's hold was announced. */
export const recordHeld = (operation: string, name: string): Promise<void> =>
  change(operation, name, (bucket) => {
    const { hold, version } = bucket
    const announced = hold && { kind: hold.kind, atMs: awsNowMs() }
    const next = hold ? { ...bucket, version: version + 1, announced, hold: { ...hold, isAnnounced: true } } : bucket
    return { next, result: undefined }
  })

/** Takes back that calls of these items were begun: they were not, or their end could not be written. */
export const forgetBegun = (operation: string, name: string, names: string[]): Promise<void> =>
  change(operation, name, (bucket) => {
    const begun = (bucket.begun ?? []).filter(([one]) => !names.includes(one))
    const next = begun.length < (bucket.begun?.length ?? 0) ? { ...bucket, version: bucket.version + 1, begun } : bucket
    return { next, result: undefined }
  })

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
    const attributes = Object.entries(next)
    const keptUntilMs = Math.max(awsNowMs(), next.hold?.untilMs ?? 0) + KEPT_MS
    const { ok, item } = await updateItem(key, {
      set: { ...next, expiresAt: Math.ceil(keptUntilMs / 1_000) },
      remove: attributes.flatMap(([attribute, value]) => (value === undefined ? [attribute] : [])),
      when: bucket.version === 0 ? { version: { exists: false } } : { version: bucket.version },
    })
    bucket = ok ? next : bucketOf(item)
    seen.set(key.pk, bucket)
    if (ok) return result
  }
  throw new OperationError(
    'unavailable',
    {
      en: `Too many containers reserve calls of the bucket "${name}".`,
      zh: `预留分组 "${name}" 调用的容器过多。`,
    },
    { scope: 'us' },
  )
}

const bucketOf = (item: Item | undefined): Bucket => {
  if (!item) return EMPTY
  const { pk: _, sk: __, expiresAt: ___, ...bucket } = item
  return bucket as unknown as Bucket
}
