/** The EventBridge trigger: turns one leaver into work items. Nothing slow happens here. */
import { audit, errorFields, framesOf } from '../audit.ts'
import { bodyOf, type Message, sendWork } from '../aws/sqs.ts'
import { environment, environmentNumber } from '../environment.ts'
import { OperationError, toOperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { openSending, recordPlanned, type Sending } from '../ledger/offboardings.ts'
import { queueTargets, type Target } from '../ledger/targets.ts'
import { type Offboarding, offboarding, withinTargets } from '../offboarding-event.ts'
import type { Operation } from '../operation.ts'
import { parse } from '../schema.ts'
import { finishSendings } from './completed.ts'
import { type BusEvent, originOf, reject } from './reject.ts'
import { bucketOf, groupOf, type WorkItem } from './work-item.ts'

/** Kept back from planning for queueing its work, with a write of the ledger that is under way. */
const QUEUEING_MS = 15_000
/** What is needed to note in the ledger that all is planned, or to have that noted later. */
const ENDING_MS = 8_000

/** The group of messages from which missing entries of the ledger are made; no bucket has this name. */
export const LEDGER_GROUP = 'ledger'

/**
 * Puts one item for each of the event's targets on the operation's queue and returns how many. Each target is in the ledger
 * before it is queued. The same event delivered again adds nothing. An event that is invalid, selects nothing or too much is
 * rejected whole: a dead letter, no item.
 *
 * While the ledger cannot be written, or not in time, the work is queued all the same, and the event behind it, so that its
 * entries follow.
 */
export async function plan(
  operation: Operation,
  event: BusEvent,
  remainingMs: () => number,
): Promise<{ planned: number }> {
  let detail: Offboarding
  try {
    detail = withinTargets(parse(offboarding, event.detail), environmentNumber('MAX_TARGETS_PER_EVENT'))
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
    await reject(operation.name, event, error)
    return { planned: 0 }
  }
  const sending = sendingOf(event, detail)
  const targets = listTargets(operation, event, detail)
  const plannedAt = new Date().toISOString()
  const enteringMs = () => remainingMs() - QUEUEING_MS
  const isEntered = await attempt(operation, () => enter(event, targets, sending, { queuedAt: plannedAt, enteringMs }))
  await sendWork(targets.map((target) => messageOf(operation, target, plannedAt)))
  const isEnded =
    isEntered && remainingMs() >= ENDING_MS && (await attempt(operation, () => endPlanning(operation, sending)))
  if (!isEnded)
    await sendWork([
      { body: bodyOf(event), group: LEDGER_GROUP, deduplicationId: fingerprint(event.id, LEDGER_GROUP, plannedAt) },
    ])
  audit({
    message: 'planned',
    operation: operation.name,
    offboardingId: detail.offboardingId,
    eventId: event.id,
    items: targets.length,
    bucket: targets[0] && bucketOf(operation, targets[0].input),
    dryRun: detail.dryRun,
  })
  return { planned: targets.length }
}

/** Writes the ledger's entries of an event whose work is queued already. */
export async function enterLate(operation: Operation, event: BusEvent, remainingMs: () => number): Promise<void> {
  const detail = parse(offboarding, event.detail)
  const sending = sendingOf(event, detail)
  await enter(event, listTargets(operation, event, detail), sending, {
    queuedAt: new Date().toISOString(),
    enteringMs: () => remainingMs() - ENDING_MS,
  })
  await endPlanning(operation, sending)
}

const sendingOf = (event: BusEvent, { offboardingId, dryRun }: Offboarding): Sending => ({
  offboardingId,
  eventId: event.id,
  redrive: 0,
  dryRun,
})

/** The event's targets of the operation, each once. */
function listTargets(operation: Operation, event: BusEvent, detail: Offboarding): Target[] {
  const distinct = new Map(operation.targets(detail).map((input) => [fingerprint(input), input]))
  return [...distinct.values()].map((input) => ({ ...sendingOf(event, detail), operation: operation.name, input }))
}

function messageOf(operation: Operation, { redrive, ...item }: Target, plannedAt: string): Message {
  return {
    body: bodyOf({ ...item, plannedAt } satisfies WorkItem),
    group: groupOf(operation, item),
    deduplicationId: fingerprint(item.eventId, item.operation, item.input),
  }
}

/** `queuedAt` is now: the event may be an old one that is replayed, and its time is whatever its sender says. */
async function enter(
  event: BusEvent,
  targets: Target[],
  sending: Sending,
  { queuedAt, enteringMs }: { queuedAt: string; enteringMs: () => number },
): Promise<void> {
  const operations = new Set(environment('OPERATIONS').split(','))
  await openSending(sending, { ...originOf(event), operations })
  await queueTargets(targets, queuedAt, () => {
    if (enteringMs() <= 0) throw new OperationError('unavailable', SLOW)
  })
}

const SLOW = { en: 'The ledger was too slow for all targets.', zh: '台账写入过慢，未能及时写入全部对象。' }

async function endPlanning(operation: Operation, sending: Sending): Promise<void> {
  await recordPlanned(sending, operation.name)
  await finishSendings([sending])
}

/** Whether `step` succeeded; a failure is logged. */
async function attempt(operation: Operation, step: () => Promise<void>): Promise<boolean> {
  try {
    await step()
    return true
  } catch (thrown) {
    audit({
      message: 'failed',
      operation: operation.name,
      ...errorFields(toOperationError(thrown)),
      stack: framesOf(thrown),
    })
    return false
  }
}
