import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { EMPTY, type Pace } from '../../../lib/ledger/bucket.ts'
import type { Report } from '../../../lib/ledger/hold.ts'
import { NAMELESS, type Wish } from '../../../lib/ledger/pace.ts'
import { type QuickLedger, startLedgerHere } from '../../ledger.ts'

vi.mock('@aws-sdk/client-dynamodb', () => import('../../../local/simulation/dynamodb.ts'))

const DRIVE: Pace = { perMinute: 10 }
const DINGTALK: Pace = { perSecond: 20 }
const wish = (count: number): Wish => ({ names: Array(count).fill(NAMELESS), isRepeat: false })

describe('in the ledger', () => {
  let ledger: QuickLedger
  beforeAll(async () => {
    ledger = await startLedgerHere()
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
    const reservations = await Promise.all(containers.map((one) => one.reserveCalls(NAME, 'shared', DRIVE, wish(6))))
    expect(reservations.flatMap(({ granted }) => granted)).toHaveLength(10)
    const [first] = containers
    const before = ledger.requests.length
    await first?.reserveCalls(NAME, 'own', DRIVE, wish(4))
    await first?.reserveCalls(NAME, 'own', DRIVE, wish(4))
    const operations = ledger.requests.slice(before).map(({ operation }) => operation)
    expect(operations).toEqual(['GetItem', 'UpdateItem', 'UpdateItem'])
    expect(await first?.reserveCalls(NAME, 'own', DRIVE, wish(4))).toMatchObject({ granted: wish(2).names })
  })

  test('calls whose turn comes within a second are reserved ahead, for then, in the same one write', async () => {
    const container = await startContainer()
    const reserveTen = (pace: Pace) => container.reserveCalls(NAME, `ahead ${pace.perMinute}`, pace, wish(10))
    const [first, second] = [await reserveTen(DINGTALK), await reserveTen(DINGTALK)]
    const before = ledger.requests.length
    const [third, fourth] = [await reserveTen(DINGTALK), await reserveTen(DINGTALK)]
    expect(ledger.requests.slice(before).map(({ operation }) => operation)).toEqual(['UpdateItem', 'UpdateItem'])
    expect([third, fourth]).toMatchObject([
      { granted: wish(10).names, sendAtMs: first.sendAtMs + 1_050 },
      { granted: wish(10).names, sendAtMs: second.sendAtMs + 1_050 },
    ])
    // All of the second after next: too long to stay for.
    expect(await reserveTen(DINGTALK)).toMatchObject({ granted: [] })
    await reserveTen(DRIVE)
    expect(await reserveTen(DRIVE)).toMatchObject({ granted: [] })
  })

  test('calls that were sent late count from then, in any container', async () => {
    const [one, other] = [await startContainer(), await startContainer()]
    const { sendAtMs } = await one.reserveCalls(NAME, 'late', DRIVE, wish(10))
    await one.moveCalls(NAME, 'late', sendAtMs, sendAtMs + 5_000)
    const { granted, waitMs } = await other.reserveCalls(NAME, 'late', DRIVE, wish(1))
    expect(granted).toEqual([])
    expect(waitMs).toBeGreaterThan(64_000)
  })

  const REASON = {
    kind: 'misconfigured',
    scope: 'bucket',
    isCertain: true,
    code: null,
    requestId: null,
    hint: 'Do it.',
    calls: 1,
  } as const
  const report: Report = { answered: false, recovered: false, isRepeat: false }

  test('a hold is known to all until an answer ends it, and is announced once', async () => {
    const [one, other] = [await startContainer(), await startContainer()]
    expect(await other.reserveCalls(NAME, 'held', DRIVE, wish(1))).toMatchObject({ granted: wish(1).names })
    const { bucket } = await one.recordReport(NAME, 'held', { ...report, failure: REASON }, ['0'])
    expect(one.mustAnnounce(bucket)).toBe(true)
    await one.recordHeld(NAME, 'held')
    const { granted, waitMs = 0, ...seen } = await other.reserveCalls(NAME, 'held', DRIVE, wish(1))
    expect(granted).toEqual([])
    expect(waitMs).toBeGreaterThan(4_000)
    expect(waitMs).toBeLessThanOrEqual(5_000)
    expect(other.mustAnnounce(seen.bucket)).toBe(false)

    const { released } = await one.recordReport(NAME, 'held', { ...report, answered: true }, [])
    expect(released).toMatchObject({ kind: 'misconfigured', isAnnounced: true })
    expect((await other.reserveCalls(NAME, 'held', DRIVE, wish(9))).granted).toHaveLength(9)
    // It comes and goes: that has been said.
    const again = await one.recordReport(NAME, 'held', { ...report, failure: REASON }, ['0'])
    expect(one.mustAnnounce(again.bucket)).toBe(false)
  })

  test('a hold that may end by itself is announced after an hour', async () => {
    const { mustAnnounce } = await startContainer()
    const hold = { ...REASON, kind: 'unavailable' as const, untilMs: 0, failures: 1, probes: 1 }
    expect(mustAnnounce({ ...EMPTY, hold: { ...hold, sinceMs: Date.now() - 3_590_000 } })).toBe(false)
    expect(mustAnnounce({ ...EMPTY, hold: { ...hold, sinceMs: Date.now() - 3_610_000 } })).toBe(true)
    // What may be wrong with single users is announced when others were tried in vain.
    const denied = { ...hold, kind: 'misconfigured' as const, isCertain: false, sinceMs: Date.now() }
    expect([1, 300].map((failures) => mustAnnounce({ ...EMPTY, hold: { ...denied, failures } }))).toEqual([false, true])
  })

  test('nothing is reserved while the table does not answer', async () => {
    const container = await startContainer()
    ledger.fail('*', { type: 'InternalServerError', status: 500 }, 100)
    await expect(container.reserveCalls(NAME, 'down', DRIVE, wish(1))).rejects.toMatchObject({ kind: 'unavailable' })
    ledger.heal()
    expect(await container.reserveCalls(NAME, 'down', DRIVE, wish(1))).toMatchObject({ granted: wish(1).names })
  })
})
