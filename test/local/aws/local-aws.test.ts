import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager'
import {
  ChangeMessageVisibilityCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import type { APIGatewayProxyEventV2, SQSEvent } from 'aws-lambda'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { compileTemplate, type Template } from '../../../infra/compile.ts'
import { type Context, resolve } from '../../../infra/intrinsics.ts'
import { startCloudWatchLogs } from '../../../local/aws/cloudwatch-logs.ts'
import { type EventBusOptions, startEventBus, type Undelivered } from '../../../local/aws/event-bus.ts'
import { type Batch, failedIds } from '../../../local/aws/event-source.ts'
import { findRoute, startHttpApi } from '../../../local/aws/http-api.ts'
import { createFunction } from '../../../local/aws/lambda.ts'
import type { FunctionOptions, LogLine } from '../../../local/aws/lambda-container.ts'
import type { BusEvent } from '../../../local/aws/put-events-entry.ts'
import { startQueues } from '../../../local/aws/queues.ts'
import { type SecretsManagerOptions, startSecretsManager } from '../../../local/aws/secrets-manager.ts'
import { startStack } from '../../../local/stack.ts'

const sdk = {
  region: 'ap-southeast-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  maxAttempts: 1,
}
const token = (letter: string) => letter.repeat(32)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'local-aws-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function secretsManager(options: SecretsManagerOptions = {}) {
  const service = await startSecretsManager(options)
  const client = new SecretsManagerClient({ ...sdk, endpoint: service.url })
  onTestFinished(async () => {
    client.destroy()
    await service.close()
  })
  return { service, client }
}

describe('Secrets Manager: versions', () => {
  const SecretId = 'user/ou_1'

  test('a repeated token is idempotent with the same content and refused with another', async () => {
    const { service, client } = await secretsManager({ secrets: { [SecretId]: { a: 1 } } })
    const put = (SecretString: string) =>
      client.send(new PutSecretValueCommand({ SecretId, SecretString, ClientRequestToken: token('a') }))
    expect(await put('one')).toMatchObject({ VersionId: token('a'), VersionStages: ['AWSCURRENT'] })
    expect(await put('one')).toMatchObject({ VersionId: token('a') })
    await expect(put('two')).rejects.toMatchObject({
      name: 'ResourceExistsException',
      $metadata: { httpStatusCode: 400 },
    })
    expect(service.secrets.get(SecretId)?.versions.size).toBe(2)
    expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe('one')
  })

  test('of many claims with one token and different contents exactly one wins', async () => {
    const { client } = await secretsManager({ secrets: { [SecretId]: 'x' } })
    const claims = await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        client.send(
          new PutSecretValueCommand({
            SecretId,
            SecretString: randomUUID(),
            ClientRequestToken: token('c'),
            VersionStages: ['CLAIM'],
          }),
        ),
      ),
    )
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('a claim under its own label leaves AWSCURRENT alone; a new current version makes the old one previous', async () => {
    const { client } = await secretsManager({ secrets: { [SecretId]: 'first' } })
    const put = (letter: string, VersionStages?: string[]) =>
      client.send(
        new PutSecretValueCommand({ SecretId, SecretString: letter, ClientRequestToken: token(letter), VersionStages }),
      )
    await put('a', ['CLAIM'])
    expect((await client.send(new GetSecretValueCommand({ SecretId }))).SecretString).toBe('first')
    await put('b', ['CLAIM'])
    await put('d')
    const stages = (await client.send(new DescribeSecretCommand({ SecretId }))).VersionIdsToStages
    expect(stages).toMatchObject({ [token('b')]: ['CLAIM'], [token('d')]: ['AWSCURRENT'] })
    expect(Object.values(stages ?? {})).toContainEqual(['AWSPREVIOUS'])
    expect(stages).not.toHaveProperty(token('a'))
    const deprecated = await client.send(new GetSecretValueCommand({ SecretId, VersionId: token('a') }))
    expect(deprecated).toMatchObject({ SecretString: 'a' })
    expect(deprecated.VersionStages).toBeUndefined()
    const previous = await client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSPREVIOUS' }))
    expect(previous.SecretString).toBe('first')
  })

  test('UpdateSecretVersionStage must name the version that holds the label', async () => {
    const { service, client } = await secretsManager({ secrets: { [SecretId]: 'old' } })
    const [first = ''] = service.secrets.get(SecretId)?.versions.keys() ?? []
    const next = { SecretId, SecretString: 'new', ClientRequestToken: token('n'), VersionStages: ['AWSPENDING'] }
    await client.send(new PutSecretValueCommand(next))
    const move = (RemoveFromVersionId?: string) =>
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId: token('n'),
          RemoveFromVersionId,
        }),
      )
    await expect(move()).rejects.toMatchObject({ name: 'InvalidParameterException' })
    await expect(move(token('n'))).rejects.toMatchObject({ name: 'InvalidParameterException' })
    await move(first)
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId }))
    expect(VersionIdsToStages).toEqual({ [first]: ['AWSPREVIOUS'], [token('n')]: ['AWSPENDING', 'AWSCURRENT'] })
    const remove = { SecretId, VersionStage: 'AWSPENDING', RemoveFromVersionId: token('n') }
    await client.send(new UpdateSecretVersionStageCommand(remove))
    await expect(
      client.send(new GetSecretValueCommand({ SecretId, VersionStage: 'AWSPENDING' })),
    ).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  test('keeps at most a hundred versions and removes only deprecated ones older than a day', async () => {
    let now = Date.now()
    const { client } = await secretsManager({ secrets: { [SecretId]: 'x' }, now: () => now })
    const put = () => client.send(new PutSecretValueCommand({ SecretId, SecretString: randomUUID() }))
    for (let count = 1; count < 100; count++) await put()
    await expect(put()).rejects.toMatchObject({ name: 'LimitExceededException' })
    now += 86_400_001
    await put()
  })
})

