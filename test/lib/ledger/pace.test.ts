import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KINDS } from '../../../lib/error.ts'
import { type Bucket, EMPTY, type Hold, type Pace } from '../../../lib/ledger/bucket.ts'
import { applyReport, type Failure, type Report } from '../../../lib/ledger/hold.ts'
import { NAMELESS, reserve, type Wish } from '../../../lib/ledger/pace.ts'

const NOW = Date.parse('2026-11-27T10:00:00Z')
const DRIVE: Pace = { perMinute: 10 }
const CALENDAR: Pace = { perSecond: 50, perMinute: 1_000 }
const DINGTALK: Pace = { perSecond: 20 }

/** A bucket whose calls were sent some milliseconds before now. */
const sent = (...calls: [agoMs: number, count: number][]): Bucket => ({
  version: 1,
  calls: calls.map(([agoMs, count]) => [NOW - agoMs, count]),
})

/** Calls for so many items, of which nothing is remembered. */
const wish = (count: number, isRepeat = false): Wish => ({ names: Array(count).fill(NAMELESS), isRepeat })

const REASON = {
  kind: 'misconfigured',
  scope: 'bucket',
  isCertain: true,
  code: '99991672',
  requestId: null,
  hint: 'Do it.',
} as const
const held = (hold: Partial<Hold>, bucket: Bucket = EMPTY): Bucket => ({
  ...bucket,
  hold: { ...REASON, sinceMs: NOW - 60_000, untilMs: NOW, failures: 1, probes: 1, ...hold },
})

test('calls that are reserved ahead do not hide from those before them what a window has had', () => {
  // Of a full second one call has just left at the moment that is reserved ahead, and none at this one.
  const { bucket } = reserve(sent([800, 1], [100, 19]), DINGTALK, wish(1), NOW + 250)
  expect(reserve(bucket, DINGTALK, wish(1), NOW).granted).toEqual([])
  expect(bucket.calls).toHaveLength(3)
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
    ['none while the bucket is held', DRIVE, held({ untilMs: NOW + 60_000 }), 10, 0, 60_000],
    ['one when the hold has ended', DRIVE, held({ untilMs: NOW }), 10, 1, 30_000],
    ['ten, while others are tried', CALENDAR, held({ isCertain: false, untilMs: NOW }), 12, 10, 30_000],
    ['one, when enough were tried', CALENDAR, held({ isCertain: false, failures: 300, untilMs: NOW }), 12, 1, 30_000],
    ['none while another probes', DRIVE, reserve(held({ untilMs: NOW }), DRIVE, wish(10), NOW).bucket, 10, 0, 30_000],
    ['all, when nothing has probed a hold for an hour', DRIVE, held({ untilMs: NOW - 3_600_000 }), 10, 10, undefined],
    ['none before calls that are reserved ahead leave', DINGTALK, sent([-500, 20]), 10, 0, 1_550],
    ['all that another clock ahead of this one leaves', DRIVE, sent([-400, 4]), 10, 6, 60_600],
  ])('%s', (_, pace, bucket, wanted, granted, waitMs) => {
    const reservation = reserve(bucket, pace, wish(wanted), NOW)
    expect({
      granted: reservation.granted.length,
      waitMs: reservation.retryAtMs && reservation.retryAtMs - NOW,
    }).toEqual({
      granted,
      waitMs,
    })
    // Of a hold it is noted that untried items wait for its end.
    const isNoted = bucket.hold && granted === 0 && bucket.untriedAtMs === undefined
    expect(reservation.bucket.version).toBe(bucket.version + (granted > 0 || isNoted ? 1 : 0))
  })

  test('and the item does not grow beyond one window and the two seconds after it', () => {
    let bucket = EMPTY
    for (let second = 0; second < 600; second++)
      bucket = reserve(bucket, CALENDAR, wish(10), NOW + second * 1_000).bucket
    expect(bucket.calls.length).toBeLessThanOrEqual(63)
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
          const reservation = reserve(bucket, pace, wish(wanted), atMs)
          if (toldMs !== undefined && atMs >= toldMs) expect(reservation.granted.length).toBeGreaterThan(0)
          bucket = reservation.bucket
          toldMs = reservation.retryAtMs
          for (let call = 0; call < reservation.granted.length; call++) arrivals.push(atMs + jitterMs)
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
      const { granted, retryAtMs, bucket: next } = reserve(bucket, pace, wish(Math.min(10, left)), atMs)
      left -= granted.length
      bucket = next
      atMs = retryAtMs ?? atMs
    }
    // Whole minutes at first, then what is left of them at the pace of a second.
    const { perSecond = Number.POSITIVE_INFINITY, perMinute = 3_000 } = pace
    const floorMs = 60_000 * (3_000 / perMinute - 1) + 1_000 * Math.max(0, perMinute / perSecond - 1)
    expect(atMs - NOW).toBeLessThanOrEqual(floorMs * 1.05)
  })
})

