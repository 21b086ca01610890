/** A limit per second, with calls and AWS answering now sooner, now later: how soon they do is nothing to pace by. */
import { expect, test } from 'vitest'
import { randomFrom } from '../../../local/simulation/random.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany, PER_LEAVER } from '../../../local/simulation/world.ts'
import { seedOf } from '../../seed.ts'

const LEAVERS = 50
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 1 }

test.each([1, 2, 3])('no call is refused, however soon a batch comes back (%i)', async (run) => {
  const company = makeCompany(LEAVERS, 1)
  const operation = 'dingtalk-calendar-unsubscribe'
  const random = randomFrom(seedOf() + run)
  const simulation = await startSimulation({
    ...company,
    operations: [operation],
    env: ENV,
    latencies: LATENCIES,
    random,
  })
  for (let index = 0; index < LEAVERS; index++) simulation.offboard(company.event(index), `event-${index}`)
  await simulation.finish()
  expect(simulation.outcomes).toHaveLength(LEAVERS * PER_LEAVER.dingtalk)
  const refused = simulation.refusals.map(({ atMs }) => `refused after ${Math.round(atMs - simulation.startedAtMs)} ms`)
  expect(refused).toEqual([])
})
