/** Users' tokens: renewed once whoever asks, never lost, never asked for in vain twice. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sampleWorld } from '../../../local/sandbox/sandbox.ts'
import { until } from '../../clock.ts'
import { type Harness, sampleOf, startHarness } from '../../harness.ts'

const calendar = 'feishu-calendar-unsubscribe' as const
const acl = 'feishu-calendar-acl-subscribe' as const
const leaver = 'test/feishu/user/ou_leaver'
const custodian = 'test/feishu/user/ou_custodian'
const TOKEN = '/oauth/v3/token'
/** A renewal's lock, and the time until another takes it over. */
const LOCK_MS = 35_000
const tokens = {
  accessToken: 'u-expired',
  accessTokenExpiresAt: '2020-01-01T00:00:00Z',
  refreshToken: 'ur-sandbox-leaver',
  refreshTokenExpiresAt: '2099-01-01T00:00:00Z',
  authorizedAt: '2026-01-01T00:00:00Z',
}

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
  harness.secrets.seed(leaver, tokens)
})
afterEach(() => harness.close())

const refreshes = () => harness.sandbox.requests.filter(({ path }) => path === TOKEN)
const stored = (id = leaver) => {
  const current = [...(harness.secrets.secrets.get(id)?.versions.values() ?? [])].find(({ stages }) =>
    [...stages].includes('AWSCURRENT'),
  )
  return JSON.parse(current?.content.SecretString ?? 'null') as typeof tokens
}
const told = async () => JSON.stringify([harness.log, harness.outcomes(), await harness.deadLetters()])

