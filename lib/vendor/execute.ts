/** The heart: one vendor call on one input, the same for every entrance. */
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationError, toOperationError } from '../error.ts'
import type { Input } from '../schema.ts'
import { call } from './classify.ts'
import { retryWaitMs, shouldRetry } from './retry.ts'
import type { Credential } from './vendor.ts'
import { throttleMs, urlOf, type VendorCall } from './vendor-call.ts'

export type Result = {
  /** `changed`: done now. `unchanged`: was already so. `planned`: a dry run, the call was not made. */
  outcome: 'changed' | 'unchanged' | 'planned'
  request: { method: string; url: string }
  upstream: { code: string | null; requestId: string | null }
  /** The vendor's answer; empty for a dry run. */
  json: Record<string, unknown>
  /** Vendor calls made for this. */
  attempts: number
}

export type Limits = {
  dryRun: boolean
  /** Time left until the caller must have its answer. Milliseconds. */
  remainingMs: () => number
  /** The longest single wait before a retry that is worth staying for. Milliseconds. */
  patienceMs: number
  /** Told of each call to the vendor as it is sent. */
  onSend?: () => void
}

/**
 * Obtains the token, makes the call, retries what a moment may mend, renews a rejected token once.
 * A dry run stops before the call; a user's token is shown to the vendor, by a call that only reads. Throws `OperationError`.
 */
export async function execute<I extends Input>(
  operation: VendorCall<I>,
  input: I,
  { dryRun, remainingMs, patienceMs, onSend }: Limits,
): Promise<Result> {
  const request = { method: operation.method, url: urlOf(operation, input) }
  let attempts = 0
  let retries = 0
  let renewed = false
  for (;;) {
    let credential: Credential | undefined
    try {
      credential = await operation.vendor.credential(operation.identity(input), remainingMs)
      if (dryRun) {
        // An app's token came from the vendor; a user's was stored, and may have been revoked since.
        if (credential.actsAs === 'user') await operation.vendor.ownerOf(credential.accessToken, remainingMs())
        return { outcome: 'planned', request, upstream: { code: null, requestId: null }, json: {}, attempts }
      }
      attempts++
      onSend?.()
      const { outcome, answer } = await callWith(operation, request, credential, remainingMs())
      const { code, requestId, json } = answer
      return { outcome, request, upstream: { code, requestId }, json, attempts }
    } catch (thrown) {
      const error = toOperationError(thrown)
      error.attempts = attempts
      if (error.tokenRejected && credential) {
        credential.reject()
        if (renewed) throw error
        renewed = true
        continue
      }
      const waitMs = retryWaitMs(error, retries)
      if (!shouldRetry(error, retries, waitMs, { remainingMs: remainingMs(), patienceMs })) throw error
      retries++
      await sleep(waitMs)
    }
  }
}

function callWith<I extends Input>(
  operation: VendorCall<I>,
  request: { method: VendorCall['method']; url: string },
  { accessToken, actsAs }: Credential,
  remainingMs: number,
) {
  if (remainingMs <= 0)
    throw new OperationError('timeout', { en: 'No time was left to call the vendor.', zh: '已无时间调用厂商接口。' })
  const { vendor, codes, succeeded } = operation
  return call(
    {
      vendor,
      request: { ...request, headers: vendor.headers(accessToken) },
      codes,
      succeeded,
      actsAs,
      throttleMs: throttleMs(operation),
    },
    remainingMs,
  )
}
