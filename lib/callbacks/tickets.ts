/** Keeping the ticket that a vendor pushed last. It has a secret of its own: the app's is the operator's. */
import * as v from 'valibot'
import { moveLabel, putVersion, readVersion } from '../aws/secrets-manager.ts'
import { environment } from '../environment.ts'
import { OperationError } from '../error.ts'
import { fingerprint } from '../fingerprint.ts'
import { registerSecrets } from '../redact.ts'
import { TICKETS, type TicketField } from '../tokens/ticket.ts'

/** The label of a ticket until it is current. */
const LABEL = 'PUSHED'
/** Pushes that are stored at the same time; each loses to a newer one at most. */
const TRIES = 5

const stored = v.object({ pushedAt: v.optional(v.pipe(v.string(), v.isoTimestamp())) })

/**
 * Makes the ticket current, unless a newer one is. `pushedAtMs`: when the vendor pushed it, by the vendor's clock. Returns whether it
 * was stored. Throws `unavailable` when it could not be: the vendor pushes it again.
 */
export async function storeTicket(field: TicketField, ticket: string, pushedAtMs: number): Promise<boolean> {
  const id = environment(TICKETS[field].variable)
  const secret = { [field]: ticket, pushedAt: new Date(pushedAtMs).toISOString() }
  registerSecrets(secret)
  const text = JSON.stringify(secret)
  for (let tries = 0; tries < TRIES; tries++) {
    const current = await readVersion(id)
    if (current && isNewer(current.text, field, ticket, pushedAtMs)) return false
    const from = current?.versionId
    const versionId = fingerprint(from, text)
    await putVersion(id, { versionId, text }, LABEL)
    if (from === undefined || (await moveLabel(id, 'AWSCURRENT', from, versionId))) return true
  }
  throw new OperationError('unavailable', {
    en: `Secret "${id}" is written by too many at once.`,
    zh: `密钥 "${id}" 同时被过多请求写入。`,
  })
}

/** Whether what is stored is this very ticket, or was pushed later. What cannot be read is replaced. */
function isNewer(text: string, field: TicketField, ticket: string, pushedAtMs: number): boolean {
  try {
    const json = JSON.parse(text)
    const { pushedAt } = v.parse(stored, json)
    return json[field] === ticket || (pushedAt !== undefined && Date.parse(pushedAt) > pushedAtMs)
  } catch {
    return false
  }
}
