/** Rate limits as fixed windows: a window opens with the first call and lasts its length, whatever comes. */

/** At most `calls` calls in any window of `seconds` seconds. */
export interface Limit {
  calls: number
  seconds: number
}

/** The limit that refused a call and how long its window lasts still. */
export interface Refusal {
  limit: Limit
  waitMs: number
}

/** Counts calls per key. A refused call is counted nowhere, so the wait that was announced is the whole wait. */
export class Windows {
  readonly #speed: number
  readonly #open = new Map<string, { until: number; calls: number }>()

  /** @param speed how many times faster than documented the windows pass */
  constructor(speed: number) {
    this.#speed = speed
  }

  /** Counts one call under every limit, or returns the one that refuses it with the longest wait. */
  take(key: string, limits: readonly Limit[], now: number): Refusal | undefined {
    const windows = limits.map((limit) => ({ limit, window: this.#window(`${key} ${limit.seconds}`, limit, now) }))
    const refusals = windows
      .filter(({ limit, window }) => window.calls >= limit.calls)
      .map(({ limit, window }) => ({ limit, waitMs: window.until - now }))
      .sort((a, b) => b.waitMs - a.waitMs)
    if (refusals.length === 0) for (const { window } of windows) window.calls += 1
    return refusals[0]
  }

  #window(key: string, limit: Limit, now: number) {
    const open = this.#open.get(key)
    if (open !== undefined && now < open.until) return open
    const window = { until: now + (limit.seconds * 1000) / this.#speed, calls: 0 }
    this.#open.set(key, window)
    return window
  }
}
