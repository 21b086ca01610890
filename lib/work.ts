/**
 * The SQS entrance: does work items at the pace the vendor allows.
 *
 * A queue's message group is a rate-limit bucket, and while one of a group's messages is invisible the whole group waits.
 * So a bucket is made to wait by the visibility of one message, at no cost, and other buckets go on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { audit, errorFields, framesOf } from './audit.ts'
import type { OutcomeDetail } from './bus.ts'
import { KINDS, OperationError, toOperationError } from './error.ts'
import { execute } from './execute.ts'
import { bucketName, type Done, defer, finish, type Left } from './finish.ts'
import { type Operation, spacingMs } from './operation.ts'
import { parse } from './schema.ts'
import { type WorkItem, workItem } from './work-item.ts'

/** An item is not begun with less time than this left: one slow answer must fit. */
const ITEM_MS = 8_000
/** Quick retries are worth staying for; longer waits cost nothing on the queue. */
const PATIENCE_MS = 900
/** An item that fails is tried again after as long as it has been failing, within these bounds. */
const MIN_BACKOFF_MS = 5_000
const MAX_BACKOFF_MS = 4 * 60_000
/** An item that keeps failing while the vendor answers its neighbours is parked after this, or after three of its waits. */
const POISONED_MS = 5 * 60_000
/** An item that fails like everything around it waits this long for the vendor before it is parked. */
const EXHAUSTED_MS = 24 * 60 * 60_000

/**
 * Since when each message has been failing, as far as this container knows. A message's first receive does not tell: it
 * may have waited for its bucket since. A container that does not know begins anew, which errs on the patient side.
 */
const failingSinceMs = new Map<string, number>()

/**
 * Works through a batch: buckets side by side, the items of a bucket one after another. What must be delivered again is
 * reported as failed, its visibility set to when. Never throws for an item's sake.
 */
export async function work(
  operation: Operation,
  { Records }: SQSEvent,
  remainingMs: () => number,
): Promise<SQSBatchResponse> {
  const buckets = [...Map.groupBy(Records, bucketName).values()]
  const tried = await Promise.all(buckets.map((records) => workBucket(operation, records, remainingMs)))
  const left = [
    ...tried.flatMap((bucket) => bucket.left),
    ...(await finish(
      operation,
      tried.flatMap(({ done }) => done),
    )),
  ]
  await defer(operation, left)
  return { batchItemFailures: left.map(({ record }) => ({ itemIdentifier: record.messageId })) }
}

async function workBucket(
  operation: Operation,
  records: SQSRecord[],
  remainingMs: () => number,
): Promise<{ done: Done[]; left: Left[] }> {
  const done: Done[] = []
  const left: Left[] = []
  const failed: { record: SQSRecord; error: OperationError; vendorAnswers: boolean }[] = []
  let limited = false

  const attempt = async (record: SQSRecord): Promise<OperationError | undefined> => {
    const startedAtMs = Date.now()
    const result = await workOn(operation, record, remainingMs)
    if (result instanceof OperationError) return result
    done.push({ record, detail: result, ms: Date.now() - startedAtMs })
  }

  /** An item that ended without a call says nothing about the vendor. */
  const isAnswering = () => done.some(({ detail }) => detail.attempts > 0)

  let earliestAtMs = 0
  for (const record of inTurn(records)) {
    if (limited || remainingMs() < ITEM_MS) {
      left.push({ record, waitMs: 0 })
      continue
    }
    await sleep(Math.max(0, earliestAtMs - Date.now()))
    earliestAtMs = Date.now() + spacingMs(operation)
    const error = await attempt(record)
    if (!error) continue
    limited = KINDS[error.kind].queue === 'defer'
    if (limited) left.push({ record, waitMs: error.retryAfterMs ?? MIN_BACKOFF_MS, error })
    else failed.push({ record, error, vendorAnswers: isAnswering() })
  }

  for (const { record, error, vendorAnswers } of failed) {
    // It failed before the vendor answered its neighbours: perhaps only the moment was bad.
    const again = !vendorAnswers && isAnswering() && !limited && remainingMs() >= ITEM_MS
    const last = again ? await attempt(record) : error
    if (!last) continue
    const failingMs = Date.now() - (failingSinceMs.get(record.messageId) ?? Date.now())
    const receivedMs = Date.now() - Number(record.attributes.ApproximateFirstReceiveTimestamp)
    const poisoned = (again || vendorAnswers) && failingMs > Math.max(POISONED_MS, 3 * (last.retryAfterMs ?? 0))
    if (poisoned || receivedMs > EXHAUSTED_MS) {
      done.push({ record, detail: parked(itemOf(operation, record), last), ms: 0 })
      continue
    }
    failingSinceMs.set(record.messageId, Date.now() - failingMs)
    left.push({ record, waitMs: last.retryAfterMs ?? clamp(failingMs, MIN_BACKOFF_MS, MAX_BACKOFF_MS), error: last })
  }
  for (const { record } of done) failingSinceMs.delete(record.messageId)
  return { done, left }
}

/** Begins with another message at each delivery, so that two slow ones cannot use up every batch's time. */
function inTurn(records: SQSRecord[]): SQSRecord[] {
  const deliveries = Number(records[0]?.attributes.ApproximateReceiveCount ?? 1)
  const first = (deliveries - 1) % records.length
  return [...records.slice(first), ...records.slice(0, first)]
}

/** What the item ended as, or the error for which it must be tried again. */
async function workOn(
  operation: Operation,
  record: SQSRecord,
  remainingMs: () => number,
): Promise<OutcomeDetail | OperationError> {
  let item: WorkItem | undefined
  try {
    item = itemOf(operation, record)
    const { outcome, upstream, attempts } = await execute(operation, item.input, {
      dryRun: item.dryRun,
      remainingMs,
      patienceMs: PATIENCE_MS,
    })
    return { ...named(item), outcome, ...upstream, attempts, finishedAt: now() }
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (error !== thrown) audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
    switch (KINDS[error.kind].queue) {
      case 'park':
        return parked(item, error)
      case 'gone':
        return { ...named(item), outcome: 'gone', ...errorFields(error), finishedAt: now() }
      default:
        return error
    }
  }
}

/** The record's item; `invalid_request` for one that this version does not understand. */
function itemOf(operation: Operation, { body }: SQSRecord): WorkItem {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {}
  return parse(workItem(operation), json)
}

const parked = (item: WorkItem | undefined, error: OperationError): OutcomeDetail => ({
  ...named(item),
  outcome: 'parked',
  ...errorFields(error),
  finishedAt: now(),
})

const named = (item: WorkItem | undefined) => ({
  offboardingId: item?.offboardingId ?? null,
  operation: item?.operation ?? null,
  input: item?.input ?? null,
  eventId: item?.eventId ?? null,
})

const clamp = (value: number, min: number, max: number) => Math.min(max, Math.max(min, value))
const now = () => new Date().toISOString()