describe('Secrets Manager: secrets', () => {
  test('creates, tags, schedules deletion, restores and forgets', async () => {
    let now = Date.UTC(2026, 0, 1)
    const { client } = await secretsManager({ now: () => now })
    const Tags = [{ Key: 'due', Value: '2026-01-02' }]
    const { ARN } = await client.send(new CreateSecretCommand({ Name: 'app', SecretString: '{}', Tags }))
    const again = client.send(new CreateSecretCommand({ Name: 'app', SecretString: '{}' }))
    await expect(again).rejects.toMatchObject({ name: 'ResourceExistsException' })
    await client.send(new TagResourceCommand({ SecretId: ARN, Tags: [{ Key: 'state', Value: 'gone' }] }))
    await client.send(new UntagResourceCommand({ SecretId: ARN?.slice(0, -7), TagKeys: ['due'] }))
    const described = await client.send(new DescribeSecretCommand({ SecretId: 'app' }))
    expect(described).toMatchObject({ ARN, Tags: [{ Key: 'state', Value: 'gone' }], CreatedDate: new Date(now) })

    const remove = (RecoveryWindowInDays: number) =>
      client.send(new DeleteSecretCommand({ SecretId: 'app', RecoveryWindowInDays }))
    await expect(remove(6)).rejects.toMatchObject({ name: 'InvalidParameterException' })
    expect((await remove(30)).DeletionDate).toEqual(new Date(Date.UTC(2026, 0, 31)))
    const get = () => client.send(new GetSecretValueCommand({ SecretId: 'app' }))
    await expect(get()).rejects.toMatchObject({ name: 'InvalidRequestException' })
    expect((await client.send(new ListSecretsCommand({}))).SecretList).toEqual([])
    const planned = await client.send(new ListSecretsCommand({ IncludePlannedDeletion: true }))
    expect(planned.SecretList).toMatchObject([{ Name: 'app', DeletedDate: new Date(Date.UTC(2026, 0, 31)) }])
    await client.send(new RestoreSecretCommand({ SecretId: 'app' }))
    await get()
    await remove(7)
    now += 8 * 86_400_000
    await expect(get()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })

  test('lists 10,000 secrets in pages, by name prefix and tag, and loses none to changes between pages', async () => {
    const { service, client } = await secretsManager()
    for (let user = 0; user < 10_000; user++)
      service.seed(`users/${user}`, '{}', { tags: { due: user % 100 === 0 ? 'today' : 'later' } })
    service.seed('app', '{}')
    const names: string[] = []
    let NextToken: string | undefined
    do {
      const page = await client.send(
        new ListSecretsCommand({ MaxResults: 100, NextToken, Filters: [{ Key: 'name', Values: ['users/'] }] }),
      )
      names.push(...(page.SecretList ?? []).map(({ Name = '' }) => Name))
      if (!NextToken) await client.send(new DeleteSecretCommand({ SecretId: 'users/0' }))
      NextToken = page.NextToken
    } while (NextToken)
    expect(new Set(names).size).toBe(10_000)
    const filters = [
      { Key: 'tag-key', Values: ['due'] },
      { Key: 'tag-value', Values: ['today'] },
    ] as const
    const due = await client.send(
      new ListSecretsCommand({ Filters: filters.map((f) => ({ ...f, Values: [...f.Values] })) }),
    )
    expect(due.SecretList).toHaveLength(99)
    expect(due.SecretList?.[0]).toMatchObject({ Tags: [{ Key: 'due', Value: 'today' }] })
    await expect(client.send(new ListSecretsCommand({ MaxResults: 101 }))).rejects.toMatchObject({
      name: 'InvalidParameterException',
    })
    expect(service.count('GetSecretValue')).toBe(0)
  })

  test('records requests and fails on demand', async () => {
    const { service, client } = await secretsManager({ secrets: { app: 'raw' } })
    const get = (SecretId: string) => client.send(new GetSecretValueCommand({ SecretId }))
    service.fail('GetSecretValue', { type: 'ThrottlingException', message: 'Rate exceeded' })
    await expect(get('app')).rejects.toMatchObject({ name: 'ThrottlingException' })
    service.fail('*', { type: 'InternalServiceError', status: 500 })
    await expect(get('app')).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
    service.fail('GetSecretValue', 'drop')
    await expect(get('app')).rejects.toThrow()
    expect((await get('app')).SecretString).toBe('raw')
    await expect(get('other')).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret.",
    })
    expect([service.count('GetSecretValue', 'app'), service.count('GetSecretValue')]).toEqual([4, 5])
  })
})

