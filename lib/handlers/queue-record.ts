/** One record of a work queue: the item in it, and what that ends as. */
import type { SQSRecord } from 'aws-lambda'
import { audit, errorFields, expectationFields, framesOf } from '../audit.ts'
import { OperationError, toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Target } from '../ledger/targets.ts'
import type { Operation } from '../operation.ts'
import type { OutcomeDetail } from '../outcome-event.ts'
import { parse } from '../schema.ts'
import { execute, type Limits, type Result } from '../vendor/execute.ts'
import { type Expectation, endWith, isPassing, rehearse } from '../vendor/rehearse.ts'
import { type WorkItem, workItem } from './work-item.ts'

/** A message with the target that it is about, and a short name of that, distinct enough among those of a few batches. */
export type Work = { record: SQSRecord; target: Target; name: string }
/** A message whose item has ended. `target` is missing where the message is no item that this version understands. */
export type Done = { record: SQSRecord; target?: Target; detail: OutcomeDetail; ms: number }
/** To be delivered again; the reason is missing where its turn did not come. */
export type Left = { record: SQSRecord; waitMs: number; error?: OperationError }

/** Quick retries are worth staying for; longer waits cost nothing on the queue. */
const MAX_WAIT_MS = 900

/** The record's target, or what a record without one ends as: parked. */
export function readRecord(operation: Operation, record: SQSRecord): Work | Done {
  try {
    const { plannedAt: _, redrive = 0, ...item } = itemOf(operation, record)
    const target = { ...item, redrive }
    return { record, target, name: fingerprint(target).slice(0, 8) }
  } catch (thrown) {
    return { record, detail: givenUp(undefined, toOperationError(thrown)), ms: 0 }
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
 * Carries out what the record asks for; `isQuick`: with quick second tries. Returns what it ended as, or the error of its failure; never
 * throws.
 */
export async function workOn(
  operation: Operation,
  { target }: Work,
  limits: Pick<Limits, 'remainingMs' | 'onSend' | 'beforeRepeat'>,
  isQuick: boolean,
): Promise<OutcomeDetail | OperationError> {
  const { dryRun, input } = target
  // Of few calls a minute none is spent on a quick second try.
  const maxWaitMs = isQuick && operation.pace.perSecond !== undefined ? MAX_WAIT_MS : 0
  try {
    if (dryRun) return await tryOut(operation, target, { maxWaitMs, ...limits })
    const { outcome, upstream, attempts } = await execute(operation, input, { maxWaitMs, ...limits })
    return { ...named(target), outcome, ...upstream, attempts, finishedAt: now() }
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (error !== thrown) audit({ message: 'failed', operation: target.operation, stack: framesOf(thrown) })
    return error
  }
}

/** What a dry run ends as, or the error with which it is to be tried again. */
async function tryOut(operation: Operation, target: Target, limits: Limits): Promise<OutcomeDetail | OperationError> {
  const end = (expectation: Expectation, upstream: Result['upstream'] | undefined, attempts: number) => ({
    ...named(target),
    outcome: 'planned' as const,
    ...expectationFields(expectation),
    ...upstream,
    attempts,
    finishedAt: now(),
  })
  try {
    const { upstream, attempts, ...rehearsal } = await rehearse(operation, target.input, limits)
    const { expected, error } = rehearsal
    return expected === 'unchecked' && error && isPassing(error) ? error : end(rehearsal, upstream, attempts)
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (error !== thrown || isPassing(error)) throw thrown
    const { code = null, requestId = null } = error.upstream ?? {}
    return end(endWith(operation, error), error.upstream && { code, requestId }, error.attempts)
  }
}

/** The error of an item that waited until SQS would have deleted it. */
export const outlived = () =>
  new OperationError(
    'rate_limited',
    {
      en: 'It waited almost 14 days for its turn, and SQS would have deleted it.',
      zh: '排队等待已近 14 天，SQS 即将删除该消息。',
    },
    {
      hint: {
        en: 'Redrive it to queue it again.',
        zh: '请重新投递，使其重新排队。',
      },
    },
  )

/** What an item ends as that was begun three times, the last time alone, and never ended. */
export const lost = (work: Work): Done => ({ ...work, detail: givenUp(work.target, ENDED_CONTAINER), ms: 0 })

const ENDED_CONTAINER = new OperationError(
  'internal',
  { en: 'The function crashed three times while processing this item.', zh: '函数在处理该任务时三次崩溃。' },
  {
    scope: 'item',
    hint: {
      en: "Check the function's log at those times and report the cause. Redrive it to try again.",
      zh: '请查看当时的函数日志并反馈原因。重新投递后会再次尝试。',
    },
  },
)

/** What a target ends as when it is given up: it is parked, and of a dry run it is not known what would become of it. */
export const givenUp = (target: Target | undefined, error: OperationError): OutcomeDetail => ({
  ...named(target),
  ...(target?.dryRun ? { outcome: 'planned', expected: 'unchecked' } : { outcome: 'parked' }),
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
