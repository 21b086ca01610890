/** Answers on demand: what to do with the next calls that match, in place of what the vendor would answer. */

import * as v from 'valibot'
import { amount, flag, object, read, text } from './shape.ts'

/** The kinds of script, each known by its required field; `html` comes first because it may have a `status` too. */
const kinds = {
  html: object({ html: v.literal(true) }, { status: amount }),
  status: object({ status: amount }, { headers: v.record(text, text), body: v.unknown(), delayMs: amount }),
  code: object({ code: v.union([amount, text]) }, { message: text, delayMs: amount }),
  reset: object({ reset: v.picklist(['before', 'after-headers']) }, { handled: flag }),
  stall: object({ stall: v.picklist(['headers', 'body']) }, { handled: flag }),
  truncated: object({ truncated: v.literal(true) }),
  oversized: object({ oversized: amount }),
  slowMs: object({ slowMs: amount }),
  change: object({ change: v.record(text, v.unknown()) }, { headers: v.record(text, v.unknown()) }),
}

export type Scripts = { [K in keyof typeof kinds]: v.InferOutput<(typeof kinds)[K]> }

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
  if (kind === undefined) throw new Error(`a script must be of one kind: ${names.join(', ')}`)
  return kind
}

/** Checks a script that came as JSON. */
const readScript = (json: unknown): Script => {
  if (typeof json !== 'object' || json === null) throw new Error('a script must be an object')
  return read<Script>(kinds[kindOf(json as Script)], json)
}

const order = object(
  { match: object({}, { method: text, path: text, pattern: text }), script: v.unknown() },
  { times: amount },
)

/** Checks an order for answers that came as JSON: `match.path` is literal, `match.pattern` a regular expression. */
export function readOrder(json: unknown): { target: Target; script: Script; times: number } {
  const { match, script, times = 1 } = read(order, json)
  const { method, path, pattern } = match
  if (path === undefined && pattern === undefined) throw new Error('match: needs a path or a pattern')
  return {
    target: { ...(method !== undefined && { method }), path: path ?? new RegExp(pattern ?? '') },
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
