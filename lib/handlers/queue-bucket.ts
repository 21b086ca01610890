/** The items of one bucket in a batch: which of them may be sent to the vendor, when, and what is kept of how they end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SQSRecord } from 'aws-lambda'
import { awsNowMs } from '../aws/clock.ts'
import { OperationError, toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { moveCalls, reserveCalls, settleCalls } from '../ledger/buckets.ts'
import { readTarget } from '../ledger/offboardings.ts'
import { type Bucket, EMPTY, type Failure, MAX_WAIT_MS, NAMELESS } from '../ledger/pace.ts'
import type { Operation } from '../operation.ts'
import { partition } from '../partition.ts'
import { announceHold } from './queue-hold.ts'
import { type Done, type Left, lost, named, type Work, workOn } from './queue-record.ts'
import { awsWaitMs, noteAnswer } from './queue-waits.ts'

/** An item is not begun with less time than this left, or than two answers have taken. */
const ITEM_MS = 8_000
/** Calls that are sent this much later than reserved, as when a token had to be fetched first, count from when they were. */
const LATE_MS = 5

/** An item that was tried, and why that failed. `beganAtMs` by AWS's clock. */
export type Failed = { work: Work; error: OperationError; beganAtMs: number }

/**
 * What became of a bucket's items. `untried`: their turn did not come, and does not for `waitMs`. `left`: the ledger did not
 * answer. `bucket`: as the ledger had it last. `begun`: names of items that it counts as begun and not as ended.
 */
export type Worked = {
  done: Done[]
  failed: Failed[]
  untried: Work[]
  left: Left[]
  waitMs: number
  bucket: Bucket
  begun: Set<string>
}

/** `isRepeat`: the items have failed before and stepped aside. */
type Conditions = { isRepeat: boolean; remainingMs: () => number }

/** What the ledger does not know yet of a bucket: when calls were sent that the vendor answered, and which items have ended. */
type News = { answeredAtMs?: number; ended: Set<string> }

/** By operation and bucket. */
const news = new Map<string, News>()

/**
 * Works through items of a bucket: as many at once as its limit allows, and fewer while it is held. What is done already is only
 * announced again. Where the ledger does not answer, everything waits.
 */
export async function workBucket(
  operation: Operation,
  name: string,
  given: Work[],
  conditions: Conditions,
): Promise<Worked> {
  const works = withoutCopies(given)
  const [dryRuns, real] = partition(inTurn(works), ({ target }) => target.dryRun)
  const worked: Worked = {
    done: [],
    failed: [],
    untried: real,
    left: [],
    waitMs: 0,
    bucket: EMPTY,
    begun: new Set(),
  }
  // The first calls are reserved while the targets are read, though some may turn out to have ended.
  const isTime = real.length > 0 && conditions.remainingMs() >= ITEM_MS
  const reserving = isTime ? reserveFor(operation, name, real, conditions, worked) : undefined
  reserving?.catch(() => {})
  try {
    const known = await Promise.all(works.map(async (work) => ({ work, ...(await readTarget(work.target)) })))
    const first = await reserving
    noteAnswer('ledger')
    const ended = new Set<Work>()
    // A copy of a message that has ended, or that waits in the other queue. What is redriven is another target.
    for (const { work, isDone, isParked, isAside, outcome } of known)
      if (conditions.isRepeat ? isParked : isAside) ended.add(work)
      else if (isDone && outcome) {
        ended.add(work)
        worked.done.push({ ...work, detail: { ...named(work.target), ...outcome }, ms: 0 })
      }
    const isOpen = (work: Work) => !ended.has(work)
    worked.untried = real.filter(isOpen)
    await attempt(operation, name, dryRuns.filter(isOpen), conditions, worked)
    const faulted = known.filter(({ lastScope }) => lastScope === 'bucket' || lastScope === 'us')
    const records = new Set(faulted.map(({ work }) => work.record))
    await workInPace(operation, name, records, conditions, worked, first)
  } catch (thrown) {
    await reserving?.catch(() => {})
    // A failure of the ledger is no reason to park an item.
    const error = toOperationError(thrown)
    const ended = new Set([...worked.done, ...worked.failed.map(({ work }) => work)].map(({ record }) => record))
    const rest = works.filter(({ record }) => !ended.has(record))
    worked.left = rest.map(({ record }) => ({ record, waitMs: awsWaitMs('ledger', record, error), error }))
    worked.untried = []
  }
  return worked
}