async function eventBus(options: EventBusOptions = {}) {
  const bus = await startEventBus({ buses: ['hr'], retryDelaysMs: [1], ...options })
  const client = new EventBridgeClient({ ...sdk, endpoint: bus.url })
  onTestFinished(async () => {
    client.destroy()
    await bus.close()
  })
  const put = (...Entries: ConstructorParameters<typeof PutEventsCommand>[0]['Entries'] & object) =>
    client.send(new PutEventsCommand({ Entries }))
  return { bus, put }
}
const offboarding = {
  EventBusName: 'hr',
  Source: 'hr',
  DetailType: 'User Offboarding',
  Detail: '{"a":{"b":["x","y"]}}',
}

describe('EventBridge', () => {
  test('delivers an envelope to the rules that match, on their bus only', async () => {
    const { bus, put } = await eventBus()
    const seen: [string, BusEvent][] = []
    const rule = (name: string, pattern: object, busName = 'hr') =>
      bus.putRule({
        name,
        bus: busName,
        pattern: pattern as never,
        targets: [{ id: 't', invoke: async (event) => seen.push([name, event]) }],
      })
    rule('match', { source: ['hr', 'test'], 'detail-type': ['User Offboarding'], detail: { a: { b: ['y'] } } })
    rule('other value', { detail: { a: { b: ['z'] } } })
    rule('no such field', { detail: { c: ['x'] } })
    rule('other bus', { source: ['hr'] }, 'default')
    const { Entries = [] } = await put({ ...offboarding, Time: new Date('2026-01-02T03:04:05.678Z') })
    await bus.idle()
    expect(seen).toEqual([
      [
        'match',
        {
          version: '0',
          id: Entries[0]?.EventId,
          'detail-type': 'User Offboarding',
          source: 'hr',
          account: '000000000000',
          time: '2026-01-02T03:04:05Z',
          region: 'ap-southeast-1',
          resources: [],
          detail: { a: { b: ['x', 'y'] } },
        },
      ],
    ])
    bus.redeliver(Entries[0]?.EventId ?? '')
    await bus.idle()
    expect(seen[1]).toEqual(seen[0])
  })

  test.each([{ detail: { a: [{ prefix: 'x' }] } }, { $or: [{ source: ['a'] }] }, { source: 'a' }, { source: [] }])(
    'refuses a pattern it cannot evaluate: %j',
    async (pattern) => {
      const { bus } = await eventBus()
      expect(() => bus.putRule({ name: 'r', pattern: pattern as never, targets: [] })).toThrow(/not supported/)
    },
  )

  test('answers per entry, and refuses more than ten', async () => {
    const { put } = await eventBus()
    const result = await put(
      offboarding,
      { ...offboarding, Source: undefined },
      { ...offboarding, DetailType: undefined },
      { ...offboarding, Detail: '[1]' },
      { ...offboarding, Detail: 'no' },
      { ...offboarding, Source: 'aws.ec2' },
    )
    expect(result.FailedEntryCount).toBe(5)
    expect(result.Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
      undefined,
      'InvalidArgument',
      'InvalidArgument',
      'MalformedDetail',
      'MalformedDetail',
      'NotAuthorizedForSource',
    ])
    await expect(put(...Array(11).fill(offboarding))).rejects.toMatchObject({ name: 'ValidationException' })
  })

  test('fails on demand: throttled, partial, broken', async () => {
    const { bus, put } = await eventBus()
    bus.fail('throttle')
    await expect(put(offboarding)).rejects.toMatchObject({ name: 'ThrottlingException' })
    bus.fail('error')
    await expect(put(offboarding)).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
    bus.fail('partial')
    expect((await put(offboarding, offboarding)).FailedEntryCount).toBe(1)
    expect((await put(offboarding)).FailedEntryCount).toBe(0)
    expect(bus.events).toHaveLength(2)
  })

  test('retries a target twice, then hands the event over', async () => {
    const failures: Undelivered[] = []
    const { bus, put } = await eventBus({ onFailure: (failure) => failures.push(failure) })
    let calls = 0
    const invoke = async () => {
      calls++
      throw new Error('no')
    }
    bus.putRule({ name: 'r', bus: 'hr', pattern: { source: ['hr'] }, targets: [{ id: 't', invoke }] })
    await put(offboarding)
    await bus.idle()
    expect(calls).toBe(3)
    expect(failures).toMatchObject([{ attempts: 3, event: { source: 'hr' }, target: { id: 't' } }])
  })
})

