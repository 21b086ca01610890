/** Answers that are odd in ways that no page describes: what was granted is kept, and nothing lasting follows from a guess. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { vendorUrl } from '../../../lib/environment.ts'
import { type Harness, sampleOf, startHarness } from '../../harness.ts'

const calendar = 'feishu-calendar-unsubscribe' as const
const approval = 'feishu-approval-unsubscribe' as const
const ding = 'dingtalk-calendar-unsubscribe' as const
const leaver = 'test/feishu/user/ou_leaver'
const dingUser = 'test/dingtalk/user/sandboxUnionId01iE'
const TOKEN = '/oauth/v3/token'
const TENANT_TOKEN = '/open-apis/auth/v3/tenant_access_token/internal'
const USER_TOKEN = '/v1.0/oauth2/userAccessToken'
const HOUR_MS = 3_600_000

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const at = (ms: number) => new Date(Date.now() + ms).toISOString()
const expired = (refreshToken: string) => ({
  accessToken: 'expired-token',
  accessTokenExpiresAt: at(-HOUR_MS),
  refreshToken,
  refreshTokenExpiresAt: at(120 * HOUR_MS),
})
const stored = (id: string) => {
  const versions = [...(harness.secrets.secrets.get(id)?.versions.values() ?? [])]
  return JSON.parse(versions.find(({ stages }) => stages.has('AWSCURRENT'))?.content.SecretString ?? 'null')
}
const tags = (id: string) => Object.fromEntries(harness.secrets.secrets.get(id)?.tags ?? [])
const dryRun = { queryStringParameters: { ...sampleOf(calendar).query, dry_run: 'true' } }

describe('a refresh that succeeds', () => {
  const granted = {
    access_token: 'u-new',
    expires_in: 7_200,
    refresh_token: 'ur-new',
    refresh_token_expires_in: 604_800,
  }

  test.each<[string, object, number?]>([
    ['with an empty error beside it', { ...granted, error: '', error_description: '' }],
    ['with white space around its tokens', { code: 0, ...granted, access_token: ' u-new\n', refresh_token: 'ur-new ' }],
    ['inside data', { code: 0, data: granted }],
    ['with HTTP 400', { code: 0, ...granted }, 400],
    ['with HTTP 500', { code: 0, ...granted }, 500],
  ])('%s is stored', async (_, body, status = 200) => {
    harness.secrets.seed(leaver, expired('ur-sandbox-leaver'))
    harness.sandbox.answer({ path: TOKEN }, { status, body })
    await harness.http(calendar)
    expect(stored(leaver)).toMatchObject({ accessToken: 'u-new', refreshToken: 'ur-new' })
  })

  test('for centuries is not believed to last', async () => {
    harness.secrets.seed(leaver, expired('ur-sandbox-leaver'))
    harness.sandbox.answer(
      { path: TOKEN },
      { status: 200, body: { code: 0, ...granted, refresh_token_expires_in: 1e300 } },
    )
    await harness.http(calendar)
    expect(stored(leaver)).toMatchObject({ refreshTokenEndAssumed: true, refreshTokenExpiresAt: at(168 * HOUR_MS) })
  })
})

test.each([0, -1, 0.5, '', '7200.0', ' 7200', 'abc', true, null, {}])(
  'an app token that lives %j seconds is used for the usual time',
  async (expire) => {
    harness.sandbox.answer({ path: TENANT_TOKEN }, { change: { expire } })
    expect((await harness.http(approval)).body.outcome).toBe('changed')
    harness.sandbox.answer({ path: '/v1.0/oauth2/accessToken' }, { change: { expireIn: expire } })
    expect((await harness.http(ding)).body.outcome).toBe('changed')
  },
)

describe('how long to wait', () => {
  const at = 'Sat, 28 Nov 2026 09:00:00 GMT'
  const inTwoMinutes = 'Sat, 28 Nov 2026 09:02:00 GMT'

  test.each<[number, Record<string, string>, number]>([
    // Its clock is another than ours.
    [429, { 'Retry-After': inTwoMinutes, Date: at }, 120],
    [429, { 'Retry-After': at, Date: inTwoMinutes }, 60],
    [429, { 'x-ogw-ratelimit-reset': '0', 'Retry-After': '30' }, 30],
    [429, { 'x-ogw-ratelimit-reset': '58, 57' }, 60],
    [429, { 'Retry-After': '-120' }, 60],
    [429, { 'Retry-After': '1e300' }, 900],
    [503, { 'Retry-After': '120' }, 120],
    [503, { 'Retry-After': inTwoMinutes, Date: at }, 120],
    [503, { 'Retry-After': '86400' }, 900],
    [503, { 'x-ogw-ratelimit-reset': '120' }, 5],
    [503, { 'Retry-After': 'soon' }, 5],
  ])('after HTTP %i, a vendor says by %o: %i s', async (status, headers, seconds) => {
    harness.sandbox.answer({ path: sampleOf(approval).route }, { status, headers, body: '' }, 3)
    expect((await harness.http(approval)).headers['retry-after']).toBe(String(seconds))
  })

  test('is not made shorter than the code is known to take', async () => {
    const drive = 'feishu-drive-unsubscribe'
    const locked = { status: 400, headers: { 'Retry-After': '5' }, body: { code: 1064230, msg: 'locked' } }
    harness.sandbox.answer({ path: sampleOf(drive).route }, locked)
    expect((await harness.http(drive)).headers['retry-after']).toBe('600')
  })
})

test('an error beside a code that nobody knows is what counts', async () => {
  harness.secrets.seed(leaver, expired('ur-sandbox-leaver'))
  harness.sandbox.answer({ path: TOKEN }, { status: 401, body: { code: 29_999, error: 'invalid_client' } })
  expect((await harness.http(calendar)).body.kind).toBe('misconfigured')
})

test('an error that would be the last word is not, beside a code that nobody knows', async () => {
  harness.secrets.seed(leaver, expired('ur-sandbox-leaver'))
  harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 29_999, error: 'invalid_grant' } })
  await harness.http(calendar)
  expect(tags(leaver)).not.toHaveProperty('token-state', 'reauthorization-required')
})

describe("an owner that is no vendor's id", () => {
  test.each(['', ' ou_leaver ', 'OU_LEAVER', 'ou_\u001b[31mx', 'sandbox-app-secret', null])(
    '(%j) is an answer not understood, and stands nowhere',
    async (open_id) => {
      const valid = { accessToken: 'u-sandbox-leaver', accessTokenExpiresAt: at(HOUR_MS) }
      harness.secrets.seed(leaver, { ...expired('ur-sandbox-leaver'), ...valid })
      harness.sandbox.answer({ path: '/open-apis/authen/v1/user_info' }, { change: { data: { open_id } } })
      const { body, text } = await harness.http(calendar, dryRun)
      expect(body.kind).toBe('protocol')
      expect(text).not.toContain('sandbox-app-secret')
    },
  )
})

describe('DingTalk', () => {
  const personal = {
    type: 'third_party_personal',
    clientId: 'personalsandbox',
    clientSecret: 'sandbox-personal-secret',
  }

  test.each([
    [{ code: 'invalid.grant.type', message: 'grantType refresh_token is not enabled for this app' }],
    [{ code: 'too.many.requests', message: 'too many refreshToken requests, try later' }],
    [{ errcode: 40_078, errmsg: 'refresh token service is upgrading' }],
  ])('gives no verdict on a user by %j', async (body) => {
    harness.secrets.seed('test/dingtalk/app', personal)
    harness.secrets.seed(dingUser, expired('dr-sandbox'))
    harness.sandbox.answer({ path: USER_TOKEN }, { status: 400, body })
    expect((await harness.http(ding)).body.kind).not.toBe('reauthorization_required')
    expect(tags(dingUser)).not.toHaveProperty('token-state', 'reauthorization-required')
  })

  test.each([
    [301, '<html>302 Found</html>'],
    [407, '<!doctype html><title>Proxy</title>'],
    [400, '<?xml version="1.0"?><Error><Code>InvalidAuthentication</Code></Error>'],
  ])('%i with a page is no ban', async (status, body) => {
    harness.sandbox.answer({ path: sampleOf(ding).route }, { status, body })
    const answer = await harness.http(ding)
    expect([answer.body.kind, answer.body.hint]).toEqual(['protocol', expect.stringContaining('proxies')])
  })
})

test.each(['https://open.feishu.cn?', 'https://open.feishu.cn/#', 'https://open.feishu.cn/?a'])(
  '%s is no base URL',
  (url) => {
    process.env.FEISHU_BASE_URL = url
    expect(() => vendorUrl('FEISHU_BASE_URL')).toThrow(/FEISHU_BASE_URL must be "https:\/\/open.feishu.cn" alone/)
  },
)
