/**
 * What has become of the events that say who leaves as HR knows them: being resolved, sent on with ids, or rejected. Ids alone: no
 * address, no mobile, no employee number.
 */
import { awsNowMs } from '../aws/clock.ts'
import { type Item, type Key, updateItem } from '../aws/dynamodb.ts'
import type { Kind, Text } from '../error.ts'
import { getExpiry, getPartition, type Origin, runOf } from './offboardings.ts'

/** The function that resolves them. */
export const RESOLUTION = 'offboarding-resolution'

/** Whether an item of those that are open is such an event, and no offboarding. */
export const isLeaving = ({ sk }: Key): boolean => sk.startsWith('leaving#')

/** The event. */
export type LeavingName = { offboardingId: string; eventId: string; dryRun: boolean }

/** What a vendor knows of the leaver or the custodian: their ids, or why there are none; with ids, why not all they have is listed. */
export type FoundRecord = {
  state: 'found' | 'not_found' | 'ambiguous' | 'resigned' | 'not_asked'
  openId?: string | undefined
  unionId?: string | undefined
  userId?: string | undefined
  tenantKey?: string | undefined
  reason?: Text
}
type FoundRecords = { feishu?: FoundRecord; dingtalk?: FoundRecord }

/** An event as the ledger has it. Times in ISO 8601. */
export type LeavingRecord = LeavingName &
  Origin & {
    queuedAt: string
    stage: 'resolving' | 'sent' | 'rejected'
    found?: FoundRecords
    custodian?: FoundRecord
    /** The error of the last try that failed. */
    lastKind?: string
    lastCode?: string
    lastHint?: string
    /** The offboarding events that it became, and their targets. */
    sentEventIds?: string[]
    targets?: number
    /** Approvals that are registered for the leaver. They are the app's, for everyone, and not in the events. */
    approvalCodes?: string[]
  }

const keyOf = ({ offboardingId, eventId, dryRun }: LeavingName): Key => ({
  pk: getPartition(offboardingId),
  sk: `leaving#${runOf(dryRun)}#${eventId}`,
})

/** Opens the event, unless it is known; returns it as it stands. It is listed as open until it ends. */
export async function openLeaving(name: LeavingName, origin: Origin): Promise<LeavingRecord> {
  const now = new Date(awsNowMs()).toISOString()
  const { item } = await updateItem(keyOf(name), {
    set: { ...name, ...origin, queuedAt: now, stage: 'resolving', state: 'open', since: now },
    when: { stage: { exists: false } },
  })
  return item as Item & LeavingRecord
}

/** How long sending takes at most. */
const SENDING_MS = 60_000

/**
 * Claims what the event has become, to be sent on. `held`: a copy of the message claims it now, or was killed less than a minute ago.
 * `ended`: it needs no sending any more.
 */
export async function claimLeaving(name: LeavingName): Promise<'claimed' | 'held' | 'ended'> {
  const nowMs = awsNowMs()
  const { ok, item } = await updateItem(keyOf(name), {
    set: { claimedAtMs: nowMs },
    when: [
      { stage: 'resolving', claimedAtMs: { exists: false } },
      { stage: 'resolving', claimedAtMs: { below: nowMs - SENDING_MS } },
    ],
  })
  return ok ? 'claimed' : item?.stage === 'resolving' ? 'held' : 'ended'
}

/** Keeps why it could not be resolved yet. */
export async function recordTry(
  name: LeavingName,
  { kind, code, hint }: { kind: Kind; code: string | null | undefined; hint: string },
): Promise<void> {
  await updateItem(keyOf(name), {
    set: { lastKind: kind, lastCode: code ?? undefined, lastHint: hint },
    remove: code ? [] : ['lastCode'],
    when: { stage: 'resolving' },
  })
}

/** Keeps how it ended, unless it ended before. */
export async function endLeaving(
  name: LeavingName,
  end: Pick<LeavingRecord, 'stage'> & Partial<LeavingRecord>,
): Promise<void> {
  await updateItem(keyOf(name), {
    set: { ...end, expiresAt: getExpiry(awsNowMs()) },
    remove: ['state', 'since', 'claimedAtMs'],
    when: { stage: 'resolving' },
  })
}
