/** The end of sendings and offboardings, and the sweep that finds what was left undone. */
import { getItem, type Item, queryItems, queryPage, updateItem } from '../aws/dynamodb.ts'
import { environment } from '../environment.ts'
import { fingerprint } from '../fingerprint.ts'
import {
  getExpiry,
  getPartition,
  getSendingKey,
  getSendingName,
  getSummaryKey,
  runOf,
  type Sending,
} from './offboardings.ts'

/** What a sending ended with; the `detail` of its `Completed` event. */
export type Completion = Sending & {
  /** The same however often the event is delivered. */
  completionId: string
  /** How many targets ended with each outcome. */
  counts: Record<string, number>
  /** ISO 8601. */
  completedAt: string
}

type Header = Item & Sending & { planned?: Set<string>; completedAt?: string; publishedAt?: string }

/**
 * Claims the end of a sending: when every operation has planned and no target is open. Returns its completion, to be
 * published and then passed to `recordPublished`; undefined when the sending goes on, or when its end is claimed already.
 * With `repeat`, a claim whose event was not published is returned again, with the same `completionId`.
 */
export async function completeSending(sending: Sending, { repeat = false } = {}): Promise<Completion | undefined> {
  if (await hasOpen(sending.offboardingId, getSendingName(sending))) return undefined
  const { item, atMs } = await getItem(getSendingKey(sending))
  const header = item as Header | undefined
  if (!header || listUnplanned(header).length > 0) return undefined
  if (header.publishedAt) {
    // A parked target came again after the end.
    await settleSummary(sending)
    return undefined
  }
  const completedAt = header.completedAt ?? new Date(atMs).toISOString()
  if (header.completedAt) return repeat ? completionOf(sending, completedAt) : undefined
  const claim = await updateItem(getSendingKey(sending), {
    set: { completedAt },
    when: { completedAt: { exists: false } },
  })
  return claim.ok ? completionOf(sending, completedAt) : undefined
}

/** The operations that have not planned their targets of the sending. */
const listUnplanned = ({ planned }: Header): string[] =>
  environment('OPERATIONS')
    .split(',')
    .filter((operation) => !planned?.has(operation))

/** Whether a target is open whose sending's name begins so. */
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

type TargetItem = Item & { operation: string; input: string; outcome: string; finishedAt: string }

const listTargets = (offboardingId: string, sendingName: string) =>
  queryItems({
    partition: getPartition(offboardingId),
    sort: { beginsWith: `target#${sendingName}` },
    consistent: true,
  }) as AsyncGenerator<TargetItem>

/** The completion's event is on the bus: the sending needs nothing any more, and its offboarding's state is settled. */
export async function recordPublished(completion: Completion): Promise<void> {
  const expiresAt = getExpiry(Date.parse(completion.completedAt))
  await updateItem(getSendingKey(completion), { set: { publishedAt: completion.completedAt, expiresAt } })
  await settleSummary(completion)
}

/** Sets the offboarding's state by the newest outcome of each of its targets, unless a sending is or gets under way. */
async function settleSummary({ offboardingId, dryRun }: Sending): Promise<void> {
  const key = getSummaryKey({ offboardingId, dryRun })
  const { item, atMs } = await getItem(key)
  if (!item || (await hasOpen(offboardingId, `${runOf(dryRun)}#`))) return
  const newest = new Map<string, TargetItem>()
  for await (const target of listTargets(offboardingId, `${runOf(dryRun)}#`)) {
    const name = `${target.operation} ${target.input}`
    if (target.finishedAt > (newest.get(name)?.finishedAt ?? '')) newest.set(name, target)
  }
  const isParked = [...newest.values()].some(({ outcome }) => outcome === 'parked')
  await updateItem(key, {
    set: {
      state: isParked ? 'attention' : 'finished',
      since: new Date(atMs).toISOString(),
      expiresAt: getExpiry(atMs),
    },
    when: { version: item.version as number },
  })
}
