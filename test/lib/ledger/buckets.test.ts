import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Bucket, EMPTY, type Pace, recordRefusal, reserve, setHold } from '../../../lib/ledger/buckets.ts'
import type { DynamoDb } from '../../../local/aws/dynamodb.ts'
import { startLedger } from '../../ledger.ts'

const NOW = Date.parse('2026-11-27T10:00:00Z')
const DRIVE: Pace = { perMinute: 10 }
const CALENDAR: Pace = { perSecond: 50, perMinute: 1_000 }
const DINGTALK: Pace = { perSecond: 20 }

/** A bucket whose calls were sent some milliseconds before now. */
const sent = (...calls: [agoMs: number, count: number][]): Bucket => ({
  version: 1,
  calls: calls.map(([agoMs, count]) => [NOW - agoMs, count]),
})

describe('of a batch are sent', () => {
  test.each<[string, Pace, Bucket, wanted: number, granted: number, waitMs: number | undefined]>([
    ['all, when nothing is known', DRIVE, EMPTY, 10, 10, undefined],
    ['all that a limit allows at all', { perMinute: 4 }, EMPTY, 10, 4, 60_600],
    ['all, when no limit is known', {}, EMPTY, 10, 10, undefined],
    ['what the minute has left', DRIVE, sent([30_000, 7]), 10, 3, 30_600],
    ['none, when the minute is used up', DRIVE, sent([30_000, 4], [10_000, 6]), 10, 0, 30_600],
    ['none, shortly before the oldest calls leave', DRIVE, sent([60_599, 10]), 10, 0, 1],
    ['as many as left it', DRIVE, sent([60_600, 4], [10_000, 6]), 10, 4, 50_600],
    ['all of a second', DINGTALK, sent([500, 10]), 10, 10, undefined],
    ['what the second has left', DINGTALK, sent([500, 12]), 10, 8, 550],
    ['none of a second that is used up', DINGTALK, sent([1_049, 20]), 10, 0, 1],
    ['all after a second and 5 %', DINGTALK, sent([1_050, 20]), 10, 10, undefined],
    ['what the narrower limit has left: the second', CALENDAR, sent([100, 45]), 10, 5, 950],
    ['what the narrower limit has left: the minute', CALENDAR, sent([20_000, 996]), 10, 4, 40_600],
    ['none before the vendor said', DRIVE, recordRefusal(EMPTY, 3_000, NOW), 10, 0, 3_000],
    [
      'all when the vendor said, whatever was sent before',
      DRIVE,
      recordRefusal(sent([5_000, 10]), 1_000, NOW - 1_000),
      10,
      10,
      undefined,
    ],
    ['none while the bucket is held', DRIVE, setHold(EMPTY, NOW + 60_000), 10, 0, 60_000],
    ['one when the hold has ended', DRIVE, setHold(EMPTY, NOW), 10, 1, 30_000],
    ['none while another probes', DRIVE, reserve(setHold(EMPTY, NOW), DRIVE, 10, NOW).bucket, 10, 0, 30_000],
    ['all when it is released', DRIVE, setHold(setHold(EMPTY, NOW + 60_000), undefined), 10, 10, undefined],
    ['none before calls that are reserved ahead leave', DINGTALK, sent([-500, 20]), 10, 0, 1_550],
    ['all that another clock ahead of this one leaves', DRIVE, sent([-400, 4]), 10, 6, 60_600],
  ])('%s', (_, pace, bucket, wanted, granted, waitMs) => {
    const reservation = reserve(bucket, pace, wanted, NOW)
    expect({ granted: reservation.granted, waitMs: reservation.retryAtMs && reservation.retryAtMs - NOW }).toEqual({
      granted,
      waitMs,
    })
    expect(reservation.bucket.version).toBe(bucket.version + Math.min(1, granted))
  })

  test('and the item does not grow beyond one window', () => {
    let bucket = EMPTY
    for (let second = 0; second < 600; second++) bucket = reserve(bucket, CALENDAR, 10, NOW + second * 1_000).bucket
    expect(bucket.calls.length).toBeLessThanOrEqual(61)
  })
})

/** The most calls that arrive within `windowMs`. */
function busiest(arrivals: number[], windowMs: number): number {
  let first = 0
  return arrivals.reduce((most, atMs, index) => {
    while (atMs - (arrivals[first] as number) >= windowMs) first++
    return Math.max(most, index - first + 1)
  }, 0)
}