describe('a hold', () => {
  const failure = (kind: Failure['kind'], rest: Partial<Failure> = {}): Failure => ({
    ...REASON,
    kind,
    isCertain: KINDS[kind].queue === 'hold',
    calls: 1,
    ...rest,
  })
  const report = (rest: Partial<Report>): Report => ({
    answered: false,
    recovered: false,
    isRepeat: false,
    ...rest,
  })
  /** The waits after failures one after another, in seconds, each at the moment when the one before has ended. */
  function waitsOf(times: number, failed: Failure): number[] {
    let bucket = EMPTY
    let atMs = NOW
    return Array.from({ length: times }, () => {
      bucket = applyReport(bucket, report({ failure: failed }), [], atMs)
      const untilMs = bucket.hold?.untilMs ?? atMs
      const waitMs = untilMs - atMs
      atMs = untilMs
      return waitMs / 1_000
    })
  }

  test('of what cannot be the fault of an item waits from 5 seconds to 4 minutes', () => {
    expect(waitsOf(8, failure('misconfigured'))).toEqual([5, 10, 20, 40, 80, 160, 240, 240])
  })

  test('takes the word of a vendor that throttles once, and then waits longer', () => {
    expect(waitsOf(8, failure('rate_limited', { askedMs: 1_000 }))).toEqual([1, 10, 20, 40, 80, 160, 240, 240])
    expect(waitsOf(4, failure('rate_limited', { askedMs: 900_000 }))).toEqual([900, 900, 900, 900])
  })

  test('of a quota is probed every six hours', () => {
    expect(waitsOf(3, failure('quota_exhausted'))).toEqual([21_600, 21_600, 21_600])
  })

  test.each(['unavailable', 'timeout', 'protocol'] as const)(
    'of kind %s tries others at first, 5 seconds apart, 300 in all',
    (kind) => {
      const waits = waitsOf(38, failure(kind, { calls: 10 }))
      expect(waits.slice(0, 29)).toEqual(Array(29).fill(5))
      expect(waits.slice(29)).toEqual([5, 10, 20, 40, 80, 160, 240, 240, 240])
    },
  )

  test('keeps since when, and that it was announced', () => {
    const bucket = held({ sinceMs: NOW - 5_000_000, isAnnounced: true })
    expect(applyReport(bucket, report({ failure: failure('rate_limited') }), [], NOW).hold).toMatchObject({
      sinceMs: NOW - 5_000_000,
      isAnnounced: true,
      kind: 'rate_limited',
      failures: 2,
      probes: 2,
    })
  })

  test('is announced anew where an operator must act now, and a quota begins its patience', () => {
    const before = held({ kind: 'unavailable', isCertain: false, sinceMs: NOW - 5_000_000, isAnnounced: true })
    const announced = (kind: Failure['kind']) => applyReport(before, report({ failure: failure(kind) }), [], NOW).hold
    expect(announced('timeout')).toMatchObject({ isAnnounced: true, sinceMs: NOW - 5_000_000 })
    expect(announced('misconfigured')?.isAnnounced).toBeUndefined()
    expect(announced('quota_exhausted')).toMatchObject({ sinceMs: NOW })
  })

  test('waits no less than is sensible where the vendor does not say for how long', () => {
    expect(waitsOf(4, failure('rate_limited', { leastMs: 1_000 }))).toEqual([5, 10, 20, 40])
    expect(waitsOf(4, failure('rate_limited', { leastMs: 60_000 }))).toEqual([60, 60, 60, 60])
  })

  test('ends with an answer, and goes on with the next failure of the bucket', () => {
    expect(applyReport(held({}), report({ answered: true }), [], NOW).hold).toBeUndefined()
    const again = applyReport(
      held({ probes: 7 }),
      report({ answered: true, failure: failure('rate_limited') }),
      [],
      NOW,
    )
    expect(again.hold).toMatchObject({ sinceMs: NOW, probes: 1 })
    const single = report({ answered: true, failure: failure('unavailable') })
    expect(applyReport(held({}), single, [], NOW).hold).toBeUndefined()
  })

  test('that was an outage starts the patience with failing items anew when it ends', () => {
    const ends = (hold: Partial<Hold>) => applyReport(held(hold), report({ answered: true }), [], NOW).recoveredAtMs
    expect(ends({ isCertain: false })).toBe(NOW)
    expect(ends({ isCertain: true })).toBeUndefined()
  })

  test('goes on where the probe said nothing of the bucket', () => {
    expect(applyReport(held({ probes: 2 }), report({}), [], NOW).hold).toMatchObject({
      untilMs: NOW + 20_000,
      probes: 3,
    })
  })

  test('is not begun by a repeat that may itself be at fault', () => {
    const repeat = report({ isRepeat: true, failure: failure('unavailable') })
    expect(applyReport(EMPTY, repeat, [], NOW).hold).toBeUndefined()
    expect(applyReport(held({}), repeat, [], NOW).hold).toMatchObject({ failures: 1, probes: 2 })
    expect(applyReport(EMPTY, { ...repeat, failure: failure('misconfigured') }, [], NOW).hold).toBeDefined()
  })

  test('forgets the calls before, where the vendor said when its window ends', () => {
    const asked = report({ failure: failure('rate_limited', { askedMs: 1_000 }) })
    expect(applyReport(sent([5_000, 10]), asked, [], NOW).calls).toEqual([])
    expect(applyReport(sent([5_000, 10]), report({ failure: failure('unavailable') }), [], NOW).calls).toHaveLength(1)
  })

  test('is probed by untried items first, where there are any, and else by one repeat', () => {
    const bucket = held({ untilMs: NOW, isCertain: false })
    expect(reserve(bucket, DINGTALK, wish(3, true), NOW).granted).toHaveLength(1)
    const lately = { ...bucket, untriedAtMs: NOW - 200_000 }
    expect(reserve(lately, DINGTALK, wish(3, true), NOW)).toMatchObject({ granted: [], retryAtMs: NOW + 45_000 })
  })

  test('that repeats began is probed by untried items first as soon as there are some', () => {
    const bucket = held({ untilMs: NOW + 200_000, isCertain: false })
    const refused = reserve(bucket, DINGTALK, wish(3), NOW)
    expect(refused).toMatchObject({ granted: [], retryAtMs: NOW + 200_000 })
    expect(reserve(refused.bucket, DINGTALK, wish(3, true), NOW + 200_000).granted).toEqual([])
    expect(reserve(refused.bucket, DINGTALK, wish(3), NOW + 200_000).granted).toHaveLength(3)
    // Once noted, it is not written again.
    expect(reserve(refused.bucket, DINGTALK, wish(3), NOW + 1_000).bucket).toBe(refused.bucket)
  })

  test('that repeats probe waits longer and longer, and still tries untried items in turn', () => {
    const repeat = report({ isRepeat: true, failure: failure('unavailable') })
    let bucket = applyReport(EMPTY, report({ failure: failure('unavailable') }), [], NOW)
    for (let times = 0; times < 7; times++) bucket = applyReport(bucket, repeat, [], NOW)
    expect(bucket.hold).toMatchObject({ untilMs: NOW + 240_000, failures: 1, probes: 7 })
    expect(reserve(bucket, DINGTALK, wish(10), NOW + 240_000).granted).toHaveLength(10)
  })
})

