/** Announces the sendings that have ended. */
import { audit, errorFields, framesOf } from '../audit.ts'
import { publishCompletion } from '../aws/eventbridge.ts'
import { toOperationError } from '../error.ts'
import { type Completion, completeSending, recordPublished } from '../ledger/completion.ts'
import { getSendingName, type Sending } from '../ledger/offboardings.ts'

/** Ends each of the sendings that has nothing open, and announces it. What fails is left to the sweep. */
export async function finishSendings(sendings: Sending[]): Promise<void> {
  const distinct = new Map(sendings.map((sending) => [`${sending.offboardingId} ${getSendingName(sending)}`, sending]))
  await Promise.all(
    [...distinct.values()].map(async (sending) => {
      try {
        const completion = await completeSending(sending)
        if (completion) await announce(completion)
      } catch (thrown) {
        const error = toOperationError(thrown)
        audit({ message: 'failed', operation: 'completion', ...errorFields(error), stack: framesOf(thrown) })
      }
    }),
  )
}

/** Publishes that the sending has ended, then notes that it was published. */
export async function announce(completion: Completion): Promise<void> {
  await publishCompletion(completion)
  const { completionId, offboardingId, eventId, dryRun, counts } = completion
  audit({ message: 'completed', operation: 'completion', offboardingId, eventId, dryRun, completionId, counts })
  await recordPublished(completion)
}
