/** How an operator's command reaches a stack: the local one, told by `npm start`, and a deployed stage. */

import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { processIo } from '../../../cli/io.ts'
import { close, listen } from '../../../cli/loopback.ts'
import { connect } from '../../../cli/stack/connection.ts'
import { PARAM, STAGE } from '../../deployed-stage.ts'
import { run } from '../operator.ts'

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
    expect.stringContaining("option '--local [url]' cannot be used with option '--stage <stage>'"),
  ])
})
