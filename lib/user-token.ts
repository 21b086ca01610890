/** A user's own access token, from the user's secret. */
import * as v from 'valibot'
import { OperationError } from './error.ts'
import { fetchSecret, parseSecret, secretText } from './secrets.ts'
import { type Token, TokenCache } from './token.ts'
import type { Credential } from './vendor.ts'

const time = v.pipe(v.string(), v.isoTimestamp())

/** The JSON of a user secret; times in ISO 8601. */
export const userSecret = v.object({
  accessToken: secretText,
  accessTokenExpiresAt: time,
  refreshToken: secretText,
  refreshTokenExpiresAt: time,
})

const tokens = new TokenCache()

/** The stored token while it is valid; `reauthorization_required` afterwards. */
export async function userToken(secretId: string): Promise<Credential> {
  const token = await tokens.get(secretId, () => storedToken(secretId))
  return { accessToken: token.value, actsAs: 'user', reject: () => tokens.reject(secretId, token) }
}

async function storedToken(secretId: string): Promise<Token> {
  const { accessToken, accessTokenExpiresAt } = parseSecret(secretId, userSecret, await fetchSecret(secretId))
  const expiresAtMs = Date.parse(accessTokenExpiresAt)
  if (expiresAtMs > Date.now()) return { value: accessToken, expiresAtMs }
  throw new OperationError('reauthorization_required', {
    en: `The access token in secret "${secretId}" has expired.`,
    zh: `密钥 "${secretId}" 中的访问令牌已过期。`,
  })
}
