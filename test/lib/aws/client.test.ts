/** Calls of AWS's services as they leave this machine: who is called, how it is signed, and what an answer becomes. */
import { createHash, createHmac } from 'node:crypto'
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { callAws } from '../../../lib/aws/client.ts'
import { type OutcomeDetail, publish } from '../../../lib/aws/eventbridge.ts'
import { putVersion } from '../../../lib/aws/secrets-manager.ts'
import { sendDeadLetter, sendWork } from '../../../lib/aws/sqs.ts'

const KEY = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'planted/Key+' }

let calls: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[]
/** Given first, with status 200. */
let answers: string[]
let answer: { status: number; body: string; type?: string; cut?: boolean }
const server = createServer(async (request, response) => {
  calls.push({ url: request.url, headers: request.headers, body: await text(request) })
  if (answers.length > 0) return void response.end(answers.shift())
  if (answer.cut) response.writeHead(answer.status, { 'content-length': answer.body.length + 1 }).write(answer.body)
  else response.writeHead(answer.status, answer.type ? { 'x-amzn-errortype': answer.type } : {}).end(answer.body)
  if (answer.cut) setTimeout(() => request.socket.destroy(), 20)
})
let url: string

beforeEach(async () => {
  calls = []
  answers = []
  answer = { status: 200, body: '{}' }
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const name of Object.keys(process.env)) if (/^_?(AWS|X_AMZN)_/.test(name)) vi.stubEnv(name, undefined)
  for (const [name, value] of Object.entries({ ...KEY, AWS_REGION: 'eu-central-1' })) vi.stubEnv(name, value)
})
afterEach(() => void vi.unstubAllEnvs())

