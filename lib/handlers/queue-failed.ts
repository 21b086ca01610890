/**
 * What becomes of items that failed, or whose turn did not come.
 *
 * | what failed                | untried item                       | one that has stepped aside                              |
 * |----------------------------|------------------------------------|---------------------------------------------------------|
 * | the item, for good         | parked, or done as `gone`          | the same                                                |
 * | the item or user, for now  | steps aside                        | waits by its own clock, then is parked                  |
 * | perhaps it, perhaps others | steps aside while others are tried | the same                                                |
 * | the bucket                 | waits for a probe                  | the same, after untried ones                            |
 *
 * An item is parked half an hour after its first failure where the vendor has answered another one since, else after a day, and
 * for its bucket's sake when it has waited, and that has been held, for a day; a code can have its own patience.
 */
import { audit, errorFields, framesOf } from '../audit.ts'
import { awsNowMs } from '../aws/clock.ts'
import { sendRetries } from '../aws/sqs.ts'
import { OperationError, toOperationError } from '../error.ts'
import type { Bucket, Hold, Pace } from '../ledger/bucket.ts'
import { isTryingOthers, MAX_WAIT_MS } from '../ledger/hold.ts'
import { areUntriedWaiting } from '../ledger/pace.ts'
import { wasRegistered } from '../ledger/register.ts'
import { recordAside, recordFailure, type Target } from '../ledger/targets.ts'
import type { Operation } from '../operation.ts'
import type { OutcomeDetail } from '../outcome-event.ts'
import { type Failed, isCommon, type Worked } from './queue-calls.ts'
import { type Done, givenUp, type Left, outlived, type Work } from './queue-record.ts'
import { awsError, awsWaitMs, DAY_MS, HOUR_MS } from './queue-waits.ts'

/** An item that keeps failing while the vendor answers others is parked after this. A dry run waits no longer for anything. */
const PATIENCE_MS = HOUR_MS / 2
/** A month's quota may come back only with the next. */
const QUOTA_PATIENCE_MS = 13 * DAY_MS
/** SQS deletes a message silently after 14 days. One that would wait beyond is parked: redriven, it has 14 more. */
const OUTLIVED_MS = 14 * DAY_MS - HOUR_MS / 4
/** A repeat waits as long as its item has been failing, and no less than so many calls of its bucket take, or a minute. */
const CALLS_BETWEEN = 150
const MINUTE_MS = 60_000
/** A repeat asks for its turn so early, and later by this part of its time in the queue: about 800 times in 14 days. */
const TURN_MS = 15_000
const TURN_SHARE = 100

/** Decides about every item of a bucket. What is neither done nor left after it has moved to the second queue. */
export async function settleItems(
  operation: Operation,
  { done, failed, untried, left, waitMs, bucket }: Worked,
  isRepeat: boolean,
): Promise<{ done: Done[]; left: Left[] }> {
  const ended = { done: [...done], left: [...left] }
  const { hold } = bucket
  const aside: { work: Work; waitMs: number }[] = []
  const end = (work: Work, detail: OutcomeDetail) => void ended.done.push({ ...work, detail, ms: 0 })
  const leave = (work: Work, waitMs: number, error?: OperationError) => {
    if (ageMs(work) + waitMs < OUTLIVED_MS) ended.left.push({ record: work.record, waitMs, ...(error && { error }) })
    else end(work, { ...givenUp(work.target, error ?? outlived()), hint: outlived().hint.en })
  }
  const waitForBucket = (work: Work, error?: OperationError) => {
    if (hold && isOverdue(work, hold)) end(work, endWithBucket(work.target, hold))
    else leave(work, isRepeat ? Math.max(waitMs, turnWaitMs(work, bucket)) : waitMs, error)
  }

  const settle = async ({ work, error, beganAtMs }: Failed) => {
    const { queue } = error
    if (queue === 'park' || queue === 'gone') return end(work, await endOf(operation, work.target, error))
    // An untried one steps aside all the same, so that the next probe is another item.
    const isOutage = isRepeat && error.scope !== 'item' && hold !== undefined && !isTryingOthers(hold)
    const isOfBucket = queue === 'hold' || isOutage
    const firstFailedAtMs = await recordFailure(work.target, errorFields(error), isOfBucket ? undefined : beganAtMs)
    if (isOfBucket) return waitForBucket(work, error)
    const failingMs = awsNowMs() - (firstFailedAtMs ?? beganAtMs)
    if (isAtFault(error, failingMs, bucket, work.target.dryRun)) {
      end(work, { ...givenUp(work.target, error), scope: error.scope === 'bucket' ? 'item' : error.scope })
    } else if (error.patienceMs === undefined && failingMs >= DAY_MS) end(work, givenUp(work.target, error))
    else if (isRepeat && hold && isCommon(error)) waitForBucket(work, error)
    else if (isRepeat) leave(work, repeatWaitMs(operation.pace, error, failingMs, bucket), error)
    else aside.push({ work, waitMs: repeatWaitMs(operation.pace, error, 0, bucket) })
  }

  for (const work of untried) waitForBucket(work)
  await Promise.all(
    failed.map((one) =>
      settle(one).catch((thrown) => {
        const error = toOperationError(thrown)
        const { record } = one.work
        ended.left.push({ record, waitMs: awsWaitMs('ledger', record, error), error })
      }),
    ),
  )
  try {
    await sendRetries(aside.map(({ work, waitMs }) => ({ body: work.record.body, waitMs })))
    // Where this fails, the message may come again here and is worked twice, which does no harm.
    await Promise.allSettled(aside.map(({ work }) => recordAside(work.target)))
  } catch (thrown) {
    const error = awsError(thrown)
    for (const { work } of aside) leave(work, awsWaitMs('queue', work.record, error), error)
  }
  return ended
}

