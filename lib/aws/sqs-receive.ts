/** SQS, for a function that looks into queues itself: Lambda receives and deletes for those that have an event source. */
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { callOptions } from './sdk.ts'
import { getClient } from './sqs.ts'

const TIMEOUT_MS = 5_000

/** A message that is invisible to others for as long as its queue says, unless it is deleted. */
export type Received = { messageId: string; receiptHandle: string; body: string }

/** At most ten messages; none where the queue has none to give within its own waiting time. */
export async function receiveMessages(QueueUrl: string): Promise<Received[]> {
  const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 })
  const { Messages = [] } = await getClient().send(command, callOptions(TIMEOUT_MS))
  return Messages.map(({ MessageId = '', ReceiptHandle = '', Body = '' }) => ({
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
  }))
}

/** Deletes at most ten. One that is refused comes again. */
export async function deleteMessages(QueueUrl: string, messages: Received[]): Promise<void> {
  if (messages.length === 0) return
  const Entries = messages.map(({ receiptHandle }, index) => ({ Id: String(index), ReceiptHandle: receiptHandle }))
  await getClient().send(new DeleteMessageBatchCommand({ QueueUrl, Entries }), callOptions(TIMEOUT_MS))
}
