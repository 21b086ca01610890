/** A redrive: letters of one event, sent again as a sending of its own. */
import { awsNowMs } from '../aws/clock.ts'
import { queryPage, updateItem } from '../aws/dynamodb.ts'
import type { Header } from './completion.ts'
import { getPartition, getSendingKey, openSending, runOf, type Sending } from './offboardings.ts'
import { queueTargets, type Target } from './targets.ts'

/** A redrive number has two digits. */
const MOST = 99

/**
 * Opens a redrive of an event with these targets, whose `redrive` is that of their letters, and returns its number; undefined
 * when the event has been redriven too often. Repeated before anything of it has ended, it is the same redrive.
 */
export async function openRedrive(
  { offboardingId, eventId, dryRun }: Pick<Sending, 'offboardingId' | 'eventId' | 'dryRun'>,
  targets: Target[],
  operations: string[],
): Promise<number | undefined> {
  const { items } = await queryPage({
    partition: getPartition(offboardingId),
    sort: { beginsWith: `sending#${runOf(dryRun)}#${eventId}#` },
    forward: false,
    limit: 1,
    consistent: true,
  })
  const { redrive: last = 0, completedAt } = { ...(items[0] as Partial<Header> | undefined) }
  const isUnderWay = completedAt === undefined && targets.every(({ redrive }) => redrive < last)
  const redrive = isUnderWay && (await join({ offboardingId, eventId, redrive: last, dryRun })) ? last : last + 1
  if (redrive > MOST) return undefined
  const sending = { offboardingId, eventId, redrive, dryRun }
  const sentAt = new Date(awsNowMs()).toISOString()
  await openSending(sending, { source: 'redrive', sentAt, operations: new Set(operations) })
  await queueTargets(
    targets.map((target) => ({ ...target, redrive })),
    sentAt,
  )
  await updateItem(getSendingKey(sending), { add: { planned: new Set(operations) } })
  return redrive
}

/** Keeps the sending from ending until it is planned again. False when it has ended. */
const join = async (sending: Sending): Promise<boolean> =>
  (await updateItem(getSendingKey(sending), { remove: ['planned'], when: { completedAt: { exists: false } } })).ok
