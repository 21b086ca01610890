/** Calls through AWS's SDK as they leave this machine: where they go, how often, for how long, and what errors become. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { isPermanent } from '../../../lib/aws/sdk.ts'
import type { OutcomeDetail } from '../../../lib/outcome-event.ts'

type Answer = { status?: number; body?: string; fault?: 'cut' | 'silent' }

let calls: { operation: string; headers: IncomingHttpHeaders; input: Record<string, unknown> }[]
/** Given in turn; the last one again and again. */
let answers: Answer[]
let onCall: () => void

const server = createServer(async (request, response) => {
  const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '')
  calls.push({ operation, headers: request.headers, input: JSON.parse(await text(request)) })
  const { status = 200, body = '{}', fault } = (answers.length > 1 ? answers.shift() : answers[0]) ?? {}
  onCall()
  if (fault === 'silent') return
  if (fault !== 'cut') return void response.writeHead(status).end(body)
  response.writeHead(status, { 'content-length': body.length + 1 }).write(body, () => request.socket.destroy())
})
let url: string

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

beforeEach(() => {
  calls = []
  answers = [{}]
  onCall = () => {}
  // Clients are kept for as long as a container lives.
  vi.resetModules()
  // No wait between attempts.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  for (const name of Object.keys(process.env)) if (/^_?(AWS|X_AMZN)_/.test(name)) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_REGION', 'eu-central-1')
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'planted/Key+')
  vi.stubEnv('AWS_ENDPOINT_URL', url)
  for (const name of ['WORK_QUEUE_URL', 'DEAD_LETTER_QUEUE_URL'])
    vi.stubEnv(name, 'https://sqs.eu-central-1.amazonaws.com/000000000000/queue.fifo')
  vi.stubEnv('EVENT_BUS_NAME', 'default')
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const message = (body: string) => ({ body, group: 'feishu:default', deduplicationId: body })
const outcome = (eventId: string) => ({ eventId, outcome: 'changed' }) as OutcomeDetail
const readVersion = async () => (await import('../../../lib/aws/secrets-manager.ts')).readVersion('id')
const defer = async () =>
  (await import('../../../lib/aws/sqs.ts')).deferMessages('WORK_QUEUE_URL', [
    { receiptHandle: 'receipt', waitMs: 1_000 },
  ])
const publish = async () => (await import('../../../lib/aws/eventbridge.ts')).publish([outcome('a')])

const SECRET: Answer = { body: '{"SecretString":"text","VersionId":"1"}' }
const SERVICES: [service: string, call: () => Promise<unknown>, answer: Answer, variable: string, timeoutMs: number][] =
  [
    ['secretsmanager', readVersion, SECRET, 'AWS_ENDPOINT_URL_SECRETS_MANAGER', 9_000],
    ['sqs', defer, {}, 'AWS_ENDPOINT_URL_SQS', 5_000],
    ['events', publish, { body: '{"Entries":[{"EventId":"1"}]}' }, 'AWS_ENDPOINT_URL_EVENTBRIDGE', 5_000],
  ]

describe.each(SERVICES)('a call of %s', (service, call, answer, variable, timeoutMs) => {
  test('carries the credentials of the environment, and the trace by which Lambda ends a loop', async () => {
    vi.stubEnv('AWS_SESSION_TOKEN', 'session-token')
    vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'function')
    vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a87bd80c:1')
    answers = [answer]
    await call()
    expect(calls[0]?.headers).toMatchObject({
      'x-amz-security-token': 'session-token',
      'x-amzn-trace-id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a87bd80c:1',
    })
    expect(calls[0]?.headers.authorization).toMatch(
      new RegExp(`Credential=AKIDEXAMPLE/\\d{8}/eu-central-1/${service}/aws4_request`),
    )
    expect(JSON.stringify(calls)).not.toContain('planted')
  })

  test('goes where the variable of the service says, before the one of all', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1')
    vi.stubEnv(variable, url)
    answers = [answer]
    await call()
    expect(calls).toHaveLength(1)
  })

  test.each<[string, Answer]>([
    ['a throttle', { status: 400, body: '{"__type":"ThrottlingException"}' }],
    ['a fault', { status: 500, body: '{"__type":"InternalServiceError"}' }],
    ['a dropped connection', { fault: 'cut' }],
  ])('is tried three times by the SDK after %s', async (_, failure) => {
    answers = [failure, failure, answer]
    await call()
    expect(calls).toHaveLength(3)
    answers = [failure]
    await expect(call()).rejects.toThrow()
    expect(calls).toHaveLength(6)
  })

  test('is not tried again after a refusal', async () => {
    answers = [{ status: 400, body: '{"__type":"AccessDeniedException","message":"no"}' }]
    await expect(call()).rejects.toThrow()
    expect(calls).toHaveLength(1)
  })

  test('is bounded in time with all its attempts, however silent AWS is', async () => {
    const bound = new AbortController()
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(bound.signal)
    answers = [{ fault: 'silent' }]
    onCall = () => bound.abort()
    await expect(call()).rejects.toThrow()
    expect(timeout.mock.calls).toEqual([[timeoutMs]])
  })

  test('is not made without a region', async () => {
    vi.stubEnv('AWS_REGION', '')
    await expect(call()).rejects.toMatchObject({
      kind: 'misconfigured',
      message: expect.stringContaining('AWS_REGION'),
    })
    expect(calls).toEqual([])
  })
})

