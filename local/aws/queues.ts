/** SQS on loopback: queues made from CloudFormation properties, in an emulator that the real SQS client talks to. */
import { type MessageAttributeValue, SQSClient } from '@aws-sdk/client-sqs'
import { buildApp } from 'fauxqs'
import { consume, type EventSource, type EventSourceOptions } from './event-source.ts'
import { AwsError, isFromHere } from './json-server.ts'

type QueueOptions = {
  region?: string
  account?: string
  /** False: without a server, so that only `call` reaches it, and no client. */
  isServed?: boolean
}

/** Properties of `AWS::SQS::Queue`, intrinsic functions resolved. */
type QueueProperties = Record<string, unknown>

/** A message read without receiving it. */
export type PeekedMessage = {
  messageId: string
  body: string
  messageAttributes: Record<string, MessageAttributeValue>
  messageGroupId?: string
  messageDeduplicationId?: string
  receiveCount: number
  state: 'visible' | 'delayed' | 'inFlight'
}

export type Queues = {
  readonly url: string
  /** A client of the emulator, for sending and receiving by hand. */
  readonly client: SQSClient
  /** URL and ARN a queue of this name has or will have. */
  queueUrl(name: string): string
  queueArn(name: string): string
  create(name: string, properties?: QueueProperties): Promise<void>
  /** Does an operation as a request would, without HTTP; throws `AwsError`. */
  call(operation: string, input: object): Promise<object>
  /** Every message of a queue, without consuming it or touching its visibility. */
  messages(name: string): Promise<PeekedMessage[]>
  /** How many messages are visible, delayed and in flight. */
  counts(name: string): Promise<Record<PeekedMessage['state'] | 'total', number>>
  /** An event source mapping: calls a function with the queue's messages until it is closed. */
  consume(name: string, options: Omit<EventSourceOptions, 'client' | 'queueUrl' | 'queueArn' | 'region'>): EventSource
  close(): Promise<void>
}

/** Starts the emulator on loopback. Consumers are stopped before it is. */
export async function startQueues(options: QueueOptions = {}): Promise<Queues> {
  const { region = 'ap-southeast-1', account = '000000000000', isServed = true } = options
  const app = buildApp({ logger: false, defaultRegion: region })
  app.addHook('onRequest', async ({ raw }, reply) => {
    if (!isFromHere(raw)) return reply.code(403).send({ message: 'Only for this machine' })
  })
  const url = isServed ? await app.listen({ host: '127.0.0.1', port: 0 }) : 'http://127.0.0.1'
  const client = new SQSClient({
    endpoint: url,
    region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  })
  const consumers = new Set<EventSource>()
  const queueUrl = (name: string) => `${url}/${account}/${name}`
  const queueArn = (name: string) => `arn:aws:sqs:${region}:${account}:${name}`

  async function messages(name: string): Promise<PeekedMessage[]> {
    const response = await app.inject({ method: 'GET', url: `/_fauxqs/queues/${encodeURIComponent(name)}` })
    if (response.statusCode !== 200) throw new Error(`no queue ${name}`)
    const { ready, delayed, inflight } = (response.json() as { messages: Inspection }).messages
    return [
      ...ready.map((message) => peeked(message, 'visible')),
      ...delayed.map((message) => peeked(message, 'delayed')),
      ...inflight.map(({ message }) => peeked(message, 'inFlight')),
    ]
  }

  async function call(operation: string, input: object): Promise<object> {
    const response = await app.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` },
      payload: JSON.stringify(input),
    })
    // Some operations answer nothing.
    const answer = response.body === '' ? {} : response.json()
    if (response.statusCode === 200) return answer
    const [type = ''] = String(answer.__type).split('#').slice(-1)
    throw new AwsError(type, `${JSON.stringify(input)}: ${answer.message}`, response.statusCode)
  }

  return {
    url,
    client,
    queueUrl,
    queueArn,
    messages,
    create: async (name, properties = {}) =>
      void (await call('CreateQueue', { QueueName: name, Attributes: attributesOf(properties) })),
    call,
    async counts(name) {
      const counts = { visible: 0, delayed: 0, inFlight: 0, total: 0 }
      for (const { state } of await messages(name)) {
        counts[state]++
        counts.total++
      }
      return counts
    },
    consume(name, settings) {
      const consumer = consume({ ...settings, client, queueUrl: queueUrl(name), queueArn: queueArn(name), region })
      consumers.add(consumer)
      return consumer
    },
    async close() {
      await Promise.all([...consumers].map((consumer) => consumer.close()))
      client.destroy()
      await app.close()
    },
  }
}

/** Queue attributes are strings: nested objects become JSON, names and tags are not attributes. */
function attributesOf(properties: QueueProperties): Record<string, string> {
  const entries = Object.entries(properties).filter(([key]) => !['QueueName', 'Tags'].includes(key))
  return Object.fromEntries(
    entries.map(([key, value]) => [key, typeof value === 'object' ? JSON.stringify(value) : String(value)]),
  )
}

type Stored = {
  messageId: string
  body: string
  messageAttributes: Record<string, MessageAttributeValue>
  messageGroupId?: string
  messageDeduplicationId?: string
  approximateReceiveCount: number
}
type Inspection = { ready: Stored[]; delayed: Stored[]; inflight: { message: Stored }[] }

const peeked = (message: Stored, state: PeekedMessage['state']): PeekedMessage => ({
  messageId: message.messageId,
  body: message.body,
  messageAttributes: message.messageAttributes,
  ...(message.messageGroupId !== undefined && { messageGroupId: message.messageGroupId }),
  ...(message.messageDeduplicationId !== undefined && { messageDeduplicationId: message.messageDeduplicationId }),
  receiveCount: message.approximateReceiveCount,
  state,
})
