/** Every try in the records of an offboarding. */
import type { LeavingRecord } from '../ledger/leavings.ts'
import type { Records, RejectionRecord, TargetRecord } from '../ledger/records.ts'
import { type Input, printable } from '../schema.ts'
import { CHECK_ID, type Entry, isGone } from './rows.ts'

/** One try of a target, or a rejected event. */
export type Try = { id: string; operation: string | null; input: Input | null; eventId: string; entry: Entry }

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
export const unresolved = ({ eventId, queuedAt, lastKind, lastCode, lastHint }: LeavingRecord): Try => ({
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

export const rejected = ({ eventId, kind, hint, finishedAt }: RejectionRecord): Try => ({
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

/** Without control characters; null for none. */
export const text = (value: string | null | undefined): string | null => (value ? printable(value, 1_000) : null)

const printableInput = (input: Input): Input =>
  Object.fromEntries(Object.entries(input).map(([name, value]) => [printable(name), printable(value ?? '', 1_000)]))