async function fifo(properties: Record<string, unknown> = {}) {
  const queues = await startQueues()
  onTestFinished(() => queues.close())
  await queues.create('work.fifo', { FifoQueue: true, VisibilityTimeout: 30, ...properties })
  const QueueUrl = queues.queueUrl('work.fifo')
  const send = (MessageBody: string, MessageGroupId = 'g', MessageDeduplicationId: string = randomUUID()) =>
    queues.client.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId }))
  return { queues, QueueUrl, send }
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
const bodies = (event: SQSEvent) => event.Records.map(({ body }) => body)

describe('SQS', () => {
  test('removes duplicates, blocks a group behind its head, and shows messages without receiving them', async () => {
    const { queues, QueueUrl, send } = await fifo()
    const first = await send('1', 'g', 'same')
    expect((await send('1 again', 'g', 'same')).MessageId).toBe(first.MessageId)
    await send('2')
    await send('3', 'h')
    const receive = async () => {
      const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 })
      return (await queues.client.send(command)).Messages ?? []
    }
    const [head] = await receive()
    expect(await receive()).toEqual([])
    expect(await queues.counts('work.fifo')).toEqual({ visible: 1, delayed: 0, inFlight: 2, total: 3 })
    const visible = { QueueUrl, ReceiptHandle: head?.ReceiptHandle, VisibilityTimeout: 0 }
    await queues.client.send(new ChangeMessageVisibilityCommand(visible))
    expect((await receive()).map(({ Body }) => Body)).toEqual(['1'])
    expect((await queues.messages('work.fifo')).map(({ body }) => body).sort()).toEqual(['1', '2', '3'])
  })

  test('hands records over in the shape of AWS and keeps the order within a group', async () => {
    const { queues, QueueUrl } = await fifo()
    const seen: SQSEvent[] = []
    const entry = (id: string) => ({
      Id: id,
      MessageBody: id,
      MessageGroupId: 'g',
      MessageDeduplicationId: `dedup-${id}`,
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'timeout' } },
    })
    await queues.client.send(new SendMessageBatchCommand({ QueueUrl, Entries: ['1', '2', '3'].map(entry) }))
    queues.consume('work.fifo', { invoke: async (event) => seen.push(event) })
    await until(() => seen.length === 3)
    expect(seen.map(bodies)).toEqual([['1'], ['2'], ['3']])
    expect(seen[0]?.Records[0]).toEqual({
      messageId: expect.stringMatching(/^[\w-]{36}$/),
      receiptHandle: expect.any(String),
      body: '1',
      attributes: {
        ApproximateReceiveCount: '1',
        ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
        SenderId: expect.any(String),
        MessageGroupId: 'g',
        MessageDeduplicationId: 'dedup-1',
        SequenceNumber: expect.stringMatching(/^\d{20}$/),
      },
      messageAttributes: {
        kind: { dataType: 'String', stringValue: 'timeout', stringListValues: [], binaryListValues: [] },
      },
      md5OfBody: 'c4ca4238a0b923820dcc509a6f75849b',
      md5OfMessageAttributes: expect.any(String),
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:ap-southeast-1:000000000000:work.fifo',
      awsRegion: 'ap-southeast-1',
    })
    await expect.poll(async () => (await queues.counts('work.fifo')).total).toBe(0)
  })

  test('one group never has two invocations, other groups go on', async () => {
    const { queues, send } = await fifo()
    for (const group of ['a', 'b']) for (const n of [1, 2, 3]) await send(`${group}${n}`, group)
    const active = new Set<string>()
    const overlaps: string[] = []
    let together = 0
    let done = 0
    queues.consume('work.fifo', {
      async invoke(event) {
        const group = event.Records[0]?.attributes.MessageGroupId ?? ''
        if (active.has(group)) overlaps.push(group)
        active.add(group)
        together = Math.max(together, active.size)
        await new Promise((resolve) => setTimeout(resolve, 30))
        active.delete(group)
        done++
      },
    })
    await until(() => done === 6)
    expect(overlaps).toEqual([])
    expect(together).toBe(2)
  })

  test('a failed message keeps the visibility the function gave it, blocks its group, and comes back at once after', async () => {
    const { queues, QueueUrl, send } = await fifo()
    const seen: { body: string; count: string; at: number }[] = []
    await send('slow', 'a')
    await send('behind', 'a')
    await send('other', 'b')
    let deferredAt = 0
    queues.consume('work.fifo', {
      reportBatchItemFailures: true,
      async invoke({ Records: [record] }) {
        if (!record) return
        seen.push({ body: record.body, count: record.attributes.ApproximateReceiveCount, at: Date.now() })
        if (record.body !== 'slow' || deferredAt) return {}
        const change = { QueueUrl, ReceiptHandle: record.receiptHandle, VisibilityTimeout: 1 }
        await queues.client.send(new ChangeMessageVisibilityCommand(change))
        deferredAt = Date.now()
        return { batchItemFailures: [{ itemIdentifier: record.messageId }] }
      },
    })
    await until(() => seen.length === 4)
    expect(seen.map(({ body, count }) => `${body} ${count}`).slice(2)).toEqual(['slow 2', 'behind 1'])
    const waited = (seen[2]?.at ?? 0) - deferredAt
    expect(waited).toBeGreaterThanOrEqual(980)
    expect(waited).toBeLessThan(1200)
  })

  test('deletes the successes of a batch, and moves a message that fails too often to the dead letters', async () => {
    const { queues } = await fifo()
    await queues.create('dead')
    const deadLetterTargetArn = queues.queueArn('dead')
    await queues.create('plain', { VisibilityTimeout: 0, RedrivePolicy: { deadLetterTargetArn, maxReceiveCount: 2 } })
    const QueueUrl = queues.queueUrl('plain')
    const MessageAttributes = { why: { DataType: 'String', StringValue: 'test' } }
    const Entries = ['ok', 'bad'].map((Id) => ({ Id, MessageBody: Id, MessageAttributes }))
    await queues.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    const batches: Batch[] = []
    queues.consume('plain', {
      reportBatchItemFailures: true,
      onBatch: (batch) => batches.push(batch),
      invoke: async ({ Records }) => ({
        batchItemFailures: Records.filter(({ body }) => body === 'bad').map((r) => ({ itemIdentifier: r.messageId })),
      }),
    })
    await expect
      .poll(() => queues.messages('dead'))
      .toMatchObject([{ body: 'bad', messageAttributes: MessageAttributes }])
    expect(batches.map(({ records }) => records.map(({ body }) => body))).toEqual([['ok', 'bad'], ['bad']])
    expect((await queues.counts('plain')).total).toBe(0)
  })

  test('a batch whose invocation throws stays on the queue', async () => {
    const { queues, send } = await fifo()
    await send('1')
    const batches: Batch[] = []
    const invoke = () => Promise.reject(new Error('no'))
    queues.consume('work.fifo', { invoke, onBatch: (batch) => batches.push(batch) })
    await until(() => batches.length === 1)
    expect(batches[0]).toMatchObject({ error: { message: 'no' }, failed: [expect.any(String)] })
    expect(await queues.counts('work.fifo')).toMatchObject({ inFlight: 1 })
  })

  test.each([
    [null, []],
    [undefined, []],
    [{}, []],
    [{ batchItemFailures: null }, []],
    [{ batchItemFailures: [] }, []],
    [{ batchItemFailures: [{ itemIdentifier: 'b' }] }, ['b']],
    [{ batchItemFailures: [{ itemIdentifier: '' }] }, ['a', 'b']],
    [{ batchItemFailures: [{ itemIdentifier: null }] }, ['a', 'b']],
    [{ batchItemFailures: [{ id: 'a' }] }, ['a', 'b']],
    [{ batchItemFailures: [{ itemIdentifier: 'unknown' }] }, ['a', 'b']],
    [{ batchItemFailures: 'a' }, ['a', 'b']],
    ['ok', ['a', 'b']],
  ])('an answer of %j leaves %j on the queue', (response, failed) => {
    expect(failedIds(response, ['a', 'b'])).toEqual(failed)
  })
})

