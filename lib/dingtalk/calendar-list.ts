/** The calendars in a DingTalk user's list: their own, those shared with them and those they are subscribed to. */
import * as v from 'valibot'
import type { Question } from '../people/ask.ts'
import { dingtalk } from './dingtalk.ts'

const text = v.nullish(v.string(), 'unknown')

/** The list as it is answered. Subscribed calendars have the type `subscribed`. */
export const dingtalkList = v.object({
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
      hint: { en: 'Use the unionId, not the userid.', zh: '请使用 unionId（而非 userid）。' },
    },
  },
  succeeded: (json) => v.is(dingtalkList, json),
}
