/** What became of an offboarding, from the records of the ledger. */
import { hasPlanned, isReplaced, supersedes } from '../../lib/ledger/completion.ts'
import type { FoundRecord, LeavingRecord } from '../../lib/ledger/leavings.ts'
import type { Records, RejectionRecord, TargetRecord } from '../../lib/ledger/records.ts'
import { type Input, printable } from '../../lib/schema.ts'
import type { Wait } from './hold.ts'
import { CHECK_ID, type Entry, formatTarget, hasReason, isGone, needsOperator, type Row } from './rows.ts'

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

/** `leaver at feishu: found, openId ou_…`, or why not. */
export function formatPerson({ role, vendor, state, ids, reason }: PersonFound): string {
  const known = Object.entries(ids).map(([name, id]) => `${name} ${id}`)
  return `${role} at ${vendor}: ${[state.replace('_', ' '), ...known].join(', ')}${reason ? `: ${reason}` : ''}`
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
  const hasRun = (isDry: boolean) => [...sendings, ...targets, ...leavings].some(({ dryRun }) => dryRun === isDry)
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
  if (rows.length === 0 && ![...sendings, ...leavings].some(isOfRun)) return undefined
  const ofRun = sendings.filter(isOfRun)
  const unfinished = ofRun.filter((one) => one.completedAt === undefined && !isReplaced(one, ofRun))
  // Sent on, and not with any function yet.
  const isUnderway = ofLeavings.some(
    ({ sentEventIds = [], targets = 0 }) =>
      targets > 0 && sentEventIds.some((id) => ![...ofRun, ...rejections].some((one) => one.eventId === id)),
  )
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

/** One try of a target, or a rejected event. */
type Try = { id: string; operation: string | null; input: Input | null; eventId: string; entry: Entry }

/** Every try in the records of real runs, or of dry runs: those that have ended, the oldest first, then what is open. */
export function listEntries({ targets, history, rejections }: Records, isDryRun: boolean): Try[] {
  const ended = new Map<string, Try>()
  for (const record of [...history, ...targets]) {
    const { id, operation, outcome, eventId, redrive, dryRun } = record
    if (!outcome || dryRun !== isDryRun) continue
    const entry: Entry = {
      outcome: outcome.outcome,
      expected: outcome.expected ?? null,
      kind: text(outcome.kind),
      code: text(outcome.code),
      requestId: text(outcome.requestId),
      hint: isGone(outcome) ? CHECK_ID.en : text(outcome.hint),
      time: printable(outcome.finishedAt),
      eventId: printable(eventId),
      redrive,
    }
    const key = [id, outcome.finishedAt, eventId, redrive].join()
    ended.set(key, { id, operation, input: printableInput(record.input), eventId, entry })
  }
  return [
    ...(isDryRun ? [] : rejections.map(rejected)),
    ...[...ended.values()].sort((a, b) => (a.entry.time < b.entry.time ? -1 : 1)),
    ...targets.filter(({ isOpen, dryRun }) => isOpen && dryRun === isDryRun).map(open),
  ]
}

const open = ({ id, operation, input, lastKind, lastCode, queuedAt, eventId, redrive }: TargetRecord): Try => ({
  id,
  operation,
  input: printableInput(input),
  eventId,
  entry: {
    outcome: 'open',
    expected: null,
    kind: text(lastKind),
    code: text(lastCode),
    requestId: null,
    hint: null,
    time: queuedAt ?? '',
    eventId: printable(eventId),
    redrive,
  },
})

/** An event whose leaver is still to be found, with the error of the last try. */
const unresolved = ({ eventId, queuedAt, lastKind, lastCode, lastHint }: LeavingRecord): Try => ({
  id: `leaving ${eventId}`,
  operation: null,
  input: null,
  eventId,
  entry: {
    outcome: 'open',
    expected: null,
    kind: text(lastKind),
    code: text(lastCode),
    requestId: null,
    hint: text(lastHint),
    time: queuedAt,
    eventId: printable(eventId),
    redrive: 0,
  },
})

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

const rejected = ({ eventId, kind, hint, finishedAt }: RejectionRecord): Try => ({
  id: `rejected ${eventId}`,
  operation: null,
  input: null,
  eventId,
  entry: {
    outcome: 'rejected',
    expected: null,
    kind: text(kind),
    code: null,
    requestId: null,
    hint: text(hint),
    time: finishedAt,
    eventId: printable(eventId),
    redrive: 0,
  },
})

/** The entry whose outcome is the target's. */
function standing(entries: Entry[]): Entry {
  const newest = entries.at(-1) as Entry
  const changed = entries.findLast(({ outcome }) => outcome === 'changed')
  return changed && ['unchanged', 'gone'].includes(newest.outcome) ? changed : newest
}

const text = (value: string | null | undefined): string | null => (value ? printable(value, 1_000) : null)

const printableInput = (input: Input): Input =>
  Object.fromEntries(Object.entries(input).map(([name, value]) => [printable(name), printable(value ?? '', 1_000)]))

const urgencyOf = (row: Row): number => (needsOperator(row) ? 0 : row.outcome === 'open' ? 1 : hasReason(row) ? 2 : 3)

/** 1 when something has not ended or needs an operator, else 3 when something is gone, unless that is fine, else 0. */
export function getExitCode({ rows, unplanned }: Report, { goneIsFine = false } = {}): number {
  if (unplanned.length > 0 || rows.some((row) => needsOperator(row) || row.outcome === 'open')) return 1
  return !goneIsFine && rows.some(isGone) ? 3 : 0
}
