/** Answers on demand: what to do with the next calls that match, in place of what the vendor would answer. */

import { amount, flag, object, oneOf, record, type Shape, ShapeError, text } from './shape.ts'

const anything: Shape<unknown> = (value) => value
const codeShape: Shape<string | number> = (value, path) =>
  typeof value === 'number' ? amount(value, path) : text(value, path)

/** The kinds of script, each known by its required field; `html` comes first because it may have a `status` too. */
const kinds = {
  html: object({ html: oneOf(true) }, { status: amount }),
  status: object({ status: amount }, { headers: record(text), body: anything, delayMs: amount }),
  code: object({ code: codeShape }, { message: text, delayMs: amount }),
  reset: object({ reset: oneOf('before', 'after-headers') }, { handled: flag }),
  stall: object({ stall: oneOf('headers', 'body') }, { handled: flag }),
  truncated: object({ truncated: oneOf(true) }),
  oversized: object({ oversized: amount }),
  slowMs: object({ slowMs: amount }),
  change: object({ change: record(anything) }, { headers: record(anything) }),
}

export type Scripts = { [K in keyof typeof kinds]: ReturnType<(typeof kinds)[K]> }

/**
 * One scripted answer:
 * - `{status, headers?, body?, delayMs?}` exactly this; a body that is no string is sent as JSON
 * - `{code, message?, delayMs?}` a documented failure of the vendor called, by its code alone
 * - `{reset: 'before'}` the socket is destroyed unanswered; `'after-headers'`: in the middle of the body
 * - `{stall: 'headers'}` nothing is ever sent; `'body'`: nothing after half of it
 * - `{truncated: true}` half of the JSON, framed as if it were whole
 * - `{html: true, status?}` a page of HTML, 200 by default
 * - `{oversized: bytes}` a success of either vendor, padded to more than so many bytes
 * - `{slowMs}` the normal answer, later
 * - `{change, headers?}` the normal answer with these fields (and headers) instead of its own; `null` leaves one out
 *
 * `slowMs`, `change`, `truncated`, `after-headers` and `body` do what the call asks, as a vendor whose answer broke on the way
 * has. The others leave the world alone, unless `handled` says that only the answer is lost.
 */
export type Script = Scripts[keyof Scripts]

/** A call: its method if given, and its path, being the raw path, the route's template, or a pattern over path and query. */
export interface Target {
  method?: string
  path: RegExp | string
}

/** The kind of a script, by its required field. */
export const kindOf = (script: Script): keyof Scripts => {
  const names = Object.keys(kinds) as (keyof Scripts)[]
  const kind = names.find((name) => Object.hasOwn(script, name))
  if (kind === undefined) throw new ShapeError('script', `of one kind: ${names.join(', ')}`)
  return kind
}

/** Checks a script that came as JSON. */
export const readScript = (json: unknown): Script => {
  if (typeof json !== 'object' || json === null) throw new ShapeError('script', 'an object')
  return kinds[kindOf(json as Script)](json, 'script')
}

const order = object(
  { match: object({}, { method: text, path: text, pattern: text }), script: anything },
  { times: amount },
)

/** Checks an order for answers that came as JSON: `match.path` is literal, `match.pattern` a regular expression. */
export function readOrder(json: unknown): { target: Target; script: Script; times: number } {
  const { match, script, times = 1 } = order(json, '')
  const path = match.path ?? new RegExp(text(match.pattern, 'match.pattern'))
  return {
    target: { ...(match.method !== undefined && { method: match.method }), path },
    script: readScript(script),
    times,
  }
}

interface Queued {
  target: Target
  script: Script
  left: number
}

/** The scripts that wait for their calls; the oldest that matches is used first. */
export class Queue {
  #waiting: Queued[] = []
  /** By name; for every call that no waiting script is for. */
  readonly #standing = new Map<string, Omit<Queued, 'left'>>()

  get length(): number {
    return this.#waiting.length
  }

  add(target: Target, script: Script, times: number): void {
    this.#waiting.push({ target, script: readScript(script), left: times })
  }

  clear(): void {
    this.#waiting = []
  }

  /** Answers every matching call so, until `stop`. */
  stand(name: string, target: Target, script: Script): void {
    this.#standing.set(name, { target, script: readScript(script) })
  }

  stop(name: string): void {
    this.#standing.delete(name)
  }

  isStanding(name: string): boolean {
    return this.#standing.has(name)
  }

  /** Takes one use of the first script for this call. `names` are the ways to name it literally, `url` what a pattern sees. */
  take(method: string, names: readonly (string | undefined)[], url: string): Script | undefined {
    const matches = ({ target }: { target: Target }) =>
      (target.method ?? method) === method &&
      (typeof target.path === 'string' ? names.includes(target.path) : url.search(target.path) >= 0)
    const queued = this.#waiting.find(matches)
    if (queued === undefined) return [...this.#standing.values()].find(matches)?.script
    queued.left -= 1
    if (queued.left <= 0) this.#waiting = this.#waiting.filter((it) => it !== queued)
    return queued.script
  }
}
