/** The secret that holds a user's tokens. */
import * as v from 'valibot'
import { parseSecret, readVersion, secretText } from '../aws/secrets-manager.ts'
import { OperationError, type Text } from '../error.ts'

const time = v.pipe(v.string(), v.isoTimestamp())

/** The JSON of a user secret; times in ISO 8601. `authorizedAt` is when the user last consented. */
export const userSecret = v.object({
  accessToken: secretText,
  accessTokenExpiresAt: time,
  refreshToken: secretText,
  refreshTokenExpiresAt: time,
  authorizedAt: v.optional(time),
})
export type UserSecret = v.InferOutput<typeof userSecret>

/** A user of a vendor: where the tokens are, how to renew them, and what an operator types to have them granted again. */
export type User = {
  secretId: string
  /** Asks the vendor, once. Throws the `OperationError` its answer means; `not_found` says that the person is gone. */
  renew: (secret: UserSecret, remainingMs: number) => Promise<UserSecret>
  authorizeCommand: string
}

/** Tags that tell a secret's state without its value. */
export const TAGS = { refreshTokenExpiresAt: 'refresh-token-expires-at', state: 'token-state' } as const
/** Values of the state tag. */
export type TokenState = 'active' | 'reauthorization-required' | 'gone'

/** A user's secret and the version it was read from. */
export type Seen = { secret: UserSecret; versionId: string }

/** Reads the user's secret, past every cache; `misconfigured` when it is missing or of another shape. */
export async function readUser({ secretId, authorizeCommand }: User): Promise<Seen> {
  const version = await readVersion(secretId)
  if (version) return { secret: parseSecret(secretId, userSecret, version.text), versionId: version.versionId }
  throw new OperationError(
    'misconfigured',
    { en: `Secret "${secretId}" does not exist.`, zh: `密钥 "${secretId}" 不存在。` },
    { hint: grantAgain(authorizeCommand) },
  )
}

/** What to do when a user's tokens cannot be had any more. */
export const grantAgain = (command: string): Text => ({
  en: `Have this user grant access again: ${command}`,
  zh: `请让该用户重新授权:${command}`,
})