describe('an expired token', () => {
  test('that looks valid is found out by a dry run, and renewed', async () => {
    harness.secrets.seed(leaver, { ...tokens, accessToken: 'u-revoked', accessTokenExpiresAt: '2099-01-01T00:00:00Z' })
    const dryRun = { queryStringParameters: { ...sampleOf(calendar).query, dry_run: 'true' } }
    expect((await harness.http(calendar, dryRun)).body.outcome).toBe('planned')
    expect(refreshes()).toHaveLength(1)
    expect(stored().refreshToken).not.toBe(tokens.refreshToken)
    expect(harness.sandbox.requests.filter(({ path }) => path === sampleOf(calendar).route)).toEqual([])
  })

  test('is renewed, stored and then used; the rest of the secret is kept', async () => {
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(1)
    const now = stored()
    expect(now.refreshToken).not.toBe(tokens.refreshToken)
    expect(now.authorizedAt).toBe(tokens.authorizedAt)
    expect(Date.parse(now.accessTokenExpiresAt)).toBeGreaterThan(Date.now() + 3_600_000)
    const [call] = harness.sandbox.requests.filter(({ path }) => path === sampleOf(calendar).route)
    expect(call?.headers.authorization).toBe(`Bearer ${now.accessToken}`)
    const put = harness.secrets.requests.findIndex(
      ({ operation, input }) => operation === 'UpdateSecretVersionStage' && input.VersionStage === 'AWSCURRENT',
    )
    expect(put).toBeGreaterThan(-1)
    expect(harness.secrets.requests[put]?.at).toBeLessThanOrEqual(call?.time ?? 0)
  })

  test('is not used when its successor could not be stored; the successor is kept and stored by the next call', async () => {
    // Reads go on, the lock is taken, and then the store fails until the caller's time is up.
    harness.retryAwsAtOnce()
    const first = harness.http(calendar, {}, 9_000)
    await until(() => refreshes().length === 1)
    harness.secrets.fail('PutSecretValue', { type: 'InternalServiceError', status: 500 }, 100)
    expect((await first).body.kind).toBe('unavailable')
    expect(harness.clock.waits.map(({ ms }) => ms)).toContain(300)
    expect(stored()).toEqual(tokens)
    harness.secrets.heal()
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(1)
    expect(stored().refreshToken).not.toBe(tokens.refreshToken)
  })

  test.each([99991668, 99991677])(
    'is renewed when the vendor calls a valid-looking one %i, and replayed once',
    async (code) => {
      harness.secrets.seed(leaver, {
        ...tokens,
        accessToken: 'u-revoked',
        accessTokenExpiresAt: '2099-01-01T00:00:00Z',
      })
      harness.sandbox.answer({ path: sampleOf(calendar).route }, { status: 400, body: { code, msg: '' } })
      expect((await harness.http(calendar)).body.outcome).toBe('changed')
      expect(refreshes()).toHaveLength(1)
    },
  )

  test('20 concurrent rejections of one token cause one renewal', async () => {
    harness.secrets.seed(leaver, { ...tokens, accessToken: 'u-revoked', accessTokenExpiresAt: '2099-01-01T00:00:00Z' })
    const answers = await Promise.all(Array.from({ length: 20 }, () => harness.http(calendar)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(refreshes()).toHaveLength(1)
  })

  test('still valid for a minute is used when the renewal fails', async () => {
    harness.secrets.seed(leaver, {
      ...tokens,
      accessToken: 'u-sandbox-leaver',
      accessTokenExpiresAt: new Date(Date.now() + 60_000).toISOString(),
    })
    harness.sandbox.answer({ path: TOKEN }, { status: 503, body: { code: 20072, error: 'temporarily_unavailable' } }, 9)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(stored().refreshToken).toBe(tokens.refreshToken)
  })
})

describe('many containers', () => {
  /** A container that ends while the vendor keeps it waiting for the new tokens. */
  async function dieRenewing(consumed: boolean) {
    harness.sandbox.answer({ path: TOKEN }, { stall: 'headers', handled: consumed })
    harness.http(calendar).catch(() => {})
    await until(() => refreshes().length === 1)
    await harness.startCold()
  }

  test('while the lock of a dead owner lasts, who cannot wait is told when to come back', async () => {
    await dieRenewing(false)
    const startedAt = Date.now()
    const { status, body } = await harness.http(calendar, {}, 4_000)
    const waitedMs = Date.now() - startedAt
    expect(waitedMs).toBeGreaterThan(0)
    expect(waitedMs).toBeLessThan(4_000)
    expect([status, body.kind, body.retryable]).toEqual([503, 'unavailable', true])
    expect(body.retryAfterMs).toBe(LOCK_MS - waitedMs)
    expect(refreshes()).toHaveLength(1)
  })

  test('after the lock has ended another takes over', async () => {
    await dieRenewing(false)
    harness.clock.pass(LOCK_MS)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(2)
  })

  test('when the owner died after the vendor used the refresh token up, the user must consent again, told once', async () => {
    await dieRenewing(true)
    harness.clock.pass(LOCK_MS)
    const answers = await Promise.all(Array.from({ length: 20 }, () => harness.http(calendar)))
    for (const { status, body } of answers) {
      expect([status, body.kind]).toEqual([409, 'reauthorization_required'])
      expect(body.hint).toContain('npx offboarding users authorize --vendor feishu --open-id ou_leaver')
    }
    // Another container, as cold as can be, asks nobody either.
    await harness.startCold()
    expect((await harness.http(calendar)).body.kind).toBe('reauthorization_required')
    expect(refreshes()).toHaveLength(2)
    expect(stored()).toEqual(tokens)
    const tags = harness.secrets.secrets.get(leaver)?.tags
    expect(Object.fromEntries(tags ?? [])).toMatchObject({ 'token-state': 'reauthorization-required' })
  })

  test('new tokens from an operator end the refusal', async () => {
    await dieRenewing(true)
    harness.clock.pass(LOCK_MS)
    await harness.http(calendar)
    harness.secrets.seed(leaver, {
      ...tokens,
      accessToken: 'u-sandbox-leaver',
      accessTokenExpiresAt: '2099-01-01T00:00:00Z',
    })
    expect((await harness.http(calendar)).status).toBe(200)
  })

  test('a refresh token that a peer has used up meanwhile is no refusal when the peer stored its successor', async () => {
    harness.sandbox.answer(
      { path: TOKEN },
      { status: 400, body: { code: 20073, error: 'invalid_grant' }, delayMs: 100 },
    )
    const request = harness.http(calendar)
    await until(() => refreshes().length === 1)
    harness.secrets.seed(leaver, {
      ...tokens,
      accessToken: 'u-sandbox-leaver',
      accessTokenExpiresAt: '2099-01-01T00:00:00Z',
    })
    expect((await request).body.outcome).toBe('changed')
  })
})

describe('the refresh endpoint', () => {
  const failure = (code: number) => ({ status: 400, body: { code, error: 'e', error_description: 'd' } })

  test.each([
    [20050, 500],
    [20072, 503],
  ])('%i is tried again with the same token', async (code, status) => {
    harness.sandbox.answer({ path: TOKEN }, { ...failure(code), status }, 2)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(3)
    expect(harness.clock.waits.map(({ ms }) => ms)).toEqual([125, 250])
  })

  test('a dropped connection is tried again', async () => {
    harness.sandbox.answer({ path: TOKEN }, { reset: 'before' })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test('a fault that lasts is unavailable, and keeps nobody waiting afterwards', async () => {
    harness.sandbox.answer({ path: TOKEN }, { ...failure(20050), status: 500 }, 3)
    expect((await harness.http(calendar)).body.kind).toBe('unavailable')
    expect(refreshes()).toHaveLength(3)
    harness.sandbox.answer({ path: TOKEN }, { slowMs: 1 })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test.each([
    [20026, 'reauthorization_required'],
    [20037, 'reauthorization_required'],
    [20064, 'reauthorization_required'],
    [20073, 'reauthorization_required'],
    [20008, 'not_found'],
    [20021, 'not_found'],
    [20066, 'forbidden'],
  ])('%i is %s, and is not asked again', async (code, kind) => {
    harness.sandbox.answer({ path: TOKEN }, failure(code), 9)
    const told = (await harness.http(calendar)).body
    const remembered = (await harness.http(calendar)).body
    expect([told.kind, remembered.kind]).toEqual([kind, kind])
    expect(remembered.hint).toBe(told.hint)
    if (kind === 'forbidden') expect(told.hint).toMatch(/^If the user has left, .* if frozen, unfreeze/)
    expect(refreshes()).toHaveLength(1)
    expect(stored()).toEqual(tokens)
  })

  test.each([
    [20002, 'misconfigured'],
    [20009, 'misconfigured'],
    [20010, 'misconfigured'],
    [20024, 'misconfigured'],
    [20048, 'misconfigured'],
    [20069, 'misconfigured'],
    [20074, 'misconfigured'],
    [20001, 'internal'],
    [20036, 'internal'],
    [20063, 'internal'],
    [20067, 'internal'],
    [20068, 'internal'],
    [20070, 'internal'],
    [20999, 'protocol'],
  ])('%i is %s, and may be mended', async (code, kind) => {
    harness.sandbox.answer({ path: TOKEN }, failure(code), 2)
    expect((await harness.http(calendar)).body.kind).toBe(kind)
    const left = 2 - refreshes().length
    for (let n = 0; n < left; n++) await fetch(harness.sandbox.url + TOKEN, { method: 'POST' })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test('a custodian who has left is forbidden, not gone: somebody must take over', async () => {
    harness.secrets.seed(custodian, tokens)
    harness.sandbox.answer({ path: TOKEN }, failure(20008))
    expect((await harness.http(acl)).body.kind).toBe('forbidden')
  })

  test('a refresh token past its end is not even sent', async () => {
    harness.secrets.seed(leaver, { ...tokens, refreshTokenExpiresAt: '2021-01-01T00:00:00Z' })
    expect((await harness.http(calendar)).body.kind).toBe('reauthorization_required')
    expect(refreshes()).toEqual([])
  })
})

describe('the ledger', () => {
  const versions = (id = leaver) => harness.secrets.secrets.get(id)?.versions.size ?? 0
  const valid = { ...tokens, accessToken: 'u-sandbox-leaver', accessTokenExpiresAt: '2099-01-01T00:00:00Z' }
  const fault = { status: 503, body: { code: 20050, error: 'e' } }
  const stop = () => harness.dynamoDb.fail('*', { type: 'InternalServerError', status: 500 }, 1_000)

  test('is not asked for a valid token', async () => {
    harness.secrets.seed(leaver, valid)
    stop()
    expect((await harness.http(calendar)).status).toBe(200)
    expect(harness.dynamoDb.requests).toEqual([])
  })

  test('without it no renewal begins', async () => {
    stop()
    expect((await harness.http(calendar)).body.kind).toBe('unavailable')
    expect(refreshes()).toEqual([])
    harness.dynamoDb.heal()
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test('makes one caller ask during an outage, ever more seldom, and the secret gains no version', async () => {
    harness.sandbox.answer({ path: TOKEN }, fault, 1_000)
    const before = versions()
    for (let minute = 0; minute < 60; minute++) {
      const { body } = await harness.http(calendar)
      expect([body.kind, Number(body.retryAfterMs) > 0]).toEqual(['unavailable', true])
      harness.clock.pass(60_000)
    }
    expect(refreshes().length).toBeLessThanOrEqual(20)
    expect(versions()).toBe(before)
    await fetch(`${harness.sandbox.url}/_sandbox/answers`, { method: 'DELETE' })
    harness.clock.pass(600_000)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test('lets a new token that is rejected be replaced after 15 minutes, and blames the vendor', async () => {
    harness.secrets.seed(leaver, { ...valid, accessToken: 'u-revoked' })
    const rejected = { status: 400, body: { code: 99991668, msg: 'invalid' } }
    harness.sandbox.answer({ path: sampleOf(calendar).route }, rejected, 1_000)
    for (let minute = 0; minute < 60; minute++) {
      const { body } = await harness.http(calendar)
      expect(body.kind).toBe('unavailable')
      harness.clock.pass(60_000)
    }
    expect(refreshes()).toHaveLength(2)
    await fetch(`${harness.sandbox.url}/_sandbox/answers`, { method: 'DELETE' })
    harness.clock.pass(300_000)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(2)
  })

  test('has a frozen user asked about again after five minutes', async () => {
    harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 20066, error: 'e' } })
    for (const laterMs of [0, 299_000]) {
      harness.clock.pass(laterMs)
      expect((await harness.http(calendar)).body.kind).toBe('forbidden')
    }
    harness.clock.pass(1_000)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
  })

  test('keeps a newer consent from being overwritten by an owner who is late', async () => {
    harness.sandbox.answer({ path: TOKEN }, { slowMs: 100 })
    const request = harness.http(calendar)
    await until(() => refreshes().length === 1)
    harness.secrets.seed(leaver, valid)
    expect((await request).body.outcome).toBe('changed')
    expect(stored()).toEqual(valid)
  })

  test('who died after the new tokens were in the secret is succeeded by who makes them current', async () => {
    harness.retryAwsAtOnce()
    const first = harness.http(calendar, {}, 9_000)
    await until(() => refreshes().length === 1)
    harness.secrets.fail('UpdateSecretVersionStage', { type: 'InternalServiceError', status: 500 }, 1_000)
    expect((await first).body.kind).toBe('unavailable')
    expect(harness.log).toContainEqual(expect.objectContaining({ message: 'unstored', secretId: leaver }))
    harness.secrets.heal()
    await harness.startCold()
    harness.clock.pass(LOCK_MS)
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(1)
  })

  test('a secret that is full is said to be, and is unavailable', async () => {
    harness.retryAwsAtOnce()
    harness.secrets.fail('PutSecretValue', { type: 'LimitExceededException', status: 400 }, 1_000)
    const request = harness.http(calendar, {}, 9_000)
    await until(() => refreshes().length === 1)
    harness.clock.pass(5_500)
    const { body } = await request
    expect([body.kind, body.detail]).toEqual(['unavailable', expect.stringContaining('LimitExceededException')])
    harness.secrets.heal()
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(refreshes()).toHaveLength(1)
  })

  test('a claim of the version before is waited for, and its label removed', async () => {
    const [of = ''] = [...(harness.secrets.secrets.get(leaver)?.versions.values() ?? [])]
      .filter(({ stages }) => stages.has('AWSCURRENT'))
      .map(({ id }) => id)
    const endsAtMs = Date.now() + 8_000
    const SecretString = JSON.stringify({ of, round: 1, expiresAtMs: endsAtMs, nonce: 'n' })
    harness.secrets.seed(leaver, SecretString, { stages: ['RENEWAL'] })
    expect((await harness.http(calendar)).body.outcome).toBe('changed')
    expect(Date.now()).toBeGreaterThanOrEqual(endsAtMs)
    const labels = [...(harness.secrets.secrets.get(leaver)?.versions.values() ?? [])].flatMap(({ stages }) => [
      ...stages,
    ])
    expect(labels.sort()).toEqual(['AWSCURRENT', 'AWSPREVIOUS', 'RENEWED'])
  })
})

test('no token appears in any log, error, event or dead letter', async () => {
  const texts = [(await harness.http(calendar)).text]
  harness.secrets.seed(leaver, tokens)
  const echo = 'ur-sandbox-leaver sandbox-app-secret'
  harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 20073, error: echo, error_description: echo } })
  harness.clock.pass(3 * 3_600_000)
  texts.push((await harness.http(calendar)).text)
  const all = JSON.stringify(texts) + (await told())
  const { accessToken, refreshToken } = stored()
  for (const secret of [accessToken, refreshToken, 'ur-sandbox-leaver', 'sandbox-app-secret'])
    expect(all).not.toContain(secret)
  expect(sampleWorld().feishu.users.length).toBeGreaterThan(0)
})
