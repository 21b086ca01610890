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
import type { Kind, Scope } from '../error.ts'

/** Calls that a vendor allows for a bucket. */
export type Pace = { perSecond?: number; perMinute?: number }

/** Why nothing may be sent. Times are AWS's, epoch milliseconds. */
export type Hold = {
  sinceMs: number
  /** Nothing is sent until then, and afterwards a probe. */
  untilMs: number
  /** It is no fault of single items. */
  isCertain: boolean
  /** Calls for untried items that failed in it. */
  failures: number
  /** Probes that failed one after another. */
  probes: number
  /** Of the last failure. */
  kind: Kind
  scope: Scope
  code: string | null
  requestId: string | null
  hint: string
  isAnnounced?: boolean
}

/** What the ledger knows of a bucket. Times are AWS's, epoch milliseconds. */
export type Bucket = {
  version: number
  /** Reservations that still count: when the calls were to be sent, and how many. Oldest first. */
  calls: [atMs: number, count: number][]
  hold?: Hold | undefined
  /** The kind of the hold that was announced last, and when. */
  announced?: { kind: Kind; atMs: number } | undefined
  /** When the last call was sent with which the vendor ended an item, one way or the other. */
  answeredAtMs?: number | undefined
  /** When the vendor last ended a hold that could be the fault of items, or an item for which it had been at fault. */
  recoveredAtMs?: number | undefined
  /** When untried items last got calls, or were refused them because of a hold, and how many they got since the last repeat. */
  untriedAtMs?: number | undefined
  untriedCalls?: number | undefined
  /** Repeats ask for a call until then. */
  repeatsUntilMs?: number | undefined
  /** Items whose call was begun, by a short name, and how often without an end that the ledger knows. Newest last. */
  begun?: [name: string, times: number][] | undefined
}

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

/** A failure that is, or may be, about the whole bucket. */
export type Failure = Pick<Hold, 'kind' | 'scope' | 'code' | 'requestId' | 'hint' | 'isCertain'> & {
  /** How many calls failed. */
  calls: number
  /** What the vendor asks to wait, or the shortest sensible wait where it does not say. */
  askedMs?: number | undefined
  leastMs?: number | undefined
}

/**
 * How calls ended. `answered`: the vendor said something about an item, so that the bucket is well. `endedAtMs`: when the calls were sent, where it ended
 * an item.
 * `recovered`: it ended one for which it had been at fault.
 */
export type Report = {
  answered: boolean
  endedAtMs?: number | undefined
  recovered: boolean
  failure?: Failure | undefined
  isRepeat: boolean
}

/** Windows slide, and last longer than the vendor's by as much as one call may take longer to arrive than another. */
const WINDOWS_MS = { perSecond: 1_050, perMinute: 60_600 } as const
const LIMITS = Object.keys(WINDOWS_MS) as (keyof typeof WINDOWS_MS)[]
/** How long others wait for the outcome of a probe: longer than a function has for it. */
const PROBE_ROUND_MS = 30_000
/** Failures of a hold that may be faults of single items: so many are tried before one is taken for all. */
const TRIED = 300
const TRIED_AT_ONCE = 10
export const MIN_WAIT_MS = 5_000
export const MAX_WAIT_MS = 4 * 60_000
const QUOTA_WAIT_MS = 6 * 60 * 60_000
/** A hold that nothing has probed for so long after its end says nothing any more. */
const STALE_MS = 60 * 60_000
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

/** A bucket of which nothing is known. */
export const EMPTY: Bucket = { version: 0, calls: [] }

/** Whether single items may be at fault, so that others are tried. */
export const isTryingOthers = ({ isCertain, failures }: Pick<Hold, 'isCertain' | 'failures'>): boolean =>
  !isCertain && failures < TRIED

/** The hold that still counts at `atMs`. */
export const holdAt = ({ hold }: Bucket, atMs: number): Hold | undefined =>
  hold && hold.untilMs + STALE_MS > atMs ? hold : undefined

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
        ...bucket.calls.filter(([sentAtMs]) => atMs - sentAtMs < longestMs(pace) / speed),
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
  const oldestMs = Math.min(...counting.map(([sentAtMs]) => sentAtMs))
  return {
    limit,
    windowMs,
    left,
    nextAtMs: (granted: number, kept: number): number =>
      granted < left - kept ? atMs : (granted > 0 ? Math.min(atMs, oldestMs) : oldestMs) + windowMs,
  }
}