async function reserveFor(
  operation: Operation,
  name: string,
  some: Work[],
  { isRepeat }: Conditions,
  { begun }: Worked,
): ReturnType<typeof reserveCalls> {
  const { answeredAtMs, ended } = newsOf(operation, name)
  const wish = { names: some.map((work) => work.name), isRepeat, answeredAtMs, ended: [...ended] }
  const reserved = await reserveCalls(operation.name, name, operation.pace, wish)
  if (reserved.granted.length > 0) for (const one of wish.ended) ended.delete(one)
  for (const one of reserved.granted) begun.add(one)
  return reserved
}

function newsOf(operation: Operation, name: string): News {
  const key = `${operation.name} ${name}`
  const known = news.get(key) ?? { ended: new Set<string>() }
  news.set(key, known)
  return known
}

/**
 * Tries them as the bucket allows, until none is left, the bucket is held, or time is short. `faulted`: messages whose last try failed for
 * more than their own sake.
 */
async function workInPace(
  operation: Operation,
  name: string,
  faulted: Set<SQSRecord>,
  conditions: Conditions,
  worked: Worked,
  first: Awaited<ReturnType<typeof reserveFor>> | undefined,
): Promise<void> {
  const { isRepeat, remainingMs } = conditions
  let reserved = first
  let slowestMs = 0
  while (worked.untried.length > 0 && remainingMs() >= Math.max(ITEM_MS, 2 * slowestMs)) {
    reserved ??= await reserveFor(operation, name, worked.untried, conditions, worked)
    const { granted, isAlone, lost: lostNames, bucket, sendAtMs, waitMs = 0 } = reserved
    reserved = undefined
    worked.bucket = bucket
    worked.waitMs = waitMs
    const [given, others] = partition(worked.untried, (work) => lostNames.includes(work.name))
    const [now, untried] = partition(others, (work) => granted.includes(work.name))
    worked.untried = untried
    worked.done.push(...given.map(lost))
    if (granted.length === 0) {
      // The next probe of a quota is hours away.
      if (!isRepeat && !(await announceHold(operation, name, { bucket }))) waitToAnnounce(worked)
      return
    }
    if (now.length === 0) continue

    const wave = await attempt(operation, name, now, conditions, worked, sendAtMs)
    const { answered, beganAtMs } = wave
    slowestMs = Math.max(slowestMs, wave.ms)
    const known = newsOf(operation, name)
    const endedAtMs = wave.ended ? beganAtMs : undefined
    if (endedAtMs !== undefined) known.answeredAtMs = endedAtMs
    const names = now.map((work) => work.name)
    for (const one of names) known.ended.add(one)
    const recovered = wave.done.some(({ record }) => faulted.has(record))
    let isAnnounced = true
    if (wave.failed.length > 0 || recovered || isRepeat || bucket.hold) {
      const report = { answered, endedAtMs, recovered, failure: failureOf(wave.failed), isRepeat }
      const settled = await settleCalls(operation.name, name, report, names)
      for (const one of names) {
        worked.begun.delete(one)
        known.ended.delete(one)
      }
      worked.bucket = settled.bucket
      isAnnounced = await announceHold(operation, name, settled)
    }
    const { hold } = worked.bucket
    if (hold) worked.waitMs = hold.untilMs - awsNowMs()
    if (!isAnnounced) waitToAnnounce(worked)
    if (hold || isAlone) return
  }
}

/** The bucket is looked at again soon. */
function waitToAnnounce(worked: Worked): void {
  worked.waitMs = Math.min(worked.waitMs, MAX_WAIT_MS)
}

/** Calls made at once. `answered` and `ended` as in `Report`; `ms`: how long the slowest took. */
type Wave = { done: Done[]; failed: Failed[]; answered: boolean; ended: boolean; beganAtMs: number; ms: number }

