/** The end of sendings and offboardings, and how the sweep finds those that have not reached it. */
import { getItem, type Item, queryItems, queryPage, updateItem } from '../aws/dynamodb.ts'
import { environment } from '../environment.ts'
import { fingerprint } from '../fingerprint.ts'
import type { CompletionDetail } from '../outcome-event.ts'
import {
  getExpiry,
  getPartition,
  getSendingKey,
  getSendingName,
  getSummaryKey,
  type Origin,
  runOf,
  type Sending,
} from './offboardings.ts'
import type { Target } from './targets.ts'

/** What a sending ended with; the `detail` of its `Completed` event. */
export type Completion = CompletionDetail

/** A sending's progress. Times in ISO 8601. */
export type Header = Sending &
  Origin & {
    /** Those that were deployed when it was opened: one that came later plans nothing of it. */
    operations?: Set<string>
    planned?: Set<string>
    completedAt?: string
    publishedAt?: string
  }

/**
 * Claims the end of a sending: when every operation has planned and no target is open. Returns its completion, to be
 * published and then passed to `recordPublished`; undefined when the sending goes on, or when its end is claimed already.
 * With `repeat`, a claim whose event was not published is returned again, with the same `completionId`.
 */
export async function completeSending(sending: Sending, { repeat = false } = {}): Promise<Completion | undefined> {
  const isOpen = () => hasOpen(sending.offboardingId, getSendingName(sending))
  if (await isOpen()) return undefined
  const { item, atMs } = await getItem(getSendingKey(sending))
  const header = item as (Item & Header) | undefined
  if (!header || listUnplanned(header).length > 0) return undefined
  if (header.publishedAt) {
    // The event was delivered again, or a parked target came again, after the end.
    await endSending(sending, header.publishedAt)
    return undefined
  }
  // An operation may have planned since: its targets are written before it says so.
  if (await isOpen()) return undefined
  const completedAt = header.completedAt ?? new Date(atMs).toISOString()
  if (header.completedAt) return repeat ? completionOf(sending, completedAt) : undefined
  const claim = await updateItem(getSendingKey(sending), {
    set: { completedAt },
    // A redrive that adds targets takes `planned` away meanwhile.
    when: { completedAt: { exists: false }, planned: { exists: true } },
  })
  return claim.ok ? completionOf(sending, completedAt) : undefined
}

/** The operations that have not planned their targets of the sending. */
export const listUnplanned = (sending: Header): string[] =>
  environment('OPERATIONS')
    .split(',')
    .filter((operation) => !hasPlanned(sending, operation))

/** Whether the operation has planned its targets of the sending, or came too late to have any. */
export const hasPlanned = (
  { operations, planned }: Pick<Header, 'operations' | 'planned'>,
  operation: string,
): boolean => planned?.has(operation) || operations?.has(operation) === false

/** Whether the sending is an event that was sent after the other one, or with it; redrives and HTTP calls are none. */
export const supersedes = ({ source, redrive, sentAt }: Header, other: { sentAt: string }): boolean =>
  redrive === 0 && source !== 'http' && Date.parse(sentAt) >= Date.parse(other.sentAt)

/** Whether a later event among the offboarding's sendings counts in place of this one. */
export const isReplaced = (sending: Header, sendings: Header[]): boolean =>
  sendings.some((other) => other.sentAt !== sending.sentAt && supersedes(other, sending))

/** Whether a target is open in a sending whose name begins with `sendingName`. */
async function hasOpen(offboardingId: string, sendingName: string): Promise<boolean> {
  const { items } = await queryPage({
    index: 'open',
    partition: getPartition(offboardingId),
    sort: { beginsWith: sendingName },
    limit: 1,
    consistent: true,
  })
  return items.length > 0
}

async function completionOf(sending: Sending, completedAt: string): Promise<Completion> {
  const { offboardingId, eventId, redrive, dryRun } = sending
  const counts: Record<string, number> = {}
  for await (const { outcome } of listTargets(offboardingId, getSendingName(sending)))
    counts[outcome] = (counts[outcome] ?? 0) + 1
  const completionId = fingerprint('completed', offboardingId, getSendingName(sending))
  return { completionId, offboardingId, eventId, redrive, dryRun, counts, completedAt }
}

type TargetItem = Item & {
  operation: string
  input: string
  outcome: string
  expected?: string
  finishedAt: string
  queuedAt?: string
  movedAt?: string
  openIn?: string
}

