/** The OpenAPI document is valid, and every response it describes is what the functions or the gateway answer. */
import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { dingtalkUserTokenCodes } from '../../lib/dingtalk/codes.ts'
import { feishuOauthCodes } from '../../lib/feishu/token-codes.ts'
import type { Meaning } from '../../lib/vendor/vendor.ts'
import { startHttpApi } from '../../local/aws/http-api.ts'
import { until } from '../clock.ts'
import { type Harness, sampleOf, startHarness } from '../harness.ts'

type Example = { value: Answer }
type Answer = {
  outcome?: string
  kind?: string
  message?: string
  upstream?: { vendor?: string; status: number; code: string | null; message?: string; requestId: string | null }
}
type Header = { required: boolean; schema: object }
type Media = { schema: object; examples: Record<string, Example> }
type Operation = {
  operationId: string
  requestBody?: { content: Record<string, Media> }
  parameters: { name: string; in: 'path' | 'query'; examples?: Record<string, { value: string }> }[]
  responses: Record<string, { headers?: Record<string, Header>; content: Record<string, Media> }>
}

const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
const routes: [string, Operation][] = Object.entries(document.paths as Record<string, Record<string, Operation>>)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method, path, operation] as const),
  )
  .map(([method, path, operation]) => [`${method.toUpperCase()} ${path}`, operation])
const isOperation = ([, { operationId }]: [string, Operation]) => operationNames.includes(operationId)
const operations = routes.filter(isOperation)
const forHr = new Map(routes.filter((route) => !isOperation(route)))

const ajv = new Ajv2020({ strict: true })
/** References as the validator finds them. */
const local = (schema: object) =>
  JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas', 'document#/$defs'))
ajv.addSchema({ $id: 'document', $defs: local(document.components.schemas) })
/** By the schema's text: to compile one takes far longer than to use it. */
const validators = new Map<string, ValidateFunction>()
/** What of `value` the schema, which stands in the document, does not allow. */
function faults(schema: object, value: unknown): unknown {
  const text = JSON.stringify(schema)
  const validate = validators.get(text) ?? ajv.compile(local(schema))
  validators.set(text, validate)
  return validate(value) ? undefined : validate.errors
}

test('the document is valid by the OpenAPI 3.1 schema', async () => {
  const { valid, errors } = await new Validator().validate(document)
  expect([valid, errors]).toEqual([true, undefined])
})

test('it has a route for each operation, and three for HR systems', () => {
  expect(operations.map(([, { operationId }]) => operationId)).toEqual(operationNames)
  expect([...forHr.keys()]).toEqual(['POST /offboardings', 'GET /offboardings', 'GET /offboardings/{offboardingId}'])
})

test.each(operations)('%s documents whatever its codes mean', async (_, { operationId, responses }) => {
  const { operation } = await import(`../../functions/${operationId}.ts`)
  const documented = Object.values(responses).flatMap(({ content }) =>
    Object.values(content).flatMap(({ examples }) => Object.values(examples).map(({ value }) => value.kind)),
  )
  const meanings: Meaning[] = Object.values({ ...operation.vendor.codes, ...operation.codes })
  const kinds = new Set(meanings.flatMap((meaning) => ('kind' in meaning ? meaning.kind : [])))
  expect(documented).toEqual(expect.arrayContaining([...kinds]))
})

test.each(routes)('%s is throttled by the gateway, which names no time to wait', (_, { responses }) => {
  const { content, headers = {} } = responses['429'] ?? {}
  expect(content?.['application/json']?.examples).toEqual({ gateway: { value: { message: 'Too Many Requests' } } })
  expect(headers['Retry-After']?.required ?? false).toBe(false)
})

let harness: Harness
const produced = new Set<string>()
/** API Gateway's refusals need a gateway that asks who calls, as test/e2e has one, and that counts calls. */
const REFUSALS = ['401', '403', '429']

