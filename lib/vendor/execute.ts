/** Makes one vendor call. Shared by all three triggers. What a dry run does instead is in rehearse.ts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationError, toOperationError } from '../error.ts'
import { registerSecrets } from '../redact.ts'
import type { Input } from '../schema.ts'
import { TokenBudget } from '../tokens/budget.ts'
import { call } from './classify.ts'
import { retryWaitMs, shouldRetry } from './retry.ts'
import type { Credential, Identity, Vendor } from './vendor.ts'
import { throttleMs, urlOf, type VendorCall } from './vendor-call.ts'

export type Result = {
  /** `changed`: done now. `unchanged`: was already so. */
  outcome: 'changed' | 'unchanged'
  request: VendorRequest
  upstream: { code: string | null; requestId: string | null }
  /** The vendor's answer. */
  json: Record<string, unknown>
  /** Vendor calls made for this. */
  attempts: number
}

type VendorRequest = { method: VendorCall['method']; url: string }

export type Limits = {
  /** Time left until the caller must have its answer. Milliseconds. */
  remainingMs: () => number
  /** The longest single wait before a retry that is worth staying for. Milliseconds. */
  maxWaitMs: number
  /** Awaited before each vendor request, once its token is there. */
  beforeSend?: () => Promise<void>
  /** Called just before each vendor request is sent. */
  onSend?: () => void
  /** Called before the vendor is called again for the same input; what it throws ends the tries. */
  beforeRepeat?: () => Promise<void>
}

/** The request that carries the operation out. */
export const requestOf = <I extends Input>(operation: VendorCall<I>, input: I): VendorRequest => ({
  method: operation.method,
  url: urlOf(operation, input),
})

/** Obtains the token and makes the call, as `actAs` does. Throws `OperationError`. */
export async function execute<I extends Input>(operation: VendorCall<I>, input: I, limits: Limits): Promise<Result> {
  const request = requestOf(operation, input)
  const { done, attempts } = await actAs(operation.vendor, operation.identity(input), limits, async (credential) => {
    await limits.beforeSend?.()
    limits.onSend?.()
    return callWith(operation, input, request, credential, limits.remainingMs())
  })
  const { code, requestId, json } = done.answer
  return { outcome: done.outcome, request, upstream: { code, requestId }, json, attempts }
}

/**
 * Obtains the token and lets `act` make its call with it, retries transient errors, renews a rejected token once. No token
 * endpoint is asked more than three times. Returns what the call made of it; throws `OperationError`.
 */
export async function actAs<Done>(
  vendor: Vendor,
  identity: Identity,
  { remainingMs, maxWaitMs, beforeRepeat }: Pick<Limits, 'remainingMs' | 'maxWaitMs' | 'beforeRepeat'>,
  act: (credential: Credential) => Promise<Done>,
): Promise<{ done: Done; attempts: number }> {
  const budget = new TokenBudget(remainingMs)
  let attempts = 0
  let retries = 0
  let renewed = false
  for (;;) {
    let credential: Credential | undefined
    try {
      credential = await vendor.credential(identity, budget)
      // What is used stays known, however many others were seen meanwhile.
      registerSecrets(credential)
      attempts++
      return { done: await act(credential), attempts }
    } catch (thrown) {
      const error = explainDeparture(toOperationError(thrown), identity)
      error.attempts = attempts
      if (!credential && budget.isSpent) throw error
      if (error.tokenRejected && credential) {
        credential.reject()
        // Whether a user's new token that is rejected too is worth another, the ledger knows.
        if (renewed && credential.actsAs === 'tenant') throw error
        renewed = true
        await beforeRepeat?.()
        continue
      }
      const waitMs = retryWaitMs(error, retries)
      if (!shouldRetry(error, retries, waitMs, { remainingMs: remainingMs(), maxWaitMs })) throw error
      retries++
      await sleep(waitMs)
      await beforeRepeat?.().catch(() => {
        throw error
      })
    }
  }
}

/** Where the acting person must be active, as a custodian must, their departure is an error, not an end. */
function explainDeparture(error: OperationError, { mustBeActive }: Identity): OperationError {
  if (!mustBeActive || error.kind !== 'not_found' || !error.final) return error
  return new OperationError('forbidden', error.detail, { upstream: error.upstream, scope: error.scope })
}

function callWith<I extends Input>(
  operation: VendorCall<I>,
  input: I,
  { method, url }: VendorRequest,
  { accessToken, actsAs, authorizeCommand }: Credential,
  remainingMs: number,
) {
  if (remainingMs <= 0)
    throw new OperationError('timeout', { en: 'No time was left to call the vendor.', zh: '已无时间调用厂商接口。' })
  const { vendor, codes, succeeded, body } = operation
  const { tokenQuery } = vendor
  const token = tokenQuery && `${url.includes('?') ? '&' : '?'}${tokenQuery}=${encodeURIComponent(accessToken)}`
  return call(
    {
      vendor,
      request: {
        method,
        url: url + (token ?? ''),
        headers: vendor.headers(accessToken),
        ...(body && { body: body(input) }),
      },
      codes,
      succeeded,
      actsAs,
      authorizeCommand,
      throttleMs: throttleMs(operation),
    },
    remainingMs,
  )
}
