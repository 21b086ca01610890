/**
 * What every offboarding has become: each target of each sending, from queued to its outcome.
 *
 * - A *sending* is one event, or one redrive of letters of that event. Its targets are known by event id, operation, input
 *   and redrive number, so planning twice, replays and new message ids add nothing.
 * - A target is `open` until it has an outcome. One that is done (`changed`, `unchanged`, `gone`, `planned`) stays as it is;
 *   a parked one may be tried again.
 * - When all operations have planned and no target is open, one conditional write claims the sending's end.
 * - Every step is one conditional write that can be repeated. An item gets its expiry when it has ended, never before.
 */

import { awsNowMs } from '../aws/clock.ts'
import { type Key, updateItem } from '../aws/dynamodb.ts'
import { environmentNumber } from '../environment.ts'

/** One event, or one redrive of it. `redrive` is 0 for the event itself. */
export type Sending = { offboardingId: string; eventId: string; redrive: number; dryRun: boolean }

/** Where a sending came from. `sentBy` is the caller of an HTTP request; times in ISO 8601. */
export type Origin = { source: string; sentAt: string; sentBy?: string | undefined }

const DAY_S = 24 * 60 * 60

/** `real#EVENT_ID#00`: sorts a sending's items together, and real sendings apart from dry runs. */
export const getSendingName = ({ eventId, redrive, dryRun }: Sending): string =>
  `${runOf(dryRun)}#${eventId}#${String(redrive).padStart(2, '0')}`

/** How keys name real sendings and dry runs. */
export const runOf = (dryRun: boolean): 'dry-run' | 'real' => (dryRun ? 'dry-run' : 'real')

/** The partition key of everything about an offboarding; `-` stands for events that name none. */
export const getPartition = (offboardingId: string): string => `offboarding#${offboardingId}`

/** The item with an offboarding's state, one for its real sendings and one for its dry runs. */
export const getSummaryKey = ({ offboardingId, dryRun }: Pick<Sending, 'offboardingId' | 'dryRun'>): Key => ({
  pk: getPartition(offboardingId),
  sk: `summary#${runOf(dryRun)}`,
})

/** The item with a sending's progress. */
export const getSendingKey = (sending: Sending): Key => ({
  pk: getPartition(sending.offboardingId),
  sk: `sending#${getSendingName(sending)}`,
})

/** When what ends at `atMs` may be deleted. Epoch seconds. */
export const getExpiry = (atMs: number) => Math.floor(atMs / 1_000) + environmentNumber('LEDGER_RETENTION_DAYS') * DAY_S

/**
 * Opens the sending and its offboarding: neither is finished from now on, whatever date the sender gave it. `version` counts
 * the openings, so that a concurrent update of the offboarding's state does not overlook this one.
 */
export async function openSending(
  sending: Sending,
  origin: Origin & { operations?: Set<string>; planned?: Set<string>; completedAt?: string; publishedAt?: string },
): Promise<void> {
  const { offboardingId, eventId, redrive, dryRun } = sending
  const now = new Date(awsNowMs()).toISOString()
  await updateItem(getSendingKey(sending), {
    setOnce: { offboardingId, eventId, redrive, dryRun, ...origin },
    remove: ['expiresAt'],
  })
  await updateItem(getSummaryKey(sending), {
    set: { offboardingId, dryRun, state: 'open', since: origin.sentAt < now ? origin.sentAt : now },
    add: { version: 1 },
    remove: ['expiresAt'],
  })
}

/** The operation has queued all its targets of the sending. */
export async function recordPlanned(sending: Sending, operation: string): Promise<void> {
  await updateItem(getSendingKey(sending), { add: { planned: new Set([operation]) } })
}
