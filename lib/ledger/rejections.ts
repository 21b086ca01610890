/** Events that were rejected: each is announced once, although every function rejects it. */
import { awsNowMs } from '../aws/clock.ts'
import { updateItem } from '../aws/dynamodb.ts'
import { getExpiry, getPartition, type Origin } from './offboardings.ts'

/** An event that was rejected. Times in ISO 8601. */
export type Rejection = {
  /** Missing where the event has none. */
  offboardingId: string | null
  eventId: string
  finishedAt: string
  kind: string
  hint: string
}

/** How long an announcement may take before another function may make it. */
const ANNOUNCING_MS = 60_000

/**
 * Writes an event's rejection and calls `announce` once, however many functions reject the event: in the one that writes it,
 * or, if that one did not finish, in one that comes a minute later. The event is listed among what needs an operator.
 */
export async function recordRejection(
  rejection: Rejection,
  origin: Origin,
  announce: () => Promise<void>,
): Promise<void> {
  const key = { pk: getPartition(rejection.offboardingId ?? ''), sk: `rejected#${rejection.eventId}` }
  const nowMs = awsNowMs()
  const claim = await updateItem(key, {
    set: {
      ...rejection,
      ...origin,
      state: 'attention',
      since: rejection.finishedAt,
      claimedAtMs: nowMs,
      expiresAt: getExpiry(nowMs),
    },
    when: [
      { claimedAtMs: { exists: false } },
      { announcedAt: { exists: false }, claimedAtMs: { below: nowMs - ANNOUNCING_MS } },
    ],
  })
  if (!claim.ok) return
  await announce()
  await updateItem(key, { set: { announcedAt: rejection.finishedAt } })
}