/** Tries them at once, at the moment that is reserved for them. When one is sent late, all count from then. */
async function attempt(
  operation: Operation,
  name: string,
  some: Work[],
  { isRepeat, remainingMs }: Conditions,
  worked: Worked,
  sendAtMs?: number,
): Promise<Wave> {
  if (sendAtMs !== undefined) await sleepUntil(sendAtMs)
  const beganAtMs = awsNowMs()
  const wave: Wave = { done: [], failed: [], answered: false, ended: false, beganAtMs, ms: 0 }
  const unsent = new Set(some)
  const allSent = Promise.withResolvers<number>()
  const onSend = (work: Work) => {
    unsent.delete(work)
    if (unsent.size === 0) allSent.resolve(awsNowMs())
  }
  const isQuick = !isRepeat && worked.bucket.hold === undefined
  const limits = { remainingMs, beforeRepeat: () => reserveNextCall(operation, name, isRepeat) }
  const one = async (work: Work) => {
    const result = await workOn(operation, work, { ...limits, onSend: () => onSend(work) }, isQuick)
    onSend(work)
    const ms = awsNowMs() - beganAtMs
    wave.ms = Math.max(wave.ms, ms)
    if (result instanceof OperationError) {
      const isWord = result.scope === 'item' && result.upstream !== undefined
      wave.answered ||= isWord
      wave.ended ||= isWord && result.queue !== 'wait'
      wave.failed.push({ work, error: result, beganAtMs })
      worked.failed.push({ work, error: result, beganAtMs })
    } else {
      // What ended without a call says nothing about the vendor.
      wave.answered ||= result.attempts > 0
      wave.ended ||= result.attempts > 0
      wave.done.push({ ...work, detail: result, ms })
      worked.done.push({ ...work, detail: result, ms })
    }
  }
  const recordLate = async () => {
    if (sendAtMs === undefined || some.length === 0) return
    const sentAtMs = await allSent.promise
    // Where this fails, the next calls may be a little early; those that were made count all the same.
    if (sentAtMs - sendAtMs > LATE_MS) await moveCalls(operation.name, name, sendAtMs, sentAtMs).catch(() => {})
  }
  await Promise.all([...some.map(one), recordLate()])
  return wave
}

const NO_CALL_LEFT = {
  en: 'The rate limit of this bucket leaves no call for another attempt.',
  zh: '所属限流分组已无剩余调用次数可供重试。',
}

/** Reserves another call for an item that is being tried. */
async function reserveNextCall(operation: Operation, name: string, isRepeat: boolean): Promise<void> {
  const wish = { names: [NAMELESS], isRepeat }
  const { granted, waitMs, sendAtMs } = await reserveCalls(operation.name, name, operation.pace, wish)
  // It is our limit and no refusal of the vendor's: only this item waits.
  if (granted.length === 0)
    throw new OperationError('unavailable', NO_CALL_LEFT, { retryAfterMs: waitMs, scope: 'user' })
  await sleepUntil(sendAtMs)
}

/** Of the failures that are about more than one item, or may be, the one that says most. */
function failureOf(failed: Failed[]): Failure | undefined {
  const common = failed.map(({ error }) => error).filter((error) => isCommon(error))
  const error = common.find(({ queue }) => queue === 'hold') ?? common[0]
  if (!error) return undefined
  const { kind, scope, upstream, hint, askedMs, retryAfterMs: leastMs, queue } = error
  const { code = null, requestId = null } = upstream ?? {}
  const isCertain = queue === 'hold'
  return { kind, scope, code, requestId, hint: hint.en, isCertain, calls: common.length, askedMs, leastMs }
}

/** Whether it is, or may be, about more than this item and its user. What is wrong with one user's secret may be so with all. */
export const isCommon = ({ kind, scope, queue }: OperationError): boolean =>
  queue === 'hold' || (queue === 'wait' && (scope === 'bucket' || scope === 'us' || kind === 'misconfigured'))

/** By AWS's clock, and never sooner. */
async function sleepUntil(atMs: number): Promise<void> {
  for (let leftMs = atMs - awsNowMs(); leftMs > 0; leftMs = atMs - awsNowMs()) await sleep(Math.ceil(leftMs))
}

/** One message of each item, which can have two where it was killed while it stepped aside; the other one is deleted. */
const withoutCopies = (works: Work[]): Work[] => [
  ...new Map(works.map((work) => [fingerprint(work.target), work])).values(),
]

/** Begins with another message at each delivery, so that a probe is not always the same item. */
function inTurn(works: Work[]): Work[] {
  const deliveries = Number(works[0]?.record.attributes.ApproximateReceiveCount ?? 1)
  const first = (deliveries - 1) % works.length
  return [...works.slice(first), ...works.slice(0, first)]
}