let files = 0
/** A function around a module that is written for the test. */
async function lambda(source: string, options: Partial<FunctionOptions> = {}) {
  const entry = path.join(folder, `function-${files++}.mjs`)
  await writeFile(entry, source)
  const lines: LogLine[] = []
  const subject = createFunction({ name: 'test', entry, onLine: (line) => lines.push(line), ...options })
  onTestFinished(() => subject.close())
  return { subject, lines }
}

describe('Lambda', () => {
  test('gives the function its own environment and a context with a running deadline', async () => {
    process.env.LEAKED = 'yes'
    onTestFinished(() => void delete process.env.LEAKED)
    const source = `export const handler = async (event, context) => {
      const before = context.getRemainingTimeInMillis()
      await new Promise((resolve) => setTimeout(resolve, 30))
      return { event, env: process.env, before, after: context.getRemainingTimeInMillis(), context }
    }`
    const { subject } = await lambda(source, { env: { MINE: 'yes' }, timeoutMs: 5000 })
    const { subject: other } = await lambda('export const handler = async () => process.env.MINE ?? null')
    const result = (await subject.invoke({ a: 1 })) as Record<string, never>
    expect(result).toMatchObject({
      event: { a: 1 },
      env: { MINE: 'yes', AWS_REGION: 'ap-southeast-1', AWS_LAMBDA_FUNCTION_NAME: 'test' },
      context: {
        functionName: 'test',
        invokedFunctionArn: 'arn:aws:lambda:ap-southeast-1:000000000000:function:test',
        awsRequestId: expect.stringMatching(/^[\w-]{36}$/),
      },
    })
    expect(Object.keys(result.env as never).filter((name) => ['LEAKED', 'PATH', 'HOME'].includes(name))).toEqual([])
    expect(result.before).toBeLessThanOrEqual(5000)
    expect(Number(result.before) - Number(result.after)).toBeGreaterThanOrEqual(25)
    expect(await other.invoke({})).toBeNull()
    expect(process.env.MINE).toBeUndefined()
  })

  test('reports output line by line before the invocation settles', async () => {
    const source = `export const handler = async () => {
      console.log(JSON.stringify({ audit: 1 }))
      process.stdout.write('half ')
      process.stdout.write('and half\\nunfinished')
      console.error('bad')
    }`
    const { subject, lines } = await lambda(source)
    expect(await subject.invoke({})).toBeNull()
    expect(lines.filter(({ stream }) => stream === 'stdout').map(({ line }) => line)).toEqual([
      '{"audit":1}',
      'half and half',
      'unfinished',
    ])
    expect(lines.find(({ stream }) => stream === 'stderr')).toMatchObject({ line: 'bad', functionName: 'test' })
    expect(lines.every(({ requestId }) => requestId)).toBe(true)
  })

  test('kills the container of an invocation that takes too long, and starts a new one', async () => {
    const source = `let calls = 0
    export const handler = (event) => {
      calls++
      if (event.hang) for (;;);
      return calls
    }`
    const { subject } = await lambda(source, { timeoutMs: 200 })
    expect(await subject.invoke({})).toBe(1)
    await expect(subject.invoke({ hang: true })).rejects.toMatchObject({
      name: 'Sandbox.Timedout',
      message: 'Task timed out after 0.20 seconds',
    })
    expect(await subject.invoke({})).toBe(1)
    expect(subject.containers).toEqual({ alive: 1, started: 2 })
  })

  test('lets a bundle that loads slowly have the time of the invocation too', async () => {
    const source = `await new Promise((resolve) => setTimeout(resolve, 500))
    export const handler = async () => 1`
    const { subject } = await lambda(source, { initTimeoutMs: 100, timeoutMs: 20_000 })
    expect(await subject.invoke({})).toBe(1)
    const { subject: endless } = await lambda('setInterval(() => {}, 1000); await new Promise(() => {})', {
      initTimeoutMs: 100,
      timeoutMs: 200,
    })
    await expect(endless.invoke({})).rejects.toMatchObject({ message: 'Task timed out after 0.30 seconds' })
  })

  test('rejects with the error of the handler and keeps the container', async () => {
    const source = `let calls = 0
    export const handler = async () => { throw new RangeError('call ' + ++calls) }`
    const { subject } = await lambda(source)
    await expect(subject.invoke({})).rejects.toMatchObject({ name: 'RangeError', message: 'call 1' })
    await expect(subject.invoke({})).rejects.toMatchObject({ name: 'RangeError', message: 'call 2' })
  })

  test.each([
    ['export const handler = async () => process.exit(3)', 'Runtime.ExitError'],
    ['export const other = 1', 'Runtime.HandlerNotFound'],
    ['export const handler = (event, context, callback) => callback()', 'Runtime.CallbackHandlerDeprecated'],
    ['throw new TypeError("no")', 'TypeError'],
    ['export const handler = () => new Promise(() => setTimeout(() => { throw new EvalError("x") }, 1))', 'EvalError'],
  ])('a container that breaks: %s', async (source, name) => {
    const { subject } = await lambda(source)
    await expect(subject.invoke({})).rejects.toMatchObject({ name })
    expect(subject.containers.alive).toBe(0)
  })

  test('one invocation per container: more are started up to the limit, idle ones are used again', async () => {
    const source = `let active = 0, most = 0
    export const handler = async () => {
      most = Math.max(most, ++active)
      await new Promise((resolve) => setTimeout(resolve, 50))
      active--
      return most
    }`
    const { subject } = await lambda(source, { maxContainers: 2 })
    const results = await Promise.all(Array.from({ length: 5 }, () => subject.invoke({})))
    expect(results).toEqual([1, 1, 1, 1, 1])
    expect(subject.containers).toEqual({ alive: 2, started: 2 })
  })

  test('runs nothing behind a response until the next invocation', async () => {
    const source = `let ticks = 0
    setInterval(() => ticks++, 5)
    export const handler = async () => ticks`
    const { subject } = await lambda(source)
    const before = Number(await subject.invoke({}))
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(Number(await subject.invoke({})) - before).toBeLessThan(10)
  })

  test('closing rejects what is still running', async () => {
    const { subject } = await lambda('export const handler = () => new Promise((r) => setTimeout(r, 60_000))', {
      timeoutMs: 60_000,
    })
    const running = expect(subject.invoke({})).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 100))
    await subject.close()
    await running
  })
})

