/** Token answers as Feishu gives them in the field: what it gave is kept, and what it did not say is not claimed. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Harness, sampleOf, startHarness } from '../../harness.ts'

const calendar = 'feishu-calendar-unsubscribe' as const
const approval = 'feishu-approval-unsubscribe' as const
const leaver = 'test/feishu/user/ou_leaver'
const TOKEN = '/oauth/v3/token'
const TENANT_TOKEN = '/open-apis/auth/v3/tenant_access_token/internal'
const COMMAND = 'npx offboarding users authorize --vendor feishu --open-id ou_leaver'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const at = (ms: number) => new Date(Date.now() + ms).toISOString()
const expired = () => ({
  accessToken: 'u-expired',
  accessTokenExpiresAt: at(-HOUR_MS),
  refreshToken: 'ur-sandbox-leaver',
  refreshTokenExpiresAt: at(5 * DAY_MS),
  authorizedAt: at(-DAY_MS),
})

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
  harness.secrets.seed(leaver, expired())
})
afterEach(() => harness.close())

const refreshes = () => harness.sandbox.requests.filter(({ path }) => path === TOKEN).length
const stored = () => {
  const versions = [...(harness.secrets.secrets.get(leaver)?.versions.values() ?? [])]
  const current = versions.find(({ stages }) => stages.has('AWSCURRENT'))
  return JSON.parse(current?.content.SecretString ?? 'null')
}
const tags = () => Object.fromEntries(harness.secrets.secrets.get(leaver)?.tags ?? [])
const lines = (message: string) => harness.log.filter((line) => line.message === message)
const again = () => Object.assign(harness.sandbox.state.world.feishu.users[0] ?? {}, { calendarSubscribed: true })

describe('a success without a refresh token', () => {
  test.each([
    ['missing', null],
    ['empty', ''],
    ['no text', { token: 'x' }],
  ])('(%s) is stored, used to its end, and marks the user as not renewable', async (_, refresh_token) => {
    const change = { refresh_token, refresh_token_expires_in: null }
    harness.sandbox.answer({ path: TOKEN }, { change })
    const before = expired()
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    const now = stored()
    expect(now).toMatchObject({
      accessToken: expect.stringMatching(/^u-sandbox/),
      accessTokenExpiresAt: at(2 * HOUR_MS),
      refreshToken: before.refreshToken,
      refreshTokenExpiresAt: before.refreshTokenExpiresAt,
      authorizedAt: before.authorizedAt,
      renewable: false,
    })
    expect(tags()['token-state']).toBe('not-renewable')
    expect(lines('unrenewable')).toEqual([
      expect.objectContaining({ level: 'WARN', secretId: leaver, hint: expect.stringContaining('offline_access') }),
    ])

    // To its end: another call two minutes before asks nobody.
    harness.clock.pass(2 * HOUR_MS - 120_000)
    again()
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    const { headers } = harness.sandbox.requests.findLast(({ path }) => path === sampleOf(calendar).route) ?? {}
    expect(headers?.authorization).toBe(`Bearer ${now.accessToken}`)
    expect(refreshes()).toBe(1)

    // Then the old refresh token is tried once, and the vendor says that it is used up.
    harness.clock.pass(120_000)
    const ended = await Promise.all([harness.http(calendar), harness.http(calendar)])
    for (const { status, body } of ended)
      expect([status, body.kind, body.hint]).toEqual([
        409,
        'reauthorization_required',
        expect.stringContaining(COMMAND),
      ])
    expect(refreshes()).toBe(2)
    expect(tags()['token-state']).toBe('reauthorization-required')
  })

  test('that a later answer makes up for is renewable again', async () => {
    harness.sandbox.answer({ path: TOKEN }, { change: { refresh_token: null } })
    await harness.http(calendar)
    expect(tags()['token-state']).toBe('not-renewable')
    // This vendor had not used the old one up.
    Object.assign(harness.sandbox.state.tokens.feishu.refresh.get('ur-sandbox-leaver') ?? {}, { status: 'live' })
    harness.clock.pass(3 * HOUR_MS)
    again()
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(tags()['token-state']).toBe('active')
    expect(stored()).not.toHaveProperty('renewable')
    expect(stored().refreshToken).not.toBe(expired().refreshToken)
  })

  test('for a token that has three minutes left is as good, with one line', async () => {
    harness.secrets.seed(leaver, { ...expired(), accessToken: 'u-sandbox-leaver', accessTokenExpiresAt: at(180_000) })
    harness.sandbox.answer({ path: TOKEN }, { change: { refresh_token: null } })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(stored()).toMatchObject({ renewable: false, accessTokenExpiresAt: at(2 * HOUR_MS) })
    expect(lines('unrenewable')).toHaveLength(1)
  })

  test('ever, and no stored one, is reauthorization_required when the access token has ended', async () => {
    const { refreshToken, refreshTokenExpiresAt, ...access } = expired()
    harness.secrets.seed(leaver, { ...access, renewable: false })
    const { status, body } = await harness.http(calendar)
    expect([status, body.kind]).toEqual([409, 'reauthorization_required'])
    expect(body.hint).toMatch(/offline_access .* npx offboarding users authorize/)
    expect(refreshes()).toBe(0)
  })
})

test('a renewal that fails while the stored token still works leaves a line', async () => {
  harness.secrets.seed(leaver, { ...expired(), accessToken: 'u-sandbox-leaver', accessTokenExpiresAt: at(180_000) })
  harness.sandbox.case('feishu-oauth-down', true)
  expect((await harness.http(calendar)).body.outcome).toBe('changed')
  expect(lines('failed')).toEqual([
    expect.objectContaining({ operation: 'user-token', secretId: leaver, kind: 'unavailable', code: '20072' }),
  ])
})

describe('a success with another field missing or spelt otherwise', () => {
  test.each([
    ['lifetimes as text', { expires_in: '7200', refresh_token_expires_in: '604800' }, 2 * HOUR_MS, 7 * DAY_MS],
    ['no end of the refresh token', { refresh_token_expires_in: null }, 2 * HOUR_MS, 7 * DAY_MS],
    ['no lifetime at all', { expires_in: null, refresh_token_expires_in: null }, 2 * HOUR_MS, 7 * DAY_MS],
    ['lifetimes that are none', { expires_in: 'soon', refresh_token_expires_in: 0 }, 2 * HOUR_MS, 7 * DAY_MS],
    ['no code', { code: null }, 2 * HOUR_MS, 7 * DAY_MS],
    ['code as text', { code: '0' }, 2 * HOUR_MS, 7 * DAY_MS],
    ['lifetimes of its own', { expires_in: 600, refresh_token_expires_in: '86400' }, 600_000, DAY_MS],
    ['a lifetime beyond all dates', { expires_in: 1e300 }, 2 * HOUR_MS, 7 * DAY_MS],
  ])('(%s) is a success', async (_, change, accessMs, refreshMs) => {
    harness.sandbox.answer({ path: TOKEN }, { change })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(stored()).toMatchObject({ accessTokenExpiresAt: at(accessMs), refreshTokenExpiresAt: at(refreshMs) })
    expect(stored().refreshToken).not.toBe(expired().refreshToken)
    expect(tags()['token-state']).toBe('active')
  })

  test('an end that was assumed is left to the vendor to confirm', async () => {
    harness.secrets.seed(leaver, { ...expired(), refreshTokenExpiresAt: at(-1_000), refreshTokenEndAssumed: true })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(stored()).not.toHaveProperty('refreshTokenEndAssumed')
  })

  test('without an access token is no success', async () => {
    harness.sandbox.answer(
      { path: TOKEN },
      { status: 200, body: { code: 0, refresh_token: 'ur-planted', expires_in: 7200 } },
    )
    expect((await harness.http(calendar)).body.kind).toBe('protocol')
  })

  test.each([
    ['as text', { expire: '7200' }],
    ['missing', { expire: null }],
    ['without a code', { code: null }],
  ])("of the app's token (%s) is a success", async (_, change) => {
    harness.sandbox.answer({ path: TENANT_TOKEN }, { change })
    expect((await harness.http(approval)).status).toBe(200)
  })
})

describe('an OAuth error without a code', () => {
  const answer = (error: string, status = 400) => {
    const body = { error, error_description: 'The refresh token has been revoked.' }
    harness.sandbox.answer({ path: TOKEN }, { status, body }, 3)
  }

  test('invalid_grant is the end of the grant, asked once', async () => {
    answer('invalid_grant')
    for (let n = 0; n < 2; n++) {
      const { status, body } = await harness.http(calendar)
      expect([status, body.kind]).toEqual([409, 'reauthorization_required'])
      expect(body.hint).toContain(COMMAND)
    }
    expect(refreshes()).toBe(1)
    expect(tags()['token-state']).toBe('reauthorization-required')
  })

  test('invalid_grant is no end where a peer has stored new tokens meanwhile', async () => {
    harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { error: 'invalid_grant', error_description: '' } })
    const send = harness.sandbox.requests.push.bind(harness.sandbox.requests)
    vi.spyOn(harness.sandbox.requests, 'push').mockImplementation((request) => {
      if (request.path === TOKEN)
        harness.secrets.seed(leaver, {
          ...expired(),
          accessToken: 'u-sandbox-leaver',
          accessTokenExpiresAt: at(DAY_MS),
        })
      return send(request)
    })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test.each([
    ['invalid_client', 401, 'misconfigured'],
    ['unauthorized_client', 400, 'misconfigured'],
    ['invalid_request', 400, 'internal'],
    ['temporarily_unavailable', 400, 'unavailable'],
    ['server_error', 400, 'unavailable'],
    ['new_error', 400, 'protocol'],
  ])('%s is %s %s, and no verdict', async (error, status, kind) => {
    answer(error, status)
    expect((await harness.http(calendar)).body).toMatchObject({ kind, upstream: { code: error } })
    while (refreshes() < 3) await fetch(harness.sandbox.url + TOKEN, { method: 'POST' })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(tags()['token-state']).toBe('active')
  })
})

describe("the tenant's access policy", () => {
  test.each([21000, 21001])('blocks a renewal (%i): forbidden, until the administrator allows it', async (code) => {
    const body = { code, msg: 'access denied', data: { challenge_url: 'https://example.com' } }
    harness.sandbox.answer({ path: TOKEN }, { status: 400, body })
    const { status, body: problem } = await harness.http(calendar)
    expect([status, problem.kind]).toEqual([403, 'forbidden'])
    expect(problem.hint).toContain('administrator')
    harness.clock.pass(60_000)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test.each([21000, 21001])('blocks a call (%i): forbidden', async (code) => {
    harness.sandbox.answer({ path: sampleOf(approval).route }, { code })
    expect((await harness.http(approval)).body).toMatchObject({ kind: 'forbidden', upstream: { code: String(code) } })
  })
})

describe('a user who', () => {
  const open_id = (value: string) => ({ queryStringParameters: { open_id: value } })

  test('has no stored secret has not granted access yet', async () => {
    const { status, body } = await harness.http(calendar, open_id('ou_new'))
    expect([status, body.kind]).toEqual([409, 'reauthorization_required'])
    expect(body.hint).toBe(
      'This user has not granted access yet. Have this user grant it: npx offboarding users authorize --vendor feishu --open-id ou_new',
    )
    expect(body.detail).toContain('"test/feishu/user/ou_new" does not exist')
  })

  test.each(['leaver@corp.example', 'on_94a1ee5551019f18cd73d9f111898cf2', '3e3cf96b', 'cli_sandbox'])(
    'is named by %s, which is no open_id, is an invalid request that says so',
    async (value) => {
      const { status, body } = await harness.http(calendar, open_id(value))
      expect([status, body.kind]).toEqual([400, 'invalid_request'])
      expect(body.detail).toMatch(/^open_id must be an open_id, which begins with ou_/)
      expect(body.detail).not.toContain(value)
    },
  )
})

describe('a token endpoint that fails for a wrong setting as it fails for a fault', () => {
  test.each([2200, 10013])('(%i) is tried again, and the hint names credentials and host', async (code) => {
    harness.sandbox.answer({ path: TENANT_TOKEN }, { status: 200, body: { code, msg: 'internal error' } }, 9)
    const { status, body } = await harness.http(approval)
    expect([status, body.kind, body.retryable]).toEqual([503, 'unavailable', true])
    expect(body.hint).toMatch(/secret.*host \(FEISHU_BASE_URL/)
  })

  test('because its path is wrong is misconfigured and names the variable', async () => {
    harness.sandbox.case('feishu-no-path', true)
    const { body } = await harness.http(calendar)
    expect([body.kind, body.hint]).toEqual(['misconfigured', expect.stringContaining('FEISHU_OAUTH_TOKEN_URL')])
    harness.sandbox.case('feishu-no-path', false)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })
})

describe('one request asks a token endpoint three times at the most', () => {
  const asked = (path: string) => harness.sandbox.requests.filter((request) => request.path === path).length

  test.each([
    [TOKEN, calendar, { status: 503, body: { code: 20072, error: 'temporarily_unavailable' } }],
    [TENANT_TOKEN, approval, { status: 200, body: { code: 2200, msg: 'internal error' } }],
  ] as const)('%s, which is down', async (path, name, script) => {
    harness.sandbox.answer({ path }, script, 20)
    expect((await harness.http(name)).body.kind).toBe('unavailable')
    expect(asked(path)).toBe(3)
    expect(harness.clock.waits.filter(({ ms }) => ms > 1_000)).toEqual([])
  })

  test('also where it comes up again and the new token is then rejected', async () => {
    harness.sandbox.answer({ path: TOKEN }, { status: 503, body: { code: 20072 } }, 2)
    harness.sandbox.answer({ path: sampleOf(calendar).route }, { code: 99991668 }, 9)
    expect((await harness.http(calendar)).body.kind).toBe('unavailable')
    expect(asked(TOKEN)).toBe(3)
  })

  test('also where faults end in a refusal of the credentials, which are then read again', async () => {
    await harness.http(approval)
    const before = asked(TENANT_TOKEN)
    harness.clock.pass(2 * HOUR_MS - 60_000 * 2)
    harness.secrets.seed('test/feishu/app', { type: 'self_built', appId: 'cli_sandbox', appSecret: 'rotated' })
    harness.sandbox.answer({ path: TENANT_TOKEN }, { status: 500, body: { code: 1500 } }, 2)
    harness.clock.pass(60_000 * 3)
    await harness.http(approval)
    expect(asked(TENANT_TOKEN) - before).toBe(3)
  })

  test('the next request asks anew', async () => {
    harness.sandbox.answer({ path: TOKEN }, { status: 503, body: { code: 20072 } }, 3)
    expect((await harness.http(calendar)).body.kind).toBe('unavailable')
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })
})