/** The signature that AWS would find, by its documentation: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
function signatureOf({ headers, body }: (typeof calls)[0], service: string, region: string): string {
  const hash = (data: string) => createHash('sha256').update(data).digest('hex')
  const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()
  const signed = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? ''
  const canonicalHeaders = signed.split(';').map((name) => `${name}:${headers[name]}\n`)
  const canonical = ['POST', '/', '', canonicalHeaders.join(''), signed, hash(body)].join('\n')
  const at = String(headers['x-amz-date'])
  const scope = [at.slice(0, 8), region, service, 'aws4_request']
  const key = scope.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${KEY.AWS_SECRET_ACCESS_KEY}`)
  return hmac(key, ['AWS4-HMAC-SHA256', at, scope.join('/'), hash(canonical)].join('\n')).toString('hex')
}

const SERVICES = [
  ['secretsmanager', 'GetSecretValue', 'secretsmanager.GetSecretValue', '1.1'],
  ['sqs', 'SendMessage', 'AmazonSQS.SendMessage', '1.0'],
  ['events', 'PutEvents', 'AWSEvents.PutEvents', '1.1'],
] as const

describe.each(SERVICES)('a call of %s', (service, operation, target, version) => {
  test('is signed as AWS documents it, session token included', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', url)
    // The provider keeps what it found for as long as it is valid.
    vi.resetModules()
    vi.stubEnv('AWS_SESSION_TOKEN', 'session-token')
    const { callAws } = await import('../../../lib/aws/client.ts')
    const input = { Text: 'ünïcode 中文 \u2028', Empty: undefined }
    await callAws(service, operation, input)
    const [call = expect.fail('nothing was called')] = calls
    expect(JSON.parse(call.body)).toEqual({ Text: input.Text })
    expect(call.headers).toMatchObject({
      'x-amz-target': target,
      'content-type': `application/x-amz-json-${version}`,
      'x-amz-security-token': 'session-token',
    })
    expect(call.headers.authorization).toContain(`Credential=${KEY.AWS_ACCESS_KEY_ID}/`)
    expect(call.headers.authorization).toMatch(/SignedHeaders=[^,]*host;[^,]*x-amz-security-token/)
    expect(call.headers.authorization).toContain(`Signature=${signatureOf(call, service, 'eu-central-1')}`)
    expect(JSON.stringify(call)).not.toContain(KEY.AWS_SECRET_ACCESS_KEY)
  })

  test('goes where the variable of the service says, before the one of all', async () => {
    const name = { secretsmanager: 'SECRETS_MANAGER', sqs: 'SQS', events: 'EVENTBRIDGE' }[service]
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:1')
    vi.stubEnv(`AWS_ENDPOINT_URL_${name}`, url)
    await callAws(service, operation, {})
    expect(calls).toHaveLength(1)
  })

  test.each([
    ['eu-central-1', 'amazonaws.com'],
    ['cn-north-1', 'amazonaws.com.cn'],
  ])('goes to the service of %s otherwise', async (region, suffix) => {
    vi.stubEnv('AWS_REGION', region)
    // Nothing leaves this machine: a name is looked up, and found to be nowhere.
    const lookup = vi
      .spyOn(dns, 'lookup')
      .mockImplementation(((...given: [string, object, (error: Error) => void]) =>
        given[2](Object.assign(new Error('nowhere'), { code: 'ENOTFOUND' }))) as never)
    await expect(callAws(service, operation, {})).rejects.toMatchObject({ kind: 'unavailable' })
    expect(lookup.mock.calls.map(([host]) => host)).toEqual([`${service}.${region}.${suffix}`])
    lookup.mockRestore()
  })
})

test('a queue is called where its URL says', async () => {
  await callAws('sqs', 'SendMessage', {}, `${url}/000000000000/work.fifo`)
  expect(calls.map(({ url }) => url)).toEqual(['/'])
})

test('Lambda is told what called, so that it can end a loop', async () => {
  vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a87bd80c:1')
  await callAws('sqs', 'SendMessage', {}, url)
  expect(calls[0]?.headers['x-amzn-trace-id']).toBe('Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a87bd80c:1')
})

describe('an answer', () => {
  const call = () => callAws('sqs', 'SendMessage', {}, url)

  test('is returned', async () => {
    answer = { status: 200, body: '{"MessageId":"1"}' }
    expect(await call()).toEqual({ MessageId: '1' })
  })

  test('is without what is null', async () => {
    answer = { status: 200, body: '{"Failed":null,"Successful":[]}' }
    expect(await call()).toEqual({ Successful: [] })
  })

  test('names its error in a header before its body', async () => {
    answer = {
      status: 400,
      body: '{"message":"Rate exceeded"}',
      type: 'ThrottlingException:http://internal.amazon.com/',
    }
    await expect(call()).rejects.toMatchObject({ name: 'ThrottlingException' })
  })

  test('tells nothing of itself in its error but a name', async () => {
    answer = { status: 400, body: '{"__type":"planted {appSecret: planted}","message":"planted"}' }
    const error: Error = await call().then(
      () => expect.fail(),
      (thrown) => thrown,
    )
    expect([error.name, error.message]).toEqual(['planted', 'sqs answered 400.'])
  })

  test('may be empty', async () => {
    answer = { status: 200, body: '' }
    expect(await call()).toEqual({})
  })

  test.each([
    [400, '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}', 'QueueDoesNotExist'],
    [400, '{"code":"ThrottlingException"}', 'ThrottlingException'],
    [400, '{"__type":{"name":"X"}}', 'UnknownError'],
    [400, '{"__type":null}', 'UnknownError'],
    [403, '{"__type":"AccessDeniedException:http://internal.amazon.com/","Message":"no"}', 'AccessDeniedException'],
    [503, '<html>busy</html>', 'UnknownError'],
    // Not taken for success by those who look for refused entries alone.
    [200, '<html>welcome to this network</html>', 'UnknownError'],
    [200, '"text"', 'UnknownError'],
    [200, '[]', 'UnknownError'],
    [200, 'null', 'UnknownError'],
  ])('of status %i and %s is thrown as %s', async (httpStatusCode, body, name) => {
    answer = { status: httpStatusCode, body }
    await expect(call()).rejects.toMatchObject({ name, $metadata: { httpStatusCode } })
  })

  test('that is cut off is unavailable', async () => {
    answer = { status: 200, body: '{"Failed":[]}', cut: true }
    await expect(call()).rejects.toMatchObject({ kind: 'unavailable' })
  })
})

test('without a region nothing is called', async () => {
  vi.stubEnv('AWS_REGION', '')
  await expect(callAws('sqs', 'SendMessage', {}, url)).rejects.toMatchObject({
    kind: 'misconfigured',
    message: expect.stringContaining('AWS_REGION'),
  })
  expect(calls).toEqual([])
})

describe('without a receipt nothing counts as taken', () => {
  const message = (body: string) => ({ body, group: 'feishu:default', deduplicationId: body })
  const outcome = (eventId: string) => ({ eventId, outcome: 'changed' }) as OutcomeDetail

  beforeEach(() => {
    for (const name of ['WORK_QUEUE_URL', 'DEAD_LETTER_QUEUE_URL', 'AWS_ENDPOINT_URL']) vi.stubEnv(name, url)
    vi.stubEnv('EVENT_BUS_NAME', 'default')
  })

  test('a dead letter', async () => {
    answers = ['', '{}', '{"MessageId":"1"}']
    await sendDeadLetter(message('a'), { kind: 'forbidden', hint: undefined })
    expect(calls).toHaveLength(3)
  })

  test('work items, each by itself', async () => {
    answers = ['{"Successful":[{"Id":"1"}]}', '{"Failed":null}', '{"Successful":[{"Id":"0"}],"Failed":[]}']
    await sendWork([message('a'), message('b')])
    const bodies = calls.map(({ body }) =>
      JSON.parse(body).Entries.map((entry: { MessageBody: string }) => entry.MessageBody),
    )
    expect(bodies).toEqual([['a', 'b'], ['a'], ['a']])
  })

  test('outcome events, each by itself', async () => {
    answers = [
      '{"Entries":[{"ErrorCode":"ThrottlingException"},{"EventId":"1"}]}',
      '{}',
      '{"Entries":[{"EventId":"2"}]}',
    ]
    await publish([outcome('a'), outcome('b')])
    const ids = calls.map(({ body }) =>
      JSON.parse(body).Entries.map(({ Detail }: { Detail: string }) => JSON.parse(Detail).eventId),
    )
    expect(ids).toEqual([['a', 'b'], ['a'], ['a']])
  })

  test('a new version of a secret', async () => {
    const version = { versionId: 'v'.repeat(32), text: '{}' }
    answers = ['{}', JSON.stringify({ VersionId: version.versionId })]
    await expect(putVersion('id', version, 'AWSPENDING')).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await putVersion('id', version, 'AWSPENDING')).toBe(true)
  })
})
