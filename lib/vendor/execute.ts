/** Makes one vendor call. Shared by all three triggers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationError, toOperationError } from '../error.ts'
import { quote, registerSecrets } from '../redact.ts'
import type { Input } from '../schema.ts'
import { TokenBudget } from '../tokens/budget.ts'
import { grantAgain } from '../tokens/user-secret.ts'
import { call } from './classify.ts'
import { retryWaitMs, shouldRetry } from './retry.ts'
import type { Credential, Identity, Vendor } from './vendor.ts'
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
  /** Called just before each vendor request is sent. */
  onSend?: () => void
  /** Called before the vendor is called again for the same input; what it throws ends the tries. */
  beforeRepeat?: () => Promise<void>
}

/**
 * Obtains the token, makes the call, retries transient errors, renews a rejected token once.
 * A dry run stops before the call; the vendor is asked whose a user's token is, by a call that only reads. No token endpoint
 * is asked more than three times. Throws `OperationError`.
 */
export async function execute<I extends Input>(
  operation: VendorCall<I>,
  input: I,
  { dryRun, remainingMs, patienceMs, onSend, beforeRepeat }: Limits,
): Promise<Result> {
  const request = { method: operation.method, url: urlOf(operation, input) }
  const identity = operation.identity(input)
  const budget = new TokenBudget(remainingMs)
  let attempts = 0
  let retries = 0
  let renewed = false
  for (;;) {
    let credential: Credential | undefined
    try {
      credential = await operation.vendor.credential(identity, budget)
      // What is used stays known, however many others were seen meanwhile.
      registerSecrets(credential)
      if (dryRun) {
        await checkOwner(operation.vendor, identity, credential, remainingMs())
        return { outcome: 'planned', request, upstream: { code: null, requestId: null }, json: {}, attempts }
      }
      attempts++
      onSend?.()
      const { outcome, answer } = await callWith(operation, input, request, credential, remainingMs())
      const { code, requestId, json } = answer
      return { outcome, request, upstream: { code, requestId }, json, attempts }
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
      if (!shouldRetry(error, retries, waitMs, { remainingMs: remainingMs(), patienceMs })) throw error
      retries++
      await sleep(waitMs)
      await beforeRepeat?.().catch(() => {
        throw error
      })
    }
  }
}

/** An app's token came from the vendor; a user's was stored, and may be revoked by now, or another person's. */
async function checkOwner(
  vendor: Vendor,
  identity: Identity,
  { actsAs, accessToken, authorizeCommand = '' }: Credential,
  remainingMs: number,
): Promise<void> {
  if (actsAs !== 'user') return
  const owner = await vendor.ownerOf(accessToken, remainingMs, authorizeCommand)
  if (owner === identity.userId) return
  const named = quote(owner)
  throw new OperationError(
    'misconfigured',
    {
      en: `The tokens stored for ${identity.userId} belong to ${named}.`,
      zh: `为 ${identity.userId} 存储的令牌属于 ${named}。`,
    },
    { hint: grantAgain(authorizeCommand), scope: 'user' },
  )
}

/** Where the acting person must be active, as a custodian must, their departure is an error, not an end. */
function explainDeparture(error: OperationError, { mustBeActive }: Identity): OperationError {
  if (!mustBeActive || error.kind !== 'not_found' || !error.final) return error
  return new OperationError('forbidden', error.detail, { upstream: error.upstream, scope: error.scope })
}

function callWith<I extends Input>(
  operation: VendorCall<I>,
  input: I,
  { method, url }: { method: VendorCall['method']; url: string },
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
