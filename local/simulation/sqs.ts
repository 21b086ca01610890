/** SQS in simulated time: both queues of each operation with their event sources, dead letters, and what SQS moves away. */
import type { SQSRecord } from 'aws-lambda'
import type { Clock } from './clock.ts'
import { FifoQueue, type Message } from './fifo.ts'
import { StandardQueue } from './standard.ts'

export const DEAD_LETTERS = 'dead-letters.fifo'
const STRANDED = { work: 'stranded.fifo', retries: 'stranded' }
export const STRANDED_QUEUE_URLS = Object.values(STRANDED).join(',')
export const workQueueUrl = (operation: string) => `${operation}.fifo`
export const retryQueueUrl = (operation: string) => `${operation}-retry`

const BATCH = 10
/** Invocations at once with messages of a standard queue. */
export const CONCURRENCY = 5

type SqsOptions = {
  operations: readonly string[]
  /** Standard queues that only functions receive from, by their URLs. */
  polled?: readonly string[]
  clock: Clock
  visibilityMs: number
  /** A batch of a standard queue that is not full waits so long for more. */
  windowMs: number
  /** A batch that is about to be handed over can be shuffled, and the deletion of one that was worked through lost. */
  faults: { batch?: () => 'shuffled' | undefined; delete?: () => 'lost' | undefined }
  random: () => number
  /** Takes as long as it takes the event source to receive. */
  poll: () => Promise<void>
  invoke: (operation: string, event: { Records: SQSRecord[] }) => Promise<unknown>
  /** Runs something that the simulation does not end before. */
  whileRunning: (work: () => Promise<void>) => Promise<void>
  /** Called for each request that the event source makes. */
  onRequest: (operation: string) => void
}

/** What SQS moved away itself. */
type Stranded = { atMs: number; queue: string; message: Message }

type Queue = FifoQueue | StandardQueue
type Entry = {
  Id: string
  MessageBody: string
  MessageGroupId: string
  MessageDeduplicationId: string
  DelaySeconds?: number
  MessageAttributes?: Record<string, { StringValue: string }>
}
type Receipt = { Id: string; ReceiptHandle: string; VisibilityTimeout: number }
type Result = { batchItemFailures: { itemIdentifier: string }[] }