/** The status of a POST with exactly these headers, which `fetch` would not send. */
const statusOf = (url: string, headers: Record<string, string | undefined>) =>
  new Promise<number | undefined>((resolve, reject) => {
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
    const sent = request(url, { method: 'POST', headers: given as Record<string, string> }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.once('error', reject).end()
  })

test.each([
  ['secrets', startSecretsManager],
  ['logs', startCloudWatchLogs],
  ['bus', startEventBus],
  ['queues', startQueues],
])('the emulated %s do not answer a page of another site', async (_, start) => {
  const service = await start()
  onTestFinished(() => service.close())
  const { host } = new URL(service.url)
  expect(await statusOf(service.url, { host: 'evil.example' })).toBe(403)
  expect(await statusOf(service.url, { host, origin: 'http://evil.example' })).toBe(403)
  expect(await statusOf(service.url, { host })).not.toBe(403)
})

describe('HTTP API', () => {
  const echo = async (event: APIGatewayProxyEventV2) => ({ statusCode: 200, body: JSON.stringify(event) })
  const route = (routeKey: string) => ({ routeKey, invoke: echo })

  test.each([
    ['another site by its own origin', { origin: 'https://evil.example' }, 403],
    ['another server on this machine', { origin: 'http://127.0.0.1:1' }, 403],
    ['a sandboxed frame', { origin: 'null' }, 403],
    ['a name that was made to resolve to this machine', { host: 'evil.example:8787' }, 403],
    ['the page that is served here', {}, 200],
    ['a command', { origin: undefined }, 200],
  ])('takes a request of %s as it should: %j', async (_, headers, status) => {
    const api = await startHttpApi({ routes: [route('POST /x')] })
    onTestFinished(() => api.close())
    const { host, origin } = new URL(api.url)
    expect(await statusOf(`${api.url}/x`, { host, origin, ...headers })).toBe(status)
  })

  test('builds payload 2.0: decoded parameters, joined queries, lower-case headers, cookies', async () => {
    const api = await startHttpApi({ routes: [route('POST /files/{file_token}/x')] })
    onTestFinished(() => api.close())
    const response = await fetch(`${api.url}/files/a%2Fb%20c/x?dry_run=true&id=1&id=2&q=a%26b&empty=`, {
      method: 'POST',
      headers: { 'X-Custom': 'One', cookie: 'a=1; b=2', 'content-type': 'application/json', 'user-agent': 'test' },
      body: '{"ä":1}',
    })
    const event = (await response.json()) as APIGatewayProxyEventV2
    expect(event).toMatchObject({
      version: '2.0',
      routeKey: 'POST /files/{file_token}/x',
      rawPath: '/files/a/b c/x',
      rawQueryString: 'dry_run=true&id=1&id=2&q=a%26b&empty=',
      cookies: ['a=1', 'b=2'],
      headers: { 'x-custom': 'One', 'content-type': 'application/json' },
      queryStringParameters: { dry_run: 'true', id: '1,2', q: 'a&b', empty: '' },
      pathParameters: { file_token: 'a/b c' },
      body: '{"ä":1}',
      isBase64Encoded: false,
      requestContext: {
        accountId: '000000000000',
        http: { method: 'POST', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
        routeKey: 'POST /files/{file_token}/x',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: expect.any(Number),
        requestId: response.headers.get('apigw-requestid'),
      },
    })
    const binary = await fetch(`${api.url}/files/a/x`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array([255]),
    })
    expect(await binary.json()).toMatchObject({ body: '/w==', isBase64Encoded: true })
    expect(await (await fetch(`${api.url}/files/a/x`, { method: 'POST' })).json()).not.toHaveProperty('body')
    const bad = await fetch(`${api.url}/files/%zz/x`, { method: 'POST' })
    expect([bad.status, await bad.json()]).toEqual([400, { message: 'Bad Request' }])
  })

  test('answers for the function: its response, 404, 500 and 503', async () => {
    const invoke = (result: unknown) => async () => result
    const api = await startHttpApi({
      routes: [
        {
          routeKey: 'GET /full',
          invoke: invoke({
            statusCode: 429,
            headers: { 'content-type': 'application/problem+json', 'retry-after': 3 },
            cookies: ['a=1', 'b=2'],
            body: Buffer.from('é').toString('base64'),
            isBase64Encoded: true,
          }),
        },
        { routeKey: 'GET /plain', invoke: invoke({ ok: true }) },
        { routeKey: 'GET /malformed', invoke: invoke({ statusCode: 'x' }) },
        { routeKey: 'GET /throws', invoke: () => Promise.reject(new Error('secret')) },
        { routeKey: 'GET /slow', invoke: () => new Promise(() => {}), timeoutMs: 20 },
      ],
    })
    onTestFinished(() => api.close())
    const get = async (path: string) => {
      const response = await fetch(api.url + path)
      return { status: response.status, headers: response.headers, body: await response.text() }
    }
    const full = await get('/full')
    expect(full).toMatchObject({ status: 429, body: 'é' })
    expect(full.headers.get('retry-after')).toBe('3')
    expect(full.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await get('/plain')).toMatchObject({ status: 200, body: '{"ok":true}' })
    for (const path of ['/malformed', '/throws'])
      expect(await get(path)).toMatchObject({ status: 500, body: '{"message":"Internal Server Error"}' })
    expect(await get('/slow')).toMatchObject({ status: 503, body: '{"message":"Service Unavailable"}' })
    expect(await get('/none')).toMatchObject({ status: 404, body: '{"message":"Not Found"}' })
  })

  test('prefers literals to parameters, parameters to greedy ones, methods to ANY', () => {
    const keys = ['GET /a/{id}', 'GET /a/list', 'ANY /a/{id}', 'GET /a/{rest+}', '$default', 'GET /']
    const found = (method: string, path: string) => {
      const match = findRoute(keys.map(route), method, path)
      return [match?.route.routeKey, match?.pathParameters]
    }
    expect(found('GET', '/a/list')).toEqual(['GET /a/list', {}])
    expect(found('GET', '/a/x%2Fy')).toEqual(['GET /a/{id}', { id: 'x/y' }])
    expect(found('PUT', '/a/x')).toEqual(['ANY /a/{id}', { id: 'x' }])
    expect(found('GET', '/a/x/y')).toEqual(['GET /a/{rest+}', { rest: 'x/y' }])
    expect(found('GET', '/a/')).toEqual(['$default', {}])
    expect(found('GET', '/')).toEqual(['GET /', {}])
  })

  test('takes another port when the wanted one is in use', async () => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const { port } = blocker.address() as AddressInfo
    const api = await startHttpApi({ routes: [], port })
    onTestFinished(async () => {
      blocker.close()
      await api.close()
    })
    expect(Number(new URL(api.url).port)).not.toBe(port)
    expect((await fetch(api.url)).status).toBe(404)
  })
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

describe('the stack', () => {
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
    expect(planned).toEqual([{ functionName: 'dev-echo', result: { planned: 3 } }])
    expect(work).toEqual(['1', 'bad', '3'])
    expect(outcomes).toEqual([
      { body: '1', outcome: 'changed' },
      { body: 'bad', outcome: 'parked' },
      { body: '3', outcome: 'changed' },
    ])
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
  }, 20_000)

  test('a handler that is not built stops the start', async () => {
    await expect(startStack({ template, root: path.join(folder, 'nowhere') })).rejects.toThrow(/not built/)
  })
})

