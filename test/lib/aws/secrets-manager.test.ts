/** Secrets and environment: what a wrong one is told as, and how a rotated one takes effect. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, startHarness } from '../../harness.ts'

const approval = 'feishu-approval-unsubscribe' as const
const calendar = 'feishu-calendar-unsubscribe' as const
const app = 'test/feishu/app'
const user = 'test/feishu/user/ou_leaver'
const good = { type: 'self_built', appId: 'cli_sandbox', appSecret: 'sandbox-app-secret' }
const times = { accessTokenExpiresAt: '2099-01-01T00:00:00Z', refreshTokenExpiresAt: '2099-01-01T00:00:00Z' }

let harness: Harness
beforeEach(async () => {
  harness = await startHarness({ sdk: true })
})
afterEach(() => harness.close())

describe('a bad secret is misconfigured and names id and field, never a value', () => {
  test.each<[string, unknown, string]>([
    ['empty', '', 'holds no text'],
    ['not JSON', 'planted-value', 'is not JSON'],
    ['a list', [], '"type"'],
    ['a string', '"planted-value"', 'documented shape'],
    ['without a type', { appId: 'planted-value', appSecret: 'planted-value' }, '"type"'],
    ['of an unknown type', { ...good, type: 'planted-value' }, '"type"'],
    ['without a field', { ...good, appSecret: undefined }, '"appSecret"'],
    ['with a field of another type', { ...good, appId: { planted: 'planted-value' } }, '"appId"'],
    ['with a field no header can carry', { ...good, appSecret: 'planted-value-токен' }, '"appSecret"'],
    ['with a line break in a field', { ...good, appSecret: 'planted-value\n' }, '"appSecret"'],
    ['with a value in place of a name', { ...good, 'planted-value': 'appSecret' }, 'documented shape'],
  ])('%s', async (_, secret, named) => {
    harness.secrets.seed(app, secret as object)
    const { status, text, body } = await harness.http(approval)
    expect([status, body.kind]).toEqual([502, 'misconfigured'])
    expect(body.detail).toContain(`"${app}"`)
    expect(body.detail).toContain(named)
    expect(text + JSON.stringify(harness.log)).not.toContain('planted-value')
  })

  test('missing', async () => {
    harness.secrets.secrets.delete(app)
    expect((await harness.http(approval)).body).toMatchObject({
      kind: 'misconfigured',
      detail: `Secret "${app}" does not exist.`,
    })
  })

  test('not readable', async () => {
    harness.secrets.fail('GetSecretValue', { type: 'AccessDeniedException' }, 9)
    expect((await harness.http(approval)).body).toMatchObject({ kind: 'misconfigured' })
  })

  test("a user's, missing or with a bad time", async () => {
    harness.secrets.secrets.delete(user)
    expect((await harness.http(calendar)).body.detail).toBe(`Secret "${user}" does not exist.`)
    harness.secrets.seed(user, { accessToken: 'a', refreshToken: 'b', ...times, accessTokenExpiresAt: 'tomorrow' })
    expect((await harness.http(calendar)).body.detail).toContain('"accessTokenExpiresAt"')
  })
})

test('Secrets Manager out of reach is unavailable, not misconfigured', async () => {
  harness.secrets.fail('GetSecretValue', 'drop', 20)
  expect((await harness.http(approval)).body).toMatchObject({ kind: 'unavailable', retryable: true })
})

describe('a credential that the vendor calls wrong', () => {
  test('is misconfigured, told by the code of a token endpoint that answers HTTP 200', async () => {
    harness.secrets.seed(app, { ...good, appSecret: 'wrong' })
    expect((await harness.http(approval)).body).toMatchObject({ kind: 'misconfigured', upstream: { status: 200 } })
  })

  test('is read again once it was rotated, without a new container', async () => {
    harness.secrets.seed(app, { ...good, appSecret: 'old' })
    expect((await harness.http(approval)).body.kind).toBe('misconfigured')
    harness.secrets.seed(app, good)
    expect((await harness.http(approval)).body.outcome).toBe('changed')
  })

  test('is read again only once', async () => {
    harness.secrets.seed(app, { ...good, appSecret: 'old' })
    await harness.http(approval)
    const before = harness.secrets.count('GetSecretValue')
    await harness.http(approval)
    expect(harness.secrets.count('GetSecretValue') - before).toBe(1)
  })
})

describe('a vendor URL', () => {
  test.each(['http://open.feishu.cn', 'https://user:pass@open.feishu.cn', 'open.feishu.cn', 'ftp://127.0.0.1'])(
    '%s is refused before anything is sent',
    async (url) => {
      const operation = await harness.operation(approval)
      process.env.FEISHU_BASE_URL = url
      expect(() => operation.vendor.baseUrl()).toThrow('FEISHU_BASE_URL')
    },
  )
})

test('an expired user token asks for reauthorization', async () => {
  harness.secrets.seed(user, {
    accessToken: 'a',
    refreshToken: 'b',
    ...times,
    accessTokenExpiresAt: '2020-01-01T00:00:00Z',
  })
  expect((await harness.http(calendar)).body).toMatchObject({ status: 409, kind: 'reauthorization_required' })
})