describe.each<[string, Pace]>([
  ['drive', DRIVE],
  ['calendar', CALENDAR],
  ['approval', { perMinute: 100 }],
  ['DingTalk', DINGTALK],
])('whatever is asked of %s', (_, pace) => {
  const step = fc.record({
    pauseMs: fc.oneof(fc.integer({ max: 30, min: 0 }), fc.integer({ max: 2_000, min: 0 }), fc.constant('until told')),
    wanted: fc.integer({ min: 1, max: 10 }),
    jitterMs: fc.integer({ min: 0, max: 50 }),
  })

  test('no more arrive in any window than the vendor allows', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 150, maxLength: 300 }), (steps) => {
        let bucket = EMPTY
        let atMs = NOW
        let toldMs: number | undefined
        const arrivals: number[] = []
        for (const { pauseMs, wanted, jitterMs } of steps) {
          atMs = pauseMs === 'until told' ? Math.max(atMs, toldMs ?? atMs) : atMs + (pauseMs as number)
          const reservation = reserve(bucket, pace, wanted, atMs)
          if (toldMs !== undefined && atMs >= toldMs) expect(reservation.granted).toBeGreaterThan(0)
          bucket = reservation.bucket
          toldMs = reservation.retryAtMs
          for (let call = 0; call < reservation.granted; call++) arrivals.push(atMs + jitterMs)
        }
        arrivals.sort((a, b) => a - b)
        expect(busiest(arrivals, 1_000)).toBeLessThanOrEqual(pace.perSecond ?? Number.POSITIVE_INFINITY)
        expect(busiest(arrivals, 60_000)).toBeLessThanOrEqual(pace.perMinute ?? Number.POSITIVE_INFINITY)
      }),
      { numRuns: 60, seed: 15 },
    )
  })

  test('who always asks when told ends within 1.05 times the floor', () => {
    let bucket = EMPTY
    let atMs = NOW
    let left = 3_000
    while (left > 0) {
      const { granted, retryAtMs, bucket: next } = reserve(bucket, pace, Math.min(10, left), atMs)
      left -= granted
      bucket = next
      atMs = retryAtMs ?? atMs
    }
    // Whole minutes at first, then what is left of them at the pace of a second.
    const { perSecond = Number.POSITIVE_INFINITY, perMinute = 3_000 } = pace
    const floorMs = 60_000 * (3_000 / perMinute - 1) + 1_000 * Math.max(0, perMinute / perSecond - 1)
    expect(atMs - NOW).toBeLessThanOrEqual(floorMs * 1.05)
  })
})

describe('in the ledger', () => {
  let ledger: DynamoDb
  beforeAll(async () => {
    ledger = await startLedger()
  })
  afterAll(() => ledger.close())

  /** The code as another container has it. */
  async function startContainer(): Promise<typeof import('../../../lib/ledger/buckets.ts')> {
    vi.resetModules()
    return import('../../../lib/ledger/buckets.ts')
  }
  const NAME = 'feishu-drive-unsubscribe'

  test('containers share what a bucket has left, and one write reserves a batch', async () => {
    const containers = [await startContainer(), await startContainer(), await startContainer()]
    const reservations = await Promise.all(containers.map((one) => one.reserveCalls(NAME, 'shared', DRIVE, 6)))
    expect(reservations.reduce((sum, { granted }) => sum + granted, 0)).toBe(10)
    const [first] = containers
    const before = ledger.requests.length
    await first?.reserveCalls(NAME, 'own', DRIVE, 4)
    await first?.reserveCalls(NAME, 'own', DRIVE, 4)
    const operations = ledger.requests.slice(before).map(({ operation }) => operation)
    expect(operations).toEqual(['GetItem', 'UpdateItem', 'UpdateItem'])
    expect(await first?.reserveCalls(NAME, 'own', DRIVE, 4)).toMatchObject({ granted: 2 })
  })

  test('calls whose turn comes within a second are reserved ahead, for then, in the same one write', async () => {
    const container = await startContainer()
    const reserveTen = (pace: Pace) => container.reserveCalls(NAME, `ahead ${pace.perMinute}`, pace, 10)
    const [first, second] = [await reserveTen(DINGTALK), await reserveTen(DINGTALK)]
    const before = ledger.requests.length
    const [third, fourth] = [await reserveTen(DINGTALK), await reserveTen(DINGTALK)]
    expect(ledger.requests.slice(before).map(({ operation }) => operation)).toEqual(['UpdateItem', 'UpdateItem'])
    expect([third, fourth]).toMatchObject([
      { granted: 10, sendAtMs: first.sendAtMs + 1_050 },
      { granted: 10, sendAtMs: second.sendAtMs + 1_050 },
    ])
    // All of the second after next: too long to stay for.
    expect(await reserveTen(DINGTALK)).toMatchObject({ granted: 0 })
    await reserveTen(DRIVE)
    expect(await reserveTen(DRIVE)).toMatchObject({ granted: 0 })
  })

  test('calls that were sent late count from then, in any container', async () => {
    const [one, other] = [await startContainer(), await startContainer()]
    const { sendAtMs } = await one.reserveCalls(NAME, 'late', DRIVE, 10)
    await one.moveCalls(NAME, 'late', sendAtMs, sendAtMs + 5_000)
    const { granted, waitMs } = await other.reserveCalls(NAME, 'late', DRIVE, 1)
    expect(granted).toBe(0)
    expect(waitMs).toBeGreaterThan(64_000)
  })

  test('a refusal and a hold are known to all, until they end or the bucket is released', async () => {
    const [one, other] = [await startContainer(), await startContainer()]
    expect(await other.reserveCalls(NAME, 'refused', DRIVE, 1)).toMatchObject({ granted: 1 })
    await one.refuseCalls(NAME, 'refused', 20_000)
    const { granted, waitMs = 0 } = await other.reserveCalls(NAME, 'refused', DRIVE, 1)
    expect(granted).toBe(0)
    expect(waitMs).toBeGreaterThan(15_000)
    expect(waitMs).toBeLessThanOrEqual(20_000)

    await one.holdCalls(NAME, 'held', 60_000)
    expect(await other.reserveCalls(NAME, 'held', DRIVE, 1)).toMatchObject({ granted: 0 })
    await one.holdCalls(NAME, 'held', undefined)
    expect(await other.reserveCalls(NAME, 'held', DRIVE, 10)).toMatchObject({ granted: 10 })
  })

  test('nothing is reserved while the table does not answer', async () => {
    const container = await startContainer()
    ledger.fail('*', { type: 'InternalServerError', status: 500 }, 100)
    await expect(container.reserveCalls(NAME, 'down', DRIVE, 1)).rejects.toMatchObject({ kind: 'unavailable' })
    ledger.heal()
    expect(await container.reserveCalls(NAME, 'down', DRIVE, 1)).toMatchObject({ granted: 1 })
  })
})
