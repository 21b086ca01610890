/**
 * A person's subscriptions as the vendors list them, by calls that only read. No vendor lists the documents or approvals that
 * a person is subscribed to, and Feishu has no API to check a subscription to calendar change events.
 */
import * as v from 'valibot'
import { dingtalkCalendarList, dingtalkList } from '../dingtalk/calendar-list.ts'
import { OperationError } from '../error.ts'
import { feishuCalendarCodes } from '../feishu/codes.ts'
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
    zh: '飞书的日历列表没有终点：某一页称还有更多内容，却未给出下一页。',
  })

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
