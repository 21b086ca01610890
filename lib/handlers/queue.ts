/**
 * The SQS triggers: does work items at the pace the vendor allows.
 *
 * Untried items come from a FIFO queue. Its message group is a rate-limit bucket, and while a group's first messages are invisible
 * the others wait, at no cost, and other buckets go on. An item that fails for now steps aside to a second, standard queue, where
 * each message waits by its own clock and holds back no other.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { toOperationError } from '../error.ts'
import { forgetBegun } from '../ledger/buckets.ts'
import type { Operation } from '../operation.ts'
import { partition } from '../partition.ts'
import { enterLate, LEDGER_GROUP } from './event.ts'
import { workBucket } from './queue-bucket.ts'
import { settleItems } from './queue-failed.ts'
import { defer, finish } from './queue-finish.ts'
import { type Done, type Left, readRecord, type Work } from './queue-record.ts'
import { awsWaitMs, noteAnswer } from './queue-waits.ts'
import { bucketOf, limitOf } from './work-item.ts'

/**
 * Works through a batch of one of the two queues, buckets side by side. What must be delivered again is reported as failed, its
 * visibility set to when. Never throws because of an item.
 */
export async function work(
  operation: Operation,
  { Records }: SQSEvent,
  remainingMs: () => number,
): Promise<SQSBatchResponse> {
  const isRepeat = !Records[0]?.eventSourceARN.endsWith('.fifo')
  const [events, items] = partition(Records, ({ attributes }) => attributes.MessageGroupId === LEDGER_GROUP)
  const left = await enterEvents(operation, events, remainingMs)
  const done: Done[] = []
  const works: Work[] = []
  for (const read of items.map((record) => readRecord(operation, record)))
    if ('detail' in read) done.push(read)
    else works.push(read)
  const begun = await Promise.all(
    listBuckets(operation, works).map(async ({ name, some, isDryRun }) => {
      // A dry run's calls are those of the question.
      const counted = { ...operation, ...limitOf(operation, { dryRun: isDryRun }) }
      const worked = await workBucket(counted, name, some, { isRepeat, isDryRun, remainingMs })
      const settled = await settleItems(counted, worked, isRepeat)
      done.push(...settled.done)
      left.push(...settled.left)
      return { counted, name, some: some.filter((one) => worked.begun.has(one.name)) }
    }),
  )
  left.push(...(await finish(operation, done)))
  const isLeft = new Set(left.map(({ record }) => record))
  for (const { counted, name, some } of begun) {
    const names = some.filter(({ record }) => isLeft.has(record)).map((one) => one.name)
    if (names.length > 0) await forgetBegun(counted.name, name, names).catch(() => {})
  }
  await defer(operation, isRepeat ? 'RETRY_QUEUE_URL' : 'WORK_QUEUE_URL', left)
  return { batchItemFailures: left.map(({ record }) => ({ itemIdentifier: record.messageId })) }
}

/** The items by what their calls count against: real ones by their message group, dry runs by the limit of their question. */
function listBuckets(operation: Operation, works: Work[]): { name: string; some: Work[]; isDryRun: boolean }[] {
  const [dryRuns, real] = partition(works, ({ target }) => target.dryRun)
  const list = (some: Work[], isDryRun: boolean, nameOf: (work: Work) => string) =>
    [...Map.groupBy(some, nameOf)].map(([name, some]) => ({ name, some, isDryRun }))
  const nameOf = ({ target }: Work) => bucketOf(operation, target.input)
  return [
    ...list(real, false, (work) => work.record.attributes.MessageGroupId ?? nameOf(work)),
    ...list(dryRuns, true, nameOf),
  ]
}

/** Writes the entries of the ledger that planning could not write. Returns those that must come again. */
async function enterEvents(operation: Operation, records: SQSRecord[], remainingMs: () => number): Promise<Left[]> {
  const left: Left[] = []
  for (const record of records)
    try {
      await enterLate(operation, JSON.parse(record.body), remainingMs)
      noteAnswer('ledger')
    } catch (thrown) {
      const error = toOperationError(thrown)
      left.push({ record, waitMs: awsWaitMs('ledger', record, error), error })
    }
  return left
}
