/** The compiled template brought to life on one machine: the bundles of `dist/` behind emulated AWS services. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import type { Template } from '../infra/compile.ts'
import { readTemplate, type Wiring } from '../infra/wiring.ts'
import { type DynamoDb, startDynamoDb } from './aws/dynamodb.ts'
import { type EventBus, startEventBus, type Undelivered } from './aws/event-bus.ts'
import type { Batch } from './aws/event-source.ts'
import { type HttpApi, type Pages, startHttpApi } from './aws/http-api.ts'
import { createFunction, type LambdaFunction } from './aws/lambda.ts'
import { type LambdaApi, startLambdaApi } from './aws/lambda-api.ts'
import { FunctionError, type LogLine } from './aws/lambda-container.ts'
import type { BusEvent } from './aws/put-events-entry.ts'
import { type Queues, startQueues } from './aws/queues.ts'
import { type Scheduler, startScheduler } from './aws/scheduler.ts'
import { type SecretsManager, startSecretsManager } from './aws/secrets-manager.ts'

type StackOptions = {
  template: Template
  /** The folder that the template's handlers are relative to; by default the working directory. */
  root?: string
  /** Variables over those of the template. */
  env?: Record<string, string>
  secrets?: Record<string, unknown>
  /** The wanted port of the HTTP API; another one is taken when it is not free. */
  httpPort?: number
  /** What the HTTP API's port serves besides the API. */
  pages?: Pages
  /** Waits before an asynchronous invocation is tried again. */
  retryDelaysMs?: number[]
  onLog?: (line: LogLine) => void
  /** A function has handled an event of the bus; `result` is what its handler returned. */
  onPlanned?: (planned: { functionName: string; event: BusEvent; result: unknown }) => void
  /** A function has handled a batch of its queue. */
  onWork?: (work: Batch & { functionName: string; queue: string }) => void
  /** An event was accepted on the bus: an offboarding event or an outcome. */
  onEvent?: (event: BusEvent, bus: string) => void
  /** A function failed on an event for good; the event is on its failure queue, if it has one. */
  onUndelivered?: (undelivered: { functionName: string; event: BusEvent; error: unknown }) => void
}

export type Stack = {
  readonly apiUrl: string
  readonly region: string
  readonly wiring: Wiring
  readonly bus: EventBus
  readonly queues: Queues
  readonly scheduler: Scheduler
  readonly secretsManager: SecretsManager
  readonly dynamoDb: DynamoDb
  readonly lambda: LambdaApi
  readonly functions: ReadonlyMap<string, LambdaFunction>
  /** Variables that point an AWS SDK client at these services, with the token that its Secrets Manager asks for. */
  readonly awsEnv: Record<string, string> & { AWS_SESSION_TOKEN: string }
  /** Invokes the target of a schedule now. */
  runSchedule(name: string): Promise<unknown>
  /** Resolves when no event is being delivered and every queue with a consumer is empty. */
  drained(): Promise<void>
  close(): Promise<void>
}

const REGION = 'ap-southeast-1'
const ACCOUNT = '000000000000'

