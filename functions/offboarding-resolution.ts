/**
 * Finds who leaves, as HR knows them, at the vendors, and what they have, and sends the offboarding event with ids. No operation: it
 * has no route, and its queue holds events.
 */
import type { Context, SQSEvent } from 'aws-lambda'
import { OperationError } from '../lib/error.ts'
import { queueLeaving, resolveBatch } from '../lib/handlers/leaving.ts'
import type { BusEvent } from '../lib/handlers/reject.ts'
import { LEAVING } from '../lib/leaving-event.ts'
import { pacedAsk } from '../lib/people/paced.ts'

/** Kept back for what is sent and written when all is found. */
const RESERVE_MS = 20_000

/** Queues a `User Leaving` event; resolves a batch of its queue and returns `{batchItemFailures}`. Any other event throws. */
export async function handler(event: BusEvent | SQSEvent, context: Context): Promise<unknown> {
  if ('Records' in event) {
    const ask = pacedAsk(() => context.getRemainingTimeInMillis() - RESERVE_MS)
    return resolveBatch(event, ask)
  }
  if (event['detail-type'] === LEAVING) return queueLeaving(event)
  throw new OperationError('invalid_request', { en: 'Not an event of this function.', zh: '不是本函数的事件。' })
}
