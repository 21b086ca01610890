/**
 * A user's own tokens, kept in the user's secret and renewed there.
 *
 * A refresh token may be good for one use only: two containers that renew at once would log the user out. So whoever
 * renews first adds a *claim* to the secret, a version whose id follows from the version it is about to replace. Secrets
 * Manager accepts one content for an id, hence one claim.
 *
 * - A claim has its own staging label and ends by itself; then the next round may be claimed by anybody.
 * - Who finds a claim waits for the new tokens, or, short of time, fails as `unavailable` and says when to come back.
 * - New tokens are stored before they are used. Stored tokens are never deleted, whatever fails.
 * - What the vendor refuses for good, by its documents, is kept as a verdict on that version, so that it is asked once and
 *   not by everybody. New tokens, from whomever, are a new version, to which the verdict does not apply.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { audit, errorFields } from '../audit.ts'
import { parseSecret, putVersion, readVersion, tagSecret } from '../aws/secrets-manager.ts'
import { toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { retryWaitMs, shouldRetry } from '../vendor/retry.ts'
import type { TokenBudget } from './budget.ts'
import { busy, refusal, VERDICT_MS, verdictOf, withoutRefreshToken } from './refusal.ts'
import { isRenewable, readUser, type Seen, TAGS, tagsOf, type User, type UserSecret } from './user-secret.ts'

const CLAIM_STAGE = 'RENEWAL'
/** Longer than a renewal and its storing take, or two might renew at once. */
const CLAIM_MS = 30_000
/** What is left of a claim when the vendor must have answered: the storing must fit. */
const STORING_MS = 12_000
const POLL_MS = 300
/** Kept back from the caller's time for the call that the token is for. */
const RESERVE_MS = 2_000
/** A renewal is not begun with less of the caller's time left. */
const RENEWAL_MS = 7_000
/** Nor is the vendor asked: an answer that comes too late is a refresh token used up for nothing. */
const ANSWER_MS = 3_000

const claim = v.object({
  /** The version whose tokens are being renewed. */
  of: v.string(),
  round: v.number(),
  expiresAtMs: v.number(),
  /** What the vendor said for good. */
  verdict: v.optional(
    v.object({
      kind: v.picklist(['reauthorization_required', 'not_found', 'forbidden']),
      code: v.nullable(v.string()),
    }),
  ),
})
type Claim = v.InferOutput<typeof claim>

/** Renewed tokens that could not be stored yet, by the version they replace. */
const unstored = new Map<string, UserSecret>()

/**
 * Renews the tokens seen, or waits for who is renewing them, and returns what is then stored. Throws
 * `reauthorization_required`, `not_found` when the person is gone, `unavailable` when there is no time to wait.
 */
export async function renewUser(user: User, seen: Seen, budget: TokenBudget): Promise<UserSecret> {
  const { secret, versionId } = seen
  const { remainingMs } = budget
  const pending = unstored.get(versionId)
  if (pending) return store(user, versionId, pending, remainingMs)
  if (!secret.refreshToken) throw withoutRefreshToken(user)
  if (hasEnded(secret)) throw refusal(user, 'reauthorization_required', null)
  for (;;) {
    const last = await lastClaim(user, versionId)
    const heldMs = last ? last.expiresAtMs - Date.now() : 0
    if (heldMs > 0 && last?.verdict) throw refusal(user, last.verdict.kind, last.verdict.code)
    if (heldMs <= 0) {
      if (remainingMs() < RENEWAL_MS) throw busy(1_000)
      const mine = { of: versionId, round: (last?.round ?? 0) + 1, expiresAtMs: Date.now() + CLAIM_MS }
      const renewed = (await putClaim(user, mine)) && (await renewAsOwner(user, secret, mine, budget))
      if (renewed) return renewed
    }
    const current = await readUser(user)
    if (current.versionId !== versionId) return current.secret
    if (remainingMs() < POLL_MS + RESERVE_MS) throw busy(Math.max(1_000, heldMs))
    await sleep(POLL_MS * (0.5 + Math.random()))
  }
}

/** Past the end that the vendor gave; an assumed one is the vendor's to confirm. */
const hasEnded = ({ refreshTokenExpiresAt, refreshTokenEndAssumed }: UserSecret): boolean =>
  !refreshTokenEndAssumed && Date.parse(refreshTokenExpiresAt ?? '') <= Date.now()

