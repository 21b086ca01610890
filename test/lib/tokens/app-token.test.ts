/** Tokens of every type of app, through the operations that need them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../clock.ts'
import { type Harness, itemOf, sampleOf, startHarness } from '../../harness.ts'

const approval = 'feishu-approval-unsubscribe' as const
const ding = 'dingtalk-calendar-unsubscribe' as const
const feishuApp = 'test/feishu/app'
const dingtalkApp = 'test/dingtalk/app'
const TENANT_TOKEN = '/open-apis/auth/v3/tenant_access_token/internal'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const tokenCalls = () => harness.sandbox.state.tokenCalls
const store = {
  type: 'store',
  appId: 'cli_sandbox_store',
  appSecret: 'sandbox-store-secret',
  appTicket: 'sandbox-app-ticket',
}
const inTenant = (tenant_key: string) => ({ queryStringParameters: { tenant_key } })

describe('a Feishu store app', () => {
  test('shows its ticket once and gets a token for each tenant', async () => {
    harness.secrets.seed(feishuApp, store)
    for (const tenant of ['sandbox-tenant', 'sandbox-tenant-2', 'sandbox-tenant'])
      expect((await harness.http(approval, inTenant(tenant))).status).not.toBe(502)
    expect(tokenCalls()).toMatchObject({
      '/open-apis/auth/v3/app_access_token': 1,
      '/open-apis/auth/v3/tenant_access_token': 2,
    })
  })

  test('needs tenant_key', async () => {
    harness.secrets.seed(feishuApp, store)
    expect((await harness.http(approval)).body).toMatchObject({
      kind: 'invalid_request',
      detail: 'tenant_key is required.',
    })
  })

  test('with an outdated ticket is misconfigured, and goes on once the new one is stored', async () => {
    harness.secrets.seed(feishuApp, { ...store, appTicket: 'yesterday' })
    const { body } = await harness.http(approval, inTenant('sandbox-tenant'))
    expect(body).toMatchObject({ kind: 'misconfigured', hint: expect.stringContaining('app_ticket') })
    harness.secrets.seed(feishuApp, store)
    expect((await harness.http(approval, inTenant('sandbox-tenant'))).status).toBe(200)
  })
})

describe('a Feishu self-built app, which has one tenant', () => {
  const refused = { kind: 'invalid_request', hint: expect.stringContaining('Leave tenant_key out') }

  test.each(['feishu-approval-unsubscribe', 'feishu-calendar-unsubscribe', 'feishu-drive-unsubscribe'] as const)(
    'refuses tenant_key before anything is asked of the vendor (%s)',
    async (operation) => {
      const { query } = sampleOf(operation)
      for (const dry_run of ['true', 'false']) {
        const event = { queryStringParameters: { ...query, dry_run, tenant_key: 'invented' } }
        expect((await harness.http(operation, event)).body).toMatchObject(refused)
      }
      expect(harness.sandbox.requests).toEqual([])
    },
  )

  test('parks what an event names a tenant for, with the bucket as free as before', async () => {
    const invented = ['a', 'b', 'c'].map((tenant_key) => itemOf(approval, { ...approvalInput(), tenant_key }))
    for (const body of invented)
      expect(
        (await harness.queue(approval, [body], { bucket: `feishu:${JSON.parse(body).input.tenant_key}` })).failed,
      ).toEqual([])
    expect(harness.outcomes()).toEqual(invented.map(() => expect.objectContaining({ outcome: 'parked', ...refused })))
    expect(await harness.deadLetters()).toHaveLength(3)
    expect(harness.sandbox.requests).toEqual([])
    expect((await harness.queue(approval, [itemOf(approval)])).failed).toEqual([])
    expect(harness.outcomes().at(-1)).toMatchObject({ outcome: 'changed' })
  })

  const approvalInput = () => ({ ...sampleOf(approval).path, ...sampleOf(approval).query })
})

describe('a DingTalk third-party enterprise app', () => {
  const suite = {
    type: 'third_party_enterprise',
    suiteKey: 'sandbox-suite-key',
    suiteSecret: 'sandbox-suite-secret',
    suiteTicket: 'sandbox-suite-ticket',
    authCorpId: 'sandbox-corp',
  }

  test('gets a token for its organization', async () => {
    harness.secrets.seed(dingtalkApp, suite)
    expect((await harness.http(ding)).body.outcome).toBe('changed')
    expect(tokenCalls()).toEqual({ '/v1.0/oauth2/corpAccessToken': 1 })
  })

  test.each([
    ['suiteKey', 'invalidSuiteKey'],
    ['suiteTicket', 'invalidSuiteTicket'],
    ['authCorpId', 'invalidAuthInfo'],
  ])('with a wrong %s is misconfigured', async (field, code) => {
    harness.secrets.seed(dingtalkApp, { ...suite, [field]: 'wrong' })
    expect((await harness.http(ding)).body).toMatchObject({ kind: 'misconfigured', upstream: { code } })
  })
})

describe('a DingTalk third-party personal app', () => {
  const personal = {
    type: 'third_party_personal',
    clientId: 'sandbox-client-id',
    clientSecret: 'sandbox-client-secret',
  }
  const user = 'test/dingtalk/user/sandboxUnionId01iE'
  const tokens = {
    accessToken: 'sandbox-ding-leaver',
    accessTokenExpiresAt: '2099-01-01T00:00:00Z',
    refreshToken: 'sandbox-ding-leaver-refresh',
    refreshTokenExpiresAt: '2099-01-01T00:00:00Z',
  }

  test("acts with the user's own token", async () => {
    harness.secrets.seed(dingtalkApp, personal)
    harness.secrets.seed(user, tokens)
    expect((await harness.http(ding)).body.outcome).toBe('changed')
    expect(tokenCalls()).toEqual({})
  })

  test('renews it when it has expired', async () => {
    harness.secrets.seed(dingtalkApp, personal)
    harness.secrets.seed(user, { ...tokens, accessTokenExpiresAt: '2020-01-01T00:00:00Z' })
    expect((await harness.http(ding)).body.outcome).toBe('changed')
    expect(tokenCalls()).toEqual({ '/v1.0/oauth2/userAccessToken refresh_token': 1 })
  })

  test('asks for consent when the vendor refuses the refresh token', async () => {
    harness.secrets.seed(dingtalkApp, personal)
    harness.secrets.seed(user, { ...tokens, accessTokenExpiresAt: '2020-01-01T00:00:00Z', refreshToken: 'unknown' })
    expect((await harness.http(ding)).body).toMatchObject({
      kind: 'reauthorization_required',
      hint: expect.stringContaining('npx offboarding users authorize --vendor dingtalk --union-id sandboxUnionId01iE'),
    })
  })
})

describe('a token endpoint', () => {
  test('that answers HTTP 200 with a code of failure has failed', async () => {
    harness.sandbox.answer({ path: TENANT_TOKEN }, { status: 200, body: { code: 10014, msg: 'app disabled' } })
    expect((await harness.http(approval)).body).toMatchObject({ kind: 'misconfigured', upstream: { code: '10014' } })
  })

  test.each([
    { code: 0, msg: 'ok' },
    { code: 0, access_token: 'another spelling', expire: 7200 },
    { code: 0, tenant_access_token: 'planted token', expire: 7_200 },
    { code: 0, tenant_access_token: 'planted-token\r\nx: y', expire: 7200 },
  ])('that answers %j is not understood, and nothing is cached', async (body) => {
    harness.sandbox.answer({ path: TENANT_TOKEN }, { status: 200, body })
    const { body: problem, text } = await harness.http(approval)
    expect(problem.kind).toBe('protocol')
    expect(text).not.toContain('planted-token')
    expect((await harness.http(approval)).status).toBe(200)
  })

  test('that drops the connection is asked again', async () => {
    harness.sandbox.answer({ path: TENANT_TOKEN }, { reset: 'before' })
    expect((await harness.http(approval)).status).toBe(200)
  })
})

test('calls and tokens go to the configured hosts and to no other', async () => {
  await harness.http(approval)
  await harness.http(ding)
  const hosts = new Set(harness.sandbox.requests.map(({ headers }) => headers.host))
  expect(hosts).toEqual(new Set([new URL(harness.sandbox.url).host]))
})

test('a tenant token that the vendor rejects is renewed and replayed once, even when it comes back the same', async () => {
  await harness.http(approval)
  const before = harness.sandbox.requests.length
  harness.sandbox.answer(
    { path: '/open-apis/approval/v4/approvals/:approval_code/unsubscribe' },
    { status: 400, body: { code: 99991663, msg: 'Invalid access token' } },
    2,
  )
  const { body } = await harness.http(approval)
  expect(body).toMatchObject({ kind: 'misconfigured', upstream: { code: '99991663' } })
  const calls = harness.sandbox.requests.slice(before)
  expect(calls.map(({ path }) => path.includes('token'))).toEqual([false, true, false])
  // With half an hour or more left, the vendor hands out the token it has just called invalid.
  expect(calls[0]?.headers.authorization).toBe(calls[2]?.headers.authorization)
})

test.each([
  [approval, TENANT_TOKEN],
  [ding, '/v1.0/oauth2/accessToken'],
])('the app token of %s leaves time for the call that it is for', async (name, path) => {
  harness.sandbox.answer({ path }, { stall: 'headers' })
  harness.clock.takeTimers()
  let kind: string | undefined
  const answer = harness.http(name).then(({ body }) => {
    kind = body.kind
  })
  await until(() => harness.sandbox.requests.length === 1)
  const pass = async (ms: number) => {
    harness.clock.pass(ms)
    for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate)
  }
  await pass(25_999)
  expect(kind).toBeUndefined()
  await pass(1)
  expect(kind).toBe('timeout')
  await answer
})
