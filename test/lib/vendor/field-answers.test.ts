/** Answers of either vendor as they are in the field: what kind they are, and what the hint says to do. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { operationNames } from '../../../infra/operations.ts'
import { vendorUrl } from '../../../lib/environment.ts'
import { type Harness, sampleOf, startHarness } from '../../harness.ts'

const calendar = 'feishu-calendar-unsubscribe' as const
const acl = 'feishu-calendar-acl-subscribe' as const
const approval = 'feishu-approval-unsubscribe' as const
const drive = 'feishu-drive-unsubscribe' as const
const ding = 'dingtalk-calendar-unsubscribe' as const
const USER_INFO = '/open-apis/authen/v1/user_info'
const route = (name: string) => sampleOf(name).route
const dryRun = (name: string) => ({ queryStringParameters: { ...sampleOf(name).query, dry_run: 'true' } })

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const requests = (path: string) => harness.sandbox.requests.filter((request) => request.path.split('?', 1)[0] === path)

describe('an answer that is not the API’s', () => {
  test.each([
    ['a page of HTML with HTTP 200', { html: true as const }],
    ['a page of HTML with HTTP 403', { html: true as const, status: 403 }],
    ['nothing with HTTP 200', { status: 200, body: '' }],
    ['nothing with HTTP 403', { status: 403, body: '' }],
    ['half of the JSON', { truncated: true as const }],
  ])('(%s) is protocol, and the hint looks for a proxy', async (_, script) => {
    harness.sandbox.answer({ path: route(approval) }, script)
    const { status, body } = await harness.http(approval)
    expect([status, body.kind, body.hint]).toEqual([502, 'protocol', expect.stringContaining('proxies')])
  })

  test('but JSON with a code that nobody documented is for the vendor', async () => {
    harness.sandbox.answer({ path: route(approval) }, { status: 400, body: { code: 4711, msg: 'new' } })
    expect((await harness.http(approval)).body).toMatchObject({
      kind: 'protocol',
      hint: expect.stringContaining('request id'),
    })
  })
})

describe('whose a user token is, asked by a dry run', () => {
  test.each([
    [20008, 'gone', 'not_found'],
    [20021, 'gone', 'not_found'],
    [20022, 'parked', 'forbidden'],
    [20023, 'parked', 'reauthorization_required'],
    [21001, 'parked', 'forbidden'],
  ])('answered with %i has it %s: %s', async (code, expected, kind) => {
    harness.sandbox.answer({ path: USER_INFO }, { status: 200, body: { code, msg: 'told by the test' } })
    const { status, body } = await harness.http(calendar, dryRun(calendar))
    expect(status).toBe(200)
    expect(body).toMatchObject({ outcome: 'planned', expected, kind, scope: 'user', upstream: { code: String(code) } })
  })

  test('answered with 20005 is renewed and asked again, once', async () => {
    harness.sandbox.answer({ path: USER_INFO }, { status: 200, body: { code: 20005, msg: 'invalid' } })
    expect((await harness.http(calendar, dryRun(calendar))).body.outcome).toBe('planned')
    expect([requests(USER_INFO).length, requests('/oauth/v3/token').length]).toEqual([2, 1])
    // Rejected again it is the vendor's fault, not the user's.
    harness.sandbox.answer({ path: USER_INFO }, { status: 200, body: { code: 20005, msg: 'invalid' } }, 2)
    expect((await harness.http(calendar, dryRun(calendar))).body.kind).toBe('unavailable')
    expect(requests('/oauth/v3/token')).toHaveLength(1)
  })

  test.each([20008, 20021])('answered with %i for a custodian is forbidden: somebody must take over', async (code) => {
    harness.sandbox.answer({ path: USER_INFO }, { status: 200, body: { code, msg: 'gone' } })
    expect((await harness.http(acl, dryRun(acl))).body.kind).toBe('forbidden')
  })

  test('answered with another person is misconfigured, and nothing is called', async () => {
    harness.sandbox.case('feishu-other-owner', true)
    const { body } = await harness.http(calendar, dryRun(calendar))
    expect(body).toMatchObject({
      expected: 'parked',
      kind: 'misconfigured',
      detail: 'The tokens stored for ou_leaver belong to ou_custodian.',
      hint: expect.stringContaining('npx offboarding users authorize --vendor feishu --open-id ou_leaver'),
    })
    expect(requests(route(calendar))).toEqual([])
  })

  test('is told by the sandbox of people who have left or are frozen', async () => {
    for (const [status, kind] of [
      ['resigned', 'not_found'],
      ['deleted', 'not_found'],
      ['frozen', 'forbidden'],
    ] as const) {
      const [user] = harness.sandbox.state.world.feishu.users
      if (user) user.status = status
      expect((await harness.http(calendar, dryRun(calendar))).body.kind).toBe(kind)
    }
  })
})

describe('missing scopes', () => {
  const scopes = 'calendar:calendar:read, calendar:calendar:readonly, calendar:calendar'

  test('of the app are any one of those named, the one that allows least first', async () => {
    harness.sandbox.case('feishu-app-scopes', true)
    const { body } = await harness.http(approval)
    expect([body.kind, body.hint]).toEqual([
      'misconfigured',
      `Enable the scope in the app's console and publish a version. Any one of: ${scopes}.`,
    ])
  })

  test('of the user have the user grant them', async () => {
    harness.sandbox.case('feishu-user-scopes', true)
    const { body } = await harness.http(calendar)
    expect([body.kind, body.hint]).toEqual([
      'reauthorization_required',
      `Any one of: ${scopes}. Have this user grant access again: npx offboarding users authorize --vendor feishu --open-id ou_leaver`,
    ])
  })

  test('that are only one are simply missing; what looks like none is not repeated', async () => {
    const violations = ['docs:event:subscribe', 'not a scope\nat all', 7].map((subject) => ({ subject }))
    const answer = { status: 400, body: { code: 99991672, msg: '', error: { permission_violations: violations } } }
    harness.sandbox.answer({ path: route(drive) }, answer)
    expect((await harness.http(drive)).body.hint).toMatch(/Missing: docs:event:subscribe\.$/)
  })

  test('that stand behind a hundred others are not looked at', async () => {
    const violations = [...Array(100).fill('not a scope'), 'drive:drive'].map((subject) => ({ subject }))
    const body = { code: 99991672, msg: '', error: { permission_violations: violations } }
    harness.sandbox.answer({ path: route(drive) }, { status: 400, body })
    expect((await harness.http(drive)).body.hint).not.toContain('drive:drive')
    violations.shift()
    harness.sandbox.answer({ path: route(drive) }, { status: 400, body })
    expect((await harness.http(drive)).body.hint).toContain('drive:drive')
  })

  test('of a partial privilege go before those of a whole one', async () => {
    const violations = ['docs:doc', 'docs:event:subscribe', 'drive:drive'].map((subject) => ({ subject }))
    const answer = { status: 400, body: { code: 99991672, msg: '', error: { permission_violations: violations } } }
    harness.sandbox.answer({ path: route(drive) }, answer)
    expect((await harness.http(drive)).body.hint).toMatch(/Any one of: docs:event:subscribe, docs:doc, drive:drive\.$/)
  })
})

test('the request id of a Feishu failure without a header is that of its body', async () => {
  harness.sandbox.answer({ path: route(approval) }, { code: 1390002 })
  const withHeader = (await harness.http(approval)).body.upstream.requestId
  const body = { code: 1390002, msg: 'not found', error: { log_id: '2026112701' } }
  harness.sandbox.answer({ path: route(approval) }, { change: body, headers: { 'X-Tt-Logid': null } })
  expect(withHeader).toMatch(/^\w{32}$/)
  expect((await harness.http(approval)).body.upstream.requestId).toBe('2026112701')
})

test('99992402 names the fields', async () => {
  harness.sandbox.case('feishu-field-violations', true)
  const { body } = await harness.http(drive)
  expect([body.kind, body.hint]).toEqual(['invalid_request', expect.stringMatching(/Fields: file_type\.$/)])
})

test.each([
  [1061045, drive, 'unavailable'],
  [1064510, drive, 'invalid_request'],
  [1064511, drive, 'invalid_request'],
  [190014, calendar, 'invalid_request'],
  [191000, calendar, 'not_found'],
  [10101, approval, 'unavailable'],
  [99992361, approval, 'invalid_request'],
] as const)('%i is known: %s %s', async (code, name, kind) => {
  harness.sandbox.answer({ path: route(name) }, { status: 400, body: { code, msg: 'told by the test' } }, 3)
  expect((await harness.http(name)).body.kind).toBe(kind)
})

describe('a vendor URL', () => {
  test.each([
    ['FEISHU_BASE_URL', approval, '/open-apis'],
    ['FEISHU_BASE_URL', approval, '/?x=1'],
    ['DINGTALK_BASE_URL', ding, '/v1.0'],
  ] as const)('%s of %s with "%s" behind it is misconfigured at once', async (variable, name, behind) => {
    const good = String(harness.variables(name)[variable])
    const env = { [variable]: good + behind }
    await harness.close()
    harness = await startHarness({ env })
    const { body } = await harness.http(name)
    expect([body.kind, body.detail]).toEqual(['misconfigured', expect.stringContaining(variable)])
    expect(body.hint).toContain(variable)
    expect(harness.sandbox.requests).toEqual([])
  })

  test.each([
    ['FEISHU_BASE_URL', 'https://open.feishu.cn/', 'https://open.feishu.cn'],
    [
      'FEISHU_OAUTH_TOKEN_URL',
      'https://accounts.feishu.cn/oauth/v3/token',
      'https://accounts.feishu.cn/oauth/v3/token',
    ],
    ['FEISHU_OAUTH_TOKEN_URL', 'https://accounts.feishu.cn', undefined],
    ['FEISHU_OAUTH_TOKEN_URL', 'https://accounts.feishu.cn/oauth/v3/token#x', undefined],
  ])('%s=%s', (variable, value, url) => {
    vi.stubEnv(variable, value)
    if (url) expect(vendorUrl(variable)).toBe(url)
    else expect(() => vendorUrl(variable)).toThrow(variable)
    vi.unstubAllEnvs()
  })
})

describe('the token of a wiki node', () => {
  const withToken = (file_token: string) => harness.http(drive, { pathParameters: { file_token } })

  test.each(['wikcnKQ1k3pcuo5uSK4t8VN6kVf', 'wikusKQ1k3pcuo5uSK4t8VN6kVf'])('%s is refused', async (token) => {
    const { status, body } = await withToken(token)
    expect([status, body.kind]).toEqual([400, 'invalid_request'])
    expect(body.detail).toMatch(/^file_token is the token of a wiki node/)
    expect(harness.sandbox.requests).toEqual([])
  })

  test('that looks like any other is not_found, and the hint thinks of it', async () => {
    const { body } = await withToken('Df4vdQ1k3pcuo5uSK4t8VN6kVfa')
    expect([body.kind, body.hint]).toEqual(['not_found', expect.stringContaining('/wiki/')])
  })

  test.each(['doxcnSandbox01', 'wiki', 'wikcn'])('%s is none', async (token) => {
    expect((await withToken(token)).body.kind).not.toBe('invalid_request')
  })
})

test.each(operationNames)('%s says who calls', async (name) => {
  await harness.http(name)
  const agents = new Set(harness.sandbox.requests.map(({ headers }) => headers['user-agent']))
  expect([...agents]).toEqual([expect.stringMatching(/^subscription-offboarding\/\d+\.\d+\.\d+$/)])
})
