/** The EventBridge entrance: turns one leaver into work items. Nothing slow happens here. */
import type { EventBridgeEvent } from 'aws-lambda'
import { audit } from '../audit.ts'
import { publish } from '../aws/eventbridge.ts'
import { bodyOf, sendDeadLetter, sendWork } from '../aws/sqs.ts'
import { environmentNumber } from '../environment.ts'
import { OperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { type Offboarding, offboarding, withinTargets } from '../offboarding-event.ts'
import type { Operation } from '../operation.ts'
import { parse, printable } from '../schema.ts'
import { bucketOf, type WorkItem } from './work-item.ts'

export type OffboardingEvent = EventBridgeEvent<string, unknown>

/**
 * Every function's rule matches every offboarding event, so all functions reject an invalid one. Their dead letters
 * collapse into one by deduplication id; EventBridge has no such thing, so one function alone announces it, after its letter
 * was accepted. If that fails, Lambda runs it again and at last puts the event among the undelivered, which raises an alarm.
 */
const ANNOUNCER = 'feishu-calendar-unsubscribe'

/**
 * Puts one item for each of the event's targets on the operation's queue and returns how many. The same event delivered
 * again adds nothing. An event that is invalid, selects nothing or too much is rejected whole: a dead letter, no item.
 */
export async function plan(operation: Operation, event: OffboardingEvent): Promise<{ planned: number }> {
  let detail: Offboarding
  try {
    detail = withinTargets(parse(offboarding, event.detail), environmentNumber('MAX_TARGETS_PER_EVENT'))
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
    await reject(operation, event, error)
    return { planned: 0 }
  }
  const plannedAt = new Date().toISOString()
  const messages = operation.targets(detail).map((input) => ({
    body: bodyOf({
      offboardingId: detail.offboardingId,
      operation: operation.name,
      input,
      dryRun: detail.dryRun,
      eventId: event.id,
      plannedAt,
    } satisfies WorkItem),
    group: bucketOf(operation, input),
    deduplicationId: fingerprint(event.id, operation.name, input),
  }))
  const distinct = [...new Map(messages.map((message) => [message.deduplicationId, message])).values()]
  await sendWork(distinct)
  // Also for none: whoever follows the offboarding waits for every operation's line.
  audit({
    message: 'planned',
    operation: operation.name,
    offboardingId: detail.offboardingId,
    eventId: event.id,
    items: distinct.length,
    bucket: distinct[0]?.group,
    dryRun: detail.dryRun,
  })
  return { planned: distinct.length }
}

async function reject(operation: Operation, event: OffboardingEvent, error: OperationError): Promise<void> {
  const { kind, message: hint } = error
  const deduplicationId = fingerprint(event.id, 'rejected')
  await sendDeadLetter({ body: letterOf(event), group: deduplicationId, deduplicationId }, { kind, hint })
  if (operation.name !== ANNOUNCER) return

  const { offboardingId } = { ...(event.detail as { offboardingId?: unknown } | null) }
  const rejection = {
    offboardingId: typeof offboardingId === 'string' ? printable(offboardingId, 256) : null,
    eventId: event.id,
    outcome: 'rejected' as const,
    kind,
    hint,
    attempts: 0,
  }
  await publish([{ ...rejection, operation: null, input: null, finishedAt: new Date().toISOString() }])
  audit({ message: 'rejected', operation: operation.name, ...rejection })
}

/** The event as it was, unless it is nested too deeply to be written: then without its detail, which the archive has. */
function letterOf(event: OffboardingEvent): string {
  try {
    return bodyOf(event)
  } catch {
    return bodyOf({ ...event, detail: null })
  }
}