const documented = operations.flatMap(([route, { operationId, responses }]) =>
  Object.entries(responses).flatMap(([status, { content }]) =>
    Object.entries(content).flatMap(([type, { examples }]) =>
      Object.keys(examples).map((example) => ({ route, name: operationId, status, type, example })),
    ),
  ),
)

describe.each(operations)('%s', (_, operation) => {
  const { operationId: name, responses, parameters } = operation
  const sent = (place: 'path' | 'query') =>
    Object.fromEntries(
      parameters.flatMap((it) => (it.in === place && it.examples ? [[it.name, it.examples.changed?.value]] : [])),
    )
  const request = { pathParameters: sent('path'), queryStringParameters: sent('query') }
  const path = { path: sampleOf(name).route }

  beforeEach(async () => {
    harness = await startHarness()
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await harness.close()
  })

  const call = (change: Partial<APIGatewayProxyEventV2> = {}, language = 'en', remainingMs?: number) =>
    harness.http(name, { ...request, headers: { 'accept-language': language }, ...change } as object, remainingMs)

  /** Has the vendor, the secrets or the code do what leads to the example, and calls. */
  async function produce({ kind, outcome, upstream }: Answer, language: string) {
    const query = (more: object) => ({ queryStringParameters: { ...request.queryStringParameters, ...more } })
    if (outcome === 'planned') return call(query({ dry_run: 'true' }))
    if (kind === 'invalid_request') {
      const [{ name: field = '', in: place = 'query' } = {}] = operation.parameters
      const all = place === 'path' ? 'pathParameters' : 'queryStringParameters'
      return call({ [all]: { ...request[all], [field]: 'not an id' } }, language)
    }
    if (kind === 'timeout') {
      harness.sandbox.answer(path, { stall: 'headers' })
      harness.clock.takeTimers()
      const answer = call({}, language, 3_000)
      await until(() => harness.sandbox.requests.some(({ path }) => path.includes('subscri')))
      harness.clock.pass(2_000)
      return answer
    }
    if (kind === 'internal') {
      vi.spyOn(await harness.operation(name), 'identity').mockImplementation(() => JSON.parse('a fault in the code'))
      return call({}, language)
    }
    if (kind === 'protocol') {
      harness.sandbox.answer(path, { status: 400, body: { code: 4711, msg: 'new', message: 'new', requestid: 'R' } })
      return call({}, language)
    }
    const { code } = upstream ?? {}
    if (outcome === 'changed' || !code) return call()
    if (Object.hasOwn(feishuOauthCodes, code)) {
      const user = `${harness.variables(name).FEISHU_USER_SECRET_PREFIX}${request.queryStringParameters.open_id}`
      const past = '2020-01-01T00:00:00Z'
      const future = '2099-01-01T00:00:00Z'
      harness.secrets.seed(user, {
        accessToken: 'expired',
        accessTokenExpiresAt: past,
        refreshToken: 'refresh',
        refreshTokenExpiresAt: future,
      })
      harness.sandbox.answer({ path: '/oauth/v3/token' }, { code })
      return call({}, language)
    }
    if (Object.hasOwn(dingtalkUserTokenCodes, code)) {
      becomePersonalApp()
      harness.sandbox.answer({ path: '/v1.0/oauth2/userAccessToken' }, { code })
      return call({}, language)
    }
    harness.sandbox.answer(path, { code }, 3)
    if (kind !== 'rate_limited') return call({}, language)
    // With too little time left to wait in, by the clock of the code and not by the machine's.
    harness.clock.takeTimers()
    return call({}, language, 1_500)
  }

  /** The only DingTalk app that acts as the user, whose token has ended. */
  function becomePersonalApp() {
    const { DINGTALK_APP_SECRET_ID, DINGTALK_USER_SECRET_PREFIX } = harness.variables(name)
    harness.secrets.seed(DINGTALK_APP_SECRET_ID, {
      type: 'third_party_personal',
      clientId: 'sandbox-client-id',
      clientSecret: 'sandbox-client-secret',
    })
    harness.secrets.seed(`${DINGTALK_USER_SECRET_PREFIX}${request.pathParameters.userId}`, {
      accessToken: 'sandbox-ding-leaver',
      accessTokenExpiresAt: '2020-01-01T00:00:00Z',
      refreshToken: 'sandbox-ding-leaver-refresh',
      refreshTokenExpiresAt: '2099-01-01T00:00:00Z',
    })
  }

  /** What differs from call to call, and the sandbox's address, made alike. */
  const comparable = (value: unknown) =>
    JSON.parse(
      JSON.stringify(value)
        .replaceAll(harness.sandbox.url, 'https://VENDOR')
        .replaceAll(new URL(harness.sandbox.url).host, 'VENDOR')
        .replaceAll(/open\.feishu\.cn|api\.dingtalk\.io/g, 'VENDOR')
        .replaceAll(/"requestId":"[^"]+"/g, '"requestId":"ID"')
        .replaceAll(/"instance":"[^"]+"/g, '"instance":"ID"'),
    )

  const ours = documented.filter((it) => it.name === name && it.example !== 'gateway')
  test.each(ours)('$status $type $example is answered', async ({ route, status, type, example }) => {
    const { headers = {}, content } = responses[status] ?? { content: {} }
    const { schema = {}, examples = {} } = content[type] ?? {}
    const value = examples[example]?.value ?? {}
    const language = example.endsWith('_zh') ? 'zh-CN,zh;q=0.9' : 'en'
    const answer = await produce(value, language)
    expect([answer.status, answer.headers['content-type']]).toEqual([Number(status), type])
    expect(comparable(answer.body)).toEqual(comparable(value))
    expect(faults(schema, answer.body)).toBeUndefined()
    for (const [header, { required, schema }] of Object.entries(headers)) {
      const text = answer.headers[header.toLowerCase()]
      if (required || text !== undefined)
        expect([header, faults(schema, header === 'Retry-After' ? Number(text) : text)]).toEqual([header, undefined])
    }
    expect(Object.hasOwn(answer.headers, 'retry-after')).toBe(answer.body.retryAfterMs !== undefined)
    produced.add([route, status, type, example].join(' '))
  })

  const values = parameters.flatMap(({ name, in: place, examples = {} }) =>
    Object.entries(examples).map(([becomes, { value }]) => ({ name, place, becomes, value })),
  )
  test.each(values)('$name $value becomes $becomes in the sandbox', async ({ name, place, becomes, value }) => {
    const part = place === 'path' ? 'pathParameters' : 'queryStringParameters'
    const { outcome, kind } = (await call({ [part]: { ...request[part], [name]: value } })).body
    expect(outcome ?? kind).toBe(becomes)
  })

  const gateways = documented.filter(
    (it) => it.name === name && it.example === 'gateway' && !REFUSALS.includes(it.status),
  )
  test.each(gateways)('$status $type of the gateway is answered', async ({ route, status, type }) => {
    const { schema = {}, examples = {} } = responses[status]?.content[type] ?? {}
    const invoke = () => (status === '500' ? Promise.reject(new Error('no such function')) : new Promise(() => {}))
    const api = await startHttpApi({ routes: [{ routeKey: route, invoke, timeoutMs: 50 }] })
    const [method = '', template = ''] = route.split(' ')
    const answer = await fetch(api.url + template.replaceAll(/[{}]/g, ''), { method })
    const body = await answer.json()
    await api.close()
    expect([answer.status, answer.headers.get('content-type')]).toEqual([Number(status), type])
    expect(body).toEqual(examples.gateway?.value)
    expect(faults(schema, body)).toBeUndefined()
    produced.add([route, status, type, 'gateway'].join(' '))
  })
})

