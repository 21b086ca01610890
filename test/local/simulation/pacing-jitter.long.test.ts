/** A limit per second, with calls and AWS answering now sooner, now later: how soon they do is nothing to pace by. */
import { expect, test } from 'vitest'
import { randomFrom } from '../../../local/simulation/random.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany, PER_LEAVER } from '../../../local/simulation/world.ts'
import { seedOf } from '../../seed.ts'

const LEAVERS = 100
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 1 }
const OPERATION = 'dingtalk-calendar-unsubscribe'
const LIMIT = 20

test.each([
  { wayJitterMs: 0, apartMs: 1_045 },
  { wayJitterMs: 50, apartMs: 995 },
])(
  'calls reach the vendor $apartMs ms after the twentieth before them, if their way differs by up to $wayJitterMs ms',
  async ({ wayJitterMs, apartMs }) => {
    const company = makeCompany(LEAVERS, 1)
    const arrivals: number[] = []
    const simulation = await startSimulation({
      ...company,
      operations: [OPERATION],
      env: ENV,
      latencies: { ...LATENCIES, wayJitterMs },
      random: randomFrom(seedOf()),
      faults: {
        vendor: (path, nowMs) => {
          if (path.includes('/calendars/')) arrivals.push(nowMs)
          return undefined
        },
      },
    })
    for (let index = 0; index < LEAVERS; index++) simulation.offboard(company.event(index), `event-${index}`)
    await simulation.finish()
    expect(simulation.outcomes).toHaveLength(LEAVERS * PER_LEAVER.dingtalk)
    expect(simulation.refusals).toEqual([])
    const distancesMs = arrivals.slice(LIMIT).map((atMs, index) => atMs - (arrivals[index] as number))
    expect(Math.min(...distancesMs)).toBeGreaterThanOrEqual(apartMs)
  },
)
