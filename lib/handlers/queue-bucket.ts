/** The messages of one bucket in a batch: which of them may be sent to the vendor, when, and what happens to those that fail. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SQSRecord } from 'aws-lambda'
import { errorFields } from '../audit.ts'
import { awsNowMs } from '../aws/clock.ts'
import { KINDS, OperationError, toOperationError } from '../error.ts'
import { moveCalls, refuseCalls, reserveCalls } from '../ledger/buckets.ts'
import { type Failing, readTarget, recordFailure } from '../ledger/offboardings.ts'
import type { Operation } from '../operation.ts'
import { type Done, type Left, named, parked, readRecord, type Work, workOn } from './queue-record.ts'

/** An item is not begun with less time than this left: one slow answer must fit. */
const ITEM_MS = 8_000
/** An item that fails is tried again after as long as it has been failing, within these bounds. */
export const MIN_BACKOFF_MS = 5_000
export const MAX_BACKOFF_MS = 4 * 60_000
/** An item that keeps failing while the vendor answers its neighbours is parked after this, or after three of its waits. */
const POISONED_MS = 5 * 60_000
/** An item that fails like everything around it waits this long for the vendor before it is parked. */
const EXHAUSTED_MS = 24 * 60 * 60_000
/** Calls that are sent this much later than reserved, as when a token had to be fetched first, count from when they were. */
const LATE_MS = 5

type Failed = { work: Work; error: OperationError }

/**
 * Works through the messages of a bucket: as many at once as its limit allows. What is done already is only announced
 * again. Where the ledger does not answer, everything waits.
 */
export async function workBucket(
  operation: Operation,
  bucket: string,
  records: SQSRecord[],
  remainingMs: () => number,
): Promise<{ done: Done[]; left: Left[] }> {
  const { name, pace } = operation
  const done: Done[] = []
  const left: Left[] = []
  const works: Work[] = []
  for (const read of inTurn(records).map((record) => readRecord(operation, record)))
    if ('detail' in read) done.push(read)
    else works.push(read)

  let failed: Failed[] = []
  /** Calls that are reserved and not sent yet. */
  let reserved = 0
  let sendAtMs = 0
  let waitMs = 0
  /** How long the vendor asks to wait. */
  let refusedMs: number | undefined
  let vendorAnswers = false

  const reserve = async (wanted: number) => {
    const { granted, waitMs: nextMs = 0, ...reservation } = await reserveCalls(name, bucket, pace, wanted)
    reserved += granted
    sendAtMs = reservation.sendAtMs
    waitMs = granted === wanted ? 0 : nextMs
  }

  const beforeRepeat = async () => {
    const { granted, waitMs: retryAfterMs, ...reservation } = await reserveCalls(name, bucket, pace, 1)
    if (granted === 0) throw new OperationError('rate_limited', NO_CALL_LEFT, { retryAfterMs })
    await sleepUntil(reservation.sendAtMs)
  }

  /** `onSend`: called with each when its call is sent, or will not be. */
  const attemptAll = async (some: Work[], onSend: (work: Work) => void = () => {}) => {
    await Promise.all(
      some.map(async (work) => {
        const beganAtMs = Date.now()
        const result = await workOn(operation, work, { remainingMs, onSend: () => onSend(work), beforeRepeat })
        onSend(work)
        if (!(result instanceof OperationError)) {
          // What ended without a call says nothing about the vendor.
          vendorAnswers ||= result.attempts > 0
          done.push({ ...work, detail: result, ms: Date.now() - beganAtMs })
        } else if (KINDS[result.kind].queue === 'defer') {
          const retryAfterMs = result.retryAfterMs ?? MIN_BACKOFF_MS
          left.push({ record: work.record, waitMs: retryAfterMs, error: result })
          if (result.upstream) refusedMs = Math.max(refusedMs ?? 0, retryAfterMs)
        } else failed.push({ work, error: result })
      }),
    )
  }

  /** Tries them at the moment that is reserved for them. When one is sent late, all count from then. */
  const attemptReserved = async (some: Work[]) => {
    await sleepUntil(sendAtMs)
    const unsent = new Set(some)
    const allSent = Promise.withResolvers<number>()
    const onSend = (work: Work) => {
      unsent.delete(work)
      if (unsent.size === 0) allSent.resolve(awsNowMs())
    }
    const recordLate = async (sentAtMs: number) => {
      if (sentAtMs - sendAtMs > LATE_MS) await moveCalls(name, bucket, sendAtMs, sentAtMs)
    }
    await Promise.all([attemptAll(some, onSend), allSent.promise.then(recordLate)])
  }

  /** Tries them as the bucket's pace allows. Returns those whose turn did not come. */
  const inPace = async (some: Work[]): Promise<Work[]> => {
    const waiting = [...some]
    while (waiting.length > 0 && refusedMs === undefined && remainingMs() >= ITEM_MS) {
      if (reserved === 0) await reserve(waiting.length)
      if (reserved === 0) break
      const now = waiting.splice(0, reserved)
      reserved -= now.length
      await attemptReserved(now)
    }
    return waiting
  }

  const calling = works.filter(({ target }) => !target.dryRun)
  let waiting = works
  try {
    const [known] = await Promise.all([
      Promise.all(works.map(async (work) => ({ work, known: await readTarget(work.target) }))),
      calling.length > 0 && reserve(calling.length),
    ])
    ledgerFailedAtMs = undefined
    for (const { work, known: { isDone, outcome } = {} } of known)
      if (isDone && outcome) done.push({ ...work, detail: { ...named(work.target), ...outcome }, ms: 0 })
    const ended = new Set(done.map(({ record }) => record))
    waiting = works.filter(({ record }) => !ended.has(record))
    await attemptAll(waiting.filter(({ target }) => target.dryRun))
    waiting = waiting.filter(({ target }) => !target.dryRun)
    waiting = await inPace(waiting)
    if (vendorAnswers && failed.length > 0) {
      // Perhaps only the moment was bad.
      const once = failed
      failed = []
      const notAgain = new Set(await inPace(once.map(({ work }) => work)))
      failed.push(...once.filter(({ work }) => notAgain.has(work)))
    }
    if (refusedMs !== undefined) await refuseCalls(name, bucket, refusedMs)
    left.push(...waiting.map(({ record }) => ({ record, waitMs: refusedMs === undefined ? waitMs : 0 })))
  } catch (thrown) {
    // A failure of the ledger is no reason to park an item.
    const error = toOperationError(thrown)
    const ended = new Set([...done, ...left].map(({ record }) => record).concat(failed.map(({ work }) => work.record)))
    const rest = works.filter(({ record }) => !ended.has(record))
    left.push(...rest.map(({ record }) => ({ record, waitMs: ledgerWaitMs(error), error })))
  }

  const settle = async ({ work, error }: Failed) => {
    try {
      const failing = await recordFailure(work.target, errorFields(error), vendorAnswers)
      if (isHopeless(failing, error)) done.push({ ...work, detail: parked(work.target, error), ms: 0 })
      else left.push({ record: work.record, waitMs: error.retryAfterMs ?? backoffMs(failing.failingMs), error })
    } catch (thrown) {
      const unwritten = toOperationError(thrown)
      left.push({ record: work.record, waitMs: ledgerWaitMs(unwritten), error: unwritten })
    }
  }
  await Promise.all(failed.map(settle))
  return { done, left }
}

