/** How long messages wait when it is AWS that fails. */
import type { SQSRecord } from 'aws-lambda'
import { isPermanent } from '../aws/sdk.ts'
import { OperationError } from '../error.ts'
import { MAX_WAIT_MS, MIN_WAIT_MS } from '../ledger/hold.ts'

export const HOUR_MS = 60 * 60_000
export const DAY_MS = 24 * HOUR_MS

/** A message that was received so often comes once an hour: in 14 days not 1,000 times, when SQS would move it away. */
const MANY_RECEIVES = 500

type Service = 'ledger' | 'queue' | 'bus'

/** Since when a service has not worked for this container. */
const failingSinceMs = new Map<Service, number>()

/** The service has answered. */
export function noteAnswer(service: Service): void {
  failingSinceMs.delete(service)
}

/** How long to wait for a service: longer, the longer it has not worked for this container, and minutes where it refuses. */
export function awsWaitMs(service: Service, { attributes }: SQSRecord, { retryable }: OperationError): number {
  const sinceMs = failingSinceMs.get(service) ?? Date.now()
  failingSinceMs.set(service, sinceMs)
  if (Number(attributes.ApproximateReceiveCount) > MANY_RECEIVES) return HOUR_MS
  return retryable ? Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, Date.now() - sinceMs)) : MAX_WAIT_MS
}

/** The error for what a client of AWS threw. */
export const awsError = (thrown: unknown): OperationError =>
  thrown instanceof OperationError
    ? thrown
    : new OperationError(isPermanent(thrown) ? 'misconfigured' : 'unavailable', FAILED, { scope: 'us', hint: HINT })

const FAILED = { en: 'A service of AWS did not do its part.', zh: 'AWS 服务未完成其部分。' }
const HINT = {
  en: "Check that the function may use its queues and the event bus, and AWS's health dashboard.",
  zh: '请确认函数有权使用其队列与事件总线，并查看 AWS 健康状况页面。',
}
