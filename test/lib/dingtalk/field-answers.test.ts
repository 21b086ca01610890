/** Answers as DingTalk gives them in the field: bans, wrong hosts, busy services, refused grants. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, itemOf, sampleOf, startHarness } from '../../harness.ts'

const ding = 'dingtalk-calendar-unsubscribe' as const
const { route } = sampleOf(ding)
const USER_TOKEN = '/v1.0/oauth2/userAccessToken'
const APP_TOKEN = '/v1.0/oauth2/accessToken'
const user = 'test/dingtalk/user/sandboxUnionId01iE'
const COMMAND = 'npx offboarding users authorize --vendor dingtalk --union-id sandboxUnionId01iE'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

describe("a ban of the caller's address", () => {
  const ban = (more: object = {}) => ({ status: 1111, wait: 5, source: 'x5', punish: 'deny', uuid: 'u', ...more })

  test.each([
    ['JSON with HTTP 200', { status: 200, body: ban() }, 300],
    ['JSON with HTTP 403', { status: 403, body: ban() }, 300],
    ['JSON that asks for two minutes', { status: 403, body: ban({ wait: 2 }) }, 120],
    ['JSON that asks for a day', { status: 403, body: ban({ wait: 1_440 }) }, 900],
    ['JSON that asks for nothing', { status: 403, body: ban({ wait: 'soon' }) }, 300],
    ['a page of HTML with HTTP 200', { html: true as const }, 300],
    ['a page of HTML with HTTP 403', { html: true as const, status: 403 }, 300],
  ])('(%s) is rate_limited and says for how long', async (_, script, seconds) => {
    harness.sandbox.answer({ path: route }, script)
    const { status, headers, body } = await harness.http(ding)
    expect([status, body.kind, headers['retry-after']]).toEqual([429, 'rate_limited', String(seconds)])
    expect(harness.sandbox.requests.filter(({ path }) => path.endsWith('/unsubscribe'))).toHaveLength(1)
  })

  test('has the bucket wait on the queue, and parks nothing', async () => {
    harness.sandbox.case('dingtalk-banned', true)
    const { failed } = await harness.queue(ding, [itemOf(ding)])
    expect(failed).toEqual([0])
    expect(await harness.deadLetters()).toEqual([])
    expect(harness.log.at(-1)).toMatchObject({ message: 'deferred', kind: 'rate_limited', waitMs: 300_000 })
  })
})

test.each([
  ['system.busy', 400, 'unavailable'],
  ['service.error', 400, 'unavailable'],
  ['server.error', 500, 'unavailable'],
  ['itemNotFound', 404, 'not_found'],
  ['instanceNotExist', 404, 'not_found'],
  ['invalidParameter.event.calendarId', 400, 'invalid_request'],
  ['permissionDeny', 400, 'forbidden'],
  ['InvalidAction.NotFound', 404, 'misconfigured'],
  ['newCode', 400, 'protocol'],
])('a call answered with %s and HTTP %i is %s', async (code, status, kind) => {
  harness.sandbox.answer({ path: route }, { status, body: { code, message: 'm', requestid: 'R' } }, 3)
  expect((await harness.http(ding)).body).toMatchObject({ kind, upstream: { code } })
})

test('the request id of a success is that of its header', async () => {
  const { body } = await harness.http(ding)
  expect(body).toMatchObject({ outcome: 'changed', upstream: { requestId: expect.stringMatching(/^[0-9A-F]{32}$/) } })
})

test('errcode 0 beside the result is no failure', async () => {
  harness.sandbox.answer({ path: route }, { status: 200, body: { errcode: 0, errmsg: 'ok', result: true } })
  expect((await harness.http(ding)).body.outcome).toBe('changed')
})

test.each([
  ['as text', { expireIn: '7200' }],
  ['missing', { expireIn: null }],
])('an app token whose lifetime is %s is a success', async (_, change) => {
  harness.sandbox.answer({ path: APP_TOKEN }, { change })
  expect((await harness.http(ding)).status).toBe(200)
})

describe("a user's tokens", () => {
  const expired = {
    accessToken: 'expired',
    accessTokenExpiresAt: '2020-01-01T00:00:00Z',
    refreshToken: 'sandbox-ding-leaver-refresh',
    refreshTokenExpiresAt: '2099-01-01T00:00:00Z',
  }
  const state = () => harness.secrets.secrets.get(user)?.tags.get('token-state')
  const refreshes = () => harness.sandbox.requests.filter(({ path }) => path === USER_TOKEN).length

  beforeEach(() => {
    harness.secrets.seed('test/dingtalk/app', {
      type: 'third_party_personal',
      clientId: 'sandbox-client-id',
      clientSecret: 'sandbox-client-secret',
    })
    harness.secrets.seed(user, expired)
  })

  test.each([
    [
      'errcode 404 with HTTP 200',
      { status: 200, body: { errcode: 404, errmsg: '请求的URI地址不存在' } },
      'misconfigured',
      /DINGTALK_BASE_URL/,
    ],
    ['InvalidAction.NotFound', { code: 'InvalidAction.NotFound' }, 'misconfigured', /DINGTALK_BASE_URL/],
    ['unauthorized.client', { code: 'unauthorized.client' }, 'misconfigured', /DINGTALK_BASE_URL/],
    ['invalidClientIdOrSecret', { code: 'invalidClientIdOrSecret' }, 'misconfigured', /DINGTALK_BASE_URL/],
    ['system.busy', { code: 'system.busy' }, 'unavailable', /later/],
    ['service.error', { code: 'service.error' }, 'unavailable', /later/],
    [
      'a message that refuses the refresh token',
      { status: 400, body: { code: 'brand.new', message: 'the refreshToken is invalid' } },
      'reauthorization_required',
      /grant access again/,
    ],
    ['a code that no page has', { status: 400, body: { code: 'brand.new', message: 'm' } }, 'protocol', /request id/],
    [
      'a code that no page has, with HTTP 403',
      { status: 403, body: { code: 'brand.new', message: 'm' } },
      'protocol',
      /./,
    ],
  ])('answered with %s are asked for again, without a verdict', async (_, script, kind, hint) => {
    harness.sandbox.answer({ path: USER_TOKEN }, script, 3)
    const { body } = await harness.http(ding)
    expect([body.kind, body.hint]).toEqual([kind, expect.stringMatching(hint)])
    expect(refreshes()).toBeLessThanOrEqual(3)
    while (refreshes() < 3) await fetch(harness.sandbox.url + USER_TOKEN, { method: 'POST' })
    expect((await harness.http(ding)).body.outcome).toBe('changed')
    expect(state()).toBe('active')
  })

  test.each([
    ['invalidParameter.authCode.notFound', '不合法的临时授权码'],
    ['invalidParameter.refreshToken.notFound', 'not found'],
    ['invalid_grant', 'revoked'],
  ])('answered with %s, %s, are lost: asked once', async (code, message) => {
    harness.sandbox.answer({ path: USER_TOKEN }, { status: 400, body: { code, message, requestid: 'R' } })
    for (let n = 0; n < 2; n++) {
      const { status, body } = await harness.http(ding)
      expect([status, body.kind]).toEqual([409, 'reauthorization_required'])
      expect(body.hint).toContain(COMMAND)
    }
    expect(refreshes()).toBe(1)
    expect(state()).toBe('reauthorization-required')
  })

  test('without a refresh token are stored, used, and marked as not renewable', async () => {
    harness.sandbox.case('dingtalk-no-refresh-token', true)
    expect((await harness.http(ding)).body.outcome).toBe('changed')
    expect(state()).toBe('not-renewable')
    expect((await harness.http(ding)).body.outcome).toBe('changed')
    expect(refreshes()).toBe(1)
  })

  test('that were never stored have yet to be granted', async () => {
    harness.secrets.secrets.delete(user)
    const { status, body } = await harness.http(ding)
    expect([status, body.kind, body.hint]).toEqual([
      409,
      'reauthorization_required',
      `This user has not granted access yet. Have this user grant it: ${COMMAND}`,
    ])
  })
})
