/** The vendors' events that were taken: a vendor sends one again until it has an answer, and sometimes after that. */
import { awsNowMs } from '../aws/clock.ts'
import { getItem, type Key, updateItem } from '../aws/dynamodb.ts'
import { fingerprint } from '../fingerprint.ts'

/** Longer than the vendors send an event again, and longer than its signed time is taken for recent. */
const KEPT_MS = 48 * 60 * 60_000

const keyOf = (vendor: string, eventId: string): Key => ({ pk: `callback#${vendor}`, sk: fingerprint(eventId) })

/** Whether the event was taken before. */
export const isTaken = async (vendor: string, eventId: string): Promise<boolean> =>
  (await getItem(keyOf(vendor, eventId))).item !== undefined

/** Keeps that all has been done about the event. */
export async function recordTaken(vendor: string, eventId: string): Promise<void> {
  await updateItem(keyOf(vendor, eventId), { set: { expiresAt: Math.ceil((awsNowMs() + KEPT_MS) / 1_000) } })
}