/**
 * What an item ends as whose failure is final. What a started subscription names must exist. What the vendor does not know and the
 * register has never seen is most likely a typing mistake.
 */
async function endOf(operation: Operation, target: Target, error: OperationError): Promise<OutcomeDetail> {
  if (error.queue !== 'gone' || operation.starts) return givenUp(target, error)
  const gone = { ...givenUp(target, error), outcome: 'gone' as const }
  const { unregistered } = error
  if (!unregistered || (await isRegistered(operation, target))) return gone
  return { ...gone, hint: `${gone.hint} ${unregistered.en}` }
}

/** True also where the register cannot be read: the outcome does not wait for its hint. */
async function isRegistered(operation: Operation, { input }: Target): Promise<boolean> {
  try {
    return await wasRegistered(operation, input)
  } catch (thrown) {
    audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
    return true
  }
}

/** How long a message has been on its queue; SQS says since when. */
const ageMs = ({ record: { attributes } }: Work): number =>
  Date.now() - (Number.parseInt(attributes.SentTimestamp ?? '', 10) || Date.now())

/**
 * When a repeat asks again for its turn: later and later, and not all at once. Of a held bucket without untried items all ask when the
 * hold ends, so that they come in few batches.
 */
function turnWaitMs(work: Work, bucket: Bucket): number {
  if (bucket.hold && !areUntriedWaiting(bucket, awsNowMs())) return 0
  return Math.max(TURN_MS, ageMs(work) / TURN_SHARE) * (0.5 + Math.random())
}

/** Whether the item has waited for its bucket, and that has been held, for as long as that has patience. */
function isOverdue(work: Work, { kind, sinceMs }: Hold): boolean {
  const patienceMs = work.target.dryRun ? PATIENCE_MS : kind === 'quota_exhausted' ? QUOTA_PATIENCE_MS : DAY_MS
  return Math.min(ageMs(work), awsNowMs() - sinceMs) >= patienceMs
}

/** What an item ends as whose bucket has been held for too long. */
const endWithBucket = (target: Target, { kind, scope, code, requestId, hint }: Hold): OutcomeDetail => ({
  ...givenUp(target, new OperationError('unavailable', { en: '', zh: '' })),
  kind,
  scope,
  code,
  requestId,
  hint,
})

/**
 * Whether an item that has been failing for so long is given up for its own sake. A dry run changes nothing, and nothing is lost
 * with it.
 */
function isAtFault({ patienceMs, scope }: OperationError, failingMs: number, bucket: Bucket, dryRun: boolean): boolean {
  if (patienceMs !== undefined) return failingMs >= patienceMs
  if (scope === 'user' || scope === 'us') return dryRun && failingMs >= PATIENCE_MS
  return (dryRun || areOthersAnswered(bucket, failingMs)) && aloneMs(bucket, failingMs) >= PATIENCE_MS
}

/** For how long an item has been failing since the vendor was last at fault. */
const aloneMs = ({ recoveredAtMs = 0 }: Bucket, failingMs: number): number =>
  Math.min(failingMs, awsNowMs() - recoveredAtMs)

/**
 * Whether the vendor has ended another item by a later call than the first that failed for one, and since it was at fault itself. Calls
 * that were sent together say nothing: an outage may have begun between them.
 */
const areOthersAnswered = ({ answeredAtMs = 0, recoveredAtMs = 0 }: Bucket, failingMs: number): boolean =>
  answeredAtMs > awsNowMs() - failingMs && answeredAtMs > recoveredAtMs

/**
 * How long a repeat waits: for a user until the time in the ledger; an item that has been failing for so long as long again, but so that it is tried when its patience ends, and
 * not for longer than a probe while the vendor answers no other.
 */
function repeatWaitMs(
  { perMinute, perSecond }: Pace,
  { scope, retryAfterMs = 0 }: OperationError,
  failingMs: number,
  bucket: Bucket,
): number {
  if (scope === 'user') return Math.max(retryAfterMs, MINUTE_MS)
  const callsMs = perSecond === undefined && perMinute ? (CALLS_BETWEEN / perMinute) * MINUTE_MS : 0
  const leastMs = Math.max(MINUTE_MS, callsMs)
  const alone = aloneMs(bucket, failingMs)
  const toPatienceMs = alone < PATIENCE_MS ? PATIENCE_MS - alone : PATIENCE_MS
  const waitMs = Math.max(retryAfterMs, leastMs, Math.min(failingMs, toPatienceMs))
  return scope === 'bucket' && !areOthersAnswered(bucket, failingMs) ? Math.min(waitMs, MAX_WAIT_MS) : waitMs
}