/** Undefined when a peer has replaced the version meanwhile: there is nothing to renew any more. */
async function renewAsOwner(
  user: User,
  secret: UserSecret,
  { of, round, expiresAtMs }: Claim,
  budget: TokenBudget,
): Promise<UserSecret | undefined> {
  const { remainingMs } = budget
  const replaced = async () => (await readUser(user)).versionId !== of
  const end = (next: Pick<Claim, 'expiresAtMs' | 'verdict'>) =>
    putClaim(user, { of, round: round + 1, ...next }).catch(() => false)
  try {
    // The claim may have been made for a version that its last owner had just replaced.
    if (await replaced()) return undefined
    const answerMs = () => Math.min(remainingMs() - RESERVE_MS, expiresAtMs - Date.now() - STORING_MS)
    const renewed = await askVendor(user, secret, budget.within(answerMs))
    // Not known is not replaced: what the vendor gave is stored.
    if (await replaced().catch(() => false)) return undefined
    unstored.set(of, renewed)
  } catch (thrown) {
    const error = toOperationError(thrown)
    const verdict = verdictOf(error)
    if (!verdict) {
      // Nobody needs to wait for a claim that came to nothing.
      await end({ expiresAtMs: 0 })
      throw error
    }
    // A refresh token that was used before may have been used by a peer, who has stored its successor.
    if (await replaced()) return undefined
    const code = error.upstream?.code ?? null
    await end({ expiresAtMs: Date.now() + VERDICT_MS[verdict], verdict: { kind: verdict, code } })
    if (verdict !== 'forbidden')
      await tag(user, { [TAGS.state]: verdict === 'not_found' ? 'gone' : 'reauthorization-required' })
    throw refusal(user, verdict, code, error)
  }
  return store(user, of, unstored.get(of) ?? secret, remainingMs)
}

/** The vendor's answer; a fault or a silence is worth the same tries as any call. */
async function askVendor(user: User, secret: UserSecret, budget: TokenBudget): Promise<UserSecret> {
  const { remainingMs } = budget
  for (let retries = 0; ; retries++) {
    if (remainingMs() < ANSWER_MS) throw busy(1_000)
    try {
      return await user.renew(secret, budget)
    } catch (thrown) {
      const error = toOperationError(thrown)
      const waitMs = retryWaitMs(error, retries)
      const mayRetry = shouldRetry(error, retries, waitMs, { remainingMs: remainingMs(), patienceMs: 2_000 })
      if (!mayRetry || budget.isSpent) throw error
      await sleep(waitMs)
    }
  }
}

/** Stores what replaces the version `of`. Tried to the end of the caller's time: the vendor will not give it again. */
async function store(user: User, of: string, renewed: UserSecret, remainingMs: () => number): Promise<UserSecret> {
  const version = { versionId: fingerprint(of, 'renewed', renewed), text: JSON.stringify(renewed) }
  for (;;) {
    try {
      await putVersion(user.secretId, version, 'AWSCURRENT')
      break
    } catch (error) {
      if (remainingMs() < RESERVE_MS) throw error
      await sleep(POLL_MS)
    }
  }
  unstored.delete(of)
  await tag(user, tagsOf(renewed))
  if (!isRenewable(renewed))
    audit({ message: 'unrenewable', operation: 'user-token', secretId: user.secretId, hint: user.renewalNeeds.en })
  return renewed
}

/** Tags are for the eyes of operators and the scheduled renewal: a call is not failed for their sake. */
async function tag({ secretId }: User, tags: Record<string, string>): Promise<void> {
  await tagSecret(secretId, tags).catch((error: unknown) =>
    audit({ message: 'failed', operation: 'user-token', ...errorFields(toOperationError(error)) }),
  )
}

async function lastClaim({ secretId }: User, versionId: string): Promise<Claim | undefined> {
  const version = await readVersion(secretId, CLAIM_STAGE)
  const last = version && parseSecret(secretId, claim, version.text)
  return last?.of === versionId ? last : undefined
}

/** True for the one who gets this round of this version. The nonce makes every content another. */
const putClaim = ({ secretId }: User, { of, round, ...rest }: Claim): Promise<boolean> =>
  putVersion(
    secretId,
    { versionId: fingerprint(of, 'claim', round), text: JSON.stringify({ of, round, ...rest, nonce: randomUUID() }) },
    CLAIM_STAGE,
  )
