/** Virtual time: waits cost nothing, and what is due at the same moment happens in the order it was asked for. */

type Timer = { atMs: number; order: number; fire: () => void }

export class Clock {
  nowMs: number
  #order = 0
  /** A binary heap by time and order. */
  readonly #timers: Timer[] = []

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  /** Resolves `ms` later. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) =>
      this.#push({ atMs: this.nowMs + Math.max(0, ms), order: this.#order++, fire: resolve }),
    )
  }

  /** Lets time pass until `work` has settled. Throws when nothing is left that could settle it. */
  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const end = () => {
      settled = true
    }
    work.then(end, end)
    for (;;) {
      await new Promise(setImmediate)
      if (settled) return work
      const timer = this.#pop()
      if (!timer) throw new Error('the simulation stands still')
      this.nowMs = Math.max(this.nowMs, timer.atMs)
      timer.fire()
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let index = heap.push(timer) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (isBefore(heap[parent] as Timer, timer)) break
      heap[index] = heap[parent] as Timer
      index = parent
    }
    heap[index] = timer
  }

  #pop(): Timer | undefined {
    const heap = this.#timers
    const [first] = heap
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      if (left >= heap.length) break
      const right = left + 1
      const child = right < heap.length && isBefore(heap[right] as Timer, heap[left] as Timer) ? right : left
      if (isBefore(last, heap[child] as Timer)) break
      heap[index] = heap[child] as Timer
      index = child
    }
    heap[index] = last
    return first
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
