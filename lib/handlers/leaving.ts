/**
 * The triggers of the resolution: an event that says who leaves goes to a queue at once, and from there it is resolved at the pace
 * that the vendors allow, again and again while they fail, for 24 hours.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda'
import { audit, errorFields, framesOf } from '../audit.ts'
import { putOnBus } from '../aws/eventbridge.ts'
import { bodyOf, deferMessages, sendLeaving } from '../aws/sqs.ts'
import { environmentNumber } from '../environment.ts'
import { OperationError, toOperationError } from '../error.ts'
import { type Leaving, leaving } from '../leaving-event.ts'
import { claimLeaving, endLeaving, type LeavingName, openLeaving, RESOLUTION, recordTry } from '../ledger/leavings.ts'
import { openSending } from '../ledger/offboardings.ts'
import { keepIds } from '../ledger/people.ts'
import { OFFBOARDING } from '../offboarding-event.ts'
import type { Ask } from '../people/ask.ts'
import { parse } from '../schema.ts'
import { finishSendings } from './completed.ts'
import { awsError, awsWaitMs, DAY_MS } from './queue-waits.ts'
import { type BusEvent, originOf, reject } from './reject.ts'
import { detailsOf, recordOf, resolveLeaving } from './resolve.ts'

/** For so long an event is tried again, from when it was first queued. */
const PATIENCE_MS = DAY_MS
const MAX_WAIT_MS = 15 * 60_000

const nameOf = (event: BusEvent, { offboardingId, dryRun }: Leaving): LeavingName => ({
  offboardingId,
  eventId: event.id,
  dryRun,
})

/**
 * Queues the event to be resolved, whatever the ledger says. The same event delivered again adds nothing once it has ended. One that is
 * invalid is rejected whole.
 */
export async function queueLeaving(event: BusEvent): Promise<void> {
  const detail = await readDetail(event)
  if (!detail) return
  const name = nameOf(event, detail)
  try {
    if ((await openLeaving(name, originOf(event))).stage !== 'resolving') return
  } catch (thrown) {
    logFailure(name, thrown)
  }
  await sendLeaving(bodyOf(event))
  audit({ message: 'resolving', operation: RESOLUTION, ...name })
}

/** What the event says; of an invalid one nothing, when it is rejected. */
async function readDetail(event: BusEvent): Promise<Leaving | undefined> {
  try {
    return parse(leaving, event.detail)
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
    await reject(RESOLUTION, event, error)
    return undefined
  }
}

/** Resolves a batch of the queue, side by side. What must come again is reported as failed, its visibility set to when. */
export async function resolveBatch({ Records }: SQSEvent, ask: Ask): Promise<SQSBatchResponse> {
  const left: { record: SQSRecord; waitMs: number }[] = []
  await Promise.all(
    Records.map(async (record) => {
      const waitMs = await resolveOne(record, ask).catch((thrown) => waitForAws(record, thrown))
      if (waitMs !== undefined) left.push({ record, waitMs })
    }),
  )
  const waits = left.map(({ record, waitMs }) => ({ receiptHandle: record.receiptHandle, waitMs }))
  // Where this fails, they come again when the queue's own visibility ends.
  await deferMessages('RESOLUTION_QUEUE_URL', waits).catch(() => {})
  return { batchItemFailures: left.map(({ record }) => ({ itemIdentifier: record.messageId })) }
}

/** What could not even be rejected keeps none of the others from ending. */
function waitForAws(record: SQSRecord, thrown: unknown): number {
  const error = awsError(thrown)
  audit({ message: 'failed', operation: RESOLUTION, ...errorFields(error), stack: framesOf(thrown) })
  return awsWaitMs('queue', record, error)
}

/** The event in the record's body; of a body that is none, one that is rejected and keeps the text in its letter. */
function eventOf({ body, messageId }: SQSRecord): BusEvent {
  try {
    const event: unknown = JSON.parse(body)
    if (typeof event === 'object' && event !== null) return event as BusEvent
  } catch {}
  return { id: messageId, detail: body } as unknown as BusEvent
}

