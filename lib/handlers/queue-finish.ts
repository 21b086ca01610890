/** What follows the work: writing and announcing outcomes, setting aside what needs an operator, making buckets wait. */
import { audit, errorFields, framesOf } from '../audit.ts'
import { publish } from '../aws/eventbridge.ts'
import { deferMessages, type OwnQueue, sendDeadLetter } from '../aws/sqs.ts'
import { fingerprint } from '../fingerprint.ts'
import { readTarget, recordAnnounced, recordOutcome } from '../ledger/targets.ts'
import type { Operation } from '../operation.ts'
import { finishSendings } from './completed.ts'
import { type Done, type Left, named } from './queue-record.ts'
import { awsError, awsWaitMs, noteAnswer } from './queue-waits.ts'

/**
 * Writes outcomes into the ledger, publishes them, parks what is to be parked, ends the sendings, and returns what must come
 * again: what could not be written is worked again, what could not be published is only announced again. A dead
 * letter is sent after its event, so that none is sent twice because of an event.
 */
export async function finish(operation: Operation, done: Done[]): Promise<Left[]> {
  const left: Left[] = []
  const keep = (service: 'ledger' | 'bus' | 'queue') => (some: Done[], thrown: unknown) => {
    audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
    const error = awsError(thrown)
    left.push(...some.map(({ record }) => ({ record, waitMs: awsWaitMs(service, record, error), error })))
  }
  const written = await collect(done, write, keep('ledger'))
  try {
    await publish(written.map(({ detail }) => detail))
    noteAnswer('bus')
  } catch (thrown) {
    keep('bus')(written, thrown)
    return left
  }
  const ended = await collect(written, park, keep('queue'))
  for (const one of ended) report(operation, one)
  await finishSendings(ended.flatMap(({ target }) => target ?? []))
  return left
}

/** What `step` makes of each, without those that it throws on. */
async function collect(
  done: Done[],
  step: (one: Done) => Promise<Done>,
  onError: (some: Done[], thrown: unknown) => void,
): Promise<Done[]> {
  const results = await Promise.all(
    done.map(async (one) => {
      try {
        return [await step(one)]
      } catch (thrown) {
        onError([one], thrown)
        return []
      }
    }),
  )
  return results.flat()
}

/** Writes the outcome; returns the one that stands. */
async function write(one: Done): Promise<Done> {
  const { target, detail } = one
  if (!target) return one
  const { offboardingId: _, operation: __, input: ___, eventId: ____, ...outcome } = detail
  return { ...one, detail: { ...named(target), ...(await recordOutcome(target, outcome)) } }
}

/**
 * Sends the letter of a parked item; a dry run leaves none. The message's id deduplicates: delivered again it adds nothing,
 * and an item that was redriven has a new one.
 */
async function park(one: Done): Promise<Done> {
  const { record, target, detail } = one
  if (detail.outcome !== 'parked') return one
  // A copy of the message may have ended the target otherwise meanwhile.
  const stands = target && (await readTarget(target))?.outcome
  if ((!stands || stands.outcome === 'parked') && !target?.dryRun) {
    const { kind, code, hint, requestId } = detail
    const deduplicationId = fingerprint(record.messageId, 'parked')
    const letter = { body: record.body, group: deduplicationId, deduplicationId }
    await sendDeadLetter(letter, { kind, code, hint, requestId })
  }
  if (target) await recordAnnounced(target)
  return one
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

/**
 * Sets when messages are delivered again. Of a bucket in the FIFO queue all wait as long as the longest: SQS holds back only those behind
 * one that waits. In the second queue each waits by its own clock.
 */
export async function defer({ name: operation }: Operation, queue: OwnQueue, left: Left[]): Promise<void> {
  const isFifo = queue === 'WORK_QUEUE_URL'
  const buckets = Map.groupBy(left, ({ record }) => record.attributes.MessageGroupId)
  for (const [bucket, messages] of buckets) {
    const longest = messages.reduce((a, b) => (b.waitMs > a.waitMs ? b : a))
    const { waitMs, error } = longest
    audit({ message: 'deferred', operation, bucket, items: messages.length, waitMs, ...(error && errorFields(error)) })
    if (isFifo) for (const message of messages) message.waitMs = waitMs
  }
  try {
    await deferMessages(
      queue,
      left.map(({ record: { receiptHandle }, waitMs }) => ({ receiptHandle, waitMs })),
    )
  } catch (thrown) {
    // They come back all the same when the queue's own visibility timeout ends.
    audit({ message: 'failed', operation, stack: framesOf(thrown) })
  }
}
