/**
 * When a bucket is held, and for how long.
 *
 * | how calls ended                        | the bucket                                                            |
 * |----------------------------------------|-----------------------------------------------------------------------|
 * | the vendor said something of an item   | goes on                                                               |
 * | throttled, quota, misconfigured        | is held: 5 s to 4 min, for a quota 6 h, no less than the vendor asks  |
 * | no answer, perhaps because of the item | is held for 5 s, 300 times; then as above                             |
 * | the same, of an item that failed before| as it was                                                             |
 */
import type { Kind } from '../error.ts'
import type { Bucket, Hold } from './bucket.ts'

/** A failure that is, or may be, about the whole bucket. */
export type Failure = Pick<Hold, 'kind' | 'scope' | 'code' | 'requestId' | 'hint' | 'isCertain'> & {
  /** How many calls failed. */
  calls: number
  /** What the vendor asks to wait, or the shortest sensible wait where it does not say. */
  askedMs?: number | undefined
  leastMs?: number | undefined
}

/**
 * How calls ended. `answered`: the vendor said something about an item, so that the bucket is well. `endedAtMs`: when the calls
 * were sent, where it ended an item. `recovered`: it ended one for which it had been at fault.
 */
export type Report = {
  answered: boolean
  endedAtMs?: number | undefined
  recovered: boolean
  failure?: Failure | undefined
  isRepeat: boolean
}

/** Failures of a hold that may be faults of single items: so many are tried before one is taken for all. */
const TRIED = 300
export const MIN_WAIT_MS = 5_000
export const MAX_WAIT_MS = 4 * 60_000
const QUOTA_WAIT_MS = 6 * 60 * 60_000
/** A hold that nothing has probed for so long after its end says nothing any more. */
const STALE_MS = 60 * 60_000
/** Whether single items may be at fault, so that others are tried. */
export const isTryingOthers = ({ isCertain, failures }: Pick<Hold, 'isCertain' | 'failures'>): boolean =>
  !isCertain && failures < TRIED

/** The hold that still counts at `atMs`. */
export const holdAt = ({ hold }: Bucket, atMs: number): Hold | undefined =>
  hold && hold.untilMs + STALE_MS > atMs ? hold : undefined

/**
 * What follows from how calls ended: an answer ends a hold, a failure without any begins or prolongs one. The items `names` have
 * ended or wait: they count as begun no more. A repeat that fails begins none: untried items are tried first.
 */
export function applyReport(bucket: Bucket, report: Report, names: string[], atMs: number): Bucket {
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
  // A quota has a patience of its own, and an operator must learn what to do now.
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
