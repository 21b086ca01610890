/** A token to act with as a user. */

import type { Credential } from '../vendor/vendor.ts'
import { EARLY_MS, LAST_USE_MS, type Token, TokenCache } from './cache.ts'
import { renewUser } from './renew-user.ts'
import { readUser, type User, type UserSecret } from './user-secret.ts'

const tokens = new TokenCache()

/** A token to act with as the user: the stored one while it is valid, else a renewed one. */
export async function userCredential(user: User, remainingMs: () => number): Promise<Credential> {
  const token = await tokens.get(user.secretId, (rejected) => validToken(user, remainingMs, rejected))
  return { accessToken: token.value, actsAs: 'user', reject: () => tokens.reject(user.secretId, token) }
}

/** The stored token, renewed first when it is about to expire or is the one `rejected`. */
async function validToken(user: User, remainingMs: () => number, rejected?: string): Promise<Token> {
  const seen = await readUser(user)
  const stored = tokenOf(seen.secret)
  const usableMs = stored.value === rejected ? 0 : stored.expiresAtMs - Date.now()
  if (usableMs > EARLY_MS) return stored
  try {
    return tokenOf(await renewUser(user, seen, remainingMs))
  } catch (error) {
    if (usableMs > LAST_USE_MS) return stored
    throw error
  }
}

const tokenOf = ({ accessToken, accessTokenExpiresAt }: UserSecret): Token => ({
  value: accessToken,
  expiresAtMs: Date.parse(accessTokenExpiresAt),
})
