/**
 * A thousand events at once that say who leaves: resolved as fast as the vendors' limits allow, and none lost whatever breaks. On a virtual
 * clock, with the function's own code; the offboarding events that it sends are not planned.
 */
import { describe, expect, test } from 'vitest'
import { unmarshalAll } from '../../../lib/aws/attributes.ts'
import type { AwsFault, Faults, VendorFault } from '../../../local/simulation/conditions.ts'
import { randomFrom } from '../../../local/simulation/random.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { CONCURRENCY } from '../../../local/simulation/sqs.ts'
import { ENV, makeCompany } from '../../../local/simulation/world.ts'
import { seedOf } from '../../seed.ts'

const RESOLUTION = 'offboarding-resolution'
const LEAVERS = 1_000
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 0.5 }

const SEED = seedOf('CHAOS_SEED')
const STARTED_AT_MS = Date.parse('2026-11-23T01:00:00Z')
const isIn = (nowMs: number, fromMs: number, toMs: number) =>
  nowMs - STARTED_AT_MS >= fromMs && nowMs - STARTED_AT_MS < toMs

/** Longer than any of these runs: what a token that is lost while it is renewed takes with it is another test's subject. */
const WEEK_S = 7 * 86_400
const company = makeCompany(LEAVERS, 1)
for (const tokens of company.world.feishu.users.flatMap(({ tokens = [] }) => tokens)) tokens.expiresIn = WEEK_S
const secrets = (nowMs: number) =>
  Object.fromEntries(
    Object.entries(company.secrets(nowMs)).map(([id, secret]) => [
      id,
      id.startsWith(ENV.FEISHU_USER_SECRET_PREFIX)
        ? { ...(secret as object), accessTokenExpiresAt: new Date(nowMs + WEEK_S * 1_000).toISOString() }
        : secret,
    ]),
  )

type Options = Partial<Parameters<typeof startSimulation>[0]>
async function start(options: Options = {}, leavers = LEAVERS) {
  const simulation = await startSimulation({
    world: company.world,
    secrets,
    operations: [RESOLUTION],
    env: { ...ENV, VENDORS: 'feishu,dingtalk', EVENT_SOURCE: 'hr.offboarding' },
    latencies: LATENCIES,
    timeoutMs: 300_000,
    visibilityMs: 1_800_000,
    windowMs: 0,
    planners: 100,
    ...options,
  })
  for (let index = 0; index < leavers; index++) {
    const detail = company.leaving(index)
    const time = new Date(simulation.startedAtMs).toISOString()
    const id = `event-${index}`
    simulation.deliver(RESOLUTION, { version: '0', id, time, 'detail-type': 'User Leaving', source: 'hr', detail })
  }
  return simulation
}

type Simulation = Awaited<ReturnType<typeof start>>

/** The events of each leaver that were sent on, by their offboarding. */
const ordersOf = ({ orders }: Simulation) => Map.groupBy(orders, ({ offboardingId }) => offboardingId)

const records = ({ table }: Simulation) =>
  [...table.items.values()].flatMap((items) =>
    [...items].flatMap(([sk, item]) => (sk.startsWith('leaving#') ? [unmarshalAll(item)] : [])),
  )

/** What leaver `index` has is all of it in what was sent on, and nothing of anyone else. */
function expectWhole(simulation: Simulation, index: number): void {
  const { feishu, dingtalk } = company.event(index, { hasFiles: false })
  const { approvalCodes: _, ...ofLeaver } = feishu
  const expected = { offboardingId: `leaver-${index}`, dryRun: false, feishu: ofLeaver, dingtalk }
  for (const { atMs: _atMs, ...order } of ordersOf(simulation).get(`leaver-${index}`) ?? [])
    expect(order).toEqual(expected)
}

test('are resolved within 1.1 × what the limits of the lookups ask for, and no vendor refuses a call', async () => {
  const simulation = await start()
  await simulation.finish()
  const { orders, refusals, startedAtMs, outcomes, vendors } = simulation
  expect(refusals).toEqual([])
  expect(outcomes).toEqual([])
  expect(orders).toHaveLength(LEAVERS)
  expect(ordersOf(simulation).size).toBe(LEAVERS)
  for (let index = 0; index < LEAVERS; index++) expectWhole(simulation, index)
  expect(records(simulation).filter(({ stage }) => stage !== 'sent')).toEqual([])
  // One question about each leaver, and one about the custodian, of 1,000 a minute and 50 a second.
  const floorMs = 60_000 + (1 / 50) * 1_000
  expect((Math.max(...orders.map(({ atMs }) => atMs)) - startedAtMs) / floorMs).toBeLessThan(1.1)
  // An answer serves a minute, and the run takes little more: each container looks for the custodian twice at most.
  const lookups = vendors.calls.get('GET /open-apis/contact/v3/users/:user_id')
  expect(lookups).toBeLessThanOrEqual(LEAVERS + 2 * CONCURRENCY)
})

describe('through faults', () => {
  const random = randomFrom(SEED)
  const oneOf = <T>(all: T[]) => all[Math.floor(random() * all.length)]
  const vendorFaults: VendorFault[] = [
    { fault: 'reset', handled: false },
    { fault: 'stall', handled: true },
    { fault: 'killed', handled: true },
    { fault: 'truncated' },
    { fault: 'html' },
    { fault: 'answer', status: 502, body: 'bad gateway' },
    { fault: 'answer', status: 429, body: {} },
  ]
  const awsFaults: AwsFault[] = ['throttled', 'failed', 'late', 'partial', 'killed-before', 'killed-after']

  test.each<[string, Faults]>([
    ['in a fifth of the answers of the vendors', { vendor: () => (random() < 0.2 ? oneOf(vendorFaults) : undefined) }],
    ['in a tenth of the calls of AWS', { aws: () => (random() < 0.1 ? oneOf(awsFaults) : undefined) }],
    ['in the deletion of messages', { delete: () => (random() < 0.3 ? 'lost' : undefined), batch: () => 'shuffled' }],
    [
      'of a table that is down for ten minutes',
      {
        aws: (operation, nowMs) =>
          isIn(nowMs, 5_000, 605_000) && /Item$|^Query$/.test(operation) ? 'failed' : undefined,
      },
    ],
    [
      'of a bus that refuses for ten minutes',
      { aws: (operation, nowMs) => (isIn(nowMs, 5_000, 605_000) && operation === 'PutEvents' ? 'failed' : undefined) },
    ],
    [
      'of vendors that are down for an hour',
      {
        vendor: (_, nowMs) =>
          isIn(nowMs, 5_000, 3_605_000) ? { fault: 'answer', status: 503, body: 'down' } : undefined,
      },
    ],
  ])('%s none is lost, and none is sent on with less than the leaver has', async (_, faults) => {
    const simulation = await start({ faults }, 200)
    await simulation.finish()
    for (let round = 0; simulation.undelivered.length > 0; round++) {
      expect(round).toBeLessThan(50)
      for (const { operation, event } of simulation.undelivered.splice(0)) simulation.deliver(operation, event)
      await simulation.finish()
    }
    expect(ordersOf(simulation).size).toBe(200)
    for (let index = 0; index < 200; index++) expectWhole(simulation, index)
    expect(simulation.outcomes).toEqual([])
    expect(records(simulation).map(({ stage }) => stage)).toEqual(Array(200).fill('sent'))
    expect([simulation.retries.get(RESOLUTION)?.size, simulation.stranded, simulation.deadLetters.groups.size]).toEqual(
      [0, [], 0],
    )
  })
})
