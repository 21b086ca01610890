/**
 * The SQS trigger: does work items at the pace the vendor allows.
 *
 * A queue's message group is a rate-limit bucket, and while one of a group's messages is invisible the whole group waits.
 * So a bucket is made to wait by the visibility of one message, at no cost, and other buckets go on.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { toOperationError } from '../error.ts'
import type { Operation } from '../operation.ts'
import { enterLate, LEDGER_GROUP } from './event.ts'
import { ledgerWaitMs, workBucket } from './queue-bucket.ts'
import { bucketName, defer, finish } from './queue-finish.ts'
import type { Done, Left } from './queue-record.ts'

/**
 * Works through a batch, buckets side by side. What must be delivered again is reported as failed, its visibility set to
 * when. Never throws because of an item.
 */
export async function work(
  operation: Operation,
  { Records }: SQSEvent,
  remainingMs: () => number,
): Promise<SQSBatchResponse> {
  const worked = await Promise.all(
    [...Map.groupBy(Records, bucketName)].map(([bucket, records]) =>
      bucket === LEDGER_GROUP
        ? enterEvents(operation, records, remainingMs)
        : workBucket(operation, bucket, records, remainingMs),
    ),
  )
  const done = worked.flatMap((bucket) => bucket.done)
  const left = [...worked.flatMap((bucket) => bucket.left), ...(await finish(operation, done))]
  await defer(operation, left)
  return { batchItemFailures: left.map(({ record }) => ({ itemIdentifier: record.messageId })) }
}

/** Writes the entries of the ledger that planning could not write. */
async function enterEvents(
  operation: Operation,
  records: SQSRecord[],
  remainingMs: () => number,
): Promise<{ done: Done[]; left: Left[] }> {
  const left: Left[] = []
  for (const record of records)
    try {
      await enterLate(operation, JSON.parse(record.body), remainingMs)
    } catch (thrown) {
      const error = toOperationError(thrown)
      left.push({ record, waitMs: ledgerWaitMs(error), error })
    }
  return { done: [], left }
}
