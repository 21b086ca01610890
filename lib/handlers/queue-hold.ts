/** Says that a bucket is held, once, and that it goes on. */
import { audit, framesOf } from '../audit.ts'
import { publishHeld } from '../aws/eventbridge.ts'
import type { Bucket, Hold } from '../ledger/bucket.ts'
import { mustAnnounce, recordHeld } from '../ledger/buckets.ts'
import type { Operation } from '../operation.ts'

/**
 * Announces the bucket's hold where an operator must end it, or has to know. False when the event could not be published: it is when the
 * bucket is looked at again.
 */
export async function announceHold(
  { name: operation }: Operation,
  bucket: string,
  { bucket: known, released }: { bucket: Bucket; released?: Hold | undefined },
): Promise<boolean> {
  const { hold } = known
  if (released?.isAnnounced) audit({ message: 'released', operation, bucket, since: timeOf(released.sinceMs) })
  if (!hold || !mustAnnounce(known)) return true
  const { kind, scope, code, requestId, hint } = hold
  const reason = { operation, bucket, kind, scope, code, requestId, hint, since: timeOf(hold.sinceMs) }
  try {
    await publishHeld({ ...reason, nextTryAt: timeOf(hold.untilMs) })
    audit({ message: 'held', ...reason })
    await recordHeld(operation, bucket)
    return true
  } catch (thrown) {
    audit({ message: 'failed', operation, bucket, stack: framesOf(thrown) })
    return false
  }
}

const timeOf = (atMs: number) => new Date(atMs).toISOString()
