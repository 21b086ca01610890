/** The handlers in this process, between the local AWS pieces and the vendors' sandbox. */
import { randomUUID } from 'node:crypto'
import type { ReceiveMessageResult } from '@aws-sdk/client-sqs'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context, SQSBatchResponse } from 'aws-lambda'
import { vi } from 'vitest'
import { loadOperations, operationNames } from '../infra/operations.ts'
import type { Operation } from '../lib/operation.ts'
import { startEventBus } from '../local/aws/event-bus.ts'
import { createFunction } from '../local/aws/lambda.ts'
import { type Queues, startQueues } from '../local/aws/queues.ts'
import { startSecretsManager } from '../local/aws/secrets-manager.ts'
import { sampleSecrets } from '../local/sample-secrets.ts'
import { sampleWorld, startSandbox, type World } from '../local/sandbox/sandbox.ts'
import * as aws from '../local/simulation/aws.ts'
import * as dynamodb from '../local/simulation/dynamodb.ts'
import type { Host } from '../local/simulation/host.ts'
import * as undici from '../local/simulation/undici.ts'
import { startClock } from './clock.ts'
import { startContainer } from './container.ts'
import { startQuickLedger, TABLE_OPERATIONS } from './ledger.ts'
import { answerClients } from './services.ts'

const VARIABLES = {
  AWS_REGION: 'ap-southeast-1',
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  FEISHU_APP_SECRET_ID: 'test/feishu/app',
  FEISHU_USER_SECRET_PREFIX: 'test/feishu/user/',
  DINGTALK_APP_SECRET_ID: 'test/dingtalk/app',
  DINGTALK_USER_SECRET_PREFIX: 'test/dingtalk/user/',
  EVENT_BUS_NAME: 'test-bus',
  LEDGER_TABLE: 'test-ledger',
  LEDGER_RETENTION_DAYS: '400',
  MAX_TARGETS_PER_EVENT: '2000',
  OPERATIONS: operationNames.join(','),
  VENDORS: 'feishu,dingtalk',
  EVENT_SOURCE: 'hr.offboarding',
}

/** What the functions have besides where a stage takes what the vendors push. */
export const CALLBACK_VARIABLES = {
  FEISHU_APP_TICKET_SECRET_ID: 'test/feishu/app-ticket',
  DINGTALK_SUITE_TICKET_SECRET_ID: 'test/dingtalk/suite-ticket',
  FEISHU_CALLBACK_SECRET_ID: 'test/feishu/callback',
  DINGTALK_CALLBACK_SECRET_ID: 'test/dingtalk/callback',
  ON_DEPARTURE: 'notify',
}

const operations = new Map((await loadOperations()).map((operation) => [operation.name, operation]))

/**
 * One call that succeeds in the sandbox's sample world: where it arrives over HTTP and as the input of a work item, the
 * vendor's path as the sandbox has it, and the request that the vendor is to get.
 */
export function sampleOf(name: string) {
  const found = operations.get(name)
  if (!found) throw new Error(`serverless.yml has no operation ${name}`)
  const { route, operation, docs } = found
  const fields = Object.entries(docs.samples.changed).flatMap(([field, value]) =>
    value === undefined ? [] : [[field, value] as [string, string]],
  )
  const part = (isPath: boolean): Record<string, string> =>
    Object.fromEntries(fields.filter(([field]) => route.includes(`{${field}}`) === isPath))
  const all = Object.fromEntries(fields)
  const filled = operation.path.replace(/:(\w+)/g, (_, field) => encodeURIComponent(all[field] ?? ''))
  const sent = new URLSearchParams(fields.filter(([field]) => operation.query.includes(field)))
  const request = `${operation.method} ${filled}${sent.size > 0 ? `?${sent}` : ''}`
  return { path: part(true), query: part(false), route: operation.path, request }
}

type Handler = (event: unknown, context: Context) => Promise<unknown>
type Module = { handler: Handler; operation: Operation }
type Problem = { [field: string]: unknown; kind: string; status: number; detail: string; hint: string }
type Done = { operation: string; outcome: string; upstream: { code: string | null; requestId: string | null } }

