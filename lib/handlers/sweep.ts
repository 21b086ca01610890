/** The sweep: ends offboardings whose functions were killed before they could. */
import { audit, errorFields, framesOf } from '../audit.ts'
import { publish } from '../aws/eventbridge.ts'
import { OperationError, toOperationError } from '../error.ts'
import { completeSending, type Header, listOlder, listOpen, listSendings, listUnplanned } from '../ledger/completion.ts'
import { recordAnnounced, recordOutcome, type Sending, type Target } from '../ledger/offboardings.ts'
import { announce } from './completed.ts'
import { named, parked } from './queue-record.ts'

const MINUTE_MS = 60_000
/** A younger claim may still be under way. */
const CLAIM_MS = MINUTE_MS
/** All operations plan an event within seconds; after an hour one of them has failed for good. */
const PLANNING_MS = 60 * MINUTE_MS
/** SQS keeps no message for longer. */
const RETENTION_MS = 14 * 24 * 60 * MINUTE_MS
const AT_ONCE = 10

/** How many completions were announced, open targets had lost their message, and sendings were not planned by every operation. */
export type SweepCounts = { Completed: number; VanishedTargets: number; UnplannedSendings: number }

/** Goes through the open offboardings, the oldest first, while time is left. */
export async function sweep(remainingMs: () => number): Promise<SweepCounts> {
  const counts: SweepCounts = { Completed: 0, VanishedTargets: 0, UnplannedSendings: 0 }
  const open = listOpen(before(CLAIM_MS))
  const run = async () => {
    for await (const offboarding of { [Symbol.asyncIterator]: () => ({ next: () => open.next() }) }) {
      try {
        for await (const sending of listSendings(offboarding)) await sweepSending(sending, counts)
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
  return counts
}

const SWEEP = 'offboarding-sweep'

async function sweepSending(sending: Header, counts: SweepCounts): Promise<void> {
  if (sending.sentAt < before(RETENTION_MS))
    for await (const target of listOlder(sending, before(RETENTION_MS))) {
      await giveUp(target)
      counts.VanishedTargets++
    }
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

/** Parks a target whose message no longer exists. There is no letter: the message was lost. */
async function giveUp(target: Target): Promise<void> {
  const { offboardingId: _, operation: __, input: ___, eventId: ____, ...outcome } = parked(target, VANISHED)
  const standing = { ...named(target), ...(await recordOutcome(target, outcome)) }
  await publish([standing])
  await recordAnnounced(target)
  audit({ message: standing.outcome === 'parked' ? 'parked' : 'finished', ...standing, operation: target.operation })
}

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
