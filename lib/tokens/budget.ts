/** What one request may ask of token endpoints: each of them three times, however its failures and replays combine. */
import { OperationError } from '../error.ts'

const MOST = 3
/** Kept back from the caller's time for the call that the token is for. */
export const RESERVE_MS = 2_000

type Asked = { times: number; error?: unknown }

export class TokenBudget {
  /** Time left until the caller must have its answer. Milliseconds. */
  readonly remainingMs: () => number
  readonly #asked: Map<string, Asked>
  readonly #beforeAsking: () => void

  constructor(remainingMs: () => number, asked = new Map<string, Asked>(), beforeAsking = () => {}) {
    this.remainingMs = remainingMs
    this.#asked = asked
    this.#beforeAsking = beforeAsking
  }

  /** The same budget with less time. `beforeAsking` is called directly before an endpoint is asked, and may throw instead. */
  within(remainingMs: () => number, beforeAsking: () => void): TokenBudget {
    return new TokenBudget(remainingMs, this.#asked, beforeAsking)
  }

  /** The same budget without the time of the call that the token is for. */
  beforeCall(): TokenBudget {
    return this.within(() => {
      const leftMs = this.remainingMs()
      return leftMs - Math.min(RESERVE_MS, leftMs / 2)
    }, this.#beforeAsking)
  }

  /** Whether an endpoint may not be asked again. */
  get isSpent(): boolean {
    return [...this.#asked.values()].some(({ times }) => times >= MOST)
  }

  /** Asks the endpoint at `url` by `once`. The fourth time it throws what the third threw, or `unavailable`, unasked. */
  async ask<Result>(url: string, once: (remainingMs: number) => Promise<Result>): Promise<Result> {
    const asked = this.#asked.get(url) ?? { times: 0 }
    if (asked.times >= MOST) throw asked.error ?? rejectedAgain()
    this.#beforeAsking()
    this.#asked.set(url, asked)
    asked.times++
    try {
      const result = await once(this.remainingMs())
      asked.error = undefined
      return result
    } catch (error) {
      asked.error = error
      throw error
    }
  }
}

const rejectedAgain = () =>
  new OperationError('unavailable', {
    en: `The vendor rejected a token that it had just issued; the token endpoint was asked ${MOST} times.`,
    zh: `厂商拒绝了刚签发的令牌；已请求令牌接口 ${MOST} 次。`,
  })
