/**
 * Who may renew a user's tokens and when, by one item for each user in the ledger. It says something about one version of
 * the user's secret; about another it says nothing. Times are AWS's, epoch milliseconds.
 *
 * | known of the version                                  | a caller that needs tokens                        |
 * |-------------------------------------------------------|---------------------------------------------------|
 * | another caller has the lock, for any version          | waits for the new tokens                          |
 * | the vendor refused it for good                        | is refused too; the vendor is asked again weekly, |
 * |                                                       | for a frozen user after five minutes              |
 * | its renewal failed                                    | waits for the next try: seconds, up to ten minutes|
 * | it was renewed a moment ago, and is rejected          | waits: a quarter of an hour, the next time an hour|
 * | none of these                                         | takes the lock and asks the vendor                |
 */
import { randomUUID } from 'node:crypto'
import { awsNowMs } from '../aws/clock.ts'
import { deleteItem, getItem, type Item, type Key, updateItem } from '../aws/dynamodb.ts'
import type { Kind } from '../error.ts'
import type { VerdictKind } from '../tokens/refusal.ts'

/** What the item contains, besides its keys. */
export type Renewal = {
  /** Changed by every write, so that a decision is written only over what it was made from. */
  revision: number
  /** The version of the secret that all of the following is about. */
  version: string
  owner?: string
  lockedUntilMs?: number
  /** Of the last failure or refusal. */
  kind?: Kind
  code?: string | null
  /** Failures in a row. */
  failures?: number
  retryAtMs?: number
  /** `kind` is a verdict, which is not checked again until then. */
  checkAtMs?: number
  /** When these tokens were issued, and how many in a row replaced young ones that the vendor had rejected. */
  renewedAtMs?: number
  rejections?: number
}

/** What follows from the item for a caller that needs new tokens. */
export type Standing =
  | { is: 'free' }
  | { is: 'locked' | 'rejected'; waitMs: number }
  | { is: 'failing'; waitMs: number; kind: Kind; code: string | null }
  | { is: 'refused'; kind: VerdictKind; code: string | null }

/** The right to ask the vendor, until its end. `failures` have gone before. */
export type Lock = { key: Key; owner: string; untilMs: number; failures: number; rejections: number }

/** Longer than a renewal and its storing take. */
const LOCK_MS = 30_000
/** An owner whose clock is a little behind may still be storing. */
const TAKEOVER_MS = 5_000
const MIN_BACKOFF_MS = 5_000
const MAX_BACKOFF_MS = 10 * 60_000
/** A new token that is rejected is the vendor's fault: it is replaced after the first of these, then after the second. */
const REJECTED_MS = [15 * 60_000, 60 * 60_000] as const
/** Longer than the second of them, and shorter than an access token lives. */
const YOUNG_MS = 90 * 60_000
const DAY_MS = 24 * 60 * 60_000
/** When a verdict is checked again. A frozen user may come back. */
const CHECK_MS = 7 * DAY_MS
const FROZEN_CHECK_MS = 5 * 60_000
/** An item that nothing has changed for so long is of no use. */
const KEPT_MS = 400 * DAY_MS

/** What is known of `version` at `nowMs`; `isRejected`: the vendor refuses its access token, which has not ended. */
export function standingOf(
  renewal: Renewal | undefined,
  version: string,
  isRejected: boolean,
  nowMs: number,
): Standing {
  const lockedMs = (renewal?.lockedUntilMs ?? 0) + TAKEOVER_MS - nowMs
  if (renewal?.lockedUntilMs && lockedMs > 0) return { is: 'locked', waitMs: lockedMs }
  if (renewal?.version !== version) return { is: 'free' }
  const { kind = 'unavailable', code = null, checkAtMs = 0, retryAtMs = 0, renewedAtMs = 0, rejections = 0 } = renewal
  if (checkAtMs > nowMs) return { is: 'refused', kind: kind as VerdictKind, code }
  if (retryAtMs > nowMs) return { is: 'failing', waitMs: retryAtMs - nowMs, kind, code }
  const rejectedMs = renewedAtMs + REJECTED_MS[rejections > 0 ? 1 : 0] - nowMs
  return isRejected && rejectedMs > 0 ? { is: 'rejected', waitMs: rejectedMs } : { is: 'free' }
}