describe('intrinsic functions', () => {
  const context: Context = {
    template: {
      Parameters: { Stage: { Default: 'dev' } },
      Conditions: { Yes: { 'Fn::Equals': ['a', 'a'] } },
      Resources: { Q: { Type: 'Q' } },
    },
    region: 'ap-southeast-1',
    account: '000000000000',
    stackName: 'local',
    physical: () => ({ ref: 'the-queue', attributes: { Arn: 'the-arn' } }),
  }
  test.each([
    [{ Ref: 'Q' }, 'the-queue'],
    [{ Ref: 'Stage' }, 'dev'],
    [{ 'Fn::GetAtt': 'Q.Arn' }, 'the-arn'],
    [
      { 'Fn::Sub': `${'$'}{AWS::Region}:${'$'}{Q}:${'$'}{Q.Arn}:${'$'}{!No}` },
      `ap-southeast-1:the-queue:the-arn:${'$'}{No}`,
    ],
    [{ 'Fn::Sub': [`${'$'}{X}`, { X: { Ref: 'Q' } }] }, 'the-queue'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'Stage' }]] }, 'a-dev'],
    [{ 'Fn::Select': [1, { 'Fn::Split': ['-', 'a-b'] }] }, 'b'],
    [{ a: [{ 'Fn::If': ['Yes', 1, 2] }], b: { Ref: 'AWS::NoValue' } }, { a: [1] }],
  ])('%j is %j', (value, expected) => expect(resolve(value, context)).toEqual(expected))

  test.each([{ Ref: 'Unknown' }, { 'Fn::GetAtt': ['Q', 'Url'] }, { 'Fn::ImportValue': 'x' }])('%j throws', (value) =>
    expect(() => resolve(value, context)).toThrow(),
  )
})