/**
 * What follows from how calls ended: an answer ends a hold, a failure without any begins or prolongs one. The items `names` have
 * ended or wait: they count as begun no more. A repeat that fails begins none: untried items are tried first.
 */
export function settle(bucket: Bucket, report: Report, names: string[], atMs: number): Bucket {
  const { answered, endedAtMs, recovered, failure, isRepeat } = report
  const before = answered ? undefined : holdAt(bucket, atMs)
  const isHeld = failure && (failure.isCertain || (!answered && (!isRepeat || before)))
  return {
    ...bucket,
    version: bucket.version + 1,
    begun: (bucket.begun ?? []).filter(([name]) => !names.includes(name)),
    hold: isHeld ? prolong(before, failure, isRepeat, atMs) : before && goOn(before, isRepeat, atMs),
    // The vendor said when its window ends, and with that all calls before.
    ...(isHeld && failure.askedMs !== undefined && { calls: [] }),
    ...(endedAtMs !== undefined && { answeredAtMs: Math.max(endedAtMs, bucket.answeredAtMs ?? 0) }),
    ...((recovered || (answered && bucket.hold && !bucket.hold.isCertain)) && { recoveredAtMs: atMs }),
  }
}

function prolong(
  before: Hold | undefined,
  { calls, askedMs, leastMs, ...reason }: Failure,
  isRepeat: boolean,
  atMs: number,
): Hold {
  const { failures = 0, probes = 0 } = before ?? {}
  // A quota has a patience of its own, and an operator is told what must be done now.
  const isOther = before?.kind !== reason.kind
  const isOtherPatience = isOther && [before?.kind, reason.kind].includes('quota_exhausted')
  const isAnnounced = before?.isAnnounced && !(isOther && NEEDS_OPERATOR.includes(reason.kind))
  const hold = {
    ...reason,
    sinceMs: before && !isOtherPatience ? before.sinceMs : atMs,
    untilMs: atMs,
    failures: failures + (isRepeat ? 0 : calls),
    probes,
    ...(isAnnounced && { isAnnounced }),
  }
  return goOn(hold, isRepeat, atMs, askedMs, leastMs)
}

/** Kinds that go on until an operator ends them. */
export const NEEDS_OPERATOR: Kind[] = ['misconfigured', 'quota_exhausted']

/** The hold after a probe that ended in no answer. */
function goOn(hold: Hold, isRepeat: boolean, atMs: number, askedMs?: number, leastMs?: number): Hold {
  if (isTryingOthers(hold) && !isRepeat) return { ...hold, untilMs: atMs + MIN_WAIT_MS }
  const probes = hold.probes + 1
  return { ...hold, probes, untilMs: atMs + probeWaitMs(hold.kind, probes, askedMs, leastMs) }
}

/** The wait after so many probes in a row that failed: 5 s, doubled up to four minutes, and no less than the vendor asks for. */
function probeWaitMs(kind: Kind, probes: number, askedMs = 0, leastMs = 0): number {
  if (kind === 'quota_exhausted') return QUOTA_WAIT_MS
  // The vendor's own word is taken once.
  const doubledMs = askedMs > 0 && probes === 1 ? 0 : MIN_WAIT_MS * 2 ** Math.min(probes - 1, 10)
  return Math.max(askedMs, leastMs, Math.min(MAX_WAIT_MS, doubledMs))
}

/** The calls that were to be sent at `atMs` were sent at `sentAtMs`. */
export const moveReserved = (bucket: Bucket, atMs: number, sentAtMs: number): Bucket => ({
  ...bucket,
  version: bucket.version + 1,
  calls: bucket.calls
    .map(([reservedAtMs, count]): [number, number] => [reservedAtMs === atMs ? sentAtMs : reservedAtMs, count])
    .sort(([a], [b]) => a - b),
})
