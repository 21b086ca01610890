/** What follows the work: telling of it, setting aside what needs somebody, and making buckets wait. */
import type { SQSRecord } from 'aws-lambda'
import { audit, errorFields, framesOf } from '../audit.ts'
import { type OutcomeDetail, publish } from '../aws/eventbridge.ts'
import { deferMessages, sendDeadLetter } from '../aws/sqs.ts'
import { type OperationError, toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Operation } from '../operation.ts'

/** A message whose item has ended. */
export type Done = { record: SQSRecord; detail: OutcomeDetail; ms: number }
/** To be delivered again; the reason is missing where its turn did not come. */
export type Left = { record: SQSRecord; waitMs: number; error?: OperationError }

const UNTOLD_WAIT_MS = 5_000

/** The message group: a rate-limit bucket. */
export const bucketName = ({ attributes }: SQSRecord): string => attributes.MessageGroupId ?? ''

/**
 * Tells of what is done, parks what is to be parked, and returns what could not be told: it is done again, which every
 * operation allows. A dead letter is sent after its event, so that none is sent twice for an event's sake.
 */
export async function finish(operation: Operation, done: Done[]): Promise<Left[]> {
  const untold = (some: Done[], thrown: unknown): Left[] => {
    audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
    return some.map(({ record }) => ({ record, waitMs: UNTOLD_WAIT_MS, error: toOperationError(thrown) }))
  }
  try {
    await publish(done.map(({ detail }) => detail))
  } catch (thrown) {
    return untold(done, thrown)
  }
  const left = await Promise.all(
    done.map(async (one) => {
      try {
        if (one.detail.outcome === 'parked') await park(one)
      } catch (thrown) {
        return untold([one], thrown)
      }
      report(operation, one)
      return []
    }),
  )
  return left.flat()
}

/** The message's id deduplicates: delivered again it adds nothing, and an item that was redriven has a new one. */
async function park({ record, detail: { kind, code, hint, requestId } }: Done): Promise<void> {
  const deduplicationId = fingerprint(record.messageId, 'parked')
  await sendDeadLetter({ body: record.body, group: deduplicationId, deduplicationId }, { kind, code, hint, requestId })
}

function report({ name }: Operation, { record, detail, ms }: Done): void {
  const { finishedAt, operation, ...line } = detail
  audit({
    message: detail.outcome === 'parked' ? 'parked' : 'finished',
    entrance: 'queue',
    operation: name,
    ...line,
    deliveries: Number(record.attributes.ApproximateReceiveCount),
    ms,
  })
}

/** Makes each bucket wait as long as its longest wait, by its first message; the others wait behind it. */
export async function defer(operation: Operation, left: Left[]): Promise<void> {
  const visibilities = [...Map.groupBy(left, ({ record }) => bucketName(record))].flatMap(([bucket, messages]) => {
    const longest = messages.reduce((a, b) => (b.waitMs > a.waitMs ? b : a))
    audit({
      message: 'deferred',
      operation: operation.name,
      bucket,
      items: messages.length,
      waitMs: longest.waitMs,
      ...(longest.error && errorFields(longest.error)),
    })
    return messages.map(({ record: { receiptHandle } }, index) => ({
      receiptHandle,
      waitMs: index === 0 ? longest.waitMs : 0,
    }))
  })
  try {
    await deferMessages(visibilities)
  } catch (thrown) {
    // They come back all the same when the queue's own visibility timeout ends.
    audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
  }
}
