/** What became of an offboarding, from the records of the ledger. */
import { hasPlanned, isReplaced, supersedes } from '../ledger/completion.ts'
import type { FoundRecord, LeavingRecord } from '../ledger/leavings.ts'
import type { Records } from '../ledger/records.ts'
import { printable } from '../schema.ts'
import type { Wait } from './hold.ts'
import { type Entry, formatTarget, hasReason, needsOperator, type Row } from './rows.ts'
import { listEntries, rejected, type Try, text, unresolved } from './tries.ts'

/** An offboarding's targets, as far as they are known. */
export type Report = {
  offboardingId: string
  isDryRun: boolean
  /** There are dry runs besides the real ones shown. */
  hasDryRuns: boolean
  /** What needs an operator first, then what is open, then what is gone or could not be checked. */
  rows: Row[]
  /** Operations that have not planned their targets yet. */
  unplanned: string[]
  /** What the open targets of an operation wait for; missing where it was not asked for. */
  waits?: ReadonlyMap<string, Wait>
  /** Who was found where, of events that say who leaves as HR knows them; the oldest first. */
  people: PersonFound[]
  /** Approvals that are registered for the leaver and left to the operator. */
  approvalCodes: string[]
}

/** What a vendor knows of the leaver, or of the custodian. Its texts contain no control characters. */
export type PersonFound = {
  eventId: string
  role: 'leaver' | 'custodian'
  vendor: string
  state: FoundRecord['state']
  /** Those that are known: `openId` of Feishu, `unionId` of DingTalk, and more. */
  ids: Record<string, string>
  /** Why there are none. */
  reason: string | null
}

type Options = {
  /** The operations that plan each event. */
  operations: string[]
  /** Of dry runs; by default of real ones where there are any. */
  dryRun?: boolean | undefined
  /** Only targets of this event, or of those that it became. */
  eventId?: string | undefined
}

/**
 * Sums up the records, each target once; undefined when nothing is known. A rejected event, or one that not every operation
 * has planned, counts until there is a later event.
 */
export function summarize(offboardingId: string, records: Records, options: Options): Report | undefined {
  const { operations, eventId } = options
  const meantEvents = new Set(
    records.leavings.flatMap((one) => (one.eventId === eventId ? (one.sentEventIds ?? []) : [])),
  )
  const isMeant = (one: { eventId: string }) =>
    eventId === undefined || one.eventId === eventId || meantEvents.has(one.eventId)
  const leavings = records.leavings.filter(isMeant)
  const sendings = records.sendings.filter(isMeant)
  const targets = records.targets.filter(isMeant)
  const requests = records.requests.filter((one) => eventId === undefined || one.eventId === eventId)
  const hasRun = (isDry: boolean) =>
    [...sendings, ...targets, ...leavings, ...requests].some(({ dryRun }) => dryRun === isDry)
  const isDryRun = options.dryRun ?? (!hasRun(false) && hasRun(true))
  const isOfRun = ({ dryRun }: { dryRun: boolean }) => dryRun === isDryRun

  const rejections = records.rejections.filter(
    (one) => isMeant(one) && !sendings.some((sending) => supersedes(sending, one)),
  )
  const ofLeavings = leavings.filter(isOfRun)
  const resolving = ofLeavings.filter(({ stage }) => stage === 'resolving')
  const meant = new Set(targets.filter(isOfRun).map(({ id }) => id))
  const rows = [
    ...rejections.map((one) => rowOf([rejected(one)])),
    ...resolving.map((one) => rowOf([unresolved(one)])),
    ...[...Map.groupBy(listEntries({ ...records, rejections: [] }, isDryRun), ({ id }) => id)].flatMap(([id, tries]) =>
      meant.has(id) ? [rowOf(tries)] : [],
    ),
  ]
  if (rows.length === 0 && ![...sendings, ...leavings, ...requests].some(isOfRun)) return undefined
  const ofRun = sendings.filter(isOfRun)
  const unfinished = ofRun.filter((one) => one.completedAt === undefined && !isReplaced(one, ofRun))
  // Sent on, and not with any function yet.
  const isSentOn = ofLeavings.some(
    ({ sentEventIds = [], targets = 0 }) =>
      targets > 0 && sentEventIds.some((id) => ![...ofRun, ...rejections].some((one) => one.eventId === id)),
  )
  const isAskedFor = requests.some(
    (request) =>
      isOfRun(request) &&
      ![...records.sendings, ...records.leavings, ...records.rejections].some(
        (one) => one.eventId === request.eventId,
      ) &&
      !ofRun.some((sending) => supersedes(sending, { sentAt: request.requestedAt })),
  )
  const isUnderway = isSentOn || isAskedFor
  const order = new Map(rows.map((row) => [row, `${row.operation} ${formatTarget(row)}`]))
  return {
    offboardingId: printable(offboardingId, 256),
    isDryRun,
    hasDryRuns: !isDryRun && hasRun(true),
    rows: rows.sort((a, b) => urgencyOf(a) - urgencyOf(b) || ((order.get(a) ?? '') < (order.get(b) ?? '') ? -1 : 1)),
    unplanned: operations.filter((operation) => isUnderway || unfinished.some((one) => !hasPlanned(one, operation))),
    people: ofLeavings.flatMap(peopleOf),
    approvalCodes: [...new Set(ofLeavings.flatMap(({ approvalCodes = [] }) => approvalCodes))]
      .filter((code) => !rows.some(({ input }) => input?.approval_code === code))
      .map((code) => printable(code)),
  }
}

function rowOf(tries: Try[]): Row {
  const [{ operation, input }] = tries as [Try]
  const entries = tries.map(({ entry }) => entry)
  return { operation, input, history: entries.filter(({ outcome }) => outcome !== 'open'), ...standing(entries) }
}

/** The entry whose outcome is the target's. */
function standing(entries: Entry[]): Entry {
  const newest = entries.at(-1) as Entry
  const changed = entries.findLast(({ outcome }) => outcome === 'changed')
  return changed && ['unchanged', 'gone'].includes(newest.outcome) ? changed : newest
}

function peopleOf({ eventId, found = {}, custodian }: LeavingRecord): PersonFound[] {
  const one = (role: PersonFound['role'], vendor: string, { state, reason, ...ids }: FoundRecord): PersonFound => ({
    eventId: printable(eventId),
    role,
    vendor,
    state,
    ids: Object.fromEntries(Object.entries(ids).flatMap(([name, id]) => (id ? [[name, printable(id)]] : []))),
    reason: text(reason?.en),
  })
  return [
    ...Object.entries(found).map(([vendor, record]) => one('leaver', vendor, record)),
    ...(custodian ? [one('custodian', 'feishu', custodian)] : []),
  ]
}

const urgencyOf = (row: Row): number => (needsOperator(row) ? 0 : row.outcome === 'open' ? 1 : hasReason(row) ? 2 : 3)
