/**
 * What every offboarding has become: each target of each sending, from queued to its outcome.
 *
 * - A *sending* is one event, or one redrive of letters of that event. Its targets are known by event id, operation, input
 *   and redrive number, so planning twice, replays and new message ids add nothing.
 * - A target is `open` until it has an outcome. One that is done (`changed`, `unchanged`, `gone`, `planned`) stays as it is;
 *   a parked one may be tried again.
 * - When all operations have planned and no target is open, one conditional write claims the sending's end.
 * - Every step is one conditional write that can be repeated. An item gets its expiry when it has ended, never before.
 */

import { awsNowMs } from '../aws/clock.ts'
import { getItem, type Item, type Key, putNewItem, updateItem } from '../aws/dynamodb.ts'
import { environmentNumber } from '../environment.ts'
import type { Scope } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import type { OutcomeDetail } from '../outcome-event.ts'
import type { Input } from '../schema.ts'

/** One event, or one redrive of it. `redrive` is 0 for the event itself. */
export type Sending = { offboardingId: string; eventId: string; redrive: number; dryRun: boolean }

/** One target of a sending. */
export type Target = Sending & { operation: string; input: Input }

/** Where a sending came from. `sentBy` is the caller of an HTTP request; times in ISO 8601. */
export type Origin = { source: string; sentAt: string; sentBy?: string | undefined }

/** Of an ended target: what its outcome event says, without what names it. */
export type Outcome = Pick<
  OutcomeDetail,
  'outcome' | 'expected' | 'kind' | 'scope' | 'code' | 'requestId' | 'hint' | 'attempts' | 'finishedAt'
>

const DONE = ['changed', 'unchanged', 'gone', 'planned']
const DAY_S = 24 * 60 * 60
/** Planning writes this many targets at a time. */
const WRITES_AT_ONCE = 25

/** `real#EVENT_ID#00`: sorts a sending's items together, and real sendings apart from dry runs. */
export const getSendingName = ({ eventId, redrive, dryRun }: Sending): string =>
  `${runOf(dryRun)}#${eventId}#${String(redrive).padStart(2, '0')}`

/** How keys name real sendings and dry runs. */
export const runOf = (dryRun: boolean): 'dry-run' | 'real' => (dryRun ? 'dry-run' : 'real')
/** The partition key of everything about an offboarding; `-` stands for events that name none. */
export const getPartition = (offboardingId: string): string => `offboarding#${offboardingId}`

/** The item with an offboarding's state, one for its real sendings and one for its dry runs. */
export const getSummaryKey = ({ offboardingId, dryRun }: Pick<Sending, 'offboardingId' | 'dryRun'>): Key => ({
  pk: getPartition(offboardingId),
  sk: `summary#${runOf(dryRun)}`,
})

/** The item with a sending's progress. */
export const getSendingKey = (sending: Sending): Key => ({
  pk: getPartition(sending.offboardingId),
  sk: `sending#${getSendingName(sending)}`,
})

const getTargetKey = (target: Target): Key => ({
  pk: getPartition(target.offboardingId),
  sk: `target#${getSendingName(target)}#${target.operation}#${fingerprint(target.input)}`,
})

/** When what ends at `atMs` may be deleted. Epoch seconds. */
export const getExpiry = (atMs: number) => Math.floor(atMs / 1_000) + environmentNumber('LEDGER_RETENTION_DAYS') * DAY_S

/**
 * Opens the sending and its offboarding: neither is finished from now on, whatever date the sender gave it. `version` counts
 * the openings, so that a concurrent update of the offboarding's state does not overlook this one.
 */
export async function openSending(
  sending: Sending,
  origin: Origin & { operations?: Set<string>; planned?: Set<string>; completedAt?: string; publishedAt?: string },
): Promise<void> {
  const { offboardingId, eventId, redrive, dryRun } = sending
  const now = new Date(awsNowMs()).toISOString()
  await updateItem(getSendingKey(sending), {
    setOnce: { offboardingId, eventId, redrive, dryRun, ...origin },
    remove: ['expiresAt'],
  })
  await updateItem(getSummaryKey(sending), {
    set: { offboardingId, dryRun, state: 'open', since: origin.sentAt < now ? origin.sentAt : now },
    add: { version: 1 },
    remove: ['expiresAt'],
  })
}

/** Writes the targets as queued, except those that exist already. What `beforeSome` throws ends it before the next ones. */
export async function queueTargets(targets: Target[], queuedAt: string, beforeSome = () => {}): Promise<void> {
  for (let from = 0; from < targets.length; from += WRITES_AT_ONCE) {
    beforeSome()
    await Promise.all(
      targets
        .slice(from, from + WRITES_AT_ONCE)
        .map((target) =>
          putNewItem({ ...getTargetKey(target), ...attributesOf(target), openIn: getSendingName(target), queuedAt }),
        ),
    )
  }
}

