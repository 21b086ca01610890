/** A simulated container has no time but the simulation's. */
import { expect, test } from 'vitest'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany } from '../../../local/simulation/world.ts'

const OPERATION = 'feishu-approval-unsubscribe'
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300 }

test('however long the machine takes for an invocation, it does not end before its time', async () => {
  const company = makeCompany(1, 1)
  const takeMs = (ms: number) => {
    const endsAtMs = performance.now() + ms
    while (performance.now() < endsAtMs);
  }
  const simulation = await startSimulation({
    ...company,
    operations: [OPERATION],
    env: ENV,
    latencies: LATENCIES,
    faults: {
      aws: () => {
        takeMs(20)
        return undefined
      },
    },
  })
  const event = { id: 'event-0', time: '2026-11-23T01:00:00Z', source: 'hr', detail: company.event(0) }
  // Half a second before its end a function stops, and this one has 10 ms more than that.
  const planned = simulation.invoke(OPERATION, { ...event, 'detail-type': 'User Offboarding' }, 510)
  await expect(simulation.clock.run(planned)).resolves.toEqual({ planned: 2 })
})
