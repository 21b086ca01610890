/** What the ledger has of offboardings, as it is read by operators: one query page after another, and no scan. */
import { awsNowMs } from '../aws/clock.ts'
import { type Item, type Key, queryItems } from '../aws/dynamodb.ts'
import type { Input } from '../schema.ts'
import type { Hold, Pace } from './bucket.ts'
import { readBucket } from './buckets.ts'
import { type Header, supersedes } from './completion.ts'
import { holdAt } from './hold.ts'
import { isLeaving, type LeavingRecord } from './leavings.ts'
import { getPartition, type Origin, type Sending } from './offboardings.ts'
import { reserve } from './pace.ts'
import type { Rejection } from './rejections.ts'
import type { RequestRecord } from './requests.ts'
import { type Outcome, outcomeOf, type Target } from './targets.ts'

/** A target of one sending as it is. `id` is the same in every sending. Times in ISO 8601. */
export type TargetRecord = Target & {
  id: string
  /** It has no outcome yet, or is tried again. */
  isOpen: boolean
  queuedAt?: string | undefined
  /** The error of its last failed try. */
  lastKind?: string | undefined
  lastCode?: string | undefined
  outcome?: Outcome | undefined
}

/** A try that ended; written once. */
type HistoryRecord = Target & { id: string; outcome: Outcome }

/** An event that was rejected, and where it came from. */
export type RejectionRecord = Rejection & Origin

/** Everything that is known of an offboarding, of real sendings and of dry runs. */
export type Records = {
  sendings: Header[]
  targets: TargetRecord[]
  history: HistoryRecord[]
  rejections: RejectionRecord[]
  /** Events that say who leaves as HR knows them. */
  leavings: LeavingRecord[]
  /** What was asked for over HTTP. */
  requests: RequestRecord[]
}

/**
 * Reads what is known of an offboarding, as the last writes left it. Without an id: events that were rejected and name no
 * offboarding. `history: false` leaves out the history, which is half of the items.
 */
export async function readRecords(offboardingId: string | null, { history = true } = {}): Promise<Records> {
  const records: Records = { sendings: [], targets: [], history: [], rejections: [], leavings: [], requests: [] }
  const partition = getPartition(offboardingId ?? '')
  // The history sorts before everything else.
  const sort = history ? undefined : ({ between: ['leaving', 'target~'] } as { between: [string, string] })
  for await (const item of unexpired(queryItems({ partition, ...(sort && { sort }), consistent: true }))) {
    const [type, ...parts] = item.sk.split('#')
    if (type === 'leaving') records.leavings.push(item as Item & LeavingRecord)
    if (type === 'sending') records.sendings.push(item as Item & Header)
    if (type === 'request') records.requests.push(item as Item & RequestRecord)
    if (type === 'rejected') records.rejections.push(item as Item & RejectionRecord)
    if (type === 'target') records.targets.push(targetOf(item, parts.at(-1)))
    if (type === 'history') records.history.push({ ...targetOf(item, parts[1]), outcome: outcomeOf(item) })
  }
  return records
}

type Stored = Sending & { [name in 'operation' | 'input']: string } & {
  [name in 'openIn' | 'queuedAt' | 'lastKind' | 'lastCode' | 'outcome']?: string
}

function targetOf(item: Item, inputHash = ''): TargetRecord {
  const { operation, input, eventId, redrive, dryRun, openIn, queuedAt, lastKind, lastCode, outcome } = item as Item &
    Stored
  return {
    offboardingId: item.pk.slice(getPartition('').length),
    eventId,
    redrive,
    dryRun,
    operation,
    input: JSON.parse(input) as Input,
    id: `${operation}#${inputHash}`,
    isOpen: openIn !== undefined || outcome === undefined,
    queuedAt,
    lastKind,
    lastCode,
    ...(outcome !== undefined && { outcome: outcomeOf(item) }),
  }
}

/** `attention`: something needs an operator. */
export const STATES = ['attention', 'open', 'finished'] as const
export type State = (typeof STATES)[number]

/**
 * An offboarding's state and since when; one for its real sendings and one for its dry runs. `since` in ISO 8601. `gone`: how many
 * of its targets the vendor did not know when its state was set.
 */
type Summary = {
  offboardingId: string
  dryRun: boolean
  state: State
  since: string
  gone?: number
  /** It is an event that is being resolved, and why it could not be yet. */
  resolving?: { kind?: string | undefined; hint?: string | undefined }
}

/** Offboardings in a state, and events that were rejected, which need attention as long as they are kept. */
export async function* listByState(
  state: State,
  { from = '0', to = '9', newestFirst = false, pageSize, after }: ListOptions = {},
): AsyncGenerator<ListedItem> {
  const items = queryItems({
    index: 'state',
    partition: state,
    sort: { between: [from, to] },
    forward: !newestFirst,
    from: after,
    ...(pageSize !== undefined && { limit: pageSize }),
  })
  for await (const item of unexpired(items)) {
    const { lastKind: kind, lastHint: hint } = item as Item & LeavingRecord
    yield { ...(item as ListedItem), ...(isLeaving(item) && { resolving: { kind, hint } }) }
  }
}

/** Whether an event of the same offboarding has been planned since. */
export async function isSuperseded(rejection: RejectionRecord): Promise<boolean> {
  const { offboardingId } = rejection
  if (offboardingId === null) return false
  const sendings = queryItems({ partition: getPartition(offboardingId), sort: { beginsWith: 'sending#' } })
  for await (const sending of sendings as AsyncGenerator<Item & Header>) if (supersedes(sending, rejection)) return true
  return false
}

/** The place of an entry among those in a state. */
export type Place = Key & { state: State; since: string }
export type ListedItem = Place & (Summary | RejectionRecord)

/**
 * `from` and `to`: since when, both included, in ISO 8601. `pageSize`: how many to read at a time. `after`: the entry that comes before
 * the first.
 */
export type ListOptions = {
  from?: string
  to?: string
  newestFirst?: boolean
  pageSize?: number
  after?: Place | undefined
}

/** DynamoDB deletes hours after an item has expired. */
async function* unexpired(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
  const nowS = awsNowMs() / 1_000
  for await (const item of items) if (Number(item.expiresAt ?? nowS + 1) > nowS) yield item
}

/**
 * When a call of the bucket may be sent, if not now, and the hold that it has. Epoch milliseconds.
 * `speed`: how much faster than documented the windows of its limits pass.
 */
export async function readWait(
  operation: string,
  bucketName: string,
  pace: Pace,
  speed: number,
): Promise<{ untilMs: number; hold: Hold | undefined } | undefined> {
  const bucket = await readBucket(operation, bucketName)
  const nowMs = awsNowMs()
  const wish = { names: ['any'], isRepeat: false }
  const { retryAtMs: untilMs } = reserve(bucket, pace, wish, nowMs, speed)
  return untilMs === undefined ? undefined : { untilMs, hold: holdAt(bucket, nowMs) }
}
