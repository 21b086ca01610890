/** The rows of a report, one for each target, and how they are counted. */
import type { Text } from '../error.ts'
import type { Input } from '../schema.ts'

/** What a try ended as. Its texts contain no control characters. */
export type Entry = {
  outcome: string
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

/** Parked, failed over HTTP where nothing tries it again, or rejected. */
export const needsOperator = ({ outcome }: Pick<Row, 'outcome'>): boolean =>
  ['parked', 'failed', 'rejected'].includes(outcome)

/** The vendor knows no such person or resource. Nothing is left to stop, unless the id was mistyped. */
export const isGone = ({ outcome }: Pick<Row, 'outcome'>): boolean => outcome === 'gone'

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

/** `33 changed, 1 parked`. */
export const formatCounts = (rows: Row[]): string =>
  Object.entries(countOutcomes(rows))
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ')

/** By operation, in their order. */
export const groupByOperation = (rows: Row[]): [string, Row[]][] =>
  [...Map.groupBy(rows, ({ operation }) => operation ?? '')]
    .filter(([operation]) => operation !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
