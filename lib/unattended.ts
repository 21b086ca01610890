/** The entrances at which no caller waits. Loaded when their first event comes: HTTP needs no queue and no bus. */
import type { SQSEvent } from 'aws-lambda'
import { OperationError } from './error.ts'
import { OFFBOARDING } from './offboarding-event.ts'
import type { Operation } from './operation.ts'
import { type OffboardingEvent, plan } from './plan.ts'
import { work } from './work.ts'

/** Kept back from the function's time for outcome events, dead letters and deferrals. */
const QUEUE_RESERVE_MS = 7_000

/** Works through a batch of the operation's queue, or plans what an offboarding event asks for; throws at any other event. */
export async function carryOut(
  operation: Operation,
  event: OffboardingEvent | SQSEvent,
  leftMs: () => number,
): Promise<object> {
  if ('Records' in event) return work(operation, event, () => leftMs() - QUEUE_RESERVE_MS)
  if (event['detail-type'] === OFFBOARDING) return plan(operation, event)
  throw new OperationError('invalid_request', { en: 'Not an event of this function.', zh: '不是本函数的事件。' })
}
