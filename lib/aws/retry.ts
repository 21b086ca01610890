/** Failures of AWS's own services, and how long they are borne. */
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationError } from '../error.ts'

const PATIENCE_MS = 3_000
const MAX_PAUSE_MS = 1_000

/**
 * Attempts, and again when that throws what may pass, with growing pauses, for 3 seconds or `maxAttempts` times. Then throws
 * what was thrown.
 */
export async function patiently<Result>(
  attempt: () => Promise<Result>,
  maxAttempts = Number.POSITIVE_INFINITY,
): Promise<Result> {
  const startedAtMs = Date.now()
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      const isOver = attempts >= maxAttempts || Date.now() - startedAtMs >= PATIENCE_MS
      if (isOver || isPermanent(error)) throw error
    }
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 100 * 2 ** attempts))
  }
}

/** A refusal that no repetition changes, a matter of permissions, keys, ids or settings: the 4xx range but for what may pass. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof OperationError) return error.kind === 'misconfigured' || error.kind === 'internal'
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode ?? 0
  return status >= 400 && status < 500 && ![408, 429].includes(status) && !PASSING.test(name ?? '')
}

/** Names of throttles and time-outs that come with status 400. */
const PASSING = /Thrott|TooMany|RequestLimit|RequestTimeout|SlowDown|BandwidthLimit|PriorRequest|ProvisionedThroughput/
