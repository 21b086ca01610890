/** Offboardings that were asked for over HTTP: each becomes one event, however often it is asked for. */
import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { awsNowMs } from '../aws/clock.ts'
import { type Item, type Key, updateItem } from '../aws/dynamodb.ts'
import { getExpiry, getPartition, runOf } from './offboardings.ts'

/** A dry run and the real run after it are two. */
export type RequestName = { offboardingId: string; dryRun: boolean }

/** Times in ISO 8601. `eventId` and `sentAt` are missing until its event is sent. `sentBy`: who asked for it first. */
export type RequestRecord = RequestName & {
  requestedAt: string
  sentBy?: string
  eventId?: string
  sentAt?: string
}

/** What the content is compared by. It may name people, so that guessing it from the hash must be slow. */
type Stored = RequestRecord & { salt: string; contentHash: string; claimedAtMs?: number }

/** How long a function has for sending what it has claimed. */
const SENDING_MS = 30_000

const keyOf = ({ offboardingId, dryRun }: RequestName): Key => ({
  pk: getPartition(offboardingId),
  sk: `request#${runOf(dryRun)}`,
})

/**
 * Claims a request for sending. `sent`: its event is sent already. `held`: a copy of the request claims it now, or was killed less than
 * half a minute ago. `different`: the offboarding was asked for with another content.
 */
export async function claimRequest(
  name: RequestName,
  content: string,
  sentBy: string | undefined,
): Promise<{ claim: 'claimed' | 'held' | 'different' } | { claim: 'sent'; eventId: string }> {
  const nowMs = awsNowMs()
  const salt = randomBytes(16).toString('base64url')
  const first = await updateItem(keyOf(name), {
    set: {
      ...name,
      salt,
      contentHash: await hash(content, salt),
      requestedAt: new Date(nowMs).toISOString(),
      sentBy,
      claimedAtMs: nowMs,
      expiresAt: getExpiry(nowMs),
    },
    when: { contentHash: { exists: false } },
  })
  const known = first.item as (Item & Stored) | undefined
  // With the salt of this one, it is this one's own write, whose answer was lost.
  if (first.ok || known?.salt === salt) return { claim: 'claimed' }
  if (!known || known.contentHash !== (await hash(content, known.salt))) return { claim: 'different' }
  const repeat = await updateItem(keyOf(name), {
    set: { claimedAtMs: nowMs },
    when: [
      { sentAt: { exists: false }, claimedAtMs: { exists: false } },
      { sentAt: { exists: false }, claimedAtMs: { below: nowMs - SENDING_MS } },
    ],
  })
  const { eventId } = (repeat.item ?? {}) as Partial<Stored>
  if (repeat.ok) return { claim: 'claimed' }
  return eventId === undefined ? { claim: 'held' } : { claim: 'sent', eventId }
}

const hash = async (content: string, salt: string): Promise<string> =>
  ((await slowly(content, salt, 32)) as Buffer).toString('base64url')

const slowly = promisify(scrypt)

/** Its event is sent. */
export async function recordSent(name: RequestName, eventId: string): Promise<void> {
  const sentAt = new Date(awsNowMs()).toISOString()
  await updateItem(keyOf(name), { set: { eventId, sentAt }, remove: ['claimedAtMs'] })
}

/** It could not be sent: the next one may try at once. */
export async function releaseRequest(name: RequestName): Promise<void> {
  await updateItem(keyOf(name), { remove: ['claimedAtMs'], when: { sentAt: { exists: false } } })
}
