/** A user's token that several containers need at once. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Harness, sampleOf, startHarness } from '../../harness.ts'

const calendar = 'feishu-calendar-unsubscribe' as const
const leaver = 'test/feishu/user/ou_leaver'
const TOKEN = '/oauth/v3/token'
const tokens = {
  accessToken: 'u-expired',
  accessTokenExpiresAt: '2020-01-01T00:00:00Z',
  refreshToken: 'ur-sandbox-leaver',
  refreshTokenExpiresAt: '2099-01-01T00:00:00Z',
  authorizedAt: '2026-01-01T00:00:00Z',
}

let harness: Harness
beforeEach(async () => {
  harness = await startHarness({ sdk: true })
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

test('eight containers with one expired token refresh it once, and all succeed', async () => {
  const containers = harness.containers(calendar, 8)
  const callAll = (event?: object) => Promise.all(Array.from({ length: 8 }, () => containers.request(event)))
  const started = await callAll({ queryStringParameters: {} })
  expect(new Set(started.map(({ status }) => status))).toEqual(new Set([400]))
  // The first call of AWS costs most: twenty at once on one machine would be what is measured.
  await callAll({ queryStringParameters: { open_id: 'ou_unknown' } })
  const answers = await callAll()
  expect(containers.started()).toBe(8)
  await containers.close()
  expect(answers.filter(({ status }) => status !== 200).map(({ text }) => text)).toEqual([])
  expect(refreshes()).toHaveLength(1)
  expect(stored().refreshToken).not.toBe(tokens.refreshToken)
  const used = harness.sandbox.requests.filter(({ path }) => path === sampleOf(calendar).route)
  expect(new Set(used.map(({ headers }) => headers.authorization))).toEqual(new Set([`Bearer ${stored().accessToken}`]))
})
