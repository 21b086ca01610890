/** Keeps the tokens of all stored users alive: a refresh token that nobody uses dies within days. */
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, countMetrics, errorFields, framesOf } from '../audit.ts'
import { listSecrets, tagSecret } from '../aws/secrets-manager.ts'
import { toOperationError } from '../error.ts'
import { renewUser } from './renew-user.ts'
import { readUser, TAGS, type TokenState, type User } from './user-secret.ts'

/** The stored users of one vendor. */
export type Users = { prefix: string; userOf: (userId: string) => User }

/** Renewals begun a minute at the most: the vendors' token endpoints allow 1000 a minute. */
const SPACING_MS = 65
const SIDE_BY_SIDE = 8
/** One renewal with its tries. */
const RENEWAL_MS = 30_000
const DAY_MS = 24 * 60 * 60_000

type Counts = { Renewed: number; Failed: number; Unfinished: number; ReauthorizationRequired: number; Gone: number }

/**
 * Renews every user's tokens whose refresh token ends within `withinDays`, the most urgent first, and goes on after a
 * failure. Who is due is read from tags, so no other secret's value is read. Who must consent again or has gone is
 * tagged, counted and left alone until new tokens are stored. When time runs out the rest is counted as `Unfinished`: run
 * again, it continues with that.
 */
export async function renewAll(
  { prefix, userOf }: Users,
  withinDays: number,
  remainingMs: () => number,
  dimensions: Record<string, string>,
): Promise<Counts> {
  const counts = { Renewed: 0, Failed: 0, Unfinished: 0, ReauthorizationRequired: 0, Gone: 0 }
  const count = (state: TokenState) => {
    if (state === 'reauthorization-required') counts.ReauthorizationRequired++
    if (state === 'gone') counts.Gone++
  }
  const due: { id: string; endsAtMs: number }[] = []
  for await (const { id, tags } of listSecrets(prefix)) {
    const state = tags[TAGS.state] as TokenState | undefined
    // Without a tag nobody knows, so it is due.
    const endsAtMs = Date.parse(tags[TAGS.refreshTokenExpiresAt] ?? '') || 0
    if (state === 'gone' || state === 'reauthorization-required') count(state)
    else if (endsAtMs < Date.now() + withinDays * DAY_MS) due.push({ id, endsAtMs })
  }
  due.sort((a, b) => a.endsAtMs - b.endsAtMs)

  let earliestAtMs = 0
  const renewNext = async (): Promise<void> => {
    for (;;) {
      if (remainingMs() < RENEWAL_MS) return
      const next = due.shift()
      if (!next) return
      const waitMs = earliestAtMs - Date.now()
      earliestAtMs = Math.max(earliestAtMs, Date.now()) + SPACING_MS
      await sleep(Math.max(0, waitMs))
      const state = await renew(next.id, userOf(next.id.slice(prefix.length)), withinDays, remainingMs)
      if (state === 'active') counts.Renewed++
      else if (state) count(state)
      else counts.Failed++
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, renewNext))
  counts.Unfinished = due.length
  countMetrics(dimensions, counts)
  return counts
}

/** What the user's tokens are afterwards; undefined when that stayed open. */
async function renew(
  id: string,
  user: User,
  withinDays: number,
  remainingMs: () => number,
): Promise<TokenState | undefined> {
  try {
    const seen = await readUser(user)
    const { refreshTokenExpiresAt } = seen.secret
    if (Date.parse(refreshTokenExpiresAt) > Date.now() + withinDays * DAY_MS)
      // A secret stored by hand, or one that was renewed while its tag was not.
      await tagSecret(id, { [TAGS.refreshTokenExpiresAt]: refreshTokenExpiresAt, [TAGS.state]: 'active' })
    else await renewUser(user, seen, () => Math.min(remainingMs(), RENEWAL_MS))
    audit({ message: 'renewed', operation: 'user-token-renewal', secretId: id })
    return 'active'
  } catch (thrown) {
    const error = toOperationError(thrown)
    audit({
      message: 'failed',
      operation: 'user-token-renewal',
      secretId: id,
      ...errorFields(error),
      ...(error !== thrown && { stack: framesOf(thrown) }),
    })
    if (error.kind === 'not_found') return 'gone'
    if (error.kind !== 'reauthorization_required') return undefined
    await tagSecret(id, { [TAGS.state]: 'reauthorization-required' }).catch(() => {})
    return 'reauthorization-required'
  }
}