describe('repeats', () => {
  test('get what the limit has left where nothing untried was sent lately', () => {
    expect(reserve(EMPTY, DRIVE, wish(12, true), NOW).granted).toHaveLength(10)
  })

  test.each<[string, Pace]>([
    ['drive', DRIVE],
    ['approval', { perMinute: 100 }],
    ['DingTalk', DINGTALK],
  ])('of %s are at most one call in twenty while untried items wait, and go on', (_, pace) => {
    let bucket = EMPTY
    let repeats = 0
    let untried = 0
    const windowMs = pace.perSecond ? 1_050 : 60_600
    for (let window = 0; window < 100; window++) {
      const atMs = NOW + window * windowMs
      // Batches of untried items take all that they may, as soon as they may.
      for (;;) {
        const { granted, bucket: next } = reserve(bucket, pace, wish(10), atMs)
        untried += granted.length
        bucket = next
        if (granted.length < 10) break
      }
      const { granted, bucket: next } = reserve(bucket, pace, wish(10, true), atMs + 1)
      repeats += granted.length
      bucket = next
    }
    const share = repeats / (repeats + untried)
    expect(share).toBeLessThanOrEqual(1 / 20)
    // These ask once in a window, and may find it used up.
    expect(share).toBeGreaterThanOrEqual(1 / (Math.max(30, pace.perMinute ?? 0) + 2))
  })

  test('do not make untried items ask again and again for the call that is kept', () => {
    let bucket = reserve(EMPTY, DRIVE, wish(10), NOW).bucket
    bucket = reserve(bucket, DRIVE, wish(1, true), NOW + 1).bucket
    const first = reserve(bucket, DRIVE, wish(10), NOW + 60_600)
    expect(first.granted).toHaveLength(9)
    const second = reserve(first.bucket, DRIVE, wish(1), NOW + 60_700)
    expect(second).toMatchObject({ granted: [], retryAtMs: NOW + 2 * 60_600 })
  })
})

