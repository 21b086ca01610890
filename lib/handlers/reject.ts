/** Rejects an event of the bus that is invalid: one dead letter, and one announcement. */
import type { EventBridgeEvent } from 'aws-lambda'
import { audit } from '../audit.ts'
import { publish } from '../aws/eventbridge.ts'
import { sendDeadLetter } from '../aws/sqs.ts'
import type { OperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { recordRejection } from '../ledger/rejections.ts'
import { printable } from '../schema.ts'
import { letterOf } from './letter.ts'

/** An event as EventBridge delivers it. */
export type BusEvent = EventBridgeEvent<string, unknown>

/**
 * Rejects the event for a reason, in the name of a function. Where several functions reject one event, their dead letters collapse into
 * one by deduplication id, and the function that writes the rejection into the ledger announces it; see `recordRejection`.
 */
export async function reject(functionName: string, event: BusEvent, error: OperationError): Promise<void> {
  const { kind, message: hint } = error
  const deduplicationId = fingerprint(event.id, 'rejected')
  const reason = { kind, hint }
  await sendDeadLetter({ body: letterOf(event, reason), group: deduplicationId, deduplicationId }, reason)

  const { offboardingId } = { ...(event.detail as { offboardingId?: unknown } | null) }
  const rejection = {
    offboardingId: typeof offboardingId === 'string' ? printable(offboardingId, 256) : null,
    eventId: event.id,
    outcome: 'rejected' as const,
    kind,
    hint,
    attempts: 0,
    finishedAt: new Date().toISOString(),
  }
  await recordRejection(rejection, { source: event.source, sentAt: event.time }, async () => {
    await publish([{ ...rejection, operation: null, input: null }])
    audit({ message: 'rejected', operation: functionName, ...rejection })
  })
}
