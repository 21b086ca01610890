/** How the sweep parks a target that no function will finish. */
import { audit } from '../audit.ts'
import { publish } from '../aws/eventbridge.ts'
import type { OperationError } from '../error.ts'
import { readTarget, recordAnnounced, recordOutcome, type Target } from '../ledger/targets.ts'
import type { OutcomeDetail } from '../outcome-event.ts'
import { givenUp, named } from './queue-record.ts'

/**
 * Parks the target and announces it. Returns what stands: where it has an outcome already, that one is announced, unless
 * it was. Killed at any step, it can be repeated.
 */
export async function giveUp(target: Target, error: OperationError): Promise<OutcomeDetail> {
  const known = await readTarget(target)
  if (known?.outcome && !known.isDone) return { ...named(target), ...known.outcome }
  const standing = { ...named(target), ...(known?.outcome ?? (await record(target, error))) }
  await publish([standing])
  await recordAnnounced(target)
  audit({ message: standing.outcome === 'parked' ? 'parked' : 'finished', ...standing, operation: target.operation })
  return standing
}

function record(target: Target, error: OperationError) {
  const { offboardingId: _, operation: __, input: ___, eventId: ____, ...outcome } = givenUp(target, error)
  return recordOutcome(target, outcome)
}
