/**
 * How long messages wait when it is AWS that fails. A message that waits so from its first to its last day is received about 700
 * times (362 on the first day, then once an hour), and one of a held bucket 362 times; SQS would move it away at 1,000.
 */
import type { OperationError } from '../error.ts'
import { MAX_WAIT_MS, MIN_WAIT_MS } from '../ledger/pace.ts'

export const HOUR_MS = 60 * 60_000
export const DAY_MS = 24 * HOUR_MS

/** The wait before something is tried again that has been failing for so long. */
export const backoffMs = (failingMs: number): number =>
  failingMs > DAY_MS ? HOUR_MS : Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, failingMs))

/** Since when the ledger has not answered this container. */
let ledgerFailedAtMs: number | undefined

/** The ledger has answered. */
export function noteLedger(): void {
  ledgerFailedAtMs = undefined
}

/** How long to wait for the ledger: longer, the longer it has not answered this container. */
export function ledgerWaitMs(error: OperationError): number {
  ledgerFailedAtMs ??= Date.now()
  const failingMs = Date.now() - ledgerFailedAtMs
  return error.retryable ? backoffMs(failingMs) : Math.max(MAX_WAIT_MS, backoffMs(failingMs))
}