/** By AWS's clock, and never sooner. */
async function sleepUntil(atMs: number): Promise<void> {
  for (let leftMs = atMs - awsNowMs(); leftMs > 0; leftMs = atMs - awsNowMs()) await sleep(Math.ceil(leftMs))
}

const NO_CALL_LEFT = {
  en: 'The limit of its bucket has no call left for another try.',
  zh: '所属限流分组已无剩余调用次数可供重试。',
}

const isHopeless = ({ failingMs, failingAloneMs }: Failing, { retryAfterMs = 0 }: OperationError): boolean =>
  failingAloneMs > Math.max(POISONED_MS, 3 * retryAfterMs) || failingMs > EXHAUSTED_MS

/** The wait before something is tried again that has been failing for so long. */
export const backoffMs = (failingMs: number): number => Math.min(MAX_BACKOFF_MS, Math.max(MIN_BACKOFF_MS, failingMs))

/** Since when the ledger has not answered this container. */
let ledgerFailedAtMs: number | undefined

/** How long to wait for the ledger: longer, the longer it has not answered this container. */
export function ledgerWaitMs(error: OperationError): number {
  ledgerFailedAtMs ??= Date.now()
  return error.retryable ? backoffMs(Date.now() - ledgerFailedAtMs) : MAX_BACKOFF_MS
}

/** Begins with another message at each delivery, so that two slow ones cannot use up every batch's time. */
function inTurn(records: SQSRecord[]): SQSRecord[] {
  const deliveries = Number(records[0]?.attributes.ApproximateReceiveCount ?? 1)
  const first = (deliveries - 1) % records.length
  return [...records.slice(first), ...records.slice(0, first)]
}