const attributesOf = ({ offboardingId: _, input, ...target }: Target) => ({ ...target, input: JSON.stringify(input) })

/** The operation has queued all its targets of the sending. */
export async function recordPlanned(sending: Sending, operation: string): Promise<void> {
  await updateItem(getSendingKey(sending), { add: { planned: new Set([operation]) } })
}

/** What the ledger knows of a target; undefined when it was never written. */
export type Known = {
  /** Missing while the target is open. */
  outcome?: Outcome
  /** It is not called again: it is done, or parked and its event is not published yet. */
  isDone: boolean
  /** It is parked, its event is published and its letter is sent, and it has not been tried since. */
  isParked?: true
  /** When the first of its tries failed; missing where none has. */
  firstFailedAtMs?: number
  /** Of the last of its tries that failed. */
  lastScope?: Scope
  /** Its message has moved to the second queue: another one in the first queue is a copy. */
  isAside?: boolean
}

/** Reads what is known of a target. */
export async function readTarget(target: Target): Promise<Known | undefined> {
  const { item } = await getItem(getTargetKey(target))
  if (!item) return undefined
  const { outcome, isAnnounced, firstFailedAtMs, isAside, openIn, lastScope } = item as Item & {
    outcome?: string
    isAnnounced?: boolean
    firstFailedAtMs?: number
    isAside?: boolean
    openIn?: string
    lastScope?: Scope
  }
  return {
    ...(isAside && { isAside }),
    ...(firstFailedAtMs !== undefined && { firstFailedAtMs }),
    ...(lastScope && { lastScope }),
    ...(outcome !== undefined && { outcome: outcomeOf(item) }),
    isDone: outcome !== undefined && (DONE.includes(outcome) || !isAnnounced),
    ...(outcome === 'parked' && isAnnounced && openIn === undefined && { isParked: true }),
  }
}

const OUTCOME_FIELDS = [
  'outcome',
  'expected',
  'kind',
  'scope',
  'code',
  'requestId',
  'hint',
  'attempts',
  'finishedAt',
] as const

/** The outcome in the item of a target or of its history. */
export const outcomeOf = (item: Item): Outcome =>
  Object.fromEntries(
    OUTCOME_FIELDS.flatMap((field) => (item[field] === undefined ? [] : [[field, item[field]]])),
  ) as Outcome

/**
 * Records a try that failed; `failedAtMs` is when it began, by AWS's clock, and is left out where it says nothing about the item. A parked
 * target that comes again is open again. Returns when the first of its tries failed.
 */
export async function recordFailure(
  target: Target,
  { kind, scope, code }: Pick<Outcome, 'kind' | 'scope' | 'code'>,
  failedAtMs?: number,
): Promise<number | undefined> {
  const { item } = await updateItem(getTargetKey(target), {
    set: { ...attributesOf(target), lastKind: kind, lastScope: scope, lastCode: code },
    setOnce: { firstFailedAtMs: failedAtMs, openIn: getSendingName(target) },
    remove: ['expiresAt'],
    when: NOT_DONE,
  })
  return item?.firstFailedAtMs as number | undefined
}

/** The target's message has moved to the second queue. */
export async function recordAside(target: Target): Promise<void> {
  await updateItem(getTargetKey(target), {
    set: { isAside: true, movedAt: new Date(awsNowMs()).toISOString() },
    when: NOT_DONE,
  })
}

const NOT_DONE = [{ outcome: { exists: false } }, { outcome: 'parked' }]

/**
 * Writes what a target ended as, and an entry of its history. Returns the outcome that stands: that of an earlier try where
 * it was done already. Makes the target's item where planning could not. If it throws, it can be repeated with the same
 * outcome.
 */
export async function recordOutcome<Ended extends { finishedAt: string }>(
  target: Target,
  outcome: Ended,
): Promise<Ended | Outcome> {
  const expiresAt = getExpiry(Date.parse(outcome.finishedAt))
  const [written] = await Promise.all([
    updateItem(getTargetKey(target), {
      set: { ...attributesOf(target), ...outcome, expiresAt },
      remove: ['openIn', 'firstFailedAtMs', 'lastScope', 'isAside', 'isAnnounced'],
      when: NOT_DONE,
    }),
    putNewItem({
      pk: getPartition(target.offboardingId),
      sk: `history#${target.operation}#${fingerprint(target.input)}#${outcome.finishedAt}#${getSendingName(target)}`,
      ...attributesOf(target),
      ...outcome,
      expiresAt,
    }),
  ])
  return written.ok || !written.item ? outcome : outcomeOf(written.item)
}

/** The parked target's event is published: if the target comes again, it is tried again. */
export async function recordAnnounced(target: Target): Promise<void> {
  await updateItem(getTargetKey(target), { set: { isAnnounced: true }, when: { outcome: 'parked' } })
}
