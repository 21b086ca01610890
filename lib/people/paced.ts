/**
 * Asking within the vendors' limits, which all containers share through the ledger. Within a container one reservation at a time is
 * made for all questions that wait for the same bucket.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { awsNowMs } from '../aws/clock.ts'
import { OperationError, type Text } from '../error.ts'
import { moveCalls, reserveCalls } from '../ledger/buckets.ts'
import { NAMELESS } from '../ledger/pace.ts'
import type { Input } from '../schema.ts'
import { execute } from '../vendor/execute.ts'
import type { Ask, Question } from './ask.ts'

/** The longest wait that a call sits out by itself; what takes longer is left to the queue. */
const MAX_WAIT_MS = 5_000
/** What a call may need once its turn has come. */
const CALL_MS = 10_000
/** Calls that are sent this much later than reserved, as when a token had to be fetched first, count from when they were. */
const LATE_MS = 5

/** `sent` is called when the call is on its way, or never will be. */
type Turn = { resolve: (sent: (atMs: number) => void) => void; reject: (error: unknown) => void; endsAtMs: number }

/** By bucket, what waits for its turn. Those that have none are not worked on. */
const lines = new Map<string, Turn[]>()

/** Asks in pace for as long as there is time; throws `unavailable` when the turn would come too late. */
export const pacedAsk =
  (remainingMs: () => number): Ask =>
  async (question, input) => {
    let sent = (_atMs: number) => {}
    const onSend = () => sent(awsNowMs())
    // Only now is the token there, which can take long to obtain: what has its turn is sent at once.
    const beforeSend = async () => {
      sent = await takeTurn(question, input, remainingMs)
    }
    try {
      return await execute(question, input, { remainingMs, maxWaitMs: MAX_WAIT_MS, beforeSend, onSend })
    } finally {
      onSend()
    }
  }

/** Waits until a call of the question's bucket may be sent. */
function takeTurn<I extends Input>(
  { name, pace, vendor, identity }: Question<I>,
  input: I,
  remainingMs: () => number,
): Promise<(atMs: number) => void> {
  const bucket = `${vendor.name}:${identity(input).tenantKey ?? 'default'}`
  const key = `${name} ${bucket}`
  const { promise, resolve, reject } = Promise.withResolvers<(atMs: number) => void>()
  const turn = { resolve, reject, endsAtMs: Date.now() + remainingMs() - CALL_MS }
  const waiting = lines.get(key)
  if (waiting) waiting.push(turn)
  else {
    const line = [turn]
    lines.set(key, line)
    void serve(line, name, bucket, pace).finally(() => lines.delete(key))
  }
  return promise
}

async function serve(line: Turn[], name: string, bucket: string, pace: Question['pace']): Promise<void> {
  while (line.length > 0)
    try {
      const wish = { names: line.map(() => NAMELESS), isRepeat: false }
      const { granted, sendAtMs, waitMs = 0 } = await reserveCalls(name, bucket, pace, wish)
      if (granted.length > 0) await send(line.splice(0, granted.length), name, bucket, sendAtMs)
      else await pass(line, waitMs)
    } catch (error) {
      for (const { reject } of line.splice(0)) reject(error)
    }
}

/** Has them sent at the moment that is reserved; returns when all are on their way, so that nothing counts on a later one. */
async function send(turns: Turn[], name: string, bucket: string, sendAtMs: number): Promise<void> {
  // By AWS's clock, and never sooner.
  for (let leftMs = sendAtMs - awsNowMs(); leftMs > 0; leftMs = sendAtMs - awsNowMs()) await sleep(Math.ceil(leftMs))
  const sent = await Promise.all(turns.map(({ resolve }) => new Promise<number>(resolve)))
  const lastMs = Math.max(...sent)
  // Where this fails, the next calls may be a little early; those that were made count all the same.
  if (lastMs - sendAtMs > LATE_MS) await moveCalls(name, bucket, sendAtMs, lastMs).catch(() => {})
}

/** Waits; those for whom that is too long are told so at once. */
async function pass(line: Turn[], waitMs: number): Promise<void> {
  const late = line.filter(({ endsAtMs }) => Date.now() + waitMs > endsAtMs)
  for (const turn of late) {
    line.splice(line.indexOf(turn), 1)
    turn.reject(new OperationError('unavailable', NO_TURN, { retryAfterMs: Math.max(1_000, waitMs), scope: 'us' }))
  }
  if (line.length > 0) await sleep(Math.max(1, waitMs))
}

const NO_TURN: Text = {
  en: 'The rate limit of this lookup leaves no call in the time that is left.',
  zh: '该查询的频率限制在剩余时间内已无可用调用。',
}
