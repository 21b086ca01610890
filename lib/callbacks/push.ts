/** What both vendors' pushes have in common. */
import { createHash, timingSafeEqual } from 'node:crypto'
import * as v from 'valibot'

/** The function that takes them. */
export const CALLBACKS = 'vendor-callbacks'

/** A request as it came: names of headers in lower case, the query's values decoded, the bytes of the body. */
export type Push = {
  headers: Readonly<Record<string, string | undefined>>
  query: Readonly<Record<string, string | undefined>>
  body: Buffer
}

/** Why a push is refused: a word for the log, which holds nothing of the push. */
export type Reason = 'signature' | 'encryption' | 'token' | 'owner' | 'app' | 'shape' | 'age' | 'size'

/** A push that is not taken. `status` is 401 for what may be forged, 400 for what no vendor sends. */
export class Refusal extends Error {
  readonly status: 400 | 401
  readonly reason: Reason

  constructor(status: 400 | 401, reason: Reason) {
    super(reason)
    this.status = status
    this.reason = reason
  }
}

/** Whether two texts are the same, in a time that does not depend on where they differ. What is no text is not. */
export const isSame = (wanted: string, given: unknown): boolean =>
  typeof given === 'string' && timingSafeEqual(digest(wanted), digest(given))

const digest = (text: string) => createHash('sha256').update(text).digest()

/**
 * A vendor's time in epoch milliseconds, whichever unit it comes in: pages and examples differ. `nowMs` where it cannot be read, so that
 * it makes nothing older than it is.
 */
export function readTime(time: string | number | null | undefined, unitMs: number, nowMs: number): number {
  const given = Number(time) * unitMs
  const atMs = given < 1e11 ? given * 1_000 : given > 1e14 && given < 1e17 ? given / 1_000 : given
  return atMs > 0 && atMs <= LAST_MS ? atMs : nowMs
}

/** The last that `Date` knows. */
const LAST_MS = 8.64e15

/** The text as a JSON object. Throws `Refusal` for anything else. */
export function parseObject(text: Buffer | string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(String(text))
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  } catch {}
  throw new Refusal(400, 'shape')
}

/** The value as the schema types it. Throws `Refusal` where it is not of that shape. */
export function read<Output>(schema: v.GenericSchema<unknown, Output>, value: unknown): Output {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw new Refusal(400, 'shape')
}
