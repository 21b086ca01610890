/** The rows of a report, one for each target, and how they are counted. */
import type { Text } from '../error.ts'
import type { Expected } from '../operation.ts'
import type { Input } from '../schema.ts'

/** What a try ended as. Its texts contain no control characters. */
export type Entry = {
  outcome: string
  /** Of a dry run: what a real one would do. */
  expected: Expected | null
  kind: string | null
  code: string | null
  requestId: string | null
  hint: string | null
  /** ISO 8601. */
  time: string
  eventId: string
  redrive: number
}

/**
 * A target with everything that became of it, oldest first. Its outcome is the newest, but once `changed` it stays so when a
 * later try finds it unchanged or gone; `open` while it is worked on: then `kind` and `code` are its last error, and `time` is
 * when it was queued. A rejected event is shown in the same form, without operation and input.
 */
export type Row = Entry & {
  operation: string | null
  input: Input | null
  history: Entry[]
}

type Ended = { outcome: string; expected?: Expected | null | undefined }

/** Parked, failed over HTTP where nothing tries it again, or rejected; or a real run would be parked. */
export const needsOperator = ({ outcome, expected }: Ended): boolean =>
  ['parked', 'failed', 'rejected'].includes(expected ?? outcome)

/** The vendor knows no such person or resource. Nothing is left to stop, unless the id was mistyped. */
export const isGone = ({ outcome, expected }: Ended): boolean => (expected ?? outcome) === 'gone'

/** Something is to be read about it: it needs an operator, is gone, could not be checked, or its leaver not be found yet. */
export const hasReason = (row: Ended & Pick<Row, 'operation'>): boolean =>
  needsOperator(row) || isGone(row) || row.expected === 'unchecked' || isUnresolved(row)

/** What a dry run's targets are called by what is expected of them, in the order in which they are counted. */
const EXPECTED: Record<Expected, string> = {
  change: 'would change',
  unchanged: 'unchanged',
  parked: 'would be parked',
  gone: 'would be gone',
  unchecked: 'unchecked',
}

/** The outcome, or what a dry run says in its place. */
export const formatOutcome = ({ outcome, expected }: Ended): string => (expected ? EXPECTED[expected] : outcome)

/** An event whose leaver is still to be found. */
export const isUnresolved = ({ outcome, operation }: Pick<Row, 'outcome' | 'operation'>): boolean =>
  outcome === 'open' && operation === null

/** What to do about a target that is gone. */
export const CHECK_ID: Text = {
  en: 'The vendor knows no such id: check it.',
  zh: '厂商没有此 ID，请核对。',
}

/** The ids that a target is made of: `doxcn… docx`. */
export const formatTarget = ({ input }: { input: Input | null }): string => Object.values(input ?? {}).join(' ') || '-'

/** In this order they are counted. */
export const OUTCOMES = ['changed', 'unchanged', 'planned', 'parked', 'failed', 'rejected', 'gone', 'open']

/** How many rows have each outcome; those of none are left out. */
export const countOutcomes = (rows: Row[]): Record<string, number> =>
  Object.fromEntries(
    OUTCOMES.flatMap((name) => {
      const count = rows.filter(({ outcome }) => outcome === name).length
      return count > 0 ? [[name, count]] : []
    }),
  )

/** How many rows of a dry run have each expectation; those of none are left out. */
export const countExpected = (rows: Row[]): Partial<Record<Expected, number>> =>
  Object.fromEntries(
    (Object.keys(EXPECTED) as Expected[]).flatMap((name) => {
      const count = rows.filter(({ expected }) => expected === name).length
      return count > 0 ? [[name, count]] : []
    }),
  )

/** `33 changed, 1 parked`; of a dry run `33 would change, 1 would be parked`. */
export const formatCounts = (rows: Row[]): string =>
  [
    ...Object.entries(countExpected(rows)).map(([name, count]) => `${count} ${EXPECTED[name as Expected]}`),
    ...Object.entries(countOutcomes(rows.filter(({ expected }) => !expected))).map(
      ([outcome, count]) => `${count} ${outcome}`,
    ),
  ].join(', ')

/** By operation, in their order. */
export const groupByOperation = (rows: Row[]): [string, Row[]][] =>
  [...Map.groupBy(rows, ({ operation }) => operation ?? '')]
    .filter(([operation]) => operation !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
