/** What DingTalk's events say that matters here: pushed to an internal app's URL, or, of third-party apps, by SyncHTTP. */
import * as v from 'valibot'
import { secretText } from '../aws/secrets-manager.ts'
import { fingerprint } from '../fingerprint.ts'
import { nameId } from '../schema.ts'
import { eventId, type News, optionalId, type Person } from './news.ts'
import { isSame, parseObject, Refusal, read, readTime } from './push.ts'

const text = v.nullish(v.string())
const time = v.nullish(v.union([v.string(), v.number()]))
const id = v.nullish(v.union([eventId, v.number()]))
/** What a push calls a person: one id, or a list. */
const ids = v.nullish(v.union([v.literal(''), nameId, v.array(nameId)]))

/** What an event is. Those of other types may have anything else. */
const kind = v.looseObject({ EventType: text, syncAction: text, SuiteKey: text })

/** The names that the pages have for one thing. https://open.dingtalk.com/document/development/user-leave-org */
const fields = v.looseObject({
  eventId: id,
  timeStamp: time,
  TimeStamp: time,
  EventTime: time,
  CorpId: optionalId,
  userId: ids,
  userid: ids,
  unionid: optionalId,
  suiteTicket: v.optional(v.unknown()),
  SuiteTicket: v.optional(v.unknown()),
})

/** https://open.dingtalk.com/document/development/synchttp-push */
const pushed = v.object({ EventType: v.string(), bizData: v.array(v.unknown()) })
const item = v.object({
  id,
  biz_id: text,
  corp_id: optionalId,
  gmt_modified: time,
  biz_data: v.nullish(v.union([v.string(), v.looseObject({})])),
})

/**
 * Returns what a push says that matters here; nothing for others, as those that verify a URL. Throws `Refusal` for what is not as
 * documented, and for a push of another suite; of several events in one push it returns that with what the others say.
 */
export function readDingtalkEvents(
  sent: Record<string, unknown>,
  ownerKey: string,
  nowMs: number,
): { news: News[]; refusal?: Refusal } {
  if (!('bizData' in sent)) return { news: readOne(sent, {}, ownerKey, nowMs) }
  const news: News[] = []
  let refusal: Refusal | undefined
  for (const one of read(pushed, sent).bizData) {
    try {
      news.push(...readItem(one, ownerKey, nowMs))
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      refusal = thrown
    }
  }
  return { news, ...(refusal && { refusal }) }
}

/** What the envelope says, where the event does not. */
type Around = {
  id?: string | number | null | undefined
  userId?: string | null | undefined
  tenant?: string | null | undefined
  atMs?: string | number | null | undefined
}

function readItem(given: unknown, ownerKey: string, nowMs: number): News[] {
  const { id, biz_id, corp_id, gmt_modified, biz_data } = read(item, given)
  const content = typeof biz_data === 'string' ? parseObject(biz_data) : (biz_data ?? {})
  return readOne(content, { id, userId: biz_id, tenant: corp_id, atMs: gmt_modified }, ownerKey, nowMs)
}

function readOne(content: object, around: Around, ownerKey: string, nowMs: number): News[] {
  const { EventType, syncAction, SuiteKey } = read(kind, content)
  if (SuiteKey && !isSame(ownerKey, SuiteKey)) throw new Refusal(401, 'app')
  const type = syncAction ?? EventType
  if (type !== 'suite_ticket' && type !== 'user_leave_org') return []
  const one = read(fields, content)
  const id = String(one.eventId || around.id || fingerprint(content, around))
  const about = { id, atMs: readTime(one.timeStamp ?? one.TimeStamp ?? one.EventTime ?? around.atMs, 1, nowMs) }
  switch (type) {
    case 'suite_ticket': {
      const ticket = read(v.pipe(secretText, v.maxLength(4_096)), one.suiteTicket ?? one.SuiteTicket)
      return [{ ...about, type: 'ticket', field: 'suiteTicket', ticket }]
    }
    case 'user_leave_org': {
      const tenant = one.CorpId || around.tenant
      const named = [one.userId || one.userid || []].flat()
      const userIds = named.length > 0 ? named : [read(nameId, around.userId)]
      return userIds.map((userId): News => {
        const person: Person = { userId, ...(one.unionid && userIds.length === 1 && { unionId: one.unionid }) }
        return {
          ...about,
          id: `${id}:${userId}`,
          type: 'departure',
          departure: 'left',
          person,
          ...(tenant && { tenant }),
        }
      })
    }
  }
}
