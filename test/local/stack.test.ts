/** The local stack: what a template describes, running. */

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Template } from '../../infra/compile.ts'
import { startStack } from '../../local/stack.ts'
import { until } from '../clock.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'local-aws-'))
})

const output = (Type: string, Properties: Record<string, unknown>) => ({ Type, Properties })
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] })

/** The shapes osls compiles for a function with a route, a rule and a queue. */
const template: Template = {
  Conditions: { Never: { 'Fn::Equals': ['a', 'b'] } },
  Resources: {
    Fn: output('AWS::Lambda::Function', {
      FunctionName: 'dev-echo',
      Handler: 'dist/echo/index.handler',
      Timeout: 5,
      Environment: { Variables: { BUS: { Ref: 'Bus' }, QUEUE: { Ref: 'Work' }, DEAD: { Ref: 'Dead' }, VENDOR: 'x' } },
    }),
    FnEvConf: output('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: 'Fn' },
      MaximumRetryAttempts: 1,
      DestinationConfig: { OnFailure: { Destination: arnOf('Undelivered') } },
    }),
    Bus: output('AWS::Events::EventBus', { Name: 'hr' }),
    Work: output('AWS::SQS::Queue', {
      QueueName: 'dev-work.fifo',
      FifoQueue: true,
      VisibilityTimeout: 30,
      RedrivePolicy: { deadLetterTargetArn: arnOf('Dead'), maxReceiveCount: 3 },
    }),
    Dead: output('AWS::SQS::Queue', { QueueName: 'dev-dead.fifo', FifoQueue: true }),
    Undelivered: output('AWS::SQS::Queue', { QueueName: 'dev-undelivered' }),
    Skipped: { ...output('AWS::SQS::Queue', { QueueName: { Ref: 'Nothing' } }), Condition: 'Never' },
    Rule: output('AWS::Events::Rule', {
      EventBusName: { Ref: 'Bus' },
      EventPattern: { source: ['hr.offboarding'] },
      State: 'ENABLED',
      Targets: [{ Arn: arnOf('Fn'), Id: 't', RetryPolicy: { MaximumRetryAttempts: 185 } }],
    }),
    Told: output('AWS::SQS::Queue', { QueueName: 'dev-told' }),
    Outcomes: output('AWS::Events::Rule', {
      EventBusName: { Ref: 'Bus' },
      EventPattern: { source: ['me'] },
      State: 'ENABLED',
      Targets: [{ Arn: arnOf('Told'), Id: 'told' }],
    }),
    Daily: output('AWS::Events::Rule', {
      Name: 'daily',
      ScheduleExpression: 'rate(1 day)',
      State: 'ENABLED',
      Targets: [{ Arn: arnOf('Fn'), Id: 't' }],
    }),
    Trigger: output('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: arnOf('Work'),
      FunctionName: arnOf('Fn'),
      BatchSize: 10,
      Enabled: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    }),
    Integration: output('AWS::ApiGatewayV2::Integration', {
      IntegrationUri: arnOf('Fn'),
      PayloadFormatVersion: '2.0',
      TimeoutInMillis: 30000,
    }),
    Route: output('AWS::ApiGatewayV2::Route', {
      RouteKey: 'POST /echo/{id}',
      Target: { 'Fn::Join': ['/', ['integrations', { Ref: 'Integration' }]] },
    }),
  },
}

/** Plans, works, parks and answers with the real clients, which find the services through their own variables. */
const bundle = (modules: (name: string) => string) => `
import { EventBridgeClient, PutEventsCommand } from '${modules('@aws-sdk/client-eventbridge')}'
import { GetSecretValueCommand, SecretsManagerClient } from '${modules('@aws-sdk/client-secrets-manager')}'
import { SendMessageCommand, SQSClient } from '${modules('@aws-sdk/client-sqs')}'
const sqs = new SQSClient(), bus = new EventBridgeClient(), secrets = new SecretsManagerClient()
const { BUS, QUEUE, DEAD, VENDOR } = process.env
const send = (QueueUrl, MessageBody, id, MessageAttributes) => sqs.send(new SendMessageCommand({
  QueueUrl, MessageBody, MessageGroupId: 'g', MessageDeduplicationId: id, MessageAttributes }))
export const handler = async (event) => {
  if (event.rawPath) {
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: 'app' }))
    return { statusCode: 200, body: JSON.stringify({ id: event.pathParameters.id, VENDOR, secret: JSON.parse(SecretString) }) }
  }
  if (event['detail-type'] === 'Scheduled Event') return 'ran'
  if (event.detail) {
    if (event.detail.explode) throw new Error('cannot plan')
    for (const item of event.detail.items) await send(QUEUE, item, event.id + item)
    return { planned: event.detail.items.length }
  }
  for (const { body } of event.Records) {
    console.log(JSON.stringify({ audit: body }))
    if (body === 'bad') await send(DEAD, body, body, { kind: { DataType: 'String', StringValue: 'forbidden' } })
    const Detail = JSON.stringify({ body, outcome: body === 'bad' ? 'parked' : 'changed' })
    await bus.send(new PutEventsCommand({ Entries: [{ EventBusName: BUS, Source: 'me', DetailType: 'Finished', Detail }] }))
  }
  return { batchItemFailures: [] }
}`

