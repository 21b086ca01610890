/** A held bucket as reports show it. */
import type { Hold } from '../ledger/bucket.ts'

/** Why a bucket is held, and since when by AWS's clock, in epoch milliseconds. Its texts contain no control characters. */
export type Held = Pick<Hold, 'sinceMs' | 'kind' | 'code' | 'requestId' | 'hint'>

/** `misconfigured 99991672: Check the credentials …` */
export const formatHold = ({ kind, code, hint }: Held): string => `${[kind, code].filter(Boolean).join(' ')}: ${hint}`

/** Until when a bucket sends nothing, in epoch milliseconds; where it is held, why. */
export type Wait = { untilMs: number; hold?: Held }
