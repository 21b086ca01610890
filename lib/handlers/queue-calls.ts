/** The calls of a bucket that are made at once, and what their failures say. */
import { setTimeout as sleep } from 'node:timers/promises'
import { awsNowMs } from '../aws/clock.ts'
import { OperationError } from '../error.ts'
import type { Bucket } from '../ledger/bucket.ts'
import { moveCalls, reserveCalls } from '../ledger/buckets.ts'
import type { Failure } from '../ledger/hold.ts'
import { NAMELESS } from '../ledger/pace.ts'
import type { Operation } from '../operation.ts'
import { type Done, type Left, type Work, workOn } from './queue-record.ts'

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

/** `isRepeat`: the items have failed before and stepped aside. `isDryRun`: the calls are those of a question. */
export type Conditions = { isRepeat: boolean; isDryRun: boolean; remainingMs: () => number }

/** Calls made at once. `answered` and `ended` as in `Report`; `ms`: how long the slowest took. */
type Wave = { done: Done[]; failed: Failed[]; answered: boolean; ended: boolean; beganAtMs: number; ms: number }

/** Tries them at once, at the moment that is reserved for them. When one is sent late, all count from then. */
export async function attempt(
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
export function failureOf(failed: Failed[]): Failure | undefined {
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
