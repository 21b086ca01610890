/** The items of one bucket in a batch: which of them may be sent to the vendor, when, and what is kept of how they end. */
import type { SQSRecord } from 'aws-lambda'
import { awsNowMs } from '../aws/clock.ts'
import { toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { EMPTY } from '../ledger/bucket.ts'
import { recordReport, reserveCalls } from '../ledger/buckets.ts'
import { MAX_WAIT_MS } from '../ledger/hold.ts'
import { readTarget } from '../ledger/targets.ts'
import type { Operation } from '../operation.ts'
import { partition } from '../partition.ts'
import { attempt, type Conditions, failureOf, type Worked } from './queue-calls.ts'
import { announceHold } from './queue-hold.ts'
import { lost, named, type Work } from './queue-record.ts'
import { awsWaitMs, noteAnswer } from './queue-waits.ts'

/** An item is not begun with less time than this left, or than two answers have taken. */
const ITEM_MS = 8_000
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
  const works = inTurn(withoutCopies(given))
  const worked: Worked = {
    done: [],
    failed: [],
    untried: works,
    left: [],
    waitMs: 0,
    bucket: EMPTY,
    begun: new Set(),
  }
  // The first calls are reserved while the targets are read, though some may turn out to have ended.
  const isTime = conditions.remainingMs() >= ITEM_MS
  const reserving = isTime ? reserveFor(operation, name, works, conditions, worked) : undefined
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
    worked.untried = works.filter((work) => !ended.has(work))
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
  const { isRepeat, isDryRun, remainingMs } = conditions
  // An operator has nothing to do for a question.
  const announce = async (recorded: Parameters<typeof announceHold>[2]) =>
    isDryRun || announceHold(operation, name, recorded)
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
      if (!isRepeat && !(await announce({ bucket }))) waitToAnnounce(worked)
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
      const recorded = await recordReport(operation.name, name, report, names)
      for (const one of names) {
        worked.begun.delete(one)
        known.ended.delete(one)
      }
      worked.bucket = recorded.bucket
      isAnnounced = await announce(recorded)
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
