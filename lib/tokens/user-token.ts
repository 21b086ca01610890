/** A token to act with as a user. */

import { audit, errorFields } from '../audit.ts'
import { awsNowMs } from '../aws/clock.ts'
import { toOperationError } from '../error.ts'
import type { Credential } from '../vendor/vendor.ts'
import type { TokenBudget } from './budget.ts'
import { EARLY_MS, LAST_USE_MS, type Token, TokenCache } from './cache.ts'
import { storeLeftovers } from './store-user.ts'
import { isRenewable, readUser, type User, type UserSecret } from './user-secret.ts'

/** By AWS's clock: with one that is hours ahead, every call would renew. */
const tokens = new TokenCache(awsNowMs)

/** A token to act with as the user: the stored one while it is valid, else a renewed one. */
export async function userCredential(user: User, budget: TokenBudget): Promise<Credential> {
  await storeLeftovers()
  const token = await tokens.get(user.secretId, (rejected) => validToken(user, budget, rejected))
  return {
    accessToken: token.value,
    actsAs: 'user',
    reject: () => tokens.reject(user.secretId, token),
    authorizeCommand: user.authorizeCommand,
  }
}

/**
 * The stored token, renewed first when it is about to expire or is the one `rejected`. One that cannot be renewed is used
 * to its end.
 */
async function validToken(user: User, budget: TokenBudget, rejected?: string): Promise<Token> {
  const seen = await readUser(user)
  const stored = tokenOf(seen.secret)
  const isRejected = stored.value === rejected
  const usableMs = isRejected ? 0 : stored.expiresAtMs - awsNowMs()
  if (usableMs > (isRenewable(seen.secret) ? EARLY_MS : LAST_USE_MS)) return stored
  try {
    // Loads the ledger's client, which a call with a valid token does without.
    const { renewUser } = await import('./renew-user.ts')
    return tokenOf(await renewUser(user, seen, budget, isRejected && stored.expiresAtMs > awsNowMs()))
  } catch (thrown) {
    if (usableMs <= LAST_USE_MS) throw thrown
    const fields = errorFields(toOperationError(thrown))
    audit({ message: 'failed', operation: 'user-token', secretId: user.secretId, ...fields })
    return stored
  }
}

const tokenOf = ({ accessToken, accessTokenExpiresAt }: UserSecret): Token => ({
  value: accessToken,
  expiresAtMs: Date.parse(accessTokenExpiresAt),
})
