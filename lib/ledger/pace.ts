/**
 * How many calls of a bucket may be sent, by what its item in the ledger says.
 *
 * | known of the bucket                       | sent                                                       |
 * |-------------------------------------------|------------------------------------------------------------|
 * | nothing                                   | the batch, as far as every limit allows                    |
 * | calls within the last window              | what every limit has left                                  |
 * | no limit has anything left                | nothing, until the oldest of those calls leaves            |
 * | held until a time to come                 | nothing                                                    |
 * | held until now, perhaps by single items   | up to ten, others at each time, for the first 300 failures |
 * | held until now                            | one call, the probe; the others wait for its outcome       |
 * | untried items wait                        | of twenty calls one that repeats an earlier one            |
 * | an item was begun twice and never ended   | that one alone, as it may have ended its container         |
 */
import type { Bucket, Pace } from './bucket.ts'
import { holdAt, isTryingOthers, MAX_WAIT_MS } from './hold.ts'

/**
 * What asks for calls: the `names` of its items, in order. A repeat is the call of an item that has failed and stepped aside.
 * As far as the caller knows: when the vendor last answered one of the bucket's items, and which have `ended` since it last asked.
 */
export type Wish = {
  names: string[]
  isRepeat: boolean
  answeredAtMs?: number | undefined
  ended?: string[] | undefined
}

/**
 * The items whose calls may be sent at the time asked for; when more may be, if not all; and the bucket with them counted.
 * `isAlone`: the one that is granted is tried alone, and nothing is begun before it has ended. `lost`: those that were begun
 * three times, the last time alone, and never ended.
 */
export type Reservation = {
  granted: string[]
  isAlone: boolean
  lost: string[]
  retryAtMs: number | undefined
  bucket: Bucket
}

/** Windows slide, and last longer than the vendor's by as much as one call may take longer to arrive than another. */
const WINDOWS_MS = { perSecond: 1_050, perMinute: 60_600 } as const
/** Calls are kept for so long after their windows: one that was reserved ahead may be followed by one for a moment before it. */
const KEPT_MS = 2_000
const LIMITS = Object.keys(WINDOWS_MS) as (keyof typeof WINDOWS_MS)[]
/** How long others wait for the outcome of a probe: longer than a function has for it. */
const PROBE_ROUND_MS = 30_000
const TRIED_AT_ONCE = 10
/** Of as many calls one may be a repeat while untried items wait: those that were reserved so recently say so. */
const REPEAT_SHARE = 20
const UNTRIED_MS = 90_000
const REPEATS_MS = 3 * 60_000
/** Untried items probe first. */
const REPEAT_LAG_MS = 45_000
const MOST_BEGUN = 60
const MOST_COUNTED = 1_000
/** An item that was begun so often and never ended is not begun again. */
const MOST_TIMES = 3

/** Reserves calls for the first of the items that are sent at `atMs`. `speed`: how much faster than documented windows pass. */
export function reserve(bucket: Bucket, pace: Pace, wish: Wish, atMs: number, speed = 1): Reservation {
  const { isRepeat, answeredAtMs, ended = [] } = wish
  const begun = (bucket.begun ?? []).filter(([name]) => !ended.includes(name))
  const timesBegun = new Map(begun)
  const wasBegun = (times: number) => (name: string) => (timesBegun.get(name) ?? 0) >= times
  const lost = wish.names.filter(wasBegun(MOST_TIMES))
  const names = wish.names.filter((name) => !lost.includes(name))
  const alone = names.find(wasBegun(MOST_TIMES - 1))
  const none = { granted: [], isAlone: false, lost, bucket }

  const hold = holdAt(bucket, atMs)
  const opensAtMs = hold ? hold.untilMs + (isRepeat && areUntriedWaiting(bucket, atMs) ? REPEAT_LAG_MS : 0) : 0
  if (opensAtMs > atMs) {
    // Otherwise repeats, which all come when the hold ends, would probe before them again and again.
    const isNews = !isRepeat && !areUntriedWaiting(bucket, opensAtMs)
    const waiting = isNews ? { ...bucket, version: bucket.version + 1, untriedAtMs: atMs } : bucket
    return { ...none, retryAtMs: opensAtMs, bucket: waiting }
  }
  const limits = LIMITS.flatMap((name) => {
    const limit = pace[name]
    return limit === undefined ? [] : [leftOf(limit, WINDOWS_MS[name] / speed, bucket.calls, atMs)]
  })
  const left = Math.max(0, Math.min(...limits.map((limit) => limit.left)))
  // Kept for a repeat whose turn it is.
  const kept = !isRepeat && isRepeatsTurn(bucket, left, atMs) ? 1 : 0
  const allowed = Math.min(
    alone === undefined ? names.length : 1,
    isRepeat && !hold ? shareOfRepeats(bucket, left, atMs) : left - kept,
    hold ? (isTryingOthers(hold) && !isRepeat ? TRIED_AT_ONCE : 1) : names.length,
  )
  const granted = (alone === undefined ? names : [alone]).slice(0, Math.max(0, allowed))
  const twentyCallsMs = Math.max(...limits.map(({ windowMs, limit }) => (windowMs / limit) * REPEAT_SHARE))
  const nextAtMs =
    isRepeat && areUntriedWaiting(bucket, atMs)
      ? atMs + twentyCallsMs
      : Math.max(...limits.map((limit) => limit.nextAtMs(granted.length, kept)))
  const retryAtMs = hold && granted.length > 0 ? atMs + PROBE_ROUND_MS : nextAtMs
  if (granted.length === 0) return { ...none, retryAtMs, bucket: isRepeat ? askForTurn(bucket, atMs) : bucket }
  return {
    granted,
    isAlone: alone !== undefined,
    lost,
    retryAtMs: granted.length < names.length ? retryAtMs : undefined,
    bucket: {
      ...bucket,
      version: bucket.version + 1,
      calls: [
        ...bucket.calls.filter(([sentAtMs]) => atMs - sentAtMs < longestMs(pace) / speed + KEPT_MS),
        [atMs, granted.length],
      ],
      hold: hold && { ...hold, untilMs: atMs + PROBE_ROUND_MS },
      begun: begin(begun, granted),
      ...(answeredAtMs !== undefined && { answeredAtMs: Math.max(answeredAtMs, bucket.answeredAtMs ?? 0) }),
      ...(isRepeat
        ? { untriedCalls: 0 }
        : { untriedAtMs: atMs, untriedCalls: Math.min(MOST_COUNTED, (bucket.untriedCalls ?? 0) + granted.length) }),
    },
  }
}