export type Harness = Awaited<ReturnType<typeof startHarness>>

/**
 * Starts everything anew, with module state (caches, clients) as in a new container, on a clock of its own. Queues start
 * when one is first used, and a function is loaded when it is first called: most tests need one function and no queue.
 */
export async function startHarness({
  world = sampleWorld(),
  speed = Number.POSITIVE_INFINITY,
  env = {},
  sdk = false,
  isSold = false,
  vendor,
}: {
  world?: World
  /** How many times faster than documented the vendors' limits pass; by default nothing is ever limited. */
  speed?: number
  /** Variables over those of the harness. */
  env?: Record<string, string>
  /** Whether the functions have AWS's own clients, which take longer than everything else in most tests. */
  sdk?: boolean
  /** Whether the apps are such as are sold to other companies, without a ticket. */
  isSold?: boolean
  /** Answers in the place of the sandbox, and without taking time on the clock. */
  vendor?: Host['vendor']
} = {}) {
  const before = { ...process.env }
  const clock = startClock()
  const sandbox = await startSandbox({ world, now: () => Date.now(), speed })
  const given = { ...VARIABLES, ...env }
  const tickets = ['FEISHU_APP_TICKET_SECRET_ID', 'DINGTALK_SUITE_TICKET_SECRET_ID'] as const
  const bus = await startEventBus({ buses: [VARIABLES.EVENT_BUS_NAME], isServed: sdk })
  const dynamoDb = await startQuickLedger(VARIABLES.LEDGER_TABLE, { isServed: sdk })
  const secrets = await startSecretsManager({
    secrets: {
      ...Object.fromEntries(tickets.flatMap((variable) => (env[variable] ? [[env[variable], {}]] : []))),
      ...sampleSecrets(world, given, { isSold }),
      'test/people-key': { key: 'k'.repeat(64) },
    },
    isServed: sdk,
  })
  let started: Queues | undefined
  const serviceOf = (operation: string) => {
    if (operation === 'PutEvents') return bus
    if (TABLE_OPERATIONS.includes(operation)) return dynamoDb
    return started && operation.includes('Message') ? started : secrets
  }
  const stopAnswering = sdk ? () => {} : answerClients(serviceOf, vendor)
  const created = new Set<string>()
  /** The queues, with those of the operation `name` and those that all share. */
  const startQueuesOf = async (name: string) => {
    started ??= await startQueues({ isServed: sdk })
    for (const queue of [`${name}.fifo`, `${name}-retry`, 'dead-letter.fifo', 'stranded.fifo', 'stranded'])
      if (!created.has(queue)) {
        created.add(queue)
        await started.create(queue, { VisibilityTimeout: 180, ...(queue.endsWith('.fifo') && { FifoQueue: true }) })
      }
    return started
  }
  const variables = (name: string) => ({
    ...VARIABLES,
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.url,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.url,
    ...sandbox.variables,
    ...(started && {
      AWS_ENDPOINT_URL_SQS: started.url,
      WORK_QUEUE_URL: started.queueUrl(`${name}.fifo`),
      RETRY_QUEUE_URL: started.queueUrl(`${name}-retry`),
      RESOLUTION_QUEUE_URL: started.queueUrl(`${name}-retry`),
      DEAD_LETTER_QUEUE_URL: started.queueUrl('dead-letter.fifo'),
      STRANDED_QUEUE_URLS: [started.queueUrl('stranded.fifo'), started.queueUrl('stranded')].join(','),
    }),
    ...env,
  })
  const setEnv = (name: string) => Object.assign(process.env, variables(name))

  const random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const log: Record<string, unknown>[] = []
  const written = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    for (const line of String(text).split('\n').filter(Boolean)) log.push(JSON.parse(line))
    return true
  })

  const standIns = {
    'node:timers/promises': { setTimeout: clock.sleep },
    ...(!sdk && CLIENTS),
    ...(vendor && { undici }),
  }
  let container = startContainer(standIns)
  /** Goes on with containers that have done nothing yet. */
  const startCold = async () => {
    container = startContainer(standIns)
  }
  const load = (name: string) => container<Module>(`functions/${name}.ts`)

  const call = async (name: string, event: unknown, remainingMs = 29_000, env = variables(name)) => {
    Object.assign(process.env, env)
    const { handler } = await load(name)
    const deadline = Date.now() + remainingMs
    const context = { awsRequestId: 'lambda-request-1', getRemainingTimeInMillis: () => deadline - Date.now() }
    return handler(event, context as Context)
  }

  /** Calls the function as EventBridge and SQS do. */
  const invoke = async (name: string, event: unknown, remainingMs?: number, deadLetterQueue = 'dead-letter.fifo') => {
    const queues = await startQueuesOf(name)
    return call(name, event, remainingMs, {
      ...variables(name),
      DEAD_LETTER_QUEUE_URL: queues.queueUrl(deadLetterQueue),
    })
  }

  /** Calls the function as API Gateway does; by default with the operation's sample. */
  const http = async (name: string, event: Partial<APIGatewayProxyEventV2> = {}, remainingMs?: number) =>
    readResponse(await call(name, httpEvent(name, event), remainingMs))

  /**
   * Sends bodies through the operation's queue and receives them as one batch of `bucket`; what the last batch left is
   * dropped. Each travels in a group of its own, since the emulator receives one message of a group at a time where SQS
   * receives ten. The batch can be delivered again and again.
   */
  const receive = async (
    name: string,
    bodies: string[],
    {
      bucket = 'feishu:default',
      ageMs = 0,
      agesMs = bodies.map((): number => ageMs),
      sentMsAgo = 0,
      attributes = {} as Record<string, string | undefined>,
      isRepeat = false,
    } = {},
  ) => {
    const queues = await startQueuesOf(name)
    const queueName = `${name}${isRepeat ? '-retry' : '.fifo'}`
    const QueueUrl = queues.queueUrl(queueName)
    await queues.call('PurgeQueue', { QueueUrl })
    for (const MessageBody of bodies) {
      const MessageGroupId = randomUUID()
      const group = isRepeat ? {} : { MessageGroupId, MessageDeduplicationId: MessageGroupId }
      await queues.call('SendMessage', { QueueUrl, MessageBody, ...group })
    }
    const { Messages = [] }: ReceiveMessageResult = await queues.call('ReceiveMessage', {
      QueueUrl,
      MaxNumberOfMessages: 10,
      MessageSystemAttributeNames: ['All'],
    })
    const SentTimestamp = String(Date.now() - sentMsAgo)
    const now = Date.now()
    const Records = Messages.map(({ MessageId = '', ReceiptHandle, Body = '', Attributes }) => ({
      messageId: MessageId,
      receiptHandle: ReceiptHandle,
      body: Body,
      attributes: {
        ...Attributes,
        ...(!isRepeat && { MessageGroupId: bucket }),
        SentTimestamp,
        ApproximateFirstReceiveTimestamp: String(now - (agesMs[bodies.indexOf(Body)] ?? 0)),
        ...attributes,
      },
      messageAttributes: {},
      eventSource: 'aws:sqs',
      eventSourceARN: queues.queueArn(queueName),
      awsRegion: 'ap-southeast-1',
    })).sort((a, b) => bodies.indexOf(a.body) - bodies.indexOf(b.body))
    /** The indices of what was reported as failed. */
    const deliver = async ({ remainingMs = 29_000, deadLetterQueue = 'dead-letter.fifo' } = {}) => {
      const response = (await invoke(name, { Records }, remainingMs, deadLetterQueue)) as SQSBatchResponse
      const failed = response.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
      return { failed: Records.flatMap(({ messageId }, index) => (failed.includes(messageId) ? [index] : [])) }
    }
    return { deliver }
  }
  type ReceiveOptions = NonNullable<Parameters<typeof receive>[2]>
  const queue = async (
    name: string,
    bodies: string[],
    options: ReceiveOptions & { remainingMs?: number; deadLetterQueue?: string } = {},
  ) => (await receive(name, bodies, options)).deliver(options)

  /** The operation's bundle in threads, as isolated as on Lambda, and on the machine's own time. Needs `sdk`. */
  const containers = (name: string, maxContainers: number) => {
    const bundle = createFunction({
      name,
      entry: `dist/${name}/index.mjs`,
      env: variables(name),
      timeoutMs: 120_000,
      initTimeoutMs: 120_000,
      maxContainers,
      onLine: ({ line }) => log.push(JSON.parse(line)),
    })
    const request = (event: Partial<APIGatewayProxyEventV2> = {}) =>
      bundle.invoke(httpEvent(name, event)).then(readResponse)
    return { request, started: () => bundle.containers.started, close: bundle.close }
  }

  return {
    clock,
    sandbox,
    startCold,
    /** A module as the functions have it, by its file: `lib/redact.ts`. */
    load: <Module>(file: string) => container<Module>(file),
    /** AWS's clients, which wait on the machine's own time for a random while, try again at once. */
    retryAwsAtOnce: () => void random.mockReturnValue(0),
    containers,
    bus,
    dynamoDb,
    secrets,
    /** The queues of an operation and those that all share: variables lead to them from then on. */
    startQueues: startQueuesOf,
    log,
    setEnv,
    variables,
    /** The operation that its function carries out. */
    operation: async (name: string) => (await load(name)).operation,
    invoke,
    /** Calls the function without a queue. */
    call,
    http,
    queue,
    receive,
    /** What is left on the operation's FIFO queue, and what has stepped aside to its second queue. */
    waiting: async (name: string) => (await startQueuesOf(name)).messages(`${name}.fifo`),
    aside: async (name: string) => (await startQueuesOf(name)).messages(`${name}-retry`),
    deadLetters: async () => (created.size > 0 ? ((await started?.messages('dead-letter.fifo')) ?? []) : []),
    outcomes: () =>
      bus.events.flatMap(({ event }) =>
        event.source === 'subscription-offboarding'
          ? [{ type: event['detail-type'], ...(event.detail as object) }]
          : [],
      ) as ({ type: string; outcome: string } & Record<string, unknown>)[],
    async close() {
      clock.stop()
      for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name]
      Object.assign(process.env, before)
      stopAnswering()
      random.mockRestore()
      written.mockRestore()
      await Promise.all([sandbox.close(), started?.close(), bus.close(), dynamoDb.close(), secrets.close()])
    },
  }
}

