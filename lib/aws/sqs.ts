/** SQS: work queues and the dead-letter queue. */
import type {
  ChangeMessageVisibilityBatchRequest,
  SendMessageBatchRequest,
  SendMessageBatchResult,
  SendMessageRequest,
  SendMessageResult,
} from '@aws-sdk/client-sqs'
import { environment } from '../environment.ts'
import { batchesOf, untilAccepted } from './batch.ts'
import { callAws } from './client.ts'
import { patiently } from './retry.ts'

/** `group` is the rate-limit bucket; a message whose `deduplicationId` was seen within five minutes adds nothing. */
export type Message = { body: string; group: string; deduplicationId: string }

/** Sends all to the function's own queue, in order; throws `unavailable` when some were refused to the end. */
export async function sendWork(messages: Message[]): Promise<void> {
  const QueueUrl = environment('WORK_QUEUE_URL')
  for (const batch of batchesOf(messages)) {
    await untilAccepted(batch, async (left) => {
      const request: SendMessageBatchRequest = {
        QueueUrl,
        Entries: left.map(({ body, group, deduplicationId }, index) => ({
          Id: String(index),
          MessageBody: body,
          MessageGroupId: group,
          MessageDeduplicationId: deduplicationId,
        })),
      }
      const { Successful = [] } = await callAws<Partial<SendMessageBatchResult>>(
        'sqs',
        'SendMessageBatch',
        request,
        QueueUrl,
      )
      const accepted = new Set(Successful.map(({ Id }) => Id))
      return left.flatMap((_, index) => (accepted.has(String(index)) ? [] : [index]))
    })
  }
}

/** The value as JSON that SQS takes: the two characters that it refuses are written as escapes. */
export const bodyOf = (value: unknown): string =>
  JSON.stringify(value).replace(/[\ufffe\uffff]/g, (refused) => `\\u${refused.charCodeAt(0).toString(16)}`)

/** Why a message was put aside. */
export type Reason = {
  kind: string | undefined
  hint: string | undefined
  code?: string | null | undefined
  requestId?: string | null | undefined
}

/** Puts one message aside, with the reason as string attributes: `none` where the vendor gave nothing, or was not asked. */
export async function sendDeadLetter(
  { body, group, deduplicationId }: Message,
  { kind, code, hint, requestId }: Reason,
): Promise<void> {
  const QueueUrl = environment('DEAD_LETTER_QUEUE_URL')
  const request: SendMessageRequest = {
    QueueUrl,
    MessageBody: body,
    MessageGroupId: group,
    MessageDeduplicationId: deduplicationId,
    MessageAttributes: Object.fromEntries(
      Object.entries({ kind, code, hint, requestId }).map(([name, value]) => [
        name,
        { DataType: 'String', StringValue: value || 'none' },
      ]),
    ),
  }
  await untilAccepted([request], async () => {
    const { MessageId } = await callAws<SendMessageResult>('sqs', 'SendMessage', request, QueueUrl)
    return MessageId ? [] : [0]
  })
}

/** Sets when each message of the function's own queue is delivered again. At most ten. */
export async function deferMessages(messages: { receiptHandle: string; waitMs: number }[]): Promise<void> {
  if (messages.length === 0) return
  const QueueUrl = environment('WORK_QUEUE_URL')
  const request: ChangeMessageVisibilityBatchRequest = {
    QueueUrl,
    Entries: messages.map(({ receiptHandle, waitMs }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: Math.ceil(waitMs / 1_000),
    })),
  }
  // They come back without it, too.
  await patiently(() => callAws('sqs', 'ChangeMessageVisibilityBatch', request, QueueUrl), 2)
}
