/** What the ledger knows of a rate-limit bucket. */
import type { Kind, Scope } from '../error.ts'

/** Calls that a vendor allows for a bucket. */
export type Pace = { perSecond?: number; perMinute?: number }

/** Why nothing may be sent. Times are AWS's, epoch milliseconds. */
export type Hold = {
  sinceMs: number
  /** Nothing is sent until then, and afterwards a probe. */
  untilMs: number
  /** It is no fault of single items. */
  isCertain: boolean
  /** Calls for untried items that failed in it. */
  failures: number
  /** Probes that failed one after another. */
  probes: number
  /** Of the last failure. */
  kind: Kind
  scope: Scope
  code: string | null
  requestId: string | null
  hint: string
  isAnnounced?: boolean
}

/** What the ledger knows of a bucket. Times are AWS's, epoch milliseconds. */
export type Bucket = {
  version: number
  /** Reservations that still count: when the calls were to be sent, and how many. Oldest first. */
  calls: [atMs: number, count: number][]
  hold?: Hold | undefined
  /** The kind of the hold that was announced last, and when. */
  announced?: { kind: Kind; atMs: number } | undefined
  /** When the last call was sent with which the vendor ended an item, one way or the other. */
  answeredAtMs?: number | undefined
  /** When the vendor last ended a hold that could be the fault of items, or an item for which it had been at fault. */
  recoveredAtMs?: number | undefined
  /** When untried items last got calls, or were refused them because of a hold, and how many they got since the last repeat. */
  untriedAtMs?: number | undefined
  untriedCalls?: number | undefined
  /** Repeats ask for a call until then. */
  repeatsUntilMs?: number | undefined
  /** Items whose call was begun, by a short name, and how often without an end that the ledger knows. Newest last. */
  begun?: [name: string, times: number][] | undefined
}

/** A bucket of which nothing is known. */
export const EMPTY: Bucket = { version: 0, calls: [] }
