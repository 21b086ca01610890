/**
 * Feishu: subscribes one user, the custodian, to the access-control changes of one calendar.
 * https://open.feishu.cn/document/server-docs/calendar-v4/calendar-acl/subscription
 */
import * as v from 'valibot'
import type { Text } from '../lib/error.ts'
import { feishuCalendarCodes } from '../lib/feishu/codes.ts'
import { feishu } from '../lib/feishu/feishu.ts'
import { lambda } from '../lib/handlers/lambda.ts'
import type { Operation, Reading } from '../lib/operation.ts'
import type { OperationDocs } from '../lib/operation-docs.ts'
import { id, nameId, openId } from '../lib/schema.ts'
import type { CodeTable } from '../lib/vendor/vendor.ts'

const input = v.strictObject({
  calendar_id: id,
  /** The user who is notified of the changes; must have access to the calendar and must have granted access. */
  open_id: openId,
  tenant_key: v.optional(nameId),
})

type Watch = v.InferOutput<typeof input>

const identity = ({ open_id, tenant_key }: Watch) =>
  ({ as: 'user', userId: open_id, tenantKey: tenant_key, mustBeActive: true }) as const

/** Of the operation and of its question. */
const codes: CodeTable = {
  ...feishuCalendarCodes,
  191002: {
    kind: 'forbidden',
    means: { en: 'the user has no access to the calendar', zh: '当前身份没有日历的访问权限' },
    hint: {
      en: 'Share the calendar with the custodian, then repeat.',
      zh: '请先将该日历共享给接管人，然后重试。',
    },
  },
  195100: {
    kind: 'forbidden',
    means: { en: 'the custodian has left or is not in the tenant', zh: '接管人已离职或不在该租户内' },
    hint: { en: 'Name a custodian who is in the tenant.', zh: '请指定在该租户内的接管人。' },
  },
}

const text = v.nullish(v.string(), 'unknown')
const calendar = v.object({ data: v.object({ type: text, role: text, is_deleted: v.nullish(v.boolean(), false) }) })

/** Roles that are access for certain, and types of which access control is documented. Of others the pages say nothing. */
const ROLES = ['reader', 'writer', 'owner']
const TYPES = ['primary', 'shared']

function expect(json: Record<string, unknown>): Reading {
  const { type, role, is_deleted } = v.parse(calendar, json).data
  if (is_deleted) return { code: '191003' }
  if (!TYPES.includes(type) || !ROLES.includes(role)) return { unsure: NOT_SAID }
  return 'change'
}

const NOT_SAID: Text = {
  en: 'Feishu does not say whether this type of calendar and this role are enough: share it with the custodian as a reader.',
  zh: '飞书未说明该日历类型与权限是否足够：请将日历共享给接管人，权限至少为订阅者。',
}

export const operation: Operation<Watch> = {
  name: 'feishu-calendar-acl-subscribe',
  vendor: feishu,
  starts: true,
  method: 'POST',
  path: '/open-apis/calendar/v4/calendars/:calendar_id/acls/subscription',
  query: [],
  pace: { perSecond: 50, perMinute: 1_000 },
  input,
  identity,
  codes,
  succeeded: () => true,
  targets: ({ feishu }) =>
    (feishu?.calendarAcls?.calendarIds ?? []).map((calendar_id) => ({
      calendar_id,
      open_id: feishu?.calendarAcls?.openId ?? '',
      tenant_key: feishu?.tenantKey,
    })),
  // https://open.feishu.cn/document/server-docs/calendar-v4/calendar/get
  question: {
    name: 'feishu-calendar',
    vendor: feishu,
    method: 'GET',
    path: '/open-apis/calendar/v4/calendars/:calendar_id',
    query: [],
    pace: { perSecond: 50, perMinute: 1_000 },
    identity,
    codes,
    succeeded: (json) => v.is(calendar, json),
    expect,
  },
}

export const docs: OperationDocs<v.InferOutput<typeof input>> = {
  summary: {
    en: "Watch who gains access to a calendar, in a custodian's name",
    zh: '以接管人身份关注日历的权限变更',
  },
  fields: { calendar_id: { en: 'The calendar to watch.', zh: '要关注的日历。' } },
  samples: {
    changed: { calendar_id: 'feishu.cn_team@group.calendar.feishu.cn', open_id: 'ou_custodian' },
    forbidden: { calendar_id: 'feishu.cn_closed@group.calendar.feishu.cn' },
    not_found: { calendar_id: 'feishu.cn_deleted@group.calendar.feishu.cn' },
  },
  event: {
    sample: {
      feishu: { calendarAcls: { openId: 'ou_custodian', calendarIds: ['feishu.cn_team@group.calendar.feishu.cn'] } },
    },
    fields: {
      'feishu.calendarAcls': "Watches who gains access to the leaver's calendars while they change hands.",
      'feishu.calendarAcls.openId': 'open_id of the custodian, who is notified of the changes.',
      'feishu.calendarAcls.calendarIds': 'The calendars to watch.',
    },
    options: [
      {
        name: 'acl-calendar-id',
        value: 'ID …',
        help: 'watch who gains access to a calendar; needs --custodian-open-id',
        part: (calendarId) => ({ feishu: { calendarAcls: { calendarIds: [calendarId] } } }),
      },
      {
        name: 'custodian-open-id',
        value: 'OPEN_ID',
        help: 'the person who watches the calendars of --acl-calendar-id',
        part: (openId) => ({ feishu: { calendarAcls: { openId } } }),
      },
    ],
  },
}

export const handler = /* @__PURE__ */ lambda(operation)
