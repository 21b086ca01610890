/** What every operation promises, whichever vendor it calls. */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { urlOf } from '../../lib/vendor/vendor-call.ts'
import { until } from '../clock.ts'
import { type Harness, itemOf, offboardingEvent, sampleOf, startHarness } from '../harness.ts'
import { seedOf } from '../seed.ts'

fc.configureGlobal({ seed: seedOf() })

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const waitsMs = () => harness.clock.waits.map(({ ms }) => ms)
const vendorCalls = () => harness.sandbox.requests.filter(({ path }) => !/token|oauth/i.test(path))
const PLANTED = [
  'sandbox-app-secret',
  'u-sandbox-leaver',
  'u-sandbox-custodian',
  'ur-sandbox-leaver',
  'ur-sandbox-custodian',
]

describe.each(operationNames)('%s', (name) => {
  test("sends the contract's request once, without a body", async () => {
    expect((await harness.http(name)).body).toMatchObject({ operation: name, outcome: 'changed' })
    const [call, ...others] = vendorCalls()
    expect(others).toEqual([])
    expect(`${call?.method} ${call?.path}`).toBe(sampleOf(name).request)
    expect(call?.body).toBe('')
    const token = name.startsWith('feishu') ? call?.headers.authorization : call?.headers['x-acs-dingtalk-access-token']
    expect(token).toMatch(name.startsWith('feishu') ? /^Bearer \S+$/ : /^\S+$/)
  })

  test('answers a repeat with changed or unchanged', async () => {
    await harness.http(name)
    const { status, body } = await harness.http(name)
    expect(status).toBe(200)
    expect(['changed', 'unchanged']).toContain(body.outcome)
  })

  test('a dry run reads the secret, asks its question and sends nothing that writes', async () => {
    const query = { ...sampleOf(name).query, dry_run: 'true' }
    const { body } = await harness.http(name, { queryStringParameters: query })
    const [method, path] = sampleOf(name).request.split(' ')
    const { question } = await harness.operation(name)
    expect(body).toMatchObject({
      operation: name,
      outcome: 'planned',
      expected: question ? 'change' : 'unchecked',
      request: { method, url: harness.sandbox.url + path },
    })
    // A user's stored token is shown to the vendor: it may have been revoked.
    const asked = vendorCalls().map(({ path }) => path.split('?', 1)[0])
    expect(asked).toEqual([
      ...('open_id' in query ? ['/open-apis/authen/v1/user_info'] : []),
      ...(question?.expect ? [urlOf(question, sampleOf(name).path).slice(harness.sandbox.url.length)] : []),
    ])
    expect(vendorCalls().filter((call) => call.method !== 'GET')).toEqual([])
    expect(harness.secrets.count('GetSecretValue')).toBe(1)
  })

  test.each([
    ['an unknown field', { queryStringParameters: { ...sampleOf(name).query, colour: 'red' } }, 'colour'],
    ['a wrong dry_run', { queryStringParameters: { ...sampleOf(name).query, dry_run: 'yes' } }, 'dry_run'],
    ['a body', { body: '{"dry_run": true}' }, 'body'],
    ['an encoded body', { body: Buffer.from('dry_run=true').toString('base64'), isBase64Encoded: true }, 'body'],
    ...Object.keys({ ...sampleOf(name).path, ...sampleOf(name).query }).flatMap((field) => {
      const set = (value?: string) => {
        const change = (fields: Record<string, string>) =>
          Object.fromEntries(
            Object.entries(fields).flatMap(([key, old]) =>
              key !== field ? [[key, old]] : value ? [[key, value]] : [],
            ),
          )
        return { pathParameters: change(sampleOf(name).path), queryStringParameters: change(sampleOf(name).query) }
      }
      return [
        [`no ${field}`, set(), field],
        [`an over-long ${field}`, set('x'.repeat(257)), field],
        [`a ${field} that alters the path`, set('../x'), field],
        [`a ${field} with a control character`, set('a\u0007b'), field],
      ] as [string, object, string][]
    }),
  ])('%s is a 400 that names it, with no call and no token fetch', async (_, event, field) => {
    const { status, body } = await harness.http(name, event)
    expect([status, body.kind]).toEqual([400, 'invalid_request'])
    expect(body.detail).toMatch(new RegExp(`^${field} `))
    expect(harness.sandbox.requests).toEqual([])
    expect(harness.secrets.requests).toEqual([])
  })

  test("waits out a short rate limit, and hands a long one's wait to the caller", async () => {
    const limited = (seconds: number) => ({
      status: 429,
      headers: { 'x-ogw-ratelimit-reset': String(seconds) },
      body: name.startsWith('feishu') ? { code: 99991400, msg: '' } : { code: 'Forbidden.AccessDenied.QpsLimitForApi' },
    })
    harness.sandbox.answer({ path: sampleOf(name).route }, limited(1))
    expect((await harness.http(name)).status).toBe(200)
    expect(waitsMs()).toEqual([1_000])

    harness.sandbox.answer({ path: sampleOf(name).route }, limited(58))
    const { status, body, headers } = await harness.http(name)
    expect([status, body.retryAfterMs, headers['retry-after']]).toEqual([429, 58_000, '58'])
    expect(waitsMs()).toEqual([1_000])
  })

  test('a permanent failure is not tried again', async () => {
    harness.sandbox.answer({ path: sampleOf(name).route }, { status: 400, body: { code: 4711, msg: 'new' } })
    expect((await harness.http(name)).status).toBe(502)
    expect(vendorCalls()).toHaveLength(1)
  })

  test('an event without headers is answered, in English', async () => {
    const event = { headers: undefined as never, queryStringParameters: { dry_run: 'maybe' } }
    const { status, headers } = await harness.http(name, event)
    expect([status, headers['content-language']]).toEqual([400, 'en'])
  })

  test('a dropped connection and a fault at the vendor are mended by trying again', async () => {
    harness.sandbox.answer({ path: sampleOf(name).route }, { reset: 'before' })
    harness.sandbox.answer({ path: sampleOf(name).route }, { status: 502, body: 'bad gateway' })
    expect((await harness.http(name)).body.outcome).toBe('changed')
    expect(vendorCalls()).toHaveLength(3)
    expect(waitsMs()).toEqual([125, 250])
  })

  test.each(['headers', 'body'] as const)('silence in the %s is a timeout before the deadline', async (stall) => {
    harness.sandbox.answer({ path: sampleOf(name).route }, { stall })
    harness.clock.takeTimers()
    let state = 'silent'
    const answer = harness.http(name, {}, 3_000).finally(() => {
      state = 'answered'
    })
    await until(() => vendorCalls().length === 1)
    harness.clock.pass(1_999)
    for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
    expect(state).toBe('silent')
    harness.clock.pass(1)
    const { status, body } = await answer
    expect([status, body.kind, body.retryable]).toEqual([504, 'timeout', true])
    expect(body.detail).toMatch(/did not answer in time/)
  })

  test('50 calls on a cold container need one secret read and one token fetch', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => harness.http(name)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(harness.secrets.count('GetSecretValue')).toBe(1)
    const tokenFetches = harness.sandbox.requests.length - vendorCalls().length
    expect(tokenFetches).toBeLessThanOrEqual(1)
  })

  test('no secret or token leaves in an answer, a log line, an event or a dead letter', async () => {
    const echo = (echoed: string) => ({ code: 4711, message: echoed, msg: echoed, requestid: echoed })
    const token = () => {
      const { authorization = '', 'x-acs-dingtalk-access-token': app = '' } = vendorCalls()[0]?.headers ?? {}
      return authorization.replace('Bearer ', '') || app
    }
    const texts = [(await harness.http(name)).text]
    harness.sandbox.answer({ path: sampleOf(name).route }, { status: 400, body: echo(`your token is ${token()}`) }, 2)
    texts.push((await harness.http(name)).text)
    expect((await harness.queue(name, [itemOf(name)])).failed).toEqual([])
    texts.push((await harness.http(name, { queryStringParameters: { token: PLANTED[1] ?? '' } })).text)
    await harness.invoke(
      name,
      offboardingEvent({ offboardingId: 'o', dryRun: PLANTED[0], feishu: { calendar: PLANTED[2] } }),
    )
    const told = JSON.stringify([
      texts,
      harness.log,
      harness.outcomes(),
      (await harness.deadLetters()).map(({ messageAttributes }) => messageAttributes),
    ])
    expect(token()).not.toBe('')
    expect([...PLANTED, token()].filter((secret) => told.includes(secret))).toEqual([])
    expect(told).toContain('[redacted]')
  })

  test.each([
    [
      'in the request id header',
      { status: 400, headers: { 'x-tt-logid': 'TOKEN', 'x-request-id': 'TOKEN' }, body: { code: 4711, msg: '' } },
    ],
    [
      'escaped in the message',
      { status: 400, body: '{"code":4711,"msg":"ESCAPED","message":"ESCAPED","requestid":"ESCAPED"}' },
    ],
    ['as the code', { status: 400, body: '{"code":"ESCAPED"}' }],
    [
      'as a missing scope',
      { status: 400, body: '{"code":99991672,"error":{"permission_violations":[{"subject":"ESCAPED"}]}}' },
    ],
    ['the app secret', { status: 400, body: { code: 4711, msg: 'sandbox-app-secret', message: 'sandbox-app-secret' } }],
  ])('what a vendor repeats %s does not get out', async (_, answer) => {
    await harness.http(name)
    const { authorization = '', 'x-acs-dingtalk-access-token': app = '' } = vendorCalls()[0]?.headers ?? {}
    const token = authorization.replace('Bearer ', '') || app
    const escaped = [...token].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
    const script = JSON.parse(
      JSON.stringify(answer).replaceAll('TOKEN', token).replaceAll('ESCAPED', JSON.stringify(escaped).slice(1, -1)),
    )
    harness.sandbox.answer({ path: sampleOf(name).route }, script, 2)
    const { text } = await harness.http(name)
    await harness.queue(name, [itemOf(name)])
    const told = JSON.stringify([text, harness.log, harness.outcomes(), await harness.deadLetters()])
    // What the container has never read it cannot know, and neither does its vendor have it from here.
    const seen = harness.secrets.requests.some(({ input }) => String(input.SecretId).endsWith('/app'))
    for (const secret of seen ? [token, 'sandbox-app-secret'] : [token]) expect(told).not.toContain(secret)
  })

  test.each([
    ['a million characters', 'X'.repeat(1_000_000)],
    ['control characters', 'a\u0000b'],
  ])(
    'a code of %s is no code: no answer of the vendor, for which the item waits and its neighbours are done',
    async (_, code) => {
      harness.sandbox.answer({ path: sampleOf(name).route }, { status: 400, body: { code, msg: '', message: '' } })
      expect((await harness.queue(name, [itemOf(name), itemOf(name).replace('hr-1', 'hr-2')])).failed).toEqual([])
      expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed'])
      expect(await harness.aside(name)).toHaveLength(1)
      expect(JSON.stringify(harness.log).length).toBeLessThan(5_000)
    },
  )

  test('objects where text belongs are not understood', async () => {
    const hostile = { toString: 1 }
    harness.sandbox.answer(
      { path: sampleOf(name).route },
      {
        status: 400,
        body: {
          code: 'x',
          message: hostile,
          msg: hostile,
          requestid: hostile,
          accessdenieddetail: { requiredScopes: [hostile] },
          error: { permission_violations: [{ subject: hostile }, null] },
        },
      },
    )
    expect((await harness.http(name)).body.kind).toBe('protocol')
  })

  test('an enormous blank body is answered at once', async () => {
    // For whom a blank costs a look at all others, it takes longer than any test may.
    expect((await harness.http(name, { body: `${' '.repeat(5_000_000)}x` })).status).toBe(400)
  })

  test('speaks Chinese to who prefers it', async () => {
    const ask = (language: string) =>
      harness.http(name, { headers: { 'accept-language': language }, queryStringParameters: { dry_run: 'x' } })
    expect((await ask('zh-CN,zh;q=0.9,en;q=0.8')).body.title).toBe('请求无效')
    expect((await ask('en-US,en;q=0.9,zh;q=0.8')).body.title).toBe('Invalid request')
    expect((await ask('fr')).body.title).toBe('Invalid request')
  })

  test('writes one audit line for a call', async () => {
    await harness.http(name)
    expect(harness.log).toHaveLength(1)
    expect(harness.log[0]).toMatchObject({
      message: 'finished',
      entrance: 'http',
      operation: name,
      input: { ...sampleOf(name).path, ...sampleOf(name).query },
      outcome: 'changed',
      attempts: 1,
    })
  })

  test('any HTTP request gets a result or one of our problems', async () => {
    const fields = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(fields, fields, fc.option(fc.string(), { nil: undefined }), async (path, query, body) => {
        const event = { pathParameters: path, queryStringParameters: { dry_run: 'true', ...query }, body }
        const answer = await harness.http(name, event as object)
        expect(answer.status).not.toBe(500)
        if (answer.status !== 200) expect(answer.body.type).toMatch(/^urn:subscription-offboarding:error:/)
      }),
      { numRuns: 200 },
    )
  })

  test('a message that is no work item of this version is parked', async () => {
    const item = JSON.parse(itemOf(name))
    const bodies = [
      'not JSON',
      '[]',
      JSON.stringify({ ...item, version: 2 }),
      JSON.stringify({ ...item, operation: 'another' }),
      JSON.stringify({ ...item, input: { ...item.input, colour: 'red' } }),
    ]
    expect((await harness.queue(name, bodies)).failed).toEqual([])
    const letters = await harness.deadLetters()
    expect(letters.map(({ body }) => body).sort()).toEqual(bodies.sort())
    for (const { messageAttributes } of letters) expect(messageAttributes.kind?.StringValue).toBe('invalid_request')
    expect(vendorCalls()).toEqual([])
  })

  test('an event it does not know is refused, so that it ends among the undelivered', async () => {
    await expect(harness.invoke(name, { 'detail-type': 'Scheduled Event', detail: {} })).rejects.toThrow('Not an event')
  })
})
