/**
 * The SQS entrance: does work items at the pace the vendor allows.
 *
 * A queue's message group is a rate-limit bucket, and while one of a group's messages is invisible the whole group waits.
 * So a bucket is made to wait by the visibility of one message, at no cost, and other buckets go on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { KINDS, OperationError } from '../error.ts'
import type { Operation } from '../operation.ts'
import * as pace from './pace.ts'
import { bucketName, type Done, defer, finish, type Left } from './queue-finish.ts'
import { firstMs, parked, queuedMs, workOn } from './queue-record.ts'

/** An item is not begun with less time than this left: one slow answer must fit. */
const ITEM_MS = 8_000
/** An item that fails is tried again after as long as it has been failing, within these bounds. */
const MIN_BACKOFF_MS = 5_000
const MAX_BACKOFF_MS = 4 * 60_000
/** An item that keeps failing while the vendor answers its neighbours is parked after this, or after three of its waits. */
const POISONED_MS = 5 * 60_000
/** An item that fails like everything around it waits this long for the vendor before it is parked. */
const EXHAUSTED_MS = 24 * 60 * 60_000

/** Since when each message has been failing, as far as this container knows. */
const failingSinceMs = new Map<string, number>()

/**
 * Works through a batch: buckets side by side, of each bucket as many items at once as surely fit its limit. What must be
 * delivered again is reported as failed, its visibility set to when. Never throws for an item's sake.
 */
export async function work(
  operation: Operation,
  { Records }: SQSEvent,
  remainingMs: () => number,
): Promise<SQSBatchResponse> {
  const buckets = [...Map.groupBy(Records, bucketName)]
  const tried = await Promise.all(
    buckets.map(([bucket, records]) => workBucket(operation, bucket, records, remainingMs)),
  )
  const left = [
    ...tried.flatMap((bucket) => bucket.left),
    ...(await finish(
      operation,
      tried.flatMap(({ done }) => done),
    )),
  ]
  await defer(operation, left)
  await sleep(Math.max(0, ...tried.map(({ endsAtMs }) => endsAtMs - Date.now())))
  return { batchItemFailures: left.map(({ record }) => ({ itemIdentifier: record.messageId })) }
}

type Failed = { record: SQSRecord; error: OperationError }

async function workBucket(
  operation: Operation,
  bucket: string,
  records: SQSRecord[],
  remainingMs: () => number,
): Promise<{ done: Done[]; left: Left[]; endsAtMs: number }> {
  const done: Done[] = []
  const left: Left[] = []
  let failed: Failed[] = []
  let calls = 0
  let sentAtMs = 0
  let limited = false
  const [first] = records as [SQSRecord]
  const head = { queuedAtMs: queuedMs(first), deliveries: Number(first.attributes.ApproximateReceiveCount) }

  const onSend = () => {
    calls++
    sentAtMs = Date.now()
  }

  const attemptAll = async (some: SQSRecord[]) => {
    const results = await Promise.all(
      some.map(async (record) => {
        const beganAtMs = Date.now()
        const result = await workOn(operation, record, { remainingMs, onSend })
        if (result instanceof OperationError) return { record, error: result }
        done.push({ record, detail: result, ms: Date.now() - beganAtMs })
      }),
    )
    for (const result of results) {
      if (!result) continue
      const { record, error } = result
      if (KINDS[error.kind].queue === 'defer') {
        limited = true
        left.push({ record, waitMs: error.retryAfterMs ?? MIN_BACKOFF_MS, error })
      } else failed.push({ record, error })
    }
  }

  /** Tries them as the bucket's pace allows. Returns those whose turn did not come. */
  const inPace = async (some: SQSRecord[]): Promise<SQSRecord[]> => {
    const waiting = [...some]
    while (waiting.length > 0 && !limited && remainingMs() >= ITEM_MS) {
      const before = calls
      await attemptAll(waiting.splice(0, Math.max(1, pace.room(operation, bucket, head, calls))))
      if (calls > before && !limited) pace.taken(operation, bucket, calls - before, sentAtMs)
    }
    return waiting
  }

  const untried = await inPace(inTurn(records))
  left.push(...untried.map((record) => ({ record, waitMs: 0 })))

  const once = failed
  // An item that ended without a call says nothing about the vendor.
  const vendorAnswers = done.some(({ detail }) => detail.attempts > 0)
  const failedTwice = new Set<SQSRecord>()
  if (vendorAnswers) {
    // Perhaps only the moment was bad.
    failed = []
    const notAgain = new Set(await inPace(once.map(({ record }) => record)))
    for (const { record } of failed) failedTwice.add(record)
    failed.push(...once.filter(({ record }) => notAgain.has(record)))
  }
  if (limited) pace.refused(operation, bucket, Math.max(...left.map(({ waitMs }) => waitMs)))

  for (const { record, error } of failed) {
    const sinceMs = failingSinceMs.get(record.messageId) ?? (hasMovedOn(records, record) ? firstMs(record) : Date.now())
    const failingMs = Date.now() - sinceMs
    const poisoned = failedTwice.has(record) && failingMs > Math.max(POISONED_MS, 3 * (error.retryAfterMs ?? 0))
    if (poisoned || Date.now() - firstMs(record) > EXHAUSTED_MS) {
      done.push({ record, detail: parked(operation, record, error), ms: 0 })
      continue
    }
    failingSinceMs.set(record.messageId, sinceMs)
    left.push({ record, waitMs: error.retryAfterMs ?? clamp(failingMs, MIN_BACKOFF_MS, MAX_BACKOFF_MS), error })
  }
  for (const { record } of done) failingSinceMs.delete(record.messageId)
  return { done, left, endsAtMs: limited ? 0 : pace.endsAtMs(operation, calls, sentAtMs) }
}

/**
 * Whether others came into the bucket's batch after the message did: then it has had its turn since, and a container that
 * has not seen it before may take it as failing since it was first delivered. Without that it may just have waited.
 */
const hasMovedOn = (records: SQSRecord[], record: SQSRecord) =>
  records.some((other) => firstMs(other) > firstMs(record))

/** Begins with another message at each delivery, so that two slow ones cannot use up every batch's time. */
function inTurn(records: SQSRecord[]): SQSRecord[] {
  const deliveries = Number(records[0]?.attributes.ApproximateReceiveCount ?? 1)
  const first = (deliveries - 1) % records.length
  return [...records.slice(first), ...records.slice(0, first)]
}

const clamp = (value: number, min: number, max: number) => Math.min(max, Math.max(min, value))
