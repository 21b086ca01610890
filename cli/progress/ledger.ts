/** What became of an offboarding, from its audit lines. */
import type { LoggedLine } from './audit-log.ts'

/** What a target ended as. A rejected event is told in the same form, without operation and input. */
export type Result = {
  operation: string | null
  input: Record<string, string> | null
  outcome: string
  kind: string | null
  code: string | null
  requestId: string | null
  hint: string | null
  /** ISO 8601. */
  time: string
}

type Event = {
  dryRun: boolean
  plannedAt: string
  /** Items by operation. */
  planned: Map<string, number>
  results: Map<string, Result & { operation: string }>
  rejection?: Result
}

/**
 * Collects lines, in whatever order, of one offboarding: of one event or of several. A target counts once, by the newest
 * outcome it had, however often it was planned or redriven; a dry run counts only until there is a real one.
 */
export class Ledger {
  readonly #events = new Map<string, Event>()

  add(line: LoggedLine): void {
    const { eventId, operation, items = 0, dryRun = false } = line
    if (!eventId) return
    const event = this.#event(eventId)
    switch (line.message) {
      case 'planned':
        event.dryRun = dryRun
        event.plannedAt = line.time
        // A second delivery of the event plans the same items again.
        event.planned.set(operation, Math.max(items, event.planned.get(operation) ?? 0))
        break
      case 'finished':
      case 'parked': {
        const key = JSON.stringify([operation, line.input])
        const known = event.results.get(key)
        if (!known || known.time <= line.time) event.results.set(key, { ...resultOf(line), operation })
        break
      }
      case 'rejected':
        event.rejection = { ...resultOf(line), operation: null, input: null }
    }
  }

  #event(id: string): Event {
    const event: Event = this.#events.get(id) ?? {
      dryRun: false,
      plannedAt: '',
      planned: new Map(),
      results: new Map(),
    }
    this.#events.set(id, event)
    return event
  }

  /** The events that count. A rejected one does until the next is planned. */
  get #counting(): Event[] {
    const events = [...this.#events.values()]
    const newest = events.reduce((time, { plannedAt }) => (plannedAt > time ? plannedAt : time), '')
    const standing = events.filter(({ rejection }) => !rejection || rejection.time > newest)
    const real = standing.filter(({ dryRun }) => !dryRun)
    return real.length > 0 ? real : standing
  }

  get isEmpty(): boolean {
    return this.#events.size === 0
  }

  get isDryRun(): boolean {
    return !this.isEmpty && this.#counting.every(({ dryRun }) => dryRun)
  }

  /** Every target that has ended, by operation and target. */
  get results(): Result[] {
    const newest = new Map<string, Result>()
    for (const { results, rejection } of this.#counting) {
      if (rejection) newest.set(`${newest.size}`, rejection)
      for (const [key, result] of results) if ((newest.get(key)?.time ?? '') <= result.time) newest.set(key, result)
    }
    const key = ({ operation, input }: Result) => `${operation} ${targetOf({ input })}`
    return [...newest.values()].sort((a, b) => key(a).localeCompare(key(b)))
  }

  /** Items that were planned and have not ended, by operation; operations without any are left out. */
  get open(): Map<string, number> {
    const open = new Map<string, number>()
    for (const { planned, results, rejection } of this.#counting) {
      if (rejection) continue
      for (const [operation, items] of planned) {
        const ended = [...results.values()].filter((result) => result.operation === operation).length
        if (items > ended) open.set(operation, (open.get(operation) ?? 0) + items - ended)
      }
    }
    return open
  }

  /** Of `operations` those that have not told yet what they planned. */
  unplanned(operations: string[]): string[] {
    const events = this.#counting.filter(({ rejection }) => !rejection)
    if (events.length === 0) return this.isEmpty ? operations : []
    return operations.filter((operation) => events.some(({ planned }) => !planned.has(operation)))
  }
}

const resultOf = ({ operation, input, outcome, kind, code, requestId, hint, time }: LoggedLine): Result => ({
  operation,
  input: (input ?? null) as Result['input'],
  outcome: outcome ?? '-',
  kind: kind ?? null,
  code: code ?? null,
  requestId: requestId ?? null,
  hint: hint ?? null,
  time,
})

/** The ids an item is about: `doxcn… docx`. */
export const targetOf = ({ input }: Pick<Result, 'input'>): string => Object.values(input ?? {}).join(' ') || '-'

export const needsSomebody = ({ outcome }: Result): boolean => outcome === 'parked' || outcome === 'rejected'

/** `33 changed, 1 parked`. */
export const countsOf = (results: Result[]): string =>
  [...Map.groupBy(results, ({ outcome }) => outcome)].map(([outcome, some]) => `${some.length} ${outcome}`).join(', ')
