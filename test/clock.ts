/** The time of the code under test. It stands still while that code works, and a wait takes none of the machine's. */
import { setImmediate as turn } from 'node:timers/promises'
import { vi } from 'vitest'

/** A wait as it was asked for: how long, and until when. Milliseconds. */
export type Wait = { ms: number; untilMs: number }

export type Clock = ReturnType<typeof startClock>

/**
 * Stops `Date` for the whole process. What is imported after it and sleeps by `node:timers/promises` goes on at once: the
 * earliest wait ends first, and moves `Date` to its end. Timers of `setTimeout` are left alone.
 */
export function startClock(startMs = Date.now()) {
  vi.useFakeTimers({ toFake: ['Date'], now: startMs })
  const waits: Wait[] = []
  const waiting: (Wait & { end: () => void })[] = []

  let stopped = false
  const endNext = () => {
    if (stopped) return
    const next = waiting.reduce((a, b) => (b.untilMs < a.untilMs ? b : a))
    waiting.splice(waiting.indexOf(next), 1)
    if (next.untilMs > Date.now()) vi.setSystemTime(next.untilMs)
    next.end()
  }
  const sleep = async <Value>(ms: number, value?: Value) => {
    const wait = { ms, untilMs: Date.now() + Math.floor(ms) }
    waits.push(wait)
    await new Promise<void>((end) => {
      waiting.push({ ...wait, end })
      setImmediate(endNext)
    })
    return value
  }
  vi.doMock('node:timers/promises', () => ({ setTimeout: sleep }))

  return {
    /** What is to sleep by this clock and is not imported. */
    sleep,
    /** Every wait so far. */
    waits,
    pass: (ms: number) => void vi.advanceTimersByTime(ms),
    /** From now on `setTimeout` waits for `pass` too. */
    takeTimers: () => void vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() }),
    /** Gives the process its own time back. What still waits, waits for good; what is imported from now on is another. */
    stop: () => {
      stopped = true
      vi.doUnmock('node:timers/promises')
      vi.resetModules()
      vi.useRealTimers()
    },
  }
}

/** Resolves when `isSo` is. The test's time-out is the only bound. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}