describe('without a receipt nothing counts as taken', () => {
  const md5 = (body: string) => createHash('md5').update(body).digest('hex')
  const successful = (...entries: [id: string, body: string][]) => ({
    body: JSON.stringify({ Successful: entries.map(([Id, body]) => ({ Id, MD5OfMessageBody: md5(body) })) }),
  })
  const sent = (field: string) =>
    calls.map(({ input }) => (input.Entries as Record<string, string>[]).map((entry) => entry[field]))

  test('a dead letter', async () => {
    const { sendDeadLetter } = await import('../../../lib/aws/sqs.ts')
    const reason = { kind: 'forbidden', hint: undefined }
    await expect(sendDeadLetter(message('a'), reason)).rejects.toThrow()
    answers = [{ body: JSON.stringify({ MessageId: '1', MD5OfMessageBody: md5('a') }) }]
    await sendDeadLetter(message('a'), reason)
  })

  test('work items, each by itself', async () => {
    const { sendWork } = await import('../../../lib/aws/sqs.ts')
    answers = [successful(['1', 'b']), { body: '{"Failed":null}' }, successful(['0', 'a'])]
    await sendWork([message('a'), message('b')])
    expect(sent('MessageBody')).toEqual([['a', 'b'], ['a'], ['a']])
  })

  test('outcome events, each by itself', async () => {
    const { publish } = await import('../../../lib/aws/eventbridge.ts')
    answers = [
      { body: '{"Entries":[{"ErrorCode":"ThrottlingException"},{"EventId":"1"}]}' },
      { body: '{}' },
      { body: '{"Entries":[{"EventId":"2"}]}' },
    ]
    await publish([outcome('a'), outcome('b')])
    const ids = sent('Detail').map((details) => details.map((detail = '') => JSON.parse(detail).eventId))
    expect(ids).toEqual([['a', 'b'], ['a'], ['a']])
  })

  test('a new version of a secret', async () => {
    const { putVersion } = await import('../../../lib/aws/secrets-manager.ts')
    const version = { versionId: 'v'.repeat(32), text: '{}' }
    await expect(putVersion('id', version, 'AWSPENDING')).rejects.toMatchObject({ kind: 'unavailable' })
    answers = [{ body: JSON.stringify({ VersionId: version.versionId }) }]
    await putVersion('id', version, 'AWSPENDING')
  })

  test('a label that has moved', async () => {
    const { moveLabel } = await import('../../../lib/aws/secrets-manager.ts')
    await expect(moveLabel('id', 'AWSCURRENT', 'old', 'new')).rejects.toMatchObject({ kind: 'unavailable' })
    answers = [{ body: '{"Name":"id"}' }]
    expect(await moveLabel('id', 'AWSCURRENT', 'old', 'new')).toBe(true)
  })
})

describe('a secret', () => {
  test.each<[string, Answer, string]>([
    ['denied', { status: 400, body: '{"__type":"AccessDeniedException","message":"planted"}' }, 'misconfigured'],
    ['throttled to the end', { status: 400, body: '{"__type":"ThrottlingException"}' }, 'unavailable'],
    ['answered with a page', { body: '<html>planted</html>' }, 'unavailable'],
    ['cut off', { body: '{"SecretString":"planted"}', fault: 'cut' }, 'unavailable'],
    ['full', { status: 400, body: '{"__type":"LimitExceededException"}' }, 'unavailable'],
  ])('%s', async (_, answer, kind) => {
    answers = [answer]
    const error = await readVersion().then(
      () => expect.fail(),
      (thrown) => thrown,
    )
    expect(error).toMatchObject({ name: 'OperationError', kind })
    expect(error.message).not.toContain('planted')
  })
})

describe('an error of the SDK', () => {
  const failure = (name: string, httpStatusCode?: number) =>
    Object.assign(new Error(name), { name, ...(httpStatusCode && { $metadata: { httpStatusCode } }) })

  test.each([
    ['AccessDeniedException', 400, true],
    ['ResourceNotFoundException', 400, true],
    ['RequestThrottled', 403, false],
    ['TooManyRequestsException', 400, false],
    ['UnknownError', 429, false],
    ['RequestTimeoutException', 400, false],
    ['InternalServiceError', 500, false],
    ['SyntaxError', 200, false],
    ['TimeoutError', undefined, false],
    ['AbortError', undefined, false],
  ])('%s with status %s is permanent: %s', (name, status, expected) => {
    expect(isPermanent(failure(name, status))).toBe(expected)
  })
})