export function startSqs(options: SqsOptions) {
  const {
    operations,
    polled: polledUrls = [],
    clock,
    visibilityMs,
    windowMs,
    faults,
    random,
    poll,
    invoke,
    whileRunning,
    onRequest,
  } = options
  const now = () => clock.nowMs
  const settings = { now, visibilityMs }
  const deadLetters = new FifoQueue(settings)
  const strandedWork = new FifoQueue(settings)
  const strandedRetries = new StandardQueue(settings)
  const stranded: Stranded[] = []
  const queues = new Map<string, FifoQueue>()
  const retries = new Map<string, StandardQueue>()
  const urls = new Map<string, Queue>([
    [DEAD_LETTERS, deadLetters],
    [STRANDED.work, strandedWork],
    [STRANDED.retries, strandedRetries],
  ])
  const polled = new Map(polledUrls.map((url) => [url, new StandardQueue(settings)]))
  for (const [url, queue] of polled) urls.set(url, queue)
  for (const operation of operations) {
    const consumed = new Set<string>()
    const work = new FifoQueue({
      ...settings,
      onGroup(group) {
        if (consumed.has(group)) return
        consumed.add(group)
        void whileRunning(() => consumeGroup(operation, work, group).finally(() => consumed.delete(group)))
      },
      onStranded(message) {
        stranded.push({ atMs: now(), queue: workQueueUrl(operation), message })
        strandedWork.send(message.group ?? '', message.id, message.body)
      },
    })
    let active = 0
    const free = async () => {
      if (active === CONCURRENCY) return
      active++
      try {
        await poll()
        for (;;) {
          if (retry.visible < BATCH) await clock.sleep(windowMs)
          const messages = retry.receive()
          if (messages.length === 0) return
          await handOver(operation, retry, messages)
        }
      } finally {
        active--
      }
    }
    const retry = new StandardQueue({
      ...settings,
      onVisible: (atMs) =>
        void whileRunning(async () => {
          await clock.sleep(atMs - now())
          await free()
        }),
      onStranded(message) {
        stranded.push({ atMs: now(), queue: retryQueueUrl(operation), message })
        strandedRetries.send(message.body)
      },
    })
    queues.set(operation, work)
    retries.set(operation, retry)
    urls.set(workQueueUrl(operation), work)
    urls.set(retryQueueUrl(operation), retry)
  }

  /** The event source of a group: a batch at a time, until the group is empty. */
  async function consumeGroup(operation: string, queue: FifoQueue, group: string): Promise<void> {
    for (;;) {
      const availableAtMs = queue.availableAtMs(group)
      if (availableAtMs === undefined) return
      if (availableAtMs > now()) await clock.sleep(availableAtMs - now())
      await poll()
      const messages = queue.receive(group)
      if (messages.length > 0) await handOver(operation, queue, messages)
    }
  }

  /** Invokes the function with the messages and deletes those that it does not report as failed. */
  async function handOver(operation: string, queue: Queue, messages: Message[]): Promise<void> {
    onRequest(operation)
    const name = queue instanceof FifoQueue ? workQueueUrl(operation) : retryQueueUrl(operation)
    const batch = [...messages]
    if (faults.batch?.() === 'shuffled') batch.sort(() => random() - 0.5)
    try {
      const result = (await invoke(operation, { Records: batch.map((one) => recordOf(one, name)) })) as Result
      const failed = new Set(result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
      const done = batch.filter(({ id }) => !failed.has(id))
      if (done.length === 0 || faults.delete?.() === 'lost') return
      onRequest(operation)
      queue.delete(new Set(done.map(({ receipt }) => receipt)))
    } catch {
      // All come back when their visibility ends.
    }
  }

  const queueOf = (url: string): Queue => {
    const queue = urls.get(url)
    if (queue) return queue
    throw Object.assign(new Error(`no queue ${url}`), {
      name: 'QueueDoesNotExist',
      $metadata: { httpStatusCode: 400 },
    })
  }

  function send(url: string, entry: Entry): void {
    const queue = queueOf(url)
    const attributes = Object.fromEntries(
      Object.entries(entry.MessageAttributes ?? {}).map(([key, { StringValue }]) => [key, StringValue]),
    )
    if (queue instanceof StandardQueue) queue.send(entry.MessageBody, entry.DelaySeconds, attributes)
    else queue.send(entry.MessageGroupId, entry.MessageDeduplicationId, entry.MessageBody, attributes)
  }

  /** The entries that are taken: all, or every other one. */
  const takenOf = <T>(entries: T[], partial: boolean) => entries.filter((_, index) => !(partial && index % 2 === 1))
  const named = (entries: { Id: string }[]) => entries.map(({ Id }) => ({ Id }))

  /** What a function asks of SQS. `partial`: every other entry of a batch is refused. */
  const apis: Record<string, (input: never, partial: boolean) => object> = {
    SendMessageBatch({ QueueUrl, Entries }: { QueueUrl: string; Entries: Entry[] }, partial) {
      const taken = takenOf(Entries, partial)
      for (const entry of taken) send(QueueUrl, entry)
      return { Successful: named(taken) }
    },
    SendMessage({ QueueUrl, ...entry }: Entry & { QueueUrl: string }) {
      send(QueueUrl, entry)
      return { MessageId: 'simulated' }
    },
    ChangeMessageVisibilityBatch({ QueueUrl, Entries }: { QueueUrl: string; Entries: Receipt[] }, partial) {
      const queue = queueOf(QueueUrl)
      const taken = takenOf(Entries, partial)
      for (const { ReceiptHandle, VisibilityTimeout } of taken) queue.setVisibility(ReceiptHandle, VisibilityTimeout)
      return { Successful: named(taken) }
    },
    ReceiveMessage({ QueueUrl }: { QueueUrl: string }) {
      const Messages = queueOf(QueueUrl)
        .receive()
        .map((message) => {
          const { messageId, receiptHandle, body, attributes } = recordOf(message, QueueUrl)
          return { MessageId: messageId, ReceiptHandle: receiptHandle, Body: body, Attributes: attributes }
        })
      return { Messages }
    },
    DeleteMessage({ QueueUrl, ReceiptHandle }: { QueueUrl: string; ReceiptHandle: string }) {
      queueOf(QueueUrl).delete(new Set([ReceiptHandle]))
      return {}
    },
    DeleteMessageBatch({ QueueUrl, Entries }: { QueueUrl: string; Entries: Receipt[] }, partial) {
      const taken = takenOf(Entries, partial)
      queueOf(QueueUrl).delete(new Set(taken.map(({ ReceiptHandle }) => ReceiptHandle)))
      return { Successful: named(taken) }
    },
  }

  return { queues, retries, polled, deadLetters, strandedWork, strandedRetries, stranded, apis }
}

const recordOf = (message: Message, queue: string): SQSRecord =>
  ({
    messageId: message.id,
    receiptHandle: message.receipt,
    body: message.body,
    attributes: {
      ...(message.group !== undefined && { MessageGroupId: message.group }),
      ApproximateReceiveCount: String(message.receives),
      SentTimestamp: String(message.sentAtMs),
      ApproximateFirstReceiveTimestamp: String(message.firstReceivedAtMs),
    },
    messageAttributes: {},
    eventSourceARN: `arn:aws:sqs:simulated:000000000000:${queue}`,
  }) as unknown as SQSRecord
