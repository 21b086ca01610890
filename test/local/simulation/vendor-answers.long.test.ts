/** What vendors really answer, over hours: tokens without a successor, and a ban of the caller's address. */
import { describe, expect, test } from 'vitest'
import type { VendorFault } from '../../../local/simulation/conditions.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany } from '../../../local/simulation/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300 }
const calendar = 'feishu-calendar-unsubscribe'
const renewal = 'user-token-renewal'
const ding = 'dingtalk-calendar-unsubscribe'

describe('24 hours of token answers without a refresh token', () => {
  const USERS = 50
  const openIds = Array.from({ length: USERS }, (_, index) => `ou_${index}`)

  /** Renews all users, then calls in the name of each every half hour. */
  async function liveADay(choice: 'kept' | 'spent') {
    const { world, secrets } = makeCompany(USERS, 1)
    world.unconfirmed = { ...world.unconfirmed, feishuRefreshWithoutSuccessor: choice }
    world.feishu.users = world.feishu.users.filter(({ openId }) => openIds.includes(openId))
    for (const { tokens = [] } of world.feishu.users) for (const pair of tokens) pair.scope = 'calendar:calendar'
    const lines: Record<string, unknown>[] = []
    const simulation = await startSimulation({
      operations: [calendar, renewal],
      world,
      secrets,
      env: { ...ENV, RENEW_WITHIN_DAYS: '8' },
      latencies: LATENCIES,
      random: () => 0.5,
      onLine: (_, line) => lines.push(JSON.parse(line)),
    })
    const { clock, vendors, store } = simulation
    const call = async (open_id: string) => {
      const event = { headers: {}, requestContext: { http: { method: 'POST' } }, queryStringParameters: { open_id } }
      const { statusCode } = (await simulation.invoke(calendar, event)) as { statusCode: number }
      return { atMs: clock.nowMs - simulation.startedAtMs, statusCode }
    }
    const answers: { atMs: number; statusCode: number }[] = []
    const tokenCalls = () => vendors.state.tokenCalls['/oauth/v3/token refresh_token'] ?? 0
    await clock.run(
      (async () => {
        await simulation.invoke(renewal, {}, 900_000)
        for (let halfHours = 0; halfHours < 48; halfHours++) {
          answers.push(...(await Promise.all(openIds.map(call))))
          await clock.sleep(30 * MINUTE_MS)
        }
      })(),
    )
    const stored = openIds.map((openId) => {
      const secret = store.secrets.get(`${ENV.FEISHU_USER_SECRET_PREFIX}${openId}`)
      const versions = [...(secret?.versions.values() ?? [])]
      const text = versions.find(({ stages }) => stages.has('AWSCURRENT'))?.content.SecretString
      return { state: secret?.tags.get('token-state'), secret: JSON.parse(text ?? 'null') }
    })
    const users = lines.find(({ Vendor }) => Vendor === 'feishu')
    const issued = [...vendors.state.tokens.feishu.access.values()]
    return { answers, tokenCalls: tokenCalls(), stored, metric: users?.NotRenewable, issued, nowMs: clock.nowMs }
  }

  test('store and use each new token until it expires, mark 50 users, and claim nothing of any', async () => {
    const day = await liveADay('kept')
    expect(day.answers.filter(({ statusCode }) => statusCode !== 200)).toEqual([])
    expect(day.answers).toHaveLength(48 * USERS)
    expect(day.metric).toBe(USERS)
    // One renewal at the start, and one at each end of two hours.
    expect(day.tokenCalls).toBe(12 * USERS)
    for (const { state, secret } of day.stored) {
      expect(state).toBe('not-renewable')
      expect(secret).toMatchObject({ renewable: false })
      expect(day.issued.at(-1)?.expiresAt).toBeGreaterThanOrEqual(Date.parse(secret.accessTokenExpiresAt) - MINUTE_MS)
      expect(day.issued.find(({ token }) => token === secret.accessToken)?.expiresAt).toBeGreaterThan(
        day.nowMs - HOUR_MS,
      )
    }
  })

  test('end with the vendor’s own word where it has used up the old refresh token', async () => {
    const day = await liveADay('spent')
    const early = day.answers.filter(({ atMs }) => atMs < 2 * HOUR_MS - MINUTE_MS)
    expect(early.filter(({ statusCode }) => statusCode !== 200)).toEqual([])
    const late = day.answers.filter(({ atMs }) => atMs > 2 * HOUR_MS)
    expect(new Set(late.map(({ statusCode }) => statusCode))).toEqual(new Set([409]))
    expect(day.metric).toBe(USERS)
    expect(day.tokenCalls).toBe(2 * USERS)
    expect(new Set(day.stored.map(({ state }) => state))).toEqual(new Set(['reauthorization-required']))
  })
})

describe("five minutes of a ban of the caller's address, in the middle of 50 items", () => {
  test.each<[string, VendorFault]>([
    ['as JSON', { fault: 'answer', status: 403, body: { status: 1111, wait: 5, source: 'x5', punish: 'deny' } }],
    ['as a page of HTML', { fault: 'html' }],
  ])('%s: 50 are done, none is parked', async (_, fault) => {
    const { world, secrets } = makeCompany(1, 1)
    const calendarIds = Array.from({ length: 50 }, (_, index) => `ding-ban-${index}=`)
    world.dingtalk.calendars = calendarIds.map((calendarId) => ({
      calendarId,
      type: 'subscribed',
      scope: ['union0'],
      subscribers: ['union0'],
    }))
    let calls = 0
    let bannedUntilMs = 0
    let refused = 0
    const simulation = await startSimulation({
      operations: [ding],
      world,
      secrets,
      env: ENV,
      latencies: LATENCIES,
      random: () => 0.5,
      faults: {
        vendor: (_path, nowMs) => {
          if (++calls === 25) bannedUntilMs = nowMs + 5 * MINUTE_MS
          if (nowMs >= bannedUntilMs) return undefined
          refused++
          return fault
        },
      },
    })
    simulation.offboard({ offboardingId: 'leaver-0', dingtalk: { unionId: 'union0', calendarIds } }, 'event-0')
    await simulation.finish()
    expect(simulation.outcomes.map(({ outcome }) => outcome)).toEqual(Array(50).fill('changed'))
    expect(simulation.deadLetters.groups.size).toBe(0)
    expect(refused).toBeGreaterThan(0)
    // Nothing knocks while the ban lasts.
    expect(refused).toBeLessThanOrEqual(10)
    const lastMs = Math.max(...simulation.outcomes.map(({ atMs }) => atMs)) - simulation.startedAtMs
    expect(lastMs).toBeLessThan(6 * MINUTE_MS)
  })
})
