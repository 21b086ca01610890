/** Rejects an event of the bus whole: nothing of it is done. */
import type { EventBridgeEvent } from 'aws-lambda'
import { audit } from '../audit.ts'
import { publish } from '../aws/eventbridge.ts'
import { sendDeadLetter } from '../aws/sqs.ts'
import type { OperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Origin } from '../ledger/offboardings.ts'
import { recordRejection } from '../ledger/rejections.ts'
import { printable } from '../schema.ts'
import { letterOf } from './letter.ts'

export type BusEvent = EventBridgeEvent<string, unknown>

/** Where the event came from. */
export const originOf = ({ source, time }: BusEvent): Origin => ({ source, sentAt: time })

/**
 * Leaves a dead letter with the event as it was, and announces the rejection once. Every function's rule matches every offboarding
 * event, so that each of them rejects an invalid one: their dead letters collapse into one by deduplication id, and the function that
 * writes the rejection into the ledger announces it; see `recordRejection`. The error's English detail is the reason.
 */
export async function reject(functionName: string, event: BusEvent, error: OperationError): Promise<void> {
  const { kind, message: hint, upstream } = error
  const deduplicationId = fingerprint(event.id, 'rejected')
  const vendorsWord = upstream && { code: upstream.code, requestId: upstream.requestId }
  const reason = { kind, hint, ...vendorsWord }
  await sendDeadLetter({ body: letterOf(event, reason), group: deduplicationId, deduplicationId }, reason)

  const { offboardingId } = { ...(event.detail as { offboardingId?: unknown } | null) }
  const rejection = {
    offboardingId: typeof offboardingId === 'string' ? printable(offboardingId, 256) : null,
    eventId: event.id,
    outcome: 'rejected' as const,
    kind,
    ...vendorsWord,
    hint,
    attempts: 0,
    finishedAt: new Date().toISOString(),
  }
  await recordRejection(rejection, originOf(event), async () => {
    await publish([{ ...rejection, operation: null, input: null }])
    audit({ message: 'rejected', operation: functionName, ...rejection })
  })
}