/** The modules of AWS's SDK for which the simulation has a client of its own. */
const CLIENTS = {
  '@aws-sdk/client-dynamodb': dynamodb,
  '@aws-sdk/client-eventbridge': aws,
  '@aws-sdk/client-secrets-manager': aws,
  '@aws-sdk/client-sqs': aws,
}

const httpEvent = (name: string, event: Partial<APIGatewayProxyEventV2>) => ({
  version: '2.0',
  headers: {},
  requestContext: { http: { method: 'POST' } },
  ...(operations.has(name) && {
    pathParameters: sampleOf(name).path,
    queryStringParameters: sampleOf(name).query,
  }),
  isBase64Encoded: false,
  ...event,
})

function readResponse(result: unknown) {
  const { statusCode, headers = {}, body = '' } = result as APIGatewayProxyStructuredResultV2
  return { status: statusCode, headers, text: body, body: JSON.parse(body || 'null') as Problem & Done }
}

/** The body of a work item for the operation's sample, or for another input. */
export const itemOf = (
  name: string,
  input: Record<string, string> = { ...sampleOf(name).path, ...sampleOf(name).query },
  eventId = 'event-1',
) =>
  JSON.stringify({
    offboardingId: 'hr-1',
    operation: name,
    input,
    dryRun: false,
    eventId,
    plannedAt: '2026-11-21T00:00:00.000Z',
  })

/** An offboarding event as EventBridge delivers it. */
export const offboardingEvent = (detail: unknown, id = 'event-1') => ({
  version: '0',
  id,
  'detail-type': 'User Offboarding',
  source: 'hr.offboarding',
  account: '000000000000',
  time: '2026-11-21T00:00:00Z',
  region: 'ap-southeast-1',
  resources: [],
  detail,
})