test('runs what the template describes: event, work, dead letter, outcome, HTTP, schedule, failure destination', async () => {
  await mkdir(path.join(folder, 'dist/echo'), { recursive: true })
  const source = bundle((name) => import.meta.resolve(name))
  await writeFile(path.join(folder, 'dist/echo/index.mjs'), source)
  const planned: unknown[] = []
  const work: string[] = []
  const outcomes: unknown[] = []
  const logs: string[] = []
  const stack = await startStack({
    template,
    root: folder,
    env: { VENDOR: 'sandbox' },
    secrets: { app: { key: 1 } },
    retryDelaysMs: [1],
    onPlanned: ({ functionName, result }) => planned.push({ functionName, result }),
    onWork: ({ records }) => work.push(...records.map(({ body }) => body)),
    onEvent: (event) => event.source === 'me' && outcomes.push(event.detail),
    onLog: ({ line }) => logs.push(line),
  })
  onTestFinished(() => stack.close())

  const put = (detail: object) =>
    stack.bus.putEvents([
      {
        EventBusName: 'hr',
        Source: 'hr.offboarding',
        DetailType: 'User Offboarding',
        Detail: JSON.stringify(detail),
      },
    ])
  put({ items: ['1', 'bad', '3'] })
  await stack.drained()
  await until(() => work.length === 3)
  expect(planned).toEqual([{ functionName: 'dev-echo', result: { planned: 3 } }])
  expect(work).toEqual(['1', 'bad', '3'])
  expect(outcomes).toEqual([
    { body: '1', outcome: 'changed' },
    { body: 'bad', outcome: 'parked' },
    { body: '3', outcome: 'changed' },
  ])
  await stack.bus.idle()
  const told = await stack.queues.messages('dev-told')
  expect(told.map(({ body }) => JSON.parse(body).detail.body).sort()).toEqual(['1', '3', 'bad'])
  expect(logs).toEqual(['{"audit":"1"}', '{"audit":"bad"}', '{"audit":"3"}'])
  for (const _ of [1, 2])
    expect(await stack.queues.messages('dev-dead.fifo')).toMatchObject([
      { body: 'bad', messageAttributes: { kind: { StringValue: 'forbidden' } }, state: 'visible' },
    ])

  const response = await fetch(`${stack.apiUrl}/echo/7`, { method: 'POST' })
  expect(await response.json()).toEqual({ id: '7', VENDOR: 'sandbox', secret: { key: 1 } })
  expect(await stack.runSchedule('daily')).toBe('ran')

  put({ explode: true })
  await stack.drained()
  await stack.bus.idle()
  const [undelivered] = await stack.queues.messages('dev-undelivered')
  expect(JSON.parse(undelivered?.body ?? '')).toMatchObject({
    requestContext: { condition: 'RetriesExhausted', approximateInvokeCount: 2 },
    requestPayload: { detail: { explode: true } },
    responsePayload: { errorType: 'Error', errorMessage: 'cannot plan' },
  })
})

test('each run guards its secrets with a token of its own, which its functions have', async () => {
  const secrets = { app: { key: 1 } }
  const stacks = await Promise.all([1, 2].map(() => startStack({ template: { Resources: {} }, secrets })))
  onTestFinished(() => Promise.all(stacks.map((stack) => stack.close())).then(() => {}))
  const [one, other] = stacks.map(({ awsEnv }) => awsEnv.AWS_SESSION_TOKEN)
  expect(one).toMatch(/^[\w-]{43}$/)
  expect(one).not.toBe(other)
  const read = async (token: string | undefined) => {
    const headers = { 'x-amz-target': 'secretsmanager.GetSecretValue', ...(token && { 'x-amz-security-token': token }) }
    const url = stacks[0]?.secretsManager.url ?? ''
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ SecretId: 'app' }) })).text()
  }
  expect(await read(one)).toContain('{\\"key\\":1}')
  for (const wrong of [undefined, other]) expect(await read(wrong)).toContain('UnrecognizedClientException')
})

test('a handler that is not built stops the start', async () => {
  await expect(startStack({ template, root: path.join(folder, 'nowhere') })).rejects.toThrow(/not built/)
})
