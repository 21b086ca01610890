/**
 * DingTalk: ends one user's subscription to one calendar.
 * https://help.dingtalk.io/open/development/unsubscribe-from-a-public-calendar
 */
import * as v from 'valibot'
import { dingtalkCalendarList, dingtalkList } from '../lib/dingtalk/calendar-list.ts'
import { dingtalk } from '../lib/dingtalk/dingtalk.ts'
import type { Text } from '../lib/error.ts'
import { lambda } from '../lib/handlers/lambda.ts'
import type { Operation, Reading } from '../lib/operation.ts'
import type { OperationDocs } from '../lib/operation-docs.ts'
import { id, nameId } from '../lib/schema.ts'

const input = v.strictObject({
  /** The unionId of the user who unsubscribes, not the userid. */
  userId: nameId,
  calendarId: id,
})

export const operation: Operation<v.InferOutput<typeof input>> = {
  name: 'dingtalk-calendar-unsubscribe',
  vendor: dingtalk,
  method: 'POST',
  path: '/v1.0/calendar/users/:userId/calendars/:calendarId/unsubscribe',
  query: [],
  pace: { perSecond: 20 },
  input,
  identity: ({ userId }) => ({ as: 'tenant', userId }),
  codes: {
    permissionDenied: {
      kind: 'forbidden',
      means: { en: "the user is not within the calendar's subscription scope", zh: '用户不在该日历的订阅范围内' },
    },
    invalidParameter: {
      kind: 'invalid_request',
      means: {
        en: 'the user id or calendar id is invalid, or the calendar is of another type',
        zh: '用户 ID 或日历 ID 无效，或日历类型不符',
      },
      hint: {
        en: 'Use the unionId, not the userid, and the id of a calendar of type "subscribed".',
        zh: '请使用 unionId（而非 userid），以及类型为 subscribed 的日历 ID。',
      },
    },
  },
  // HTTP 200 alone says nothing.
  succeeded: ({ result }) => result === true,
  targets: ({ dingtalk }) =>
    (dingtalk?.calendarIds ?? []).map((calendarId) => ({ userId: dingtalk?.unionId ?? '', calendarId })),
  question: { ...dingtalkCalendarList, expect },
}

function expect(json: Record<string, unknown>, { calendarId }: v.InferOutput<typeof input>): Reading {
  const { calendars } = v.parse(dingtalkList, json).response
  const calendar = calendars.find(({ id }) => id === calendarId)
  if (!calendar) return { unsure: NOT_LISTED }
  return calendar.type === 'subscribed' ? 'change' : { code: 'invalidParameter' }
}

/** What the call answers then is not documented. */
const NOT_LISTED: Text = {
  en: "The calendar is not in the person's list: they follow it no more, or the id is wrong. Check it.",
  zh: '该日历不在此人的日历列表中：此人已不再订阅，或 ID 有误。请核对。',
}

export const docs: OperationDocs<v.InferOutput<typeof input>> = {
  summary: { en: "End a user's subscription to a calendar", zh: '取消某用户对日历的订阅' },
  fields: {
    userId: { en: 'The unionId of the user, not the userid.', zh: '用户的 unionId，而非 userid。' },
    calendarId: { en: 'The calendar to leave, of type "subscribed".', zh: '要取消订阅的日历，类型为 subscribed。' },
  },
  samples: {
    changed: { userId: 'sandboxUnionId01iE', calendarId: 'sandboxCalendar01=' },
    forbidden: { calendarId: 'sandboxCalendarClosed=' },
  },
  event: {
    sample: { dingtalk: { unionId: 'sandboxUnionId01iE', calendarIds: ['sandboxCalendar01='] } },
    fields: {
      'dingtalk.unionId': 'unionId of the leaver, not the userid.',
      'dingtalk.calendarIds': "The calendars of type 'subscribed' that the leaver no longer follows.",
    },
    options: [
      {
        name: 'dingtalk-union-id',
        value: 'UNION_ID',
        help: 'the person who is subscribed to the calendars of --dingtalk-calendar-id',
        part: (unionId) => ({ dingtalk: { unionId } }),
      },
      {
        name: 'dingtalk-calendar-id',
        value: 'ID …',
        help: 'end the subscription to a calendar; needs --dingtalk-union-id',
        part: (calendarId) => ({ dingtalk: { calendarIds: [calendarId] } }),
      },
    ],
  },
}

export const handler = /* @__PURE__ */ lambda(operation)
