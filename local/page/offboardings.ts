/** Offboardings as a browser follows them: audit lines, and the targets of each event. */

import type { LoggedLine } from '../../cli/progress/audit-log.ts'
import { Ledger, type Result } from '../../cli/progress/ledger.ts'
import type { Input } from '../../lib/schema.ts'

/** What an event asks of each operation, told when it is put on the bus. */
export type Targets = { message: 'targets'; eventId: string; targets: Record<string, Input[]> }

/** Chinese for hints, which audit lines tell in English. */
export type Hints = { message: 'hints'; hints: Record<string, string> }

export type Target = { input: Input; result?: Result }
export type Progress = {
  operation: string
  targets: Target[]
  ended: number
  total: number
  /** When the bucket of its items goes on, and why it waits. */
  waits?: { untilMs: number; kind: string }
}

/** One offboarding: what was planned under its id, and what became of it. */
export class Offboarding {
  readonly id: string
  readonly startedAt: string
  readonly ledger = new Ledger()
  readonly #targets: Map<string, Target['input']>[] = []
  readonly #operations: string[]
  readonly #waits: Map<string, Progress['waits']>
  readonly #buckets = new Map<string, string>()

  constructor(line: LoggedLine, operations: string[], waits: Map<string, Progress['waits']>) {
    this.id = line.offboardingId ?? line.eventId ?? ''
    this.startedAt = line.time
    this.#operations = operations
    this.#waits = waits
  }

  add(line: LoggedLine): void {
    this.ledger.add(line)
    if (line.bucket !== undefined) this.#buckets.set(line.operation, line.bucket)
  }

  wants(targets: Targets['targets']): void {
    this.#targets.push(
      new Map(
        Object.entries(targets).flatMap(([operation, inputs]) =>
          inputs.map((input) => [keyOf(operation, input), input] as const),
        ),
      ),
    )
  }

  /** Operations that have something to do, with every target: those that have ended last. */
  get progress(): Progress[] {
    const { results, open } = this.ledger
    return this.#operations.flatMap((operation) => {
      const ended = results.filter((result) => result.operation === operation)
      const total = ended.length + (open.get(operation) ?? 0)
      if (total === 0) return []
      const done = new Map(ended.map((result) => [keyOf(operation, result.input ?? {}), result]))
      const waiting = new Map(
        this.#targets
          .flatMap((targets) => [...targets])
          .filter(([key]) => key.startsWith(`${operation} `) && !done.has(key)),
      )
      const wait = open.has(operation) ? this.#waits.get(`${operation} ${this.#buckets.get(operation)}`) : undefined
      return {
        operation,
        total,
        ended: ended.length,
        targets: [
          ...ended.map((result) => ({ input: result.input ?? {}, result })),
          ...[...waiting.values()].map((input) => ({ input })),
        ],
        ...(wait && wait.untilMs > Date.now() && { waits: wait }),
      }
    })
  }
}

const keyOf = (operation: string, input: Input): string =>
  `${operation} ${JSON.stringify(Object.entries(input).sort(([a], [b]) => (a < b ? -1 : 1)))}`

/** Every offboarding that was heard of, and what their buckets wait for. */
export class Offboardings {
  /** Chinese by English. */
  readonly hints = new Map<string, string>()
  readonly #operations: string[]
  readonly #byId = new Map<string, Offboarding>()
  readonly #targets = new Map<string, Targets['targets']>()
  readonly #waits = new Map<string, Progress['waits']>()

  constructor(operations: string[]) {
    this.#operations = operations
  }

  /** Newest first. */
  get list(): Offboarding[] {
    return [...this.#byId.values()].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
  }

  /** Whether a bucket waits now: what is shown of it changes with time alone. */
  get isWaiting(): boolean {
    return [...this.#waits.values()].some((wait) => wait && wait.untilMs > Date.now() - 1_000)
  }

  add(line: LoggedLine | Targets | Hints): void {
    if (line.message === 'hints') {
      for (const [en, zh] of Object.entries(line.hints)) this.hints.set(en, zh)
      return
    }
    if (line.message === 'targets') return void this.#targets.set(line.eventId, line.targets)
    const { message, operation, bucket, waitMs = 0, eventId } = line
    if (message === 'deferred')
      this.#waits.set(`${operation} ${bucket}`, { untilMs: Date.parse(line.time) + waitMs, kind: line.kind ?? '' })
    const id = line.offboardingId ?? eventId
    if (!id || !eventId) return
    const offboarding = this.#byId.get(id) ?? new Offboarding(line, this.#operations, this.#waits)
    this.#byId.set(id, offboarding)
    offboarding.add(line)
    const targets = this.#targets.get(eventId)
    if (targets) offboarding.wants(targets)
    this.#targets.delete(eventId)
  }
}