test('osls compiles the template with parameters and stage, without bundles, without credentials in reach', async () => {
  process.env.AWS_ACCESS_KEY_ID = 'planted'
  onTestFinished(() => void delete process.env.AWS_ACCESS_KEY_ID)
  const cwd = path.join(folder, 'service')
  for (const name of ['functions', 'infra']) await mkdir(path.join(cwd, name), { recursive: true })
  const variables = { KEY: `${'$'}{env:AWS_ACCESS_KEY_ID, 'none'}`, HOST: `${'$'}{param:host, 'none'}` }
  const config = {
    service: 'sample',
    provider: { name: 'aws', environment: variables },
    package: { patterns: ['!**', 'dist/hello/**'] },
    functions: { hello: { handler: 'dist/hello/index.handler' } },
  }
  await writeFile(path.join(cwd, 'functions/hello.ts'), '')
  await writeFile(path.join(cwd, 'serverless.yml'), JSON.stringify(config))
  const { Resources } = await compileTemplate({ cwd, stage: 'test', params: { host: 'example.com' } })
  expect(Resources.HelloLambdaFunction?.Properties).toMatchObject({
    FunctionName: 'sample-test-hello',
    Environment: { Variables: { KEY: 'none', HOST: 'example.com' } },
  })
  await writeFile(path.join(cwd, 'serverless.yml'), '{}')
  await expect(compileTemplate({ cwd })).rejects.toThrow(/osls package failed/)
}, 60_000)
