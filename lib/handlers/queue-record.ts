/** One record of a work queue: what its item ends as. */
import type { SQSRecord } from 'aws-lambda'
import { audit, errorFields, framesOf } from '../audit.ts'
import type { OutcomeDetail } from '../aws/eventbridge.ts'
import { KINDS, OperationError, toOperationError } from '../error.ts'
import { readTarget, type Target } from '../ledger/offboardings.ts'
import type { Operation } from '../operation.ts'
import { parse } from '../schema.ts'
import { execute } from '../vendor/execute.ts'
import { type WorkItem, workItem } from './work-item.ts'

/** SQS deletes a message after 14 days, without a word. One that is nearly as old is parked: redriven, it has 14 more. */
const OUTLIVED_MS = (14 * 24 - 1) * 60 * 60_000
/** Quick retries are worth staying for; longer waits cost nothing on the queue. */
const PATIENCE_MS = 900

/**
 * Carries out what the record asks for. Returns what it ended as, or the error for which it must be tried again; never
 * throws.
 */
export async function workOn(
  operation: Operation,
  record: SQSRecord,
  { remainingMs, onSend }: { remainingMs: () => number; onSend: () => void },
): Promise<OutcomeDetail | OperationError> {
  let item: WorkItem | undefined
  try {
    item = itemOf(operation, record)
    const known = await readTarget(targetOf(item))
    // Done before, though SQS was not told: the vendor is not called again.
    if (known?.isDone && known.outcome) return { ...named(item), ...known.outcome }
    if (Date.now() - queuedMs(record) > OUTLIVED_MS) return endedParked(item, outlived())
    const { outcome, upstream, attempts } = await execute(operation, item.input, {
      dryRun: item.dryRun,
      remainingMs,
      patienceMs: PATIENCE_MS,
      onSend,
    })
    return { ...named(item), outcome, ...upstream, attempts, finishedAt: now() }
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (error !== thrown) audit({ message: 'failed', operation: operation.name, stack: framesOf(thrown) })
    switch (KINDS[error.kind].queue) {
      case 'park':
        return endedParked(item, error)
      case 'gone':
        return { ...named(item), outcome: 'gone', ...errorFields(error), finishedAt: now() }
      default:
        return error
    }
  }
}

/** The item as the ledger knows it. */
export const targetOf = ({ offboardingId, eventId, operation, input, dryRun, redrive = 0 }: WorkItem): Target => ({
  offboardingId,
  eventId,
  redrive,
  dryRun,
  operation,
  input,
})

/** When the message was queued. Epoch milliseconds. */
export const queuedMs = ({ attributes }: SQSRecord) => toldMs(attributes.SentTimestamp)

/** When the message was first delivered. Epoch milliseconds. */
export const firstMs = ({ attributes }: SQSRecord) => toldMs(attributes.ApproximateFirstReceiveTimestamp)

/** Where no time is told, it is now: an age of nothing parks nothing and counts nobody's calls. */
const toldMs = (timestamp: string | undefined) => Number.parseInt(timestamp ?? '', 10) || Date.now()

const outlived = () =>
  new OperationError(
    'rate_limited',
    {
      en: 'It waited almost 14 days for its turn, and SQS would have deleted it.',
      zh: '排队等待已近 14 天,SQS 即将删除该消息。',
    },
    {
      hint: {
        en: 'Redrive it: it then waits for its turn anew.',
        zh: '请重新投递,使其重新排队。',
      },
    },
  )

/** The record's item; `invalid_request` for one that this version does not understand. */
function itemOf(operation: Operation, { body }: SQSRecord): WorkItem {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {}
  return parse(workItem(operation), json)
}

/** What a record that this version understands ends as when it is given up. */
export const parked = (operation: Operation, record: SQSRecord, error: OperationError): OutcomeDetail =>
  endedParked(itemOf(operation, record), error)

const endedParked = (item: WorkItem | undefined, error: OperationError): OutcomeDetail => ({
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

const now = () => new Date().toISOString()
