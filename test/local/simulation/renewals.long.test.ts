/** A day without the vendor's token endpoint, and a vendor that rejects every user token: on a virtual clock. */
import { expect, test } from 'vitest'
import type { VendorFault } from '../../../local/simulation/conditions.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany } from '../../../local/simulation/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300 }
const CALENDAR = 'feishu-calendar-unsubscribe'
const ACL = 'feishu-calendar-acl-subscribe'
const RENEWAL = 'user-token-renewal'
const CUSTODIAN = 'ou_custodian_tenant-0'
const SECRET = `${ENV.FEISHU_USER_SECRET_PREFIX}${CUSTODIAN}`

/** A company whose custodian takes over `calendars` calendars; `fault` is what a call to the vendor meets, if anything. */
async function start(calendars: number, fault: (path: string, elapsedMs: number) => VendorFault | undefined) {
  const { world, secrets } = makeCompany(calendars / 2, 1)
  let startedAtMs = 0
  const requests: number[] = []
  const simulation = await startSimulation({
    operations: [ACL, CALENDAR, RENEWAL],
    world,
    env: { ...ENV, RENEW_WITHIN_DAYS: '3', LEDGER_RETENTION_DAYS: '400' },
    secrets: (nowMs) => {
      const all = secrets(nowMs)
      const ended = new Date(nowMs - 1_000).toISOString()
      return { ...all, [SECRET]: { ...(all[SECRET] as object), accessTokenExpiresAt: ended } }
    },
    latencies: LATENCIES,
    faults: {
      vendor: (path, nowMs) => {
        if (path === '/oauth/v3/token') requests.push(nowMs - startedAtMs)
        return fault(path, nowMs - startedAtMs)
      },
    },
  })
  startedAtMs = simulation.startedAtMs
  const ids = world.feishu.calendars.map(({ calendarId }) => calendarId)
  const event = {
    version: '0',
    id: 'event-1',
    'detail-type': 'User Offboarding',
    source: 'hr.offboarding',
    detail: {
      offboardingId: 'hr-1',
      feishu: { openId: 'ou_0', calendarAcls: { openId: CUSTODIAN, calendarIds: ids } },
    },
  }
  simulation.deliver(ACL, event)
  const versions = () => simulation.store.secrets.get(SECRET)?.versions.size ?? 0
  const state = () => simulation.store.secrets.get(SECRET)?.tags.get('token-state')
  return { simulation, requests, versions, state, ids, startedAtMs }
}

const http = (calendarId: string) => ({
  version: '2.0',
  headers: {},
  requestContext: { http: { method: 'POST' } },
  pathParameters: { calendar_id: calendarId },
  queryStringParameters: { open_id: CUSTODIAN },
  isBase64Encoded: false,
})

test('an outage of a day costs no version, few requests and nobody their consent', async () => {
  const down: VendorFault = { fault: 'answer', status: 503, body: { error: 'temporarily_unavailable' } }
  const { simulation, requests, versions, state, ids, startedAtMs } = await start(10, (path, elapsedMs) =>
    path === '/oauth/v3/token' && elapsedMs < 24 * HOUR_MS ? down : undefined,
  )
  const elapsedMs = () => simulation.clock.nowMs - startedAtMs
  const before = versions()
  let duringOutage = before
  const caller = async () => {
    for (;;) {
      const { statusCode, headers } = (await simulation.invoke(ACL, http(ids[0] ?? ''))) as {
        statusCode: number
        headers: Record<string, string>
      }
      if (elapsedMs() < 24 * HOUR_MS) duringOutage = Math.max(duringOutage, versions())
      if (statusCode === 200) return
      await simulation.clock.sleep(Number(headers['retry-after'] ?? headers['Retry-After'] ?? 5) * 1_000)
    }
  }
  const schedule = async () => {
    await simulation.clock.sleep(HOUR_MS)
    await simulation.invoke(RENEWAL, {}, 900_000)
  }
  await simulation.clock.run(Promise.all([caller(), schedule()]).then(() => {}))
  await simulation.finish()
  expect(duringOutage).toBe(before)
  expect(requests.length).toBeLessThanOrEqual(200)
  expect(simulation.outcomes.map(({ outcome }) => outcome)).toEqual(Array(10).fill('changed'))
  expect(Math.max(...simulation.outcomes.map(({ atMs }) => atMs - startedAtMs))).toBeLessThan(
    24 * HOUR_MS + 15 * MINUTE_MS,
  )
  expect(versions()).toBe(before + 1)
  expect(state()).toBe('active')
})

test('600 calendars while the vendor rejects every user token take two renewals in an hour, and are all done after it', async () => {
  const rejected: VendorFault = { fault: 'answer', status: 400, body: { code: 99991668, msg: 'invalid' } }
  const { simulation, requests, versions, state } = await start(600, (path, elapsedMs) =>
    path.includes('/calendar/') && elapsedMs < 2 * HOUR_MS ? rejected : undefined,
  )
  const before = versions()
  await simulation.finish()
  expect(requests.filter((atMs) => atMs < HOUR_MS).length).toBeLessThanOrEqual(2)
  expect(versions()).toBe(before + requests.length)
  expect(state()).toBe('active')
  expect(simulation.outcomes).toHaveLength(600)
  expect(new Set(simulation.outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['changed']))
})
