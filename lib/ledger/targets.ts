/** The targets of sendings: each from queued to its outcome, and the history of its tries. */
import { awsNowMs } from '../aws/clock.ts'
import { getItem, type Item, type Key, putNewItem, updateItem } from '../aws/dynamodb.ts'
import type { Scope } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import type { OutcomeDetail } from '../outcome-event.ts'
import type { Input } from '../schema.ts'
import { getExpiry, getPartition, getSendingName, type Sending } from './offboardings.ts'

/** One target of a sending. */
export type Target = Sending & { operation: string; input: Input }

/** Of an ended target: what its outcome event says, without what names it. */
export type Outcome = Pick<
  OutcomeDetail,
  'outcome' | 'expected' | 'kind' | 'scope' | 'code' | 'requestId' | 'hint' | 'attempts' | 'finishedAt'
>

const DONE = ['changed', 'unchanged', 'gone', 'planned']
/** Planning writes this many targets at a time. */
const WRITES_AT_ONCE = 25

const getTargetKey = (target: Target): Key => ({
  pk: getPartition(target.offboardingId),
  sk: `target#${getSendingName(target)}#${target.operation}#${fingerprint(target.input)}`,
})

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
