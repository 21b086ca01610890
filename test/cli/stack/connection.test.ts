/** How an operator's command reaches a stack: the local one, told by `npm start`, and a deployed stage. */

import { createServer } from 'node:http'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { processIo } from '../../../cli/io.ts'
import { close, listen } from '../../../cli/loopback.ts'
import { connect } from '../../../cli/stack/connection.ts'
import { useLedger } from '../../../cli/stack/ledger.ts'
import { operationNames } from '../../../infra/operations.ts'
import { readRecords } from '../../../lib/ledger/records.ts'
import { PARAM, STAGE } from '../../deployed-stage.ts'
import { run, startLocalStack } from '../operator.ts'

const io = processIo()

const NAMES = (stage: string) => ({
  bus: `subscription-offboarding-${stage}`,
  source: 'hr.offboarding',
  deadLetterQueue: `${stage}-dead-letter.fifo`,
  undeliveredEventsQueue: `${stage}-undelivered-events`,
})
const DRIVE = (stage: string) => ({
  functionName: `${stage}-feishu-drive-unsubscribe`,
  queue: `${stage}-feishu-drive-unsubscribe.fifo`,
})

test('the stack of "npm start --no-event" is reached with the ordinary clients', async () => {
  const { local, stop } = await startLocalStack('--no-event')
  onTestFinished(stop)
  const connection = await connect(io, { local })
  const { names, settings, isLocal, speed, variables } = connection
  expect(names).toMatchObject(NAMES('local'))
  expect(Object.keys(names.operations)).toHaveLength(operationNames.length)
  expect(names.operations['feishu-drive-unsubscribe']).toEqual(DRIVE('local'))
  expect([isLocal, speed, variables.FEISHU_BASE_URL]).toEqual([
    true,
    1_000,
    expect.stringContaining('http://127.0.0.1:'),
  ])

  const sqs = new SQSClient(settings('sqs'))
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: names.deadLetterQueue }))
  await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
  const Detail = JSON.stringify({
    offboardingId: 'o-1',
    feishu: { approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'] },
  })
  const entry = { EventBusName: names.bus, Source: names.source, DetailType: 'User Offboarding', Detail }
  await new EventBridgeClient(settings('eventbridge')).send(new PutEventsCommand({ Entries: [entry] }))

  useLedger(connection)
  await vi.waitFor(
    async () => {
      const { sendings, history } = await readRecords('o-1')
      expect(history).toMatchObject([{ operation: 'feishu-approval-unsubscribe', outcome: { outcome: 'changed' } }])
      expect(sendings).toMatchObject([{ source: 'hr.offboarding', completedAt: expect.any(String) }])
    },
    { timeout: 30_000 },
  )
})

test('a stage is what serverless.yml names, with the parameters it was deployed with', async () => {
  const { names, region, settings, isLocal } = await connect(io, {
    stage: STAGE,
    param: PARAM,
    region: 'eu-west-1',
  })
  expect(names).toMatchObject({ ...NAMES(STAGE), source: 'hr.other' })
  expect(names.operations['feishu-drive-unsubscribe']).toEqual(DRIVE(STAGE))
  expect(region).toBe('eu-west-1')
  expect(isLocal).toBe(false)
  expect(settings('dynamodb')).toEqual({ region: 'eu-west-1', maxAttempts: 6 })
})

test.each([
  ['{"names":null}'],
  [JSON.stringify({ names: {}, endpoints: { secretsmanager: 'https://secretsmanager.example.com' } })],
])('what answers %s on the port is no stack', async (body) => {
  const server = createServer((_, response) => response.end(body))
  const local = await listen(server)
  await expect(connect(io, { local })).rejects.toThrow(`no local stack answers at ${local}`)
  await close(server)
})

test('a stack sets no variables but those of its functions', async () => {
  const variables = {
    FEISHU_BASE_URL: 'http://127.0.0.1:1',
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
    HTTPS_PROXY: 'http://a',
  }
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ names: {}, endpoints: { sqs: 'http://127.0.0.1:1' }, variables })),
  )
  const local = await listen(server)
  expect((await connect(io, { local })).variables).toEqual({ FEISHU_BASE_URL: 'http://127.0.0.1:1' })
  await close(server)
})

test.each([
  [{ local: 'http://127.0.0.1:1' }, 'run "npm start" in another terminal, or name a deployed stage'],
  [{ local: 'http://example.com' }, '--local must be an address on this machine'],
  [{ region: 'eu-west-1' }, '--region and --param need --stage'],
  [{ stage: 'qa', param: ['nosuch=1'] }, 'serverless.yml has no such parameter'],
])('%j is told in one line', async (options, told) => {
  await expect(connect(io, options)).rejects.toThrow(told)
})

test('a stage and the local stack together are wrong usage', async () => {
  const { code, stderr } = await run(['report', 'hr-1', '--stage', 'qa', '--local', 'http://127.0.0.1:8787'])
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("option '--local <url>' cannot be used with option '--stage <stage>'"),
  ])
})
