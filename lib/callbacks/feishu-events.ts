/** What Feishu's events say that matters here. */
import * as v from 'valibot'
import { secretText } from '../aws/secrets-manager.ts'
import { openId } from '../schema.ts'
import { eventId, type News, optionalId, type Person } from './news.ts'
import { isSame, Refusal, read, readTime } from './push.ts'

const text = v.nullish(v.string())
/** Which numbers a page calls strings, and which strings numbers, differs. */
const time = v.nullish(v.union([v.string(), v.number()]))
const id = v.pipe(eventId, v.nonEmpty())

/**
 * The older envelope, in which tickets come, and the newer one.
 * https://open.feishu.cn/document/ukTMukTMukTM/uUTNz4SN1MjL1UzM
 */
const older = v.object({ uuid: id, ts: time, event: v.looseObject({ type: v.string(), app_id: v.string() }) })
const newer = v.object({
  header: v.object({
    event_id: id,
    event_type: v.string(),
    create_time: time,
    app_id: v.string(),
    tenant_key: optionalId,
  }),
  event: v.looseObject({}),
})

type Event = { id: string; atMs: number; type: string; app: string; tenant: string | undefined; content: object }

/**
 * Returns what an event of the app says that matters here; nothing for other events. Throws `Refusal` for an event of another app,
 * and for one that is not as documented.
 */
export function readFeishuEvent(sent: Record<string, unknown>, appId: string, nowMs: number): News[] {
  const { id, atMs, type, app, tenant, content } = readEnvelope(sent, nowMs)
  if (!isSame(appId, app)) throw new Refusal(401, 'app')
  const readContent = Object.hasOwn(EVENTS, type) ? EVENTS[type] : undefined
  const news = readContent?.(content)
  return news ? [{ id, atMs, ...(tenant !== undefined && { tenant }), ...news } as News] : []
}

function readEnvelope(sent: Record<string, unknown>, nowMs: number): Event {
  if ('header' in sent) {
    const { header, event } = read(newer, sent)
    const { event_id, event_type, create_time, app_id, tenant_key } = header
    const tenant = tenant_key || undefined
    return {
      id: event_id,
      atMs: readTime(create_time, 1, nowMs),
      type: event_type,
      app: app_id,
      tenant,
      content: event,
    }
  }
  const { uuid, ts, event } = read(older, sent)
  const atMs = readTime(ts, 1_000, nowMs)
  return { id: uuid, atMs, type: event.type, app: event.app_id, tenant: undefined, content: event }
}

const ticket = v.object({ app_ticket: v.pipe(secretText, v.maxLength(4_096)) })

const status = v.nullish(v.object({ is_frozen: v.nullish(v.boolean()), is_resigned: v.nullish(v.boolean()) }))
/** An app may not be allowed to see the others. */
const ids = { open_id: openId, union_id: optionalId, user_id: optionalId }
const contact = v.object({ object: v.object({ ...ids, status }), old_object: v.nullish(v.looseObject({ status })) })
/** The types of token, between blanks. */
const revoked = v.object({ ...ids, revoke_token_type: text })

/** By the event's type, from the pages of the events. */
const EVENTS: Record<string, (content: object) => object | undefined> = {
  // https://open.feishu.cn/document/ukTMukTMukTM/uYDNxYjL2QTM24iN0EjN/event-subscription-configure-/app_ticket
  app_ticket: (content) => ({ type: 'ticket', field: 'appTicket', ticket: read(ticket, content).app_ticket }),
  // https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/contact-v3/user/events/deleted
  // The type says it: the page's own example has `is_resigned: false`.
  'contact.user.deleted_v3': (content) => ({ ...departure('left'), person: personOf(read(contact, content).object) }),
  // https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/contact-v3/user/events/updated
  'contact.user.updated_v3': (content) => {
    const { object, old_object } = read(contact, content)
    const became = (flag: 'is_resigned' | 'is_frozen') =>
      object.status?.[flag] === true && old_object?.status?.[flag] !== true
    if (!old_object?.status) return undefined
    if (became('is_resigned')) return { ...departure('left'), person: personOf(object) }
    return became('is_frozen') ? { ...departure('frozen'), person: personOf(object) } : undefined
  },
  // https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authentication-management/auth-v4/user_access_token/events/revoked
  // An access token that ends is renewed; without its refresh token it is not.
  'auth.user_access_token.revoked_v4': (content) => {
    const event = read(revoked, content)
    const types = (event.revoke_token_type ?? '').split(/\s+/)
    return types.includes('refresh_token') ? { type: 'revoked', person: personOf(event) } : undefined
  },
}

const departure = (why: 'left' | 'frozen') => ({ type: 'departure', departure: why })

const personOf = ({
  open_id,
  union_id,
  user_id,
}: Omit<v.InferOutput<typeof revoked>, 'revoke_token_type'>): Person => ({
  openId: open_id,
  ...(union_id && { unionId: union_id }),
  ...(user_id && { userId: user_id }),
})