/** How many of `left` calls repeats may have: while untried items wait, one after each nineteen calls for those. */
function shareOfRepeats(bucket: Bucket, left: number, atMs: number): number {
  if (!areUntriedWaiting(bucket, atMs)) return left
  return (bucket.untriedCalls ?? 0) >= REPEAT_SHARE - 1 ? Math.min(1, left) : 0
}

/** Whether untried items wait: they have asked for calls lately, if the bucket is not held longer than that. */
export const areUntriedWaiting = ({ untriedAtMs = 0, hold }: Bucket, atMs: number): boolean =>
  atMs - untriedAtMs <= UNTRIED_MS + (hold ? MAX_WAIT_MS : 0)

/** Whether one of the `left` calls is for a repeat that asks for it. */
const isRepeatsTurn = ({ repeatsUntilMs = 0, untriedCalls = 0 }: Bucket, left: number, atMs: number): boolean =>
  repeatsUntilMs > atMs && untriedCalls + left >= REPEAT_SHARE

/** Notes that repeats wait, unless that is known. */
const askForTurn = (bucket: Bucket, atMs: number): Bucket =>
  (bucket.repeatsUntilMs ?? 0) > atMs + REPEATS_MS / 2
    ? bucket
    : { ...bucket, version: bucket.version + 1, repeatsUntilMs: atMs + REPEATS_MS }

/** The name of a call that begins no item: a quick second try. */
export const NAMELESS = ''

/** Counts another begin for each of the names given. */
function begin(begun: [string, number][], given: string[]): [string, number][] {
  const names = given.filter((name) => name !== NAMELESS)
  const times = new Map(begun)
  return [
    ...begun.filter(([name]) => !names.includes(name)),
    ...names.map((name): [string, number] => [name, (times.get(name) ?? 0) + 1]),
  ].slice(-MOST_BEGUN)
}

const longestMs = (pace: Pace): number =>
  Math.max(0, ...LIMITS.map((name) => (pace[name] === undefined ? 0 : WINDOWS_MS[name])))

/** What a limit has left at `atMs`, and when it has more once `granted` of it are taken. */
function leftOf(limit: number, windowMs: number, calls: Bucket['calls'], atMs: number) {
  const counting = calls.filter(([sentAtMs]) => atMs - sentAtMs < windowMs)
  const left = limit - counting.reduce((sum, [, count]) => sum + count, 0)
  return {
    limit,
    windowMs,
    left,
    nextAtMs(granted: number, kept: number): number {
      if (granted < left - kept) return atMs
      const leaving = [...counting, [atMs, granted] as const].sort(([a], [b]) => a - b)
      // So many have to leave before there is room; more where others are reserved ahead.
      let tooMany = granted - left + kept
      const last = leaving.find(([, count]) => {
        tooMany -= count
        return tooMany < 0
      })
      return (last?.[0] ?? Number.POSITIVE_INFINITY) + windowMs
    },
  }
}

/** The calls that were to be sent at `atMs` were sent at `sentAtMs`. */
export const moveReserved = (bucket: Bucket, atMs: number, sentAtMs: number): Bucket => ({
  ...bucket,
  version: bucket.version + 1,
  calls: bucket.calls
    .map(([reservedAtMs, count]): [number, number] => [reservedAtMs === atMs ? sentAtMs : reservedAtMs, count])
    .sort(([a], [b]) => a - b),
})