describe('an item that was begun', () => {
  const begun = (times: number, ...names: string[]): Bucket => ({
    ...EMPTY,
    begun: names.map((name): [string, number] => [name, times]),
  })

  test('is counted, and no more when it has ended', () => {
    const { bucket } = reserve(EMPTY, DRIVE, { names: ['a', 'b', NAMELESS], isRepeat: false }, NOW)
    expect(bucket.begun).toEqual([
      ['a', 1],
      ['b', 1],
    ])
    const ended: Report = { answered: true, recovered: false, isRepeat: false }
    expect(applyReport(bucket, ended, ['a'], NOW).begun).toEqual([['b', 1]])
  })

  test('twice without an end is tried alone, and three times not at all', () => {
    const wished = { names: ['a', 'b', 'c'], isRepeat: false }
    expect(reserve(begun(1, 'a', 'b'), DRIVE, wished, NOW)).toMatchObject({ granted: ['a', 'b', 'c'], isAlone: false })
    expect(reserve(begun(2, 'b', 'c'), DRIVE, wished, NOW)).toMatchObject({ granted: ['b'], isAlone: true, lost: [] })
    expect(reserve(begun(3, 'b'), DRIVE, wished, NOW)).toMatchObject({ granted: ['a', 'c'], lost: ['b'] })
  })

  test('is remembered among the last sixty', () => {
    let bucket = EMPTY
    for (let index = 0; index < 90; index++)
      bucket = reserve(bucket, DINGTALK, { names: [`${index}`], isRepeat: false }, NOW + index * 100).bucket
    expect(bucket.begun).toHaveLength(60)
    expect(bucket.begun?.at(-1)).toEqual(['89', 1])
  })
})
