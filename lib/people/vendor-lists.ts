/**
 * A person's subscriptions as the vendors list them, by calls that only read. No vendor lists the documents or approvals that
 * a person is subscribed to, and Feishu has no API to check a subscription to calendar change events.
 */
import * as v from 'valibot'
import { dingtalk } from '../dingtalk/dingtalk.ts'
import { OperationError } from '../error.ts'
import { feishuCalendarCodes, feishuDocumentCodes } from '../feishu/codes.ts'
import { feishu } from '../feishu/feishu.ts'
import { type Ask, answerOf, type Question } from './ask.ts'

/** A calendar in a person's list; texts are the vendor's own. */
export type Calendar = {
  id: string
  title: string
  type: string
  /** What the person may do there: Feishu's `role`, DingTalk's `privilege`. */
  role: string
  isDeleted: boolean
}

const text = v.nullish(v.string(), 'unknown')

const feishuPage = v.object({
  data: v.object({
    has_more: v.nullish(v.boolean(), false),
    page_token: v.nullish(v.string(), ''),
    calendar_list: v.nullish(
      v.array(
        v.object({
          calendar_id: v.string(),
          summary: v.nullish(v.string(), ''),
          type: text,
          role: text,
          is_deleted: v.nullish(v.boolean(), false),
        }),
      ),
      [],
    ),
  }),
})

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/calendar-v4/calendar/list */
export const feishuCalendarList: Question<{
  open_id: string
  page_size: string
  page_token: string | undefined
  tenant_key: string | undefined
}> = {
  name: 'feishu-calendar-list',
  vendor: feishu,
  method: 'GET',
  path: '/open-apis/calendar/v4/calendars',
  query: ['page_size', 'page_token'],
  pace: { perSecond: 50, perMinute: 1_000 },
  identity: ({ open_id, tenant_key }) => ({ as: 'user', userId: open_id, tenantKey: tenant_key }),
  codes: {
    ...feishuCalendarCodes,
    190008: {
      kind: 'unavailable',
      means: { en: 'the list went on for too long', zh: '分页标记已过期' },
      hint: { en: 'Begin again.', zh: '请重新开始。' },
    },
    195100: { kind: 'not_found', means: { en: 'the user has left or does not exist', zh: '用户已离职或不存在' } },
  },
  succeeded: (json) => v.is(feishuPage, json),
}

/** The page's default, whose answers stay well below the size that is read. */
const PAGE_SIZE = '500'

/** The calendars in the Feishu user's list, a page at a time: those they own and those they follow. */
export async function* feishuCalendars(
  openId: string,
  ask: Ask,
  tenantKey?: string | undefined,
): AsyncGenerator<Calendar[]> {
  const seen = new Set<string>()
  for (let token: string | undefined; ; ) {
    const input = { open_id: openId, page_size: PAGE_SIZE, page_token: token, tenant_key: tenantKey }
    const page = await answerOf(feishuCalendarList, feishuPage, input, ask)
    const { has_more, page_token, calendar_list } = page.data
    yield calendar_list.map(({ calendar_id, summary, is_deleted, ...rest }) => ({
      id: calendar_id,
      title: summary,
      isDeleted: is_deleted,
      ...rest,
    }))
    if (!has_more) return
    if (page_token === '' || seen.has(page_token)) throw endless()
    seen.add(page_token)
    token = page_token
  }
}

const endless = () =>
  new OperationError('protocol', {
    en: "Feishu's list of calendars has no end: a page has more behind it and does not say where.",
    zh: '飞书的日历列表没有终点:某一页称还有更多内容,却未给出下一页。',
  })

const dingtalkList = v.object({
  response: v.object({
    calendars: v.nullish(
      v.array(v.object({ id: v.string(), summary: v.nullish(v.string(), ''), type: text, privilege: text })),
      [],
    ),
  }),
})

/** https://help.dingtalk.io/open/development: "Query a calendar". Whole in one answer. */
export const dingtalkCalendarList: Question<{ userId: string }> = {
  name: 'dingtalk-calendar-list',
  vendor: dingtalk,
  method: 'GET',
  path: '/v1.0/calendar/users/:userId/calendars',
  query: [],
  pace: { perSecond: 20 },
  identity: ({ userId }) => ({ as: 'tenant', userId }),
  codes: {
    paramIllegal: {
      kind: 'invalid_request',
      means: { en: 'a parameter is invalid', zh: '参数不合法' },
      hint: { en: 'Use the unionId, not the userid.', zh: '请使用 unionId(而非 userid)。' },
    },
  },
  succeeded: (json) => v.is(dingtalkList, json),
}

/** The calendars in the DingTalk user's list. */
export async function dingtalkCalendars(unionId: string, ask: Ask): Promise<Calendar[]> {
  const { response } = await answerOf(dingtalkCalendarList, dingtalkList, { userId: unionId }, ask)
  return response.calendars.map(({ id, summary, type, privilege }) => ({
    id,
    title: summary,
    type,
    role: privilege,
    isDeleted: false,
  }))
}

const documentStatus = v.object({ data: v.object({ is_subscribe: v.boolean() }) })

/** A document, and as whom to ask: the user, or without one the app. */
export type Document = {
  file_token: string
  file_type: string
  event_type: string | undefined
  open_id: string | undefined
  tenant_key: string | undefined
}

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/drive-v1/file/get_subscribe */
export const feishuDocumentStatus: Question<Document> = {
  name: 'feishu-document-status',
  vendor: feishu,
  method: 'GET',
  path: '/open-apis/drive/v1/files/:file_token/get_subscribe',
  query: ['file_type', 'event_type'],
  pace: { perMinute: 10 },
  identity: ({ open_id, tenant_key }) => ({
    as: open_id === undefined ? 'tenant' : 'user',
    userId: open_id,
    tenantKey: tenant_key,
  }),
  codes: feishuDocumentCodes,
  succeeded: (json) => v.is(documentStatus, json),
}

/** Whether the document's events are subscribed. The page has two ways to say no: `is_subscribe`, and a code. */
export async function isSubscribed(document: Document, ask: Ask): Promise<boolean> {
  const { outcome, json } = await ask(feishuDocumentStatus, document)
  return outcome !== 'unchanged' && v.parse(documentStatus, json).data.is_subscribe
}
