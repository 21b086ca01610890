/** What a push says that matters here, whichever vendor sent it. */
import * as v from 'valibot'
import { nameId } from '../schema.ts'
import type { TicketField } from '../tokens/ticket.ts'

/** How a vendor names an event. It goes into the log and into events of ours: the vendors' own are far shorter. */
export const eventId = v.pipe(v.string(), v.maxLength(256))

/** The id of a person or an organization that may be left out. No page says how: none, null or empty. */
export const optionalId = v.nullish(v.union([v.literal(''), nameId]))

/** A person at a vendor, as far as the push names them. */
export type Person = { openId?: string; unionId?: string; userId?: string }

/** Why a person can no longer act, or never again. */
export type Departure = 'left' | 'frozen'

/**
 * `id` names the event, the same when it is sent again. `atMs`: when it happened, by the vendor's clock.
 *
 * - `ticket`: a new one.
 * - `departure`: a person has left, or is frozen. `tenant`: the tenant_key or corpId.
 * - `revoked`: a user's tokens have ended.
 */
export type News = { id: string; atMs: number } & (
  | { type: 'ticket'; field: TicketField; ticket: string }
  | { type: 'departure'; departure: Departure; tenant?: string; person: Person }
  | { type: 'revoked'; person: Person }
)
