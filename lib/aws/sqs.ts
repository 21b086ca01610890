/** SQS: work queues and the dead-letter queue. */
import {
  ChangeMessageVisibilityBatchCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { environment } from '../environment.ts'
import { batchesOf, sendBatchWithRetry } from './batch.ts'
import { callOptions, clientSettings } from './sdk.ts'

const TIMEOUT_MS = 5_000
let client: SQSClient | undefined
/** The client, for the other file about queues. */
export const getClient = () => {
  // Otherwise the host of a queue URL would win over AWS_ENDPOINT_URL_SQS.
  client ??= new SQSClient({ ...clientSettings(), useQueueUrlAsEndpoint: false })
  return client
}

/**
 * The queues of a function, by the variables that name them: of an operation FIFO for untried items, standard for those that stepped
 * aside; of the resolution its standard queue.
 */
export type OwnQueue = 'WORK_QUEUE_URL' | 'RETRY_QUEUE_URL' | 'RESOLUTION_QUEUE_URL'

/** `group` is the rate-limit bucket; a message whose `deduplicationId` was seen within five minutes adds nothing. */
export type Message = { body: string; group: string; deduplicationId: string }

/** Sends all to the function's own FIFO queue, in order; throws `unavailable` when some were refused to the end. */
export const sendWork = (messages: Message[]): Promise<void> =>
  sendAll(
    'WORK_QUEUE_URL',
    messages.map(({ body, group, deduplicationId }) => ({
      MessageBody: body,
      MessageGroupId: group,
      MessageDeduplicationId: deduplicationId,
    })),
  )

/** Sends an event to be resolved; throws like `sendWork`. */
export const sendLeaving = (body: string): Promise<void> => sendAll('RESOLUTION_QUEUE_URL', [{ MessageBody: body }])

/** SQS's longest delay of a message. */
const MAX_DELAY_MS = 15 * 60_000

/** Sends all to the function's second queue, each to be delivered after its wait; throws like `sendWork`. */
export const sendRetries = (messages: { body: string; waitMs: number }[]): Promise<void> =>
  sendAll(
    'RETRY_QUEUE_URL',
    messages.map(({ body, waitMs }) => ({
      MessageBody: body,
      DelaySeconds: Math.ceil(Math.min(waitMs, MAX_DELAY_MS) / 1_000),
    })),
  )

async function sendAll(queue: OwnQueue, entries: Omit<SendMessageBatchRequestEntry, 'Id'>[]): Promise<void> {
  const QueueUrl = environment(queue)
  for (const batch of batchesOf(entries)) {
    await sendBatchWithRetry(batch, async (left) => {
      const Entries = left.map((entry, index) => ({ Id: String(index), ...entry }))
      const command = new SendMessageBatchCommand({ QueueUrl, Entries })
      const { Successful = [] } = await getClient().send(command, callOptions(TIMEOUT_MS))
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
  const command = new SendMessageCommand({
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
  })
  // The SDK throws when the answer lacks the checksum of the body.
  await getClient().send(command, callOptions(TIMEOUT_MS))
}

/** Sets when each message of one of the function's own queues is delivered again. At most ten. */
export async function deferMessages(
  queue: OwnQueue,
  messages: { receiptHandle: string; waitMs: number }[],
): Promise<void> {
  if (messages.length === 0) return
  const QueueUrl = environment(queue)
  const command = new ChangeMessageVisibilityBatchCommand({
    QueueUrl,
    Entries: messages.map(({ receiptHandle, waitMs }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: Math.max(0, Math.ceil(waitMs / 1_000)),
    })),
  })
  // An entry that is refused is left to the queue's own visibility timeout.
  await getClient().send(command, callOptions(TIMEOUT_MS))
}
