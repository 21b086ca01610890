/** Keeps the tokens of all stored users alive: a refresh token that nobody uses dies within days. */
import { setTimeout as sleep } from 'node:timers/promises'
import { audit, errorFields, framesOf, writeMetrics } from '../audit.ts'
import { listSecrets, tagSecret } from '../aws/secrets-manager.ts'
import { toOperationError } from '../error.ts'
import { isCheckDue } from '../ledger/renewals.ts'
import { quote } from '../redact.ts'
import { authorizeCommand } from './authorize-command.ts'
import { TokenBudget } from './budget.ts'
import { renewUser } from './renew-user.ts'
import {
  getTaggedState,
  isRenewable,
  readUser,
  TAGS,
  type TokenState,
  tagsOf,
  type User,
  type UserSecret,
} from './user-secret.ts'

/** The stored users of one vendor. */
export type Users = {
  prefix: string
  userOf: (userId: string) => User
  /** The vendor's id of the person to whom an access token belongs. */
  ownerOf: (accessToken: string, remainingMs: number) => Promise<string>
}

/** Renewals begun a minute at the most: the vendors' token endpoints allow 1000 a minute. */
const SPACING_MS = 65
const SIDE_BY_SIDE = 8
/** A run stops when the first so many renewals that the vendor was asked for fail alike: it is not the users. */
const ALIKE = 10
/** One renewal with its tries. */
const RENEWAL_MS = 30_000
const DAY_MS = 24 * 60 * 60_000

/** The metric of each state; a user in one of the last four needs an operator. */
const METRICS = {
  active: 'Renewed',
  'not-renewable': 'NotRenewable',
  'wrong-owner': 'WrongOwner',
  'reauthorization-required': 'ReauthorizationRequired',
  gone: 'Gone',
} as const satisfies Record<TokenState, string>

type Counts = Record<(typeof METRICS)[TokenState] | 'Failed' | 'Unfinished' | 'Stopped', number>
type Due = { id: string; endsAtMs: number; owner: string | undefined }
/**
 * `end` is the same for renewals that failed alike, and missing where one succeeded. `isUnasked`: what is stored says that no
 * renewal is possible.
 */
type Renewed = { state?: TokenState; secret?: UserSecret; end?: string; isUnasked?: boolean }

/**
 * Renews every user's tokens whose refresh token ends within `withinDays`, the most urgent first, and goes on after a
 * failure. Who is due is read from tags, so no other secret's value is read. The vendor is asked once whose the tokens of
 * each user are. Who must consent again, cannot be renewed, has gone or is another person is tagged, counted and left alone
 * until new tokens are stored; but while a refresh token lives, its refusal is checked weekly. When time runs out the rest is
 * counted as `Unfinished`: run again, it continues with that. When the first ten fail alike the rest is counted as `Stopped`.
 */