/** The wait after so many failures in a row: 5 s, doubled up to ten minutes, and no less than the vendor asks for. */
export const backoffMs = (failures: number, askedMs = 0): number =>
  Math.max(askedMs, Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures - 1, 10)))

const keyOf = (secretId: string): Key => ({ pk: `user#${secretId}`, sk: 'renewal' })

/** What is known of `version`; `take` gets the lock, unless something has been written since. */
export async function look(
  secretId: string,
  version: string,
  isRejected: boolean,
): Promise<{ standing: Standing; take: () => Promise<Lock | undefined> }> {
  const key = keyOf(secretId)
  const { item, atMs } = await getItem(key)
  const renewal = item && renewalOf(item)
  return {
    standing: standingOf(renewal, version, isRejected, atMs),
    take: () => takeLock(key, renewal, version, isRejected),
  }
}

async function takeLock(
  key: Key,
  before: Renewal | undefined,
  version: string,
  isRejected: boolean,
): Promise<Lock | undefined> {
  const owner = randomUUID()
  const untilMs = awsNowMs() + LOCK_MS
  const isOther = before?.version !== version
  const { ok, item } = await updateItem(key, {
    set: { version, owner, lockedUntilMs: untilMs, ...stamp(untilMs) },
    add: { revision: 1 },
    remove: isOther ? [...OUTCOME, ...ISSUE] : [],
    when: before ? { revision: before.revision } : { pk: { exists: false } },
  })
  // A write whose answer was lost finds itself.
  if (!ok && item?.owner !== owner) return undefined
  const { failures = 0, rejections = 0, renewedAtMs = 0 } = isOther ? {} : before
  const isYoung = isRejected && renewedAtMs + YOUNG_MS > awsNowMs()
  return { key, owner, untilMs, failures, rejections: isYoung ? rejections + 1 : 0 }
}

/** The vendor gave new tokens, which are now stored as `version`. */
export const succeed = (lock: Lock, version: string): Promise<void> =>
  end(lock, { version, renewedAtMs: awsNowMs(), rejections: lock.rejections }, OUTCOME)

/** The renewal failed. Returns how long the vendor will not be asked again. */
export async function failUntilRetry(
  lock: Lock,
  { kind, code, askedMs }: { kind: Kind; code: string | null; askedMs: number | undefined },
): Promise<number> {
  const failures = lock.failures + 1
  const waitMs = backoffMs(failures, askedMs)
  await end(lock, { failures, kind, code, retryAtMs: awsNowMs() + waitMs }, ['checkAtMs'])
  return waitMs
}

/** The vendor refused for good. */
export function refuse(lock: Lock, kind: VerdictKind, code: string | null): Promise<void> {
  const checkAtMs = awsNowMs() + (kind === 'forbidden' ? FROZEN_CHECK_MS : CHECK_MS)
  return end(lock, { kind, code, checkAtMs }, ['failures', 'retryAtMs'])
}

/** The vendor was not asked. */
export const release = (lock: Lock): Promise<void> => end(lock, {}, [])

/** Forgets lock, back-off and verdict of a user. */
export async function clear(secretId: string): Promise<void> {
  await deleteItem(keyOf(secretId))
}

/** Whether a verdict on the user's tokens may be checked again; so it may when the ledger has none. */
export async function isCheckDue(secretId: string): Promise<boolean> {
  const { item, atMs } = await getItem(keyOf(secretId))
  return ((item && renewalOf(item))?.checkAtMs ?? 0) <= atMs
}

/** Ends the lock if it is still the owner's. When the table does not answer, it ends by itself. */
async function end({ key, owner, untilMs }: Lock, set: Partial<Renewal>, remove: (keyof Renewal)[]): Promise<void> {
  await updateItem(key, {
    set: { ...set, ...stamp(untilMs) },
    add: { revision: 1 },
    remove: ['owner', 'lockedUntilMs', ...remove],
    when: { owner },
  }).catch(() => {})
}

const OUTCOME: (keyof Renewal)[] = ['kind', 'code', 'failures', 'retryAtMs', 'checkAtMs']
const ISSUE: (keyof Renewal)[] = ['renewedAtMs', 'rejections']

const stamp = (atMs: number) => ({ expiresAt: Math.ceil((atMs + KEPT_MS) / 1_000) })

const renewalOf = (item: Item) => item as unknown as Renewal
