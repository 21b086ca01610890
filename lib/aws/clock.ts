/** AWS's clock, estimated from the `Date` headers of its answers, so that containers with wrong clocks agree on times. */

const SECOND_MS = 1_000

/** What is to be added to this container's clock lies between these two. Milliseconds. */
let least = Number.NEGATIVE_INFINITY
let most = Number.POSITIVE_INFINITY

/**
 * AWS's time now, epoch milliseconds: this container's clock as it is while that agrees with the answers seen, otherwise
 * the nearest time that does, which is less than a second and a round trip away from the right one.
 */
export const awsNowMs = (): number => Date.now() + Math.min(Math.max(0, least), most)

/** Learns from an answer that AWS dated `date`, a whole second, while it was on its way from `sentAtMs` until now. */
export function learnTime(date: string | undefined, sentAtMs: number): void {
  const dateMs = Date.parse(date ?? '')
  if (Number.isNaN(dateMs)) return
  const leastNow = dateMs - Date.now()
  const mostNow = dateMs + SECOND_MS - sentAtMs
  // Where the two contradict each other, this container's clock has been set meanwhile.
  const isConsistent = leastNow <= most && mostNow >= least
  least = isConsistent ? Math.max(least, leastNow) : leastNow
  most = isConsistent ? Math.min(most, mostNow) : mostNow
}

type Next = (args: object) => Promise<{ response: unknown }>

/** Learns from every answer that the client gets. */
export function learnTimeFrom({ middlewareStack }: { middlewareStack: { add: (...args: never[]) => void } }): void {
  const add = middlewareStack.add as (middleware: (next: Next) => Next, where: object) => void
  add(
    (next) => async (args) => {
      const sentAtMs = Date.now()
      const result = await next(args)
      learnTime((result.response as { headers?: Record<string, string> }).headers?.date, sentAtMs)
      return result
    },
    // Around each attempt, and before the answer is read, which throws for a refusal.
    { step: 'deserialize', priority: 'low' },
  )
}
