/**
 * A user's own tokens, kept in the user's secret and renewed there.
 *
 * A refresh token may be good for one use only: two containers that renew at once would log the user out. So a renewal is
 * guarded by the ledger (lib/ledger/renewals.ts), without which none begins.
 *
 * - A caller that does not get the lock waits for the new tokens, or, short of time, fails as `unavailable` with the time to retry.
 * - While a renewal fails, one container asks the vendor and all others fail with the time of the next try.
 * - What the vendor refuses for good, by its documents, is kept as a verdict on that version.
 * - New tokens are stored before they are used, and only in place of those that they replace. Stored tokens are never
 *   deleted, whatever fails.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { awsNowMs } from '../aws/clock.ts'
import { toOperationError } from '../error.ts'
import * as renewals from '../ledger/renewals.ts'
import { retryWaitMs, shouldRetry } from '../vendor/retry.ts'
import { RESERVE_MS, type TokenBudget } from './budget.ts'
import { endOldClaim } from './old-claim.ts'
import { busy, failing, refusal, rejectedWhileNew, retryAfter, verdictOf, withoutRefreshToken } from './refusal.ts'
import { findUnfinished, leftoverOf, storeUser, tagUser } from './store-user.ts'
import { parseUser, readUser, type Seen, TAGS, type User, type UserSecret } from './user-secret.ts'

const POLL_MS = 300
/** What is left of a lock when the vendor must have answered: the storing must fit. */
const STORING_MS = 12_000
/** A renewal is not begun with less of the caller's time left. */
const RENEWAL_MS = 7_000
/** Nor is the vendor asked: an answer that comes too late is a refresh token used up for nothing. */
const ANSWER_MS = 3_000

/**
 * Renews the tokens seen, or waits for the caller that is renewing them, and returns what is then stored. `isRejected`: the vendor
 * refuses the access token before its end. Throws `reauthorization_required`, `not_found` when the person is gone,
 * `forbidden` when frozen, `unavailable` when the vendor or the ledger fails or there is no time to wait.
 */
export async function renewUser(
  user: User,
  { secret, versionId }: Seen,
  budget: TokenBudget,
  isRejected = false,
): Promise<UserSecret> {
  const { remainingMs } = budget
  const leftover = leftoverOf(user, versionId)
  if (leftover) return (await storeUser(user, versionId, leftover, remainingMs)).secret
  if (!secret.refreshToken) throw withoutRefreshToken(user)
  if (hasEnded(secret)) throw refusal(user, 'reauthorization_required', null)
  for (;;) {
    const { standing, take } = await renewals.look(user.secretId, versionId, isRejected)
    const current = await readUser(user)
    if (current.versionId !== versionId) return current.secret
    if (standing.is === 'refused') throw refusal(user, standing.kind, standing.code)
    if (standing.is === 'failing') throw failing(user, standing)
    if (standing.is === 'rejected') throw rejectedWhileNew(user, standing.waitMs)
    if (standing.is === 'free') {
      if (remainingMs() < RENEWAL_MS) throw busy(1_000)
      const lock = await take()
      if (lock) return renewAsOwner(user, { secret, versionId }, lock, budget)
    }
    if (remainingMs() < POLL_MS + RESERVE_MS)
      throw busy(Math.max(1_000, standing.is === 'locked' ? standing.waitMs : 0))
    await sleep(POLL_MS * (0.5 + Math.random()))
  }
}

/** Past the end that the vendor gave; an assumed one is the vendor's to confirm. */
const hasEnded = ({ refreshTokenExpiresAt, refreshTokenEndAssumed }: UserSecret): boolean =>
  !refreshTokenEndAssumed && Date.parse(refreshTokenExpiresAt ?? '') <= awsNowMs()

async function renewAsOwner(
  user: User,
  { secret, versionId }: Seen,
  lock: renewals.Lock,
  budget: TokenBudget,
): Promise<UserSecret> {
  const answerMs = () => Math.min(budget.remainingMs() - RESERVE_MS, lock.untilMs - awsNowMs() - STORING_MS)
  let isAsked = false
  const beforeAsking = () => {
    if (answerMs() < ANSWER_MS) throw busy(1_000)
    isAsked = true
  }
  let renewed: UserSecret
  try {
    await endOldClaim(user, versionId, answerMs)
    const unfinished = await findUnfinished(user, versionId)
    if (unfinished) renewed = parseUser(user, unfinished)
    else renewed = await askVendor(user, secret, budget.within(answerMs, beforeAsking), lock.failures)
  } catch (thrown) {
    const error = toOperationError(thrown)
    if (!isAsked) {
      await renewals.release(lock)
      throw error
    }
    const outcome = { kind: error.kind, code: error.upstream?.code ?? null }
    const verdict = verdictOf(error)
    if (!verdict) {
      const waitMs = await renewals.failUntilRetry(lock, { ...outcome, askedMs: error.retryAfterMs })
      throw retryAfter(error, waitMs)
    }
    // A refresh token that was used before may have been used by a peer, who has stored its successor.
    const current = await readUser(user)
    if (current.versionId !== versionId) {
      await renewals.release(lock)
      return current.secret
    }
    await renewals.refuse(lock, verdict, outcome.code)
    if (verdict !== 'forbidden')
      await tagUser(user, { [TAGS.state]: verdict === 'not_found' ? 'gone' : 'reauthorization-required' })
    throw refusal(user, verdict, outcome.code, error)
  }
  const stored = await storeUser(user, versionId, renewed, budget.remainingMs)
  await renewals.succeed(lock, stored.versionId)
  return stored.secret
}

/** The vendor's answer. The first failure is worth the same tries as any call; after others the vendor is asked once. */
async function askVendor(user: User, secret: UserSecret, budget: TokenBudget, failures: number): Promise<UserSecret> {
  const { remainingMs } = budget
  for (let retries = 0; ; retries++) {
    try {
      return await user.renew(secret, budget)
    } catch (thrown) {
      const error = toOperationError(thrown)
      const waitMs = retryWaitMs(error, retries)
      const mayRetry = shouldRetry(error, retries, waitMs, { remainingMs: remainingMs(), maxWaitMs: 2_000 })
      if (!mayRetry || failures > 0 || budget.isSpent) throw error
      await sleep(waitMs)
    }
  }
}