/** Returns how long to wait before the next try; undefined when the event has ended. */
async function resolveOne(record: SQSRecord, ask: Ask): Promise<number | undefined> {
  const event = eventOf(record)
  const detail = await readDetail(event)
  if (!detail) return undefined
  const name = nameOf(event, detail)
  let queuedAtMs = Number(record.attributes.SentTimestamp)
  try {
    const known = await openLeaving(name, originOf(event))
    queuedAtMs = Math.min(queuedAtMs, Date.parse(known.queuedAt))
    if (known.stage === 'resolving') await resolveAndSend(event, detail, name, ask)
    return undefined
  } catch (thrown) {
    const error =
      thrown instanceof OperationError
        ? thrown
        : thrown instanceof TypeError
          ? toOperationError(thrown)
          : awsError(thrown)
    logFailure(name, thrown, error)
    const isFinal = error.queue === 'park' || error.queue === 'gone'
    // That our own services fail is no reason to give an event up.
    const isOver = error.scope !== 'us' && Date.now() - queuedAtMs >= PATIENCE_MS
    const ended = (isFinal || isOver) && (await giveUp(event, name, error))
    if (ended) return undefined
    const { kind, hint, upstream } = error
    await recordTry(name, { kind, code: upstream?.code, hint: hint.en }).catch(() => {})
    const tries = Number(record.attributes.ApproximateReceiveCount)
    return Math.min(MAX_WAIT_MS, Math.max(error.retryAfterMs ?? 0, 1_000 * 2 ** Math.min(tries - 1, 20)))
  }
}

async function resolveAndSend(event: BusEvent, detail: Leaving, name: LeavingName, ask: Ask): Promise<void> {
  const { found, custodian, parts, approvalCodes } = await resolveLeaving(detail, ask)
  for (const [vendor, one] of found) if (one.state === 'found') await keepIds(vendor, one.ids)
  const details = detailsOf(detail, parts, environmentNumber('MAX_TARGETS_PER_EVENT'))
  const claim = await claimLeaving(name)
  if (claim === 'ended') return
  if (claim === 'held') throw new OperationError('unavailable', HELD, { scope: 'us', retryAfterMs: 60_000 })
  const sentEventIds = await putOnBus(OFFBOARDING, details)
  if (details.length === 0) await endEmpty(event, name)
  await endLeaving(name, {
    stage: 'sent',
    found: Object.fromEntries([...found].map(([vendor, one]) => [vendor, recordOf(one)])),
    ...(custodian && { custodian: recordOf(custodian) }),
    sentEventIds,
    targets: parts.length,
    ...(approvalCodes.length > 0 && { approvalCodes }),
  })
  audit({ message: 'resolved', operation: RESOLUTION, ...name, items: parts.length })
}

const HELD = {
  en: 'Another copy of the message is sending this event on.',
  zh: '该消息的另一副本正在发送此事件。',
}

/** Nothing is left to end: the offboarding is completed, with no outcome. */
async function endEmpty(event: BusEvent, name: LeavingName): Promise<void> {
  const sending = { ...name, redrive: 0 }
  const none = new Set([RESOLUTION])
  await openSending(sending, { ...originOf(event), operations: none, planned: none })
  await finishSendings([sending])
}

/** Rejects the event whole; whether that could be done. */
async function giveUp(event: BusEvent, name: LeavingName, error: OperationError): Promise<boolean> {
  try {
    await reject(RESOLUTION, event, error)
    const { kind, message, upstream } = error
    await endLeaving(name, {
      stage: 'rejected',
      lastKind: kind,
      lastHint: message,
      ...(upstream?.code && { lastCode: upstream.code }),
    })
    return true
  } catch (thrown) {
    logFailure(name, thrown)
    return false
  }
}

function logFailure(name: LeavingName, thrown: unknown, error = toOperationError(thrown)): void {
  audit({ message: 'failed', operation: RESOLUTION, ...name, ...errorFields(error), stack: framesOf(thrown) })
}