const listTargets = (offboardingId: string, sendingName: string) =>
  queryItems({
    partition: getPartition(offboardingId),
    sort: { beginsWith: `target#${sendingName}` },
    consistent: true,
  }) as AsyncGenerator<TargetItem>

/** The completion's event is on the bus: ends the sending, and sets its offboarding's state. */
export const recordPublished = (completion: Completion): Promise<void> => endSending(completion, completion.completedAt)

/** The sending has ended for good: sets its expiry and its offboarding's state. */
export async function endSending(sending: Sending, publishedAt: string): Promise<void> {
  await updateItem(getSendingKey(sending), { set: { publishedAt, expiresAt: getExpiry(Date.parse(publishedAt)) } })
  await updateSummary(sending)
}

/**
 * Sets the offboarding's state by the newest outcome of each of its targets, unless a sending is or gets under way. One that
 * not every operation has planned is under way until a later event counts in its place.
 */
async function updateSummary({ offboardingId, dryRun }: Sending): Promise<void> {
  const key = getSummaryKey({ offboardingId, dryRun })
  const { item, atMs } = await getItem(key)
  if (!item || (await isUnderWay({ offboardingId, dryRun }))) return
  const newest = new Map<string, TargetItem>()
  const changed = new Set<string>()
  for await (const target of listTargets(offboardingId, `${runOf(dryRun)}#`)) {
    const name = `${target.operation} ${target.input}`
    if (target.outcome === 'changed') changed.add(name)
    if (target.finishedAt > (newest.get(name)?.finishedAt ?? '')) newest.set(name, target)
  }
  const needsOperator = [...newest.values()].some((target) => ['parked', 'failed'].includes(endOf(target)))
  const gone = [...newest].filter(([name, target]) => endOf(target) === 'gone' && !changed.has(name)).length
  await updateItem(key, {
    set: {
      state: needsOperator ? 'attention' : 'finished',
      gone,
      since: new Date(atMs).toISOString(),
      expiresAt: getExpiry(atMs),
    },
    when: { version: item.version as number },
  })
}

/** What it ended as; of a dry run, what it would have ended as. */
const endOf = ({ outcome, expected = outcome }: TargetItem): string => expected

/**
 * Whether a sending of the offboarding has not ended, be it that its end is claimed and not announced, or a target is open.
 * One that an operation has never planned counts no more when a later event has ended.
 */
async function isUnderWay(offboarding: Pick<Sending, 'offboardingId' | 'dryRun'>): Promise<boolean> {
  const sendings: Header[] = []
  for await (const sending of listSendings(offboarding)) sendings.push(sending)
  const ended = sendings.filter(({ publishedAt }) => publishedAt)
  if (sendings.some((one) => !one.publishedAt && !(listUnplanned(one).length > 0 && isReplaced(one, ended))))
    return true
  return hasOpen(offboarding.offboardingId, `${runOf(offboarding.dryRun)}#`)
}

/** Offboardings that have been open since `until` (ISO 8601) or longer, the oldest first. */
export const listOpen = (until: string) =>
  queryItems({ index: 'state', partition: 'open', sort: { between: ['0', until] } }) as AsyncGenerator<
    Item & Pick<Sending, 'offboardingId' | 'dryRun'>
  >

/** The offboarding's sendings, of real ones or of dry runs. */
export const listSendings = ({ offboardingId, dryRun }: Pick<Sending, 'offboardingId' | 'dryRun'>) =>
  queryItems({
    partition: getPartition(offboardingId),
    sort: { beginsWith: `sending#${runOf(dryRun)}#` },
    consistent: true,
  }) as AsyncGenerator<Item & Header>

/** The sending's open targets, when each was queued, and when the message that it has now was sent. ISO 8601. */
export async function* listOpenTargets(
  sending: Header,
): AsyncGenerator<{ target: Target; queuedAt: string; sentAt: string }> {
  const { offboardingId, eventId, redrive, dryRun } = sending
  for await (const { openIn, queuedAt = sending.sentAt, movedAt, operation, input } of listTargets(
    offboardingId,
    getSendingName(sending),
  ))
    if (openIn)
      yield {
        target: { offboardingId, eventId, redrive, dryRun, operation, input: JSON.parse(input) },
        queuedAt,
        sentAt: movedAt ?? queuedAt,
      }
}
