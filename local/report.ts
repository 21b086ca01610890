/** What a person sees while an offboarding runs, and the report at its end. */
import type { WriteStream } from 'node:tty'

/** `detail` of an outcome event, as it comes from the bus. */
export type Outcome = {
  operation: string | null
  input: Record<string, string> | null
  outcome: string
  code?: string | null
  requestId?: string | null
  hint?: string
}

/** The ids an item is about: `doxcn… docx`. */
export const targetOf = ({ input }: Pick<Outcome, 'input'>): string => Object.values(input ?? {}).join(' ') || '-'

/** Live progress on `stream`: a bar that is redrawn where the stream is a terminal, else a line for each thing. */
export class Progress {
  readonly #stream: NodeJS.WriteStream | WriteStream
  readonly #counts = new Map<string, number>()
  #total = 0
  #note = ''

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  planned(operation: string, items: number): void {
    this.#total += items
    if (items > 0) this.#tell(`planned    ${operation}: ${items} ${items === 1 ? 'item' : 'items'}`)
  }

  ended(outcome: Outcome): void {
    this.#counts.set(outcome.outcome, (this.#counts.get(outcome.outcome) ?? 0) + 1)
    this.#note = ''
    this.#tell(`${outcome.outcome.padEnd(10)} ${outcome.operation ?? ''} ${targetOf(outcome)}`)
  }

  deferred(operation: string, items: number, waitMs: number, kind = 'turn not come'): void {
    const until = new Date(Date.now() + waitMs).toTimeString().slice(0, 8)
    this.#note = `${operation} waits until ${until}`
    this.#tell(`deferred   ${operation}: ${items} ${items === 1 ? 'item' : 'items'} until ${until} (${kind})`)
  }

  /** Leaves the bar behind. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\n')
  }

  #tell(line: string): void {
    if (!this.#stream.isTTY) {
      this.#stream.write(`${line}\n`)
      return
    }
    const done = [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
    const filled = this.#total === 0 ? 0 : Math.round((24 * done) / this.#total)
    const counts = [...this.#counts].map(([outcome, count]) => `${outcome} ${count}`)
    const text = [`[${'█'.repeat(filled).padEnd(24, '·')}] ${done}/${this.#total}`, ...counts, this.#note]
    const width = (this.#stream.columns ?? 80) - 1
    this.#stream.write(`\r\u001b[K${text.filter(Boolean).join('  ').slice(0, width)}`)
  }
}

/** The report: a row for each target, then the hints for those that need somebody. */
export function reportOf(outcomes: Outcome[]): string {
  const head = ['operation', 'target', 'outcome', 'code', 'vendor request id']
  const rows = outcomes
    .map((one) => [one.operation ?? '-', targetOf(one), one.outcome, one.code ?? '-', one.requestId ?? '-'])
    .sort((a, b) => a.slice(0, 2).join(' ').localeCompare(b.slice(0, 2).join(' ')))
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const table = [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)]

  const counts = Map.groupBy(outcomes, ({ outcome }) => outcome)
  const total = [...counts].map(([outcome, some]) => `${some.length} ${outcome}`).join(', ')
  const needing = outcomes.filter(({ outcome }) => outcome === 'parked' || outcome === 'rejected')
  const hints = needing.map(
    (one) => `${one.outcome}: ${one.operation ?? 'event'} ${targetOf(one)}\n  ${one.hint ?? ''}`,
  )
  return [...table, '', `${outcomes.length} targets: ${total || 'none'}`, ...hints].join('\n')
}