/** Starts everything the template describes. Functions start with their first invocation. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const opened: { close(): Promise<void> }[] = []
  try {
    return await start(options, opened)
  } catch (error) {
    for (const service of opened.reverse()) await service.close()
    throw error
  }
}

async function start(options: StackOptions, opened: { close(): Promise<void> }[]): Promise<Stack> {
  const queues = await startQueues({ region: REGION, account: ACCOUNT })
  opened.push(queues)
  const wiring = readTemplate(options.template, { queueUrl: queues.queueUrl, region: REGION, account: ACCOUNT })
  // Whatever else runs on this machine may not read the secrets, which can be real ones.
  const sessionToken = randomBytes(32).toString('base64url')
  const made = Object.fromEntries(wiring.secrets.map(({ name, text }) => [name, text]))
  const secrets = { ...made, ...options.secrets }
  const secretsManager = await startSecretsManager({ region: REGION, secrets, sessionToken })
  opened.push(secretsManager)
  const dynamoDb = await startDynamoDb({ tables: wiring.tables })
  opened.push(dynamoDb)
  const bus = await startEventBus({
    region: REGION,
    buses: [...wiring.buses, ...wiring.rules.map((rule) => rule.bus)],
    ...(options.retryDelaysMs && { retryDelaysMs: options.retryDelaysMs }),
    onFailure,
  })
  opened.push(bus)
  const scheduler = await startScheduler({
    groups: wiring.oneTimeSchedules ? [wiring.oneTimeSchedules.group] : [],
    putEvent: (event) => void bus.putEvents([event]),
  })
  opened.push(scheduler)
  const awsEnv = {
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: sessionToken,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsManager.url,
    AWS_ENDPOINT_URL_SQS: queues.url,
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.url,
  }
  let closing = false

  const functions = new Map<string, LambdaFunction>()
  for (const { name, module, exportName, env, timeoutMs, memoryMb } of wiring.functions) {
    const lambda = createFunction({
      name,
      entry: locate(options.root ?? '.', module),
      exportName,
      timeoutMs,
      memoryMb,
      env: { ...env, ...awsEnv, ...options.env },
      onLine: (line) => options.onLog?.(line),
    })
    functions.set(name, lambda)
  }
  const invoke = (name: string, event: unknown) => {
    const target = functions.get(name)
    return target ? target.invoke(event) : Promise.reject(new Error(`no function ${name}`))
  }
  const sendTo = (queue: string, content: object) =>
    queues.client.send(
      new SendMessageCommand({ QueueUrl: queues.queueUrl(queue), MessageBody: JSON.stringify(content) }),
    )
  const lambda = await startLambdaApi((name, event) => functions.get(name)?.invoke(event))
  opened.push(lambda)
  const asynchronous = (name: string) => wiring.functions.find((item) => item.name === name)

  async function onFailure({ target, event, error, attempts }: Undelivered): Promise<void> {
    const { id: functionName } = target
    const queue = asynchronous(functionName)?.failureQueue
    if (queue) await sendTo(queue, failureRecord(functionName, event, error, attempts)).catch(() => {})
    options.onUndelivered?.({ functionName, event, error })
  }

  for (const { name, properties } of wiring.queues) await queues.create(name, properties)
  if (options.onEvent) bus.onEvent(options.onEvent)
  for (const { targets, ...rule } of wiring.rules)
    bus.putRule({
      ...rule,
      targets: targets.map((target) => {
        if ('queue' in target) return { id: target.id, invoke: (event) => sendTo(target.queue, event) }
        const { functionName } = target
        return {
          id: functionName,
          retries: asynchronous(functionName)?.retries ?? 2,
          async invoke(event) {
            const result = await invoke(functionName, event)
            options.onPlanned?.({ functionName, event, result })
          },
        }
      }),
    })
  for (const { queue, functionName, ...settings } of wiring.eventSources)
    queues.consume(queue, {
      ...settings,
      invoke: (event) => invoke(functionName, event),
      onBatch: (batch) => closing || options.onWork?.({ ...batch, functionName, queue }),
    })
  const api: HttpApi = await startHttpApi({
    account: ACCOUNT,
    ...(options.httpPort !== undefined && { port: options.httpPort }),
    ...(options.pages && { pages: options.pages }),
    routes: wiring.routes.map(({ functionName, ...route }) => ({
      ...route,
      invoke: (event) => invoke(functionName, event),
    })),
  })

  return {
    apiUrl: api.url,
    region: REGION,
    wiring,
    bus,
    queues,
    scheduler,
    secretsManager,
    dynamoDb,
    lambda,
    functions,
    awsEnv,
    runSchedule(name) {
      const schedule = wiring.schedules.find((item) => item.name === name)
      if (!schedule) return Promise.reject(new Error(`no schedule ${name}`))
      return invoke(schedule.functionName, schedule.input ?? { 'detail-type': 'Scheduled Event', detail: {} })
    },
    async drained() {
      for (;;) {
        await bus.idle()
        const counts = await Promise.all(wiring.eventSources.map(({ queue }) => queues.counts(queue)))
        if (counts.every(({ total }) => total === 0)) return
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    },
    async close() {
      closing = true
      await api.close()
      await lambda.close()
      await scheduler.close()
      await bus.close()
      await Promise.all([...functions.values()].map((item) => item.close()))
      await queues.close()
      await secretsManager.close()
      await dynamoDb.close()
    },
  }
}

function locate(root: string, module: string): string {
  const found = ['.mjs', '.js', '.cjs']
    .map((extension) => path.resolve(root, module + extension))
    .find((file) => existsSync(file))
  if (!found) throw new Error(`${module} is not built`)
  return found
}

/** What Lambda writes to the on-failure destination of an asynchronous invocation. */
function failureRecord(functionName: string, event: BusEvent, error: unknown, attempts: number) {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  const trace = error instanceof FunctionError ? error.trace : []
  return {
    version: '1.0',
    timestamp: new Date().toISOString(),
    requestContext: {
      requestId: error instanceof FunctionError ? error.requestId : '',
      functionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: attempts,
    },
    requestPayload: event,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: { errorType: name, errorMessage: message, trace },
  }
}
