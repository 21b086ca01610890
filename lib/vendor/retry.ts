/** Deciding whether a failed vendor call is repeated at once. Waiting longer than a moment is the queue's business. */
import type { OperationError } from '../error.ts'

/** How long a caller lets a call go on: until the deadline, and no single wait longer than `maxWaitMs`. */
type Budget = { remainingMs: number; maxWaitMs: number }

const RETRIES = 2
/** One request must still fit behind the wait. */
const REQUEST_MS = 2_000

/** The wait before the next try: the vendor's own, unchanged, or full jitter under a doubling cap. */
export const retryWaitMs = (error: OperationError, retries: number, random = Math.random()): number =>
  error.retryAfterMs ?? random * Math.min(4_000, 250 * 2 ** retries)

/** Pure: may this failure be tried again here, after `retries` tries already made and a wait of `waitMs`? */
export function shouldRetry(error: OperationError, retries: number, waitMs: number, budget: Budget): boolean {
  // The same call would meet the same refusal.
  if (!error.retryable) return false
  // A vendor that just timed out will likely time out again; let the queue retry later.
  if (error.kind === 'timeout') return false
  // Two more tries get past a dropped keep-alive socket and a blip; what lasts longer would only be burdened.
  if (retries >= RETRIES) return false
  // The queue waits for nothing, a sleeping function is paid for.
  if (waitMs > budget.maxWaitMs) return false
  // Better to say now how long to wait than to be cut off while waiting.
  return waitMs + REQUEST_MS <= budget.remainingMs
}
