/** What a person sees while an offboarding runs. */
import type { Io } from '../io.ts'
import type { LoggedLine } from './audit-log.ts'
import { countsOf, type Ledger, needsSomebody, targetOf } from './ledger.ts'

/** The vendor's limit by operation, as in `Operation.pace`. */
export type Paces = Record<string, { perSecond?: number; perMinute?: number }>

/** Live progress on `stream`: a bar that is redrawn where the stream is a terminal, else a line for each thing. */
export class Progress {
  readonly #stream: Io['stderr']
  readonly #ledger: Ledger
  readonly #paces: Paces
  readonly #speed: number
  /** By operation: the bucket its items are in, and until when it waits. */
  readonly #buckets = new Map<string, string>()
  readonly #untilMs = new Map<string, number>()

  constructor(stream: Io['stderr'], ledger: Ledger, { paces, speed }: { paces: Paces; speed: number }) {
    this.#stream = stream
    this.#ledger = ledger
    this.#paces = paces
    this.#speed = speed
  }

  /** Tells of a line that the ledger has taken. */
  told(line: LoggedLine): void {
    const { message, operation, items = 0, outcome, waitMs = 0, bucket = '', kind = 'turn not come' } = line
    switch (message) {
      case 'planned':
        this.#buckets.set(operation, bucket)
        if (items > 0) this.#log(`planned    ${operation}: ${itemsOf(items)}`)
        break
      case 'finished':
      case 'parked':
        this.#untilMs.delete(operation)
        this.#log(`${outcome?.padEnd(10)} ${operation} ${targetOf({ input: line.input as Record<string, string> })}`)
        break
      case 'rejected':
        this.#log('rejected   the event')
        break
      case 'deferred': {
        const untilMs = Date.parse(line.time) + waitMs
        if (untilMs < Date.now() || bucket !== this.#buckets.get(operation) || !this.#ledger.open.has(operation)) break
        this.#untilMs.set(operation, untilMs)
        this.#log(`deferred   ${operation}: ${itemsOf(items)} until ${clock(untilMs)} (${kind})`)
      }
    }
  }

  /** Redraws the bar: first what somebody waits for, for the line ends where the terminal does. */
  draw(): void {
    if (!this.#stream.isTTY) return
    const { results, open } = this.#ledger
    const total = [...open.values()].reduce((sum, items) => sum + items, results.length)
    const filled = total === 0 ? 0 : Math.round((12 * results.length) / total)
    const text = [
      `[${'█'.repeat(filled).padEnd(12, '·')}] ${results.length}/${total}`,
      countsOf(results.filter(needsSomebody)),
      open.size > 0 ? `about ${durationOf(this.#leftMs)} left` : '',
      ...[...this.#untilMs]
        .filter(([operation, untilMs]) => open.has(operation) && untilMs > Date.now())
        .map(([operation, untilMs]) => `deferred until ${clock(untilMs)}: ${operation}`),
      countsOf(results.filter((result) => !needsSomebody(result))),
    ]
    const width = (this.#stream.columns || 80) - 1
    this.#stream.write(`\r\u001b[K${text.filter(Boolean).join('  ').slice(0, width)}`)
  }

  /** Leaves the bar behind. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\n')
  }

  /** From the vendors' limits alone: operations go on side by side, each a limit's worth of items in each window. */
  get #leftMs(): number {
    if (this.#ledger.isDryRun) return 0
    const each = [...this.#ledger.open].map(([operation, items]) => {
      const { perSecond = Number.POSITIVE_INFINITY, perMinute = Number.POSITIVE_INFINITY } =
        this.#paces[operation] ?? {}
      const waitMs = Math.max(0, (this.#untilMs.get(operation) ?? 0) - Date.now())
      const windowsMs = Math.max((items / perSecond) * 1_000, Math.floor((items - 1) / perMinute) * 60_000)
      return waitMs + windowsMs / this.#speed
    })
    return Math.max(...each)
  }

  #log(line: string): void {
    if (!this.#stream.isTTY) this.#stream.write(`${line}\n`)
  }
}

const itemsOf = (count: number): string => (count === 1 ? '1 item' : `${count} items`)

/** The local time of day, with seconds when it is soon. */
const clock = (ms: number): string => new Date(ms).toTimeString().slice(0, ms - Date.now() < 60_000 ? 8 : 5)

function durationOf(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  if (seconds < 90) return `${Math.max(1, seconds)} s`
  const minutes = Math.ceil(seconds / 60)
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
