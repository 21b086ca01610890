import { beforeEach, expect, test, vi } from 'vitest'

let clock: typeof import('../../../lib/aws/clock.ts')
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.resetModules()
  clock = await import('../../../lib/aws/clock.ts')
  return () => void vi.useRealTimers()
})

const TIME = Date.parse('2026-11-27T10:00:00Z')

/** An answer at AWS's time `atMs`, for a container whose clock is `wrongByMs` ahead; 20 ms each way. */
function answer(atMs: number, wrongByMs: number): number {
  const dateOf = (ms: number) => new Date(ms).toUTCString()
  vi.setSystemTime(atMs + 20 + wrongByMs)
  clock.learnTime(dateOf(atMs), atMs - 20 + wrongByMs)
  return clock.awsNowMs() - (atMs + 20)
}

test('a right clock is taken as it is, to the millisecond', () => {
  for (const ms of [0, 1, 500, 999, 1_234, 60_999]) expect(answer(TIME + ms, 0)).toBe(0)
})

test.each([-300_000, -30_000, -2_000, 2_000, 30_000, 300_000])(
  'a clock that is %i ms wrong is corrected',
  (wrongByMs) => {
    expect(Math.abs(answer(TIME + 400, wrongByMs))).toBeLessThanOrEqual(1_040)
    const errors = Array.from({ length: 50 }, (_, n) => Math.abs(answer(TIME + 5_000 + n * 1_037, wrongByMs)))
    // The more of AWS's seconds are seen to begin, the better.
    expect(errors.at(-1)).toBeLessThanOrEqual(60)
  },
)

test('a clock that is set meanwhile is learned anew, and an answer without a date teaches nothing', () => {
  answer(TIME, 0)
  expect(Math.abs(answer(TIME + 10_000, 60_000))).toBeLessThanOrEqual(1_040)
  expect(Math.abs(answer(TIME + 20_000, 0))).toBeLessThanOrEqual(1_040)
  clock.learnTime(undefined, 0)
  clock.learnTime('yesterday', 0)
  expect(Math.abs(answer(TIME + 30_000, 0))).toBeLessThanOrEqual(1_040)
})