export async function renewAll(
  { prefix, userOf, ownerOf }: Users,
  withinDays: number,
  remainingMs: () => number,
  dimensions: Record<string, string>,
): Promise<Counts> {
  const counts: Counts = {
    Renewed: 0,
    Failed: 0,
    Unfinished: 0,
    Stopped: 0,
    NotRenewable: 0,
    WrongOwner: 0,
    ReauthorizationRequired: 0,
    Gone: 0,
  }
  const due: Due[] = []
  const checks: Due[] = []
  for await (const { id, tags } of listSecrets(prefix)) {
    const state = getTaggedState(tags, id.slice(prefix.length))
    // An untagged secret was stored by hand: its end is not known.
    const endsAtMs = Date.parse(tags[TAGS.refreshTokenExpiresAt] ?? '') || 0
    const user = { id, endsAtMs, owner: tags[TAGS.owner] }
    const isRefused = state === 'reauthorization-required' || state === 'gone'
    if (isRefused && (endsAtMs === 0 || endsAtMs > Date.now()) && (await isCheckDue(id).catch(() => false)))
      checks.push(user)
    else if (state && state !== 'active' && Object.hasOwn(METRICS, state)) counts[METRICS[state]]++
    else if (endsAtMs < Date.now() + withinDays * DAY_MS) due.push(user)
  }
  due.sort((a, b) => a.endsAtMs - b.endsAtMs)
  due.push(...checks)

  const ends: (string | undefined)[] = []
  const isStopped = () => ends.length >= ALIKE && ends[0] !== undefined && new Set(ends.slice(0, ALIKE)).size === 1
  let earliestAtMs = 0
  const renewNext = async (): Promise<void> => {
    for (;;) {
      if (remainingMs() < RENEWAL_MS || isStopped()) return
      const next = due.shift()
      if (!next) return
      const waitMs = earliestAtMs - Date.now()
      earliestAtMs = Math.max(earliestAtMs, Date.now()) + SPACING_MS
      await sleep(Math.max(0, waitMs))
      const userId = next.id.slice(prefix.length)
      const budgetMs = () => Math.min(remainingMs(), RENEWAL_MS)
      const isCheck = checks.includes(next)
      const renewed = await renew(next.id, userOf(userId), isCheck ? Number.POSITIVE_INFINITY : withinDays, budgetMs)
      const isOther =
        renewed.secret &&
        next.owner !== userId &&
        (await tagOwner(next.id, userId, renewed.secret, ownerOf, budgetMs()))
      const state = isOther ? 'wrong-owner' : renewed.state
      counts[state ? METRICS[state] : 'Failed']++
      if (!renewed.isUnasked && !isCheck) ends.push(renewed.end)
    }
  }
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, renewNext))
  counts[isStopped() ? 'Stopped' : 'Unfinished'] = due.length
  writeMetrics(dimensions, counts)
  return counts
}

/** What the user's tokens are afterwards; no state when that stayed open. */
async function renew(id: string, user: User, withinDays: number, remainingMs: () => number): Promise<Renewed> {
  try {
    const seen = await readUser(user)
    const isDue = !(Date.parse(seen.secret.refreshTokenExpiresAt ?? '') > Date.now() + withinDays * DAY_MS)
    const secret = isDue ? await renewUser(user, seen, new TokenBudget(remainingMs)) : seen.secret
    // A secret stored by hand, or one that was renewed while its tag was not.
    if (!isDue) await tagSecret(id, tagsOf(secret))
    audit({ message: 'renewed', operation: OPERATION, secretId: id })
    return { state: isRenewable(secret) ? 'active' : 'not-renewable', secret }
  } catch (thrown) {
    const error = toOperationError(thrown)
    audit({
      message: 'failed',
      operation: OPERATION,
      secretId: id,
      ...errorFields(error),
      ...(error !== thrown && { stack: framesOf(thrown) }),
    })
    const isUnasked = !error.upstream && ['reauthorization_required', 'not_found', 'forbidden'].includes(error.kind)
    const failed = { end: `${error.kind} ${error.upstream?.code}`, isUnasked }
    if (error.kind === 'not_found' && error.final) return { state: 'gone', ...failed }
    if (error.kind !== 'reauthorization_required' || !error.final) return failed
    await tagSecret(id, { [TAGS.state]: 'reauthorization-required' }).catch(() => {})
    return { state: 'reauthorization-required', ...failed }
  }
}

const OPERATION = 'user-token-renewal'

/** Tags the secret with the person to whom its tokens belong. True when that is another; not known is not another. */
async function tagOwner(
  id: string,
  userId: string,
  { accessToken, accessTokenExpiresAt }: UserSecret,
  ownerOf: Users['ownerOf'],
  remainingMs: number,
): Promise<boolean> {
  if (Date.parse(accessTokenExpiresAt) <= Date.now()) return false
  try {
    const owner = await ownerOf(accessToken, remainingMs)
    const isOther = owner !== userId
    await tagSecret(id, {
      [TAGS.owner]: quote(owner),
      ...(isOther && { [TAGS.state]: 'wrong-owner' satisfies TokenState }),
    })
    if (isOther)
      audit({ message: 'failed', operation: OPERATION, secretId: id, kind: 'misconfigured', hint: hintOther() })
    return isOther
  } catch {
    // The next renewal asks again.
    return false
  }
}

const hintOther = () =>
  `The stored tokens belong to another person. Have the right user grant access again: ${authorizeCommand()}`
