/** One record of a work queue: the item in it, and what that ends as. */
import type { SQSRecord } from 'aws-lambda'
import { audit, errorFields, framesOf } from '../audit.ts'
import type { OutcomeDetail } from '../aws/eventbridge.ts'
import { KINDS, OperationError, toOperationError } from '../error.ts'
import type { Target } from '../ledger/offboardings.ts'
import type { Operation } from '../operation.ts'
import { parse } from '../schema.ts'
import { execute, type Limits } from '../vendor/execute.ts'
import { type WorkItem, workItem } from './work-item.ts'

/** A message with the target that it is about. */
export type Work = { record: SQSRecord; target: Target }
/** A message whose item has ended. `target` is missing where the message is no item that this version understands. */
export type Done = { record: SQSRecord; target?: Target; detail: OutcomeDetail; ms: number }
/** To be delivered again; the reason is missing where its turn did not come. */
export type Left = { record: SQSRecord; waitMs: number; error?: OperationError }

/** SQS silently deletes a message after 14 days. One that is nearly as old is parked: redriven, it has 14 more. */
const OUTLIVED_MS = (14 * 24 - 1) * 60 * 60_000
/** Quick retries are worth staying for; longer waits cost nothing on the queue. */
const PATIENCE_MS = 900

/** The record's target, or what a record without one ends as: parked. */
export function readRecord(operation: Operation, record: SQSRecord): Work | Done {
  try {
    const { plannedAt: _, redrive = 0, ...item } = itemOf(operation, record)
    return { record, target: { ...item, redrive } }
  } catch (thrown) {
    return { record, detail: parked(undefined, toOperationError(thrown)), ms: 0 }
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

/**
 * Carries out what the record asks for. Returns what it ended as, or the error for which it must be tried again; never
 * throws.
 */
export async function workOn(
  operation: Operation,
  { record, target }: Work,
  limits: Pick<Limits, 'remainingMs' | 'onSend' | 'beforeRepeat'>,
): Promise<OutcomeDetail | OperationError> {
  try {
    if (Date.now() - queuedMs(record) > OUTLIVED_MS) return parked(target, outlived())
    const { dryRun, input } = target
    const { outcome, upstream, attempts } = await execute(operation, input, {
      dryRun,
      patienceMs: PATIENCE_MS,
      ...limits,
    })
    return { ...named(target), outcome, ...upstream, attempts, finishedAt: now() }
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (error !== thrown) audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
    switch (KINDS[error.kind].queue) {
      case 'park':
        return parked(target, error)
      case 'gone':
        return { ...named(target), outcome: 'gone', ...errorFields(error), finishedAt: now() }
      default:
        return error
    }
  }
}

/** When the message was queued, epoch milliseconds; now if the record does not say, so that nothing is parked for its age. */
const queuedMs = ({ attributes }: SQSRecord) => Number.parseInt(attributes.SentTimestamp ?? '', 10) || Date.now()

const outlived = () =>
  new OperationError(
    'rate_limited',
    {
      en: 'It waited almost 14 days for its turn, and SQS would have deleted it.',
      zh: '排队等待已近 14 天，SQS 即将删除该消息。',
    },
    {
      hint: {
        en: 'Redrive it: it then waits for its turn anew.',
        zh: '请重新投递，使其重新排队。',
      },
    },
  )

/** What a target ends as when it is given up. */
export const parked = (target: Target | undefined, error: OperationError): OutcomeDetail => ({
  ...named(target),
  outcome: 'parked',
  ...errorFields(error),
  finishedAt: now(),
})

/** What names a target in its outcome event. */
export const named = (target: Target | undefined) => ({
  offboardingId: target?.offboardingId ?? null,
  operation: target?.operation ?? null,
  input: target?.input ?? null,
  eventId: target?.eventId ?? null,
})

const now = () => new Date().toISOString()
