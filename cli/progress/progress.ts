/** What a person sees while an offboarding runs. */

import { formatHold, type Wait } from '../../lib/report/hold.ts'
import {
  CHECK_ID,
  formatCounts,
  formatOutcome,
  formatTarget,
  groupByOperation,
  isGone,
  isUnresolved,
  needsOperator,
  type Row,
} from '../../lib/report/rows.ts'
import type { Report } from '../../lib/report/summary.ts'
import type { Io } from '../io.ts'
import { formatCount, formatTime } from '../table.ts'
import { formatPerson } from './report-formats.ts'

/** The vendor's limit on what an operation calls, in real runs or in dry runs; undefined for an operation that is not known. */
type PaceOf = (operation: string, isDryRun: boolean) => { perSecond?: number; perMinute?: number } | undefined

/** By operation, the wait of its open items. */
type Waits = ReadonlyMap<string, Wait>

/** Live progress on `stream`: a bar that is redrawn where the stream is a terminal, else a line for each thing. */
export class Progress {
  readonly #stream: Io['stderr']
  readonly #paceOf: PaceOf
  readonly #speed: number
  /** What lines were written about. */
  readonly #logged = new Set<string>()

  constructor(stream: Io['stderr'], { paceOf, speed }: { paceOf: PaceOf; speed: number }) {
    this.#stream = stream
    this.#paceOf = paceOf
    this.#speed = speed
  }

  /** Shows how far it has come; lines only for what is new. */
  show(report: Report, waits: Waits): void {
    if (this.#stream.isTTY) this.#draw(report, waits)
    else for (const [subject, line] of linesOf(report, waits)) this.#log(subject, line)
  }

  /** First what an operator is needed for, because the line ends where the terminal does. */
  #draw({ rows, isDryRun }: Report, waits: Waits): void {
    const ended = rows.filter(({ outcome }) => outcome !== 'open')
    const open = countOpen(rows)
    const filled = rows.length === 0 ? 0 : Math.round((12 * ended.length) / rows.length)
    const text = [
      `[${'█'.repeat(filled).padEnd(12, '·')}] ${ended.length}/${rows.length}`,
      formatCounts(ended.filter(needsOperator)),
      open.size > 0 ? `about ${formatDuration(this.#leftMs(open, waits, isDryRun))} left` : '',
      ...[...waits].map(
        ([operation, { untilMs, hold }]) =>
          `${hold ? `held (${hold.kind})` : 'waits'} until ${formatClock(untilMs)}: ${operation}`,
      ),
      formatCounts(ended.filter((row) => !needsOperator(row))),
    ]
    const width = (this.#stream.columns || 80) - 1
    this.#stream.write(`\r\u001b[K${text.filter(Boolean).join('  ').slice(0, width)}`)
  }

  /** Leaves the bar behind. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\n')
  }

  /** From the vendors' limits alone: operations go on side by side, each a limit's worth of items in each window. */
  #leftMs(open: Map<string, number>, waits: Waits, isDryRun: boolean): number {
    const each = [...open].map(([operation, items]) => {
      const { perSecond = Number.POSITIVE_INFINITY, perMinute = Number.POSITIVE_INFINITY } =
        this.#paceOf(operation, isDryRun) ?? {}
      const waitMs = Math.max(0, (waits.get(operation)?.untilMs ?? 0) - Date.now())
      const windowsMs = Math.max((items / perSecond) * 1_000, Math.floor((items - 1) / perMinute) * 60_000)
      return waitMs + windowsMs / this.#speed
    })
    return Math.max(...each)
  }

  #log(subject: string, line: string): void {
    if (this.#logged.has(subject)) return
    this.#logged.add(subject)
    this.#stream.write(`${line}\n`)
  }
}

/** What was queued, what has ended, and what waits until when: each line with what it is about. */
function linesOf({ rows, unplanned, people }: Report, waits: Waits): [subject: string, line: string][] {
  const planned = groupByOperation(rows).filter(([operation]) => !unplanned.includes(operation))
  const open = countOpen(rows)
  return [
    ...people.map((person): [string, string] => {
      const line = formatPerson(person)
      return [line, `${person.state === 'found' ? 'found     ' : 'not found '} ${line}`]
    }),
    ...rows
      .filter(isUnresolved)
      .map(({ eventId, kind, code, hint }): [string, string] => [
        `resolving ${eventId} ${kind} ${code}`,
        `resolving  the leaver${kind ? `: ${[kind, code].filter(Boolean).join(' ')}: ${hint}` : ''}`,
      ]),
    ...planned.map(([operation, some]): [string, string] => [
      `queued ${operation}`,
      `queued     ${operation}: ${formatCount(some.length, 'item')}`,
    ]),
    ...rows
      .filter(({ outcome }) => outcome !== 'open')
      .map((row): [string, string] => {
        const subject = row.operation === null ? 'the event' : `${row.operation} ${formatTarget(row)}`
        return [subject, `${formatOutcome(row).padEnd(10)} ${subject}${isGone(row) ? `: ${CHECK_ID.en}` : ''}`]
      }),
    ...[...waits].flatMap(([operation, { hold }]): [string, string][] =>
      hold
        ? [
            [
              `held ${operation} ${hold.sinceMs} ${hold.kind} ${hold.code}`,
              `held       ${operation} since ${formatTime(new Date(hold.sinceMs).toISOString())}: ${formatHold(hold)}`,
            ],
          ]
        : [],
    ),
    ...[...waits].map(([operation, { untilMs, hold }]): [string, string] => {
      const items = formatCount(open.get(operation) ?? 0, 'item')
      return [
        `waiting ${operation} ${Math.round(untilMs / 1_000)}`,
        `waiting    ${operation}: ${items} until ${formatClock(untilMs)} (${hold ? 'held' : 'rate limit'})`,
      ]
    }),
  ]
}

/** Open items by operation; operations without any are left out. */
const countOpen = (rows: Row[]): Map<string, number> =>
  new Map(groupByOperation(rows.filter(({ outcome }) => outcome === 'open')).map(([name, some]) => [name, some.length]))

/** The local time of day, with seconds when it is soon. */
const formatClock = (ms: number): string => new Date(ms).toTimeString().slice(0, ms - Date.now() < 60_000 ? 8 : 5)

function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  if (seconds < 90) return `${Math.max(1, seconds)} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
