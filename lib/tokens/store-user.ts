/** Storing renewed tokens. The vendor will not give them again, so what cannot be stored is kept and tried again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, errorFields } from '../audit.ts'
import { moveLabel, putVersion, readVersion, tagSecret } from '../aws/secrets-manager.ts'
import { toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { RESERVE_MS } from './budget.ts'
import { isRenewable, readUser, type Seen, tagsOf, type User, type UserSecret } from './user-secret.ts'

/** The label of tokens from their renewal on. They are current once AWSCURRENT has come to them, and used only then. */
const LABEL = 'RENEWED'
const WAIT_MS = 300
/** What another call's tokens may take of a caller's time. */
const LEFTOVER_MS = 1_000

type Leftover = { user: User; of: string; secret: UserSecret }

/** Renewed tokens that could not be stored yet, by the secret and the version they replace. */
const unstored = new Map<string, Leftover>()
const keyOf = (user: User, of: string) => `${user.secretId} ${of}`

/** What this container still has to store in place of the version `of`. */
export const leftoverOf = (user: User, of: string): UserSecret | undefined => unstored.get(keyOf(user, of))?.secret

/** Tries what other calls of this container could not store. Throws nothing. */
export async function storeLeftovers(): Promise<void> {
  for (const { user, of, secret } of [...unstored.values()]) {
    const endsAtMs = Date.now() + LEFTOVER_MS
    await storeUser(user, of, secret, () => endsAtMs - Date.now()).catch(() => {})
  }
}

/**
 * Makes `secret` current in place of the version `of`; tried to the end of the caller's time, and later by `storeLeftovers`.
 * Returns what is current then: something else where new tokens came in between, which are never replaced.
 */
export async function storeUser(user: User, of: string, secret: UserSecret, remainingMs: () => number): Promise<Seen> {
  const key = keyOf(user, of)
  unstored.set(key, { user, of, secret })
  const text = JSON.stringify(secret)
  const versionId = versionIdOf(of, text)
  for (;;) {
    try {
      await putVersion(user.secretId, { versionId, text }, LABEL)
      const current = await makeCurrent(user, of, { secret, versionId })
      unstored.delete(key)
      return current
    } catch (thrown) {
      if (remainingMs() >= RESERVE_MS) {
        await sleep(WAIT_MS)
        continue
      }
      const fields = errorFields(toOperationError(thrown))
      audit({ message: 'unstored', operation: 'user-token', secretId: user.secretId, ...fields })
      throw thrown
    }
  }
}

/** Tokens that a renewal of the version `of` left behind when it was cut off before they were current. */
export async function findUnfinished(user: User, of: string): Promise<string | undefined> {
  const version = await readVersion(user.secretId, LABEL)
  return version && version.versionId === versionIdOf(of, version.text) ? version.text : undefined
}

/** The id says which version is replaced, and by what. */
const versionIdOf = (of: string, text: string) => fingerprint(of, 'renewed', text)

async function makeCurrent(user: User, of: string, renewed: Seen): Promise<Seen> {
  if (!(await moveLabel(user.secretId, 'AWSCURRENT', of, renewed.versionId))) {
    const current = await readUser(user)
    if (current.versionId !== renewed.versionId) return current
  }
  await tagUser(user, tagsOf(renewed.secret))
  if (!isRenewable(renewed.secret))
    audit({ message: 'unrenewable', operation: 'user-token', secretId: user.secretId, hint: user.renewalNeeds.en })
  return renewed
}

/** Tags are for the eyes of operators and the scheduled renewal: a call is not failed for their sake. */
export async function tagUser({ secretId }: User, tags: Record<string, string>): Promise<void> {
  await tagSecret(secretId, tags).catch((error: unknown) =>
    audit({ message: 'failed', operation: 'user-token', ...errorFields(toOperationError(error)) }),
  )
}
