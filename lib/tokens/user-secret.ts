/** The secret that holds a user's tokens. */
import * as v from 'valibot'
import { awsNowMs } from '../aws/clock.ts'
import { parseSecret, readVersion, secretText } from '../aws/secrets-manager.ts'
import { OperationError, type Text } from '../error.ts'
import type { TokenBudget } from './budget.ts'

const time = v.pipe(v.string(), v.isoTimestamp())

/** The JSON of a user secret; times in ISO 8601. `authorizedAt` is when the user last consented. */
export const userSecret = v.object({
  accessToken: secretText,
  accessTokenExpiresAt: time,
  /** Missing where the vendor never gave one. */
  refreshToken: v.optional(secretText),
  refreshTokenExpiresAt: v.optional(time),
  /** The vendor gave no end of the refresh token: the one stored is the usual one. */
  refreshTokenEndAssumed: v.optional(v.boolean()),
  /** `false`: the vendor's last answer had no refresh token; the one stored may have been used up. */
  renewable: v.optional(v.boolean()),
  authorizedAt: v.optional(time),
})
export type UserSecret = v.InferOutput<typeof userSecret>

/** A user of a vendor: where the tokens are, how to renew them, and what an operator types to have them granted again. */
export type User = {
  secretId: string
  /** Asks the vendor, once. Throws the `OperationError` its answer means; `not_found` says that the person is gone. */
  renew: (secret: UserSecret, budget: TokenBudget) => Promise<UserSecret>
  authorizeCommand: () => string
  /** What must be changed so that the vendor gives this user a refresh token. */
  renewalNeeds: Text
}

/** Tags that tell a secret's state without its value. */
export const TAGS = {
  refreshTokenExpiresAt: 'refresh-token-expires-at',
  state: 'token-state',
  /** The vendor's id of the person to whom the tokens belong, once the vendor was asked. */
  owner: 'token-owner',
} as const
/** Values of the state tag. `not-renewable`: offline_access missing. `wrong-owner`: the tokens of another person. */
export type TokenState = 'active' | 'not-renewable' | 'wrong-owner' | 'reauthorization-required' | 'gone'

export const isRenewable = ({ refreshToken, renewable }: UserSecret): boolean =>
  refreshToken !== undefined && renewable !== false

/** The tags of a secret whose tokens were just stored. */
export const tagsOf = (secret: UserSecret): Record<string, string> => ({
  ...(secret.refreshTokenExpiresAt && { [TAGS.refreshTokenExpiresAt]: secret.refreshTokenExpiresAt }),
  [TAGS.state]: (isRenewable(secret) ? 'active' : 'not-renewable') satisfies TokenState,
})

/** The state that a secret's tags tell. A renewal does not make another person's tokens the user's own. */
export function getTaggedState(tags: Record<string, string>, userId: string): TokenState | undefined {
  const owner = tags[TAGS.owner]
  return owner !== undefined && owner !== userId ? 'wrong-owner' : (tags[TAGS.state] as TokenState | undefined)
}

/** A vendor's token answer. Lifetimes are in seconds, as the vendor wrote them; everything but the access token may be missing. */
export type Grant = {
  accessToken: string
  accessSeconds?: unknown
  refreshToken?: unknown
  refreshSeconds?: unknown
}

/** A vendor's lifetimes. Seconds. */
export type Lifetimes = {
  accessSeconds: number
  refreshSeconds: number
  /** Its documents promise the refresh token's lifetime, which no answer gives. */
  refreshEndPublished?: boolean
}

/**
 * The secret after a token answer, in place of `before`. Drops nothing that was granted: a missing lifetime is the usual
 * one, and without a new refresh token the old one is kept and the user marked as not renewable.
 */
export function applyGrant(before: Partial<UserSecret>, grant: Grant, usual: Lifetimes): UserSecret {
  const { refreshTokenEndAssumed, renewable, ...kept } = before
  const access = {
    accessToken: grant.accessToken,
    accessTokenExpiresAt: endOf(parseSeconds(grant.accessSeconds) ?? usual.accessSeconds),
  }
  const refreshToken = v.safeParse(tokenText, grant.refreshToken)
  if (!refreshToken.success) return { ...before, ...access, renewable: false }
  const given = parseSeconds(grant.refreshSeconds)
  return {
    ...kept,
    ...access,
    refreshToken: refreshToken.output,
    refreshTokenExpiresAt: endOf(given ?? usual.refreshSeconds),
    ...(given === undefined && !usual.refreshEndPublished && { refreshTokenEndAssumed: true }),
  }
}

const MAX_SECONDS = 365 * 24 * 60 * 60

/** A lifetime in seconds, as a number or written as text; undefined for what cannot be one. No token lives over a year. */
export function parseSeconds(value: unknown): number | undefined {
  const number = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN
  return number >= 1 && number <= MAX_SECONDS ? number : undefined
}

/** A token as it came, without the white space around it. */
export const tokenText = v.pipe(v.string(), v.trim(), secretText)

const endOf = (inSeconds: number) => new Date(awsNowMs() + inSeconds * 1_000).toISOString()

/** A user's secret and the version it was read from. */
export type Seen = { secret: UserSecret; versionId: string }

/**
 * Reads the user's secret, past every cache; `reauthorization_required` when it is missing, `misconfigured` when it is of
 * another shape.
 */
export async function readUser({ secretId, authorizeCommand }: User): Promise<Seen> {
  const version = await readVersion(secretId).catch(aboutUser)
  if (version) return { secret: parseUser({ secretId }, version.text), versionId: version.versionId }
  throw new OperationError(
    'reauthorization_required',
    { en: `Secret "${secretId}" does not exist.`, zh: `密钥 "${secretId}" 不存在。` },
    { hint: grant(authorizeCommand()) },
  )
}

/** What is wrong with one user's secret is no fault of the others'. */
function aboutUser(thrown: unknown): never {
  if (thrown instanceof OperationError && thrown.kind === 'misconfigured') thrown.scope = 'user'
  throw thrown
}

/** The text of a user's secret; `misconfigured` when it is of another shape. */
export function parseUser({ secretId }: Pick<User, 'secretId'>, text: string): UserSecret {
  try {
    return parseSecret(secretId, userSecret, text)
  } catch (thrown) {
    return aboutUser(thrown)
  }
}

const grant = (command: string): Text => ({
  en: `This user has not granted access yet. Have this user grant it: ${command}`,
  zh: `该用户尚未授权。请让该用户授权：${command}`,
})

/** What to do when a user's tokens cannot be had any more. */
export const grantAgain = (command: string): Text => ({
  en: `Have this user grant access again: ${command}`,
  zh: `请让该用户重新授权：${command}`,
})
