/** Keeps the register: what events say was subscribed, and what the outcomes of offboardings have ended. */
import { audit } from '../audit.ts'
import { awsNowMs } from '../aws/clock.ts'
import { OperationError } from '../error.ts'
import { recordEnded, recordEndedForAll, recordRegistered } from '../ledger/register.ts'
import type { OutcomeDetail } from '../outcome-event.ts'
import { ENDED, type Ending, nameSubscriber, REGISTERED, type Registration, registrationOf } from '../register-event.ts'
import { parse } from '../schema.ts'
import { type BusEvent, reject } from './reject.ts'

export const REGISTER = 'subscription-register'

/** Outcomes after which nothing is subscribed any more. */
const ENDS: unknown[] = ['changed', 'unchanged', 'gone']

/**
 * Enters what a `Subscription Registered` event says and takes out what a `Subscription Ended` event, or the outcome of an operation that
 * ends a subscription, says. The same event again changes nothing. An invalid event is rejected: a dead letter, and one announcement.
 * Any other event throws, and so ends in the queue for undelivered events.
 */
export async function keepRegister(operations: readonly Ending[], event: BusEvent): Promise<void> {
  const type = event['detail-type']
  if (event.source === 'subscription-offboarding') return takeOut(operations, event.detail as OutcomeDetail)
  if (type !== REGISTERED && type !== ENDED)
    throw new OperationError('invalid_request', { en: 'Not an event of this function.', zh: '不是本函数的事件。' })
  let registration: Registration
  try {
    const { operation: name } = { ...(event.detail as { operation?: unknown } | null) }
    registration = parse(registrationOf(operations, name), event.detail)
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
    return reject(REGISTER, event, error)
  }
  const operation = operations.find(({ name }) => name === registration.operation)
  if (!operation) return
  // A sender says when it was. What lies ahead would win over all that is true until then.
  const at = new Date(Math.min(Date.parse(event.time), awsNowMs())).toISOString()
  if (type === REGISTERED) await recordRegistered(operation, registration, { at, source: event.source })
  else await recordEnded(operation, registration, at)
  const message = type === REGISTERED ? 'registered' : 'unregistered'
  const person = nameSubscriber(registration.person)
  audit({ message, operation: operation.name, eventId: event.id, input: registration.input, person })
}

async function takeOut(
  operations: readonly Ending[],
  { operation: name, input, outcome, finishedAt }: OutcomeDetail,
): Promise<void> {
  const operation = operations.find((one) => one.name === name)
  if (!operation || operation.starts || input === null || !ENDS.includes(outcome)) return
  await recordEndedForAll(operation, input, finishedAt)
}