describe('for HR systems', () => {
  beforeEach(async () => {
    harness = await startHarness()
  })
  afterEach(() => harness.close())

  const media = [...forHr].flatMap(([route, { requestBody, responses }]) =>
    [['request', requestBody] as const, ...Object.entries(responses)].flatMap(([place, it]) =>
      Object.entries(it?.content ?? {}).map(([type, one]) => ({ place: `${route} ${place} ${type}`, ...one })),
    ),
  )
  test.each(media)('$place has examples that its schema allows', ({ schema, examples }) => {
    expect(Object.keys(examples).length).toBeGreaterThan(0)
    for (const { value } of Object.values(examples)) expect(faults(schema, value)).toBeUndefined()
  })

  /** Calls a route and returns its answer, which must be as it is documented. */
  async function call(route: string, event: Partial<APIGatewayProxyEventV2>) {
    const answer = await harness.http('offboardings', { routeKey: route, ...event })
    const { content, headers = {} } = forHr.get(route)?.responses[String(answer.status)] ?? { content: {} }
    const { schema } = content[String(answer.headers['content-type'])] ?? {}
    expect(schema, `${route} ${answer.status}`).toBeDefined()
    expect(faults(schema ?? {}, answer.body)).toBeUndefined()
    for (const [name, { required }] of Object.entries(headers))
      if (required) expect(answer.headers).toHaveProperty(name.toLowerCase())
    return answer
  }

  const { leaving, offboarding } =
    forHr.get('POST /offboardings')?.requestBody?.content['application/json']?.examples ?? {}
  const post = (body: unknown) => call('POST /offboardings', { body: JSON.stringify(body) })

  test('both bodies are taken, and every answer is as documented', async () => {
    for (const [body, status] of [
      [leaving?.value, 202],
      [leaving?.value, 200],
      [offboarding?.value, 202],
      [{ ...leaving?.value, custodian: undefined }, 409],
      [{ ...leaving?.value, colour: 'red' }, 400],
    ] as const)
      expect((await post(body)).status).toBe(status)
    for (const { event } of harness.bus.events)
      await harness.invoke('feishu-calendar-unsubscribe', event).catch(() => {})
    const one = { pathParameters: { offboardingId: 'hr-2026-000123' } }
    const { body } = await call('GET /offboardings/{offboardingId}', {
      ...one,
      queryStringParameters: { dry_run: 'true' },
    })
    expect(body).toMatchObject({ targets: [{ outcome: 'open' }] })
    const { offboardings } = (await call('GET /offboardings', { queryStringParameters: { dry_run: 'true' } }))
      .body as unknown as { offboardings: unknown[] }
    expect(offboardings).toHaveLength(1)
    expect((await call('GET /offboardings', { queryStringParameters: { limit: '0' } })).status).toBe(400)
    expect(
      (await call('GET /offboardings/{offboardingId}', { pathParameters: { offboardingId: 'hr-9' } })).status,
    ).toBe(404)
  })

  test.each([
    [{}, true],
    [{ leaver: {} }, true],
    [{ leaver: { email: 'nobody' } }, true],
    [{ leaver: { mobile: '12' } }, true],
    [{ leaver: { employeeNumber: ' 1' } }, true],
    [{ leaver: { feishu: {} } }, true],
    [{ leaver: { dingtalk: { userId: 'u1' } } }, false],
    [{ feishu: {} }, true],
    [{ feishu: { approvalCodes: ['A'] } }, false],
  ])('the schema of a body refuses %j as the function does', async (part, isRefused) => {
    const body = { offboardingId: 'hr-1', ...part }
    const { schema = {} } = forHr.get('POST /offboardings')?.requestBody?.content['application/json'] ?? {}
    expect(faults(schema, body) !== undefined).toBe(isRefused)
    expect((await post(body)).status).toBe(isRefused ? 400 : 202)
  })
})

afterAll(() => {
  const missing = documented
    .filter(({ status, example }) => !(example === 'gateway' && REFUSALS.includes(status)))
    .map(({ route, status, type, example }) => [route, status, type, example].join(' '))
    .filter((key) => !produced.has(key))
  expect(missing).toEqual([])
})
