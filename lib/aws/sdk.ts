/** What the clients of AWS's SDK share: their limits, and how their errors read. */
import { environment } from '../environment.ts'

/**
 * Settings of a client. The SDK retries throttles, time-outs and faults twice; it finds endpoints (`AWS_ENDPOINT_URL_*`)
 * and credentials in the environment. Throws `misconfigured` without `AWS_REGION`.
 */
export const clientSettings = () => ({
  region: environment('AWS_REGION'),
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
})

/** Options of one call, which fails after `timeoutMs` with all its attempts and the waits between them. */
export const callOptions = (timeoutMs: number) => ({ abortSignal: AbortSignal.timeout(timeoutMs) })

/** Whether a call failed in a way that no repetition changes, such as permissions, keys, ids or settings. */
export function isPermanent(error: unknown): boolean {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
  const status = $metadata?.httpStatusCode ?? 0
  return status >= 400 && status < 500 && ![408, 429].includes(status) && !TRANSIENT.test(name)
}

/** Names of throttles and time-outs that come with status 400. */
const TRANSIENT =
  /Thrott|TooMany|RequestLimit|RequestTimeout|SlowDown|BandwidthLimit|PriorRequest|ProvisionedThroughput/
