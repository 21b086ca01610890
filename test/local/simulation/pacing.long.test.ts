/** How the vendor's limit is used when a leave begins and containers plan and work side by side. */
import { expect, test } from 'vitest'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany, PER_LEAVER } from '../../../local/simulation/world.ts'

const LEAVERS = 1_000
const PLANNERS = 100
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 0.5 }
const MINUTE_LIMIT = 1_000
const SECOND_LIMIT = 50

test('a minute is used up without a refused call, and little time is lost', async () => {
  const callsOf = {
    'feishu-calendar-acl-subscribe': PER_LEAVER.acls,
    'feishu-calendar-unsubscribe': PER_LEAVER.calendars,
  }
  const company = makeCompany(100, 1)
  const simulation = await startSimulation({
    ...company,
    operations: [...Object.keys(callsOf), 'feishu-approval-unsubscribe'],
    env: ENV,
    latencies: LATENCIES,
    planners: PLANNERS,
  })
  for (let index = 0; index < LEAVERS; index++) simulation.offboard(company.event(index), `event-${index}`)
  await simulation.finish()

  for (const [name, perLeaver] of Object.entries(callsOf)) {
    const times = simulation.outcomes.filter(({ operation }) => operation === name).map(({ atMs }) => atMs)
    const calls = LEAVERS * perLeaver
    expect(times).toHaveLength(calls)
    const minutesUsedUp = Math.ceil(calls / MINUTE_LIMIT) - 1
    expect([name, simulation.counts.get(name)?.refusedCalls]).toEqual([name, 0])
    const floorMs = minutesUsedUp * 60_000 + ((calls - minutesUsedUp * MINUTE_LIMIT) / SECOND_LIMIT) * 1_000
    // Where only the limit per second binds, the margin and the way to the next batch add up to a fifth.
    expect((Math.max(...times) - Math.min(...times)) / floorMs).toBeLessThan(1.2)
  }
})
