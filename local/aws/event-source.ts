/** Lambda's event source mapping for SQS: polls, calls the function with records, deletes what it finished. */
import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { SQSEvent, SQSRecord } from 'aws-lambda'

export type EventSourceOptions = {
  client: SQSClient
  queueUrl: string
  queueArn: string
  region: string
  /** At most this many records per invocation, 10 by default. */
  batchSize?: number
  /** Invocations at once, 10 by default. Of one message group there is never more than one. */
  concurrency?: number
  /** Whether the function answers `batchItemFailures`. */
  reportBatchItemFailures?: boolean
  invoke: (event: SQSEvent) => Promise<unknown>
  /** Called after every invocation. */
  onBatch?: (batch: Batch) => void
}

/** One invocation: its records, what it answered or threw, and the ids of the messages that stay on the queue. */
export type Batch = { records: SQSRecord[]; response?: unknown; error?: unknown; failed: string[] }

export type EventSource = {
  /** Stops polling and waits for the invocations under way. */
  close(): Promise<void>
}

/**
 * Starts polling. Each message group makes its own invocation, so a slow group holds up no other. Messages that failed
 * keep the visibility they have: the function may have changed it, otherwise the queue's own applies.
 */
export function consume(options: EventSourceOptions): EventSource {
  const { client, queueUrl: QueueUrl, batchSize = 10, concurrency = 10 } = options
  const stopping = new AbortController()
  const running = new Set<Promise<void>>()

  async function receive(): Promise<Message[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl,
      MaxNumberOfMessages: Math.min(10, QueueUrl.endsWith('.fifo') ? concurrency - running.size : batchSize),
      WaitTimeSeconds: 20,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
    })
    const { Messages = [] } = await client.send(command, { abortSignal: stopping.signal })
    return Messages
  }

  async function run(messages: Message[]): Promise<void> {
    const records = messages.map((message) => recordOf(message, options))
    const ids = records.map((record) => record.messageId)
    let batch: Batch
    try {
      const response = await options.invoke({ Records: records })
      const failed = options.reportBatchItemFailures ? failedIds(response, ids) : []
      batch = { records, response, failed }
    } catch (error) {
      batch = { records, error, failed: ids }
    }
    const Entries = records
      .filter((record) => !batch.failed.includes(record.messageId))
      .map((record, index) => ({ Id: String(index), ReceiptHandle: record.receiptHandle }))
    if (Entries.length > 0) await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })).catch(() => {})
    options.onBatch?.(batch)
  }

  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      if (running.size >= concurrency) {
        await Promise.race(running)
        continue
      }
      try {
        for (const messages of batches(await receive(), batchSize)) {
          const invocation = run(messages).finally(() => running.delete(invocation))
          running.add(invocation)
        }
      } catch {
        if (!stopping.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }

  const polling = poll()
  return {
    async close() {
      stopping.abort()
      await polling
      await Promise.all(running)
    },
  }
}

/** One batch per message group in order of arrival; messages without a group share batches. */
function batches(messages: Message[], size: number): Message[][] {
  const groups = Map.groupBy(messages, (message) => message.Attributes?.MessageGroupId)
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / size) }, (_, index) => group.slice(index * size, (index + 1) * size)),
  )
}

/**
 * The failed messages an answer names. Nothing, or an empty list, means that all succeeded; an answer of another shape,
 * a missing or empty id, or an id that is not in the batch means that all failed.
 */
export function failedIds(response: unknown, ids: string[]): string[] {
  if (response === null || response === undefined) return []
  if (typeof response !== 'object' || Array.isArray(response)) return ids
  const { batchItemFailures: failures } = response as { batchItemFailures?: unknown }
  if (failures === null || failures === undefined) return []
  if (!Array.isArray(failures)) return ids
  const named = failures.map((failure: { itemIdentifier?: unknown } | null) => failure?.itemIdentifier)
  return named.every((id) => typeof id === 'string' && ids.includes(id)) ? (named as string[]) : ids
}

function recordOf(message: Message, { queueArn, region }: EventSourceOptions): SQSRecord {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [
    name,
    {
      ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
      ...(value.BinaryValue && { binaryValue: Buffer.from(value.BinaryValue).toString('base64') }),
      stringListValues: [],
      binaryListValues: [],
      dataType: value.DataType ?? 'String',
    },
  ])
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: { ...message.Attributes } as unknown as SQSRecord['attributes'],
    messageAttributes: Object.fromEntries(attributes),
    md5OfBody: message.MD5OfBody ?? '',
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: 'aws:sqs',
    eventSourceARN: queueArn,
    awsRegion: region,
  }
}
