/** The sweep: ends offboardings whose functions were killed before they could. */
import { audit, errorFields, framesOf } from '../audit.ts'
import { OperationError, toOperationError } from '../error.ts'
import {
  completeSending,
  type Header,
  listOpen,
  listOpenTargets,
  listSendings,
  listUnplanned,
} from '../ledger/completion.ts'
import { isLeaving, RESOLUTION } from '../ledger/leavings.ts'
import type { Sending } from '../ledger/offboardings.ts'
import { announce } from './completed.ts'
import { giveUp } from './give-up.ts'
import { parkStranded } from './stranded.ts'

const MINUTE_MS = 60_000
/** A younger claim may still be under way. */
const CLAIM_MS = MINUTE_MS
/** All operations plan an event within seconds; after an hour one of them has failed for good. */
const PLANNING_MS = 60 * MINUTE_MS
/** SQS keeps no message for longer. */
const RETENTION_MS = 14 * 24 * 60 * MINUTE_MS
const AT_ONCE = 10

/**
 * What a sweep found. `queuedAt` has by operation when the oldest of its open targets was queued, and for the resolution when its
 * oldest leaver was. ISO 8601.
 */
type Swept = { counts: SweepCounts; queuedAt: Map<string, string> }

/** How many completions were announced, open targets had lost their message, and sendings were not planned by every operation. */
type SweepCounts = { Completed: number; VanishedTargets: number; UnplannedSendings: number }

/** Parks what SQS gave up, then goes through the open offboardings, the oldest first, while time is left. */
export async function sweep(remainingMs: () => number): Promise<Swept> {
  await parkStranded(SWEEP, remainingMs)
  const swept: Swept = { counts: { Completed: 0, VanishedTargets: 0, UnplannedSendings: 0 }, queuedAt: new Map() }
  const open = listOpen(before(CLAIM_MS))
  const run = async () => {
    for await (const offboarding of { [Symbol.asyncIterator]: () => ({ next: () => open.next() }) }) {
      try {
        if (isLeaving(offboarding)) noteOldest(swept, RESOLUTION, String(offboarding.queuedAt))
        else for await (const sending of listSendings(offboarding)) await sweepSending(sending, swept)
      } catch (thrown) {
        const { offboardingId } = offboarding
        audit({
          message: 'failed',
          operation: SWEEP,
          offboardingId,
          ...errorFields(toOperationError(thrown)),
          stack: framesOf(thrown),
        })
      }
      if (remainingMs() <= 0) return
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))
  return swept
}

const SWEEP = 'offboarding-sweep'

function noteOldest({ queuedAt: oldest }: Swept, name: string, queuedAt: string): void {
  if (queuedAt < (oldest.get(name) ?? '~')) oldest.set(name, queuedAt)
}

async function sweepSending(sending: Header, swept: Swept): Promise<void> {
  const { counts } = swept
  for await (const { target, queuedAt, sentAt } of listOpenTargets(sending))
    if (sentAt < before(RETENTION_MS)) {
      // Without a letter: the message was lost.
      await giveUp(target, VANISHED)
      counts.VanishedTargets++
    } else noteOldest(swept, target.operation, queuedAt)
  if (!sending.publishedAt && sending.sentAt < before(PLANNING_MS) && listUnplanned(sending).length > 0)
    counts.UnplannedSendings++
  const repeat = sending.completedAt !== undefined && sending.completedAt < before(CLAIM_MS)
  const completion = await completeSending(nameOnly(sending), { repeat })
  if (!completion) return
  await announce(completion)
  counts.Completed++
}

const nameOnly = ({ offboardingId, eventId, redrive, dryRun }: Sending): Sending => ({
  offboardingId,
  eventId,
  redrive,
  dryRun,
})

const VANISHED = new OperationError(
  'internal',
  { en: 'Its message is no longer on the queue.', zh: '其消息已不在队列中。' },
  {
    hint: {
      en: 'Send the offboarding event again: its message disappeared before it was finished.',
      zh: '请重新发送该离职事件：其消息在处理完成前已丢失。',
    },
  },
)

const before = (ms: number): string => new Date(Date.now() - ms).toISOString()
