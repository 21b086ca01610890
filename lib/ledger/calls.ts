/** HTTP calls that belong to an offboarding: each is a sending of its own, with one target, that has ended. */
import { environment } from '../environment.ts'
import { endSending } from './completion.ts'
import { type Origin, openSending } from './offboardings.ts'
import { type Outcome, recordOutcome, type Target } from './targets.ts'

/** `failed`: the caller was answered with the error, and nothing follows. */
export type CallOutcome = Omit<Outcome, 'outcome'> & { outcome: Outcome['outcome'] | 'failed' }

/**
 * Records a call that was answered. `target.eventId` is the id of the request. Written from the target to the offboarding's
 * state, so that where it is cut short there is no sending that never ends.
 */
export async function recordCall(target: Target, origin: Origin, outcome: CallOutcome): Promise<void> {
  const { finishedAt } = await recordOutcome(target, outcome)
  const planned = new Set(environment('OPERATIONS').split(','))
  await openSending(target, { ...origin, planned, completedAt: finishedAt, publishedAt: finishedAt })
  await endSending(target, finishedAt)
}
