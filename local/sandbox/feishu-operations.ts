/** The Feishu operations as their contracts describe them: target, refusals in order, effect. And what only reads. */

import { type AdmittedCall, firstRefusal, type GuardedRoute, type Rule } from './call.ts'
import type { FeishuCode, FeishuUserInfoCode } from './codes.ts'
import { feishuApp, feishuFailure, feishuOk, feishuUser, feishuUserInfoFailure, ofTenant } from './feishu-gateway.ts'
import { choices, documentTypes, type World } from './world.ts'

interface Subject<T> {
  call: AdmittedCall
  target: T | undefined
}

interface Operation<T> extends Omit<GuardedRoute, 'api' | 'handle'> {
  target(call: AdmittedCall): T | undefined
  refusals: readonly Rule<FeishuCode, Subject<T>>[]
  apply?(target: T, call: AdmittedCall): void
  /** `data` of the success. */
  data?(target: T | undefined, call: AdmittedCall): Record<string, unknown>
}

/** Makes a route of an operation: the first refusal that applies, else the effect and `{code: 0}`. */
const operation = <T>({ target: find, refusals, apply, data, ...route }: Operation<T>): GuardedRoute => ({
  ...route,
  api: 'feishu',
  handle(call) {
    const target = find(call)
    const refusal = firstRefusal(refusals, { call, target }, feishuFailure)
    if (refusal !== undefined) return refusal
    if (target !== undefined) apply?.(target, call)
    return feishuOk(data?.(target, call))
  },
})

const calendarLimits = [
  { calls: 1000, seconds: 60 },
  { calls: 50, seconds: 1 },
]

const caller = ({ caller, state }: AdmittedCall) => feishuUser(state.world, caller.userId)

const isDeparted = (call: AdmittedCall) => !['present', 'frozen'].includes(caller(call)?.status ?? 'deleted')

const calendarRefusals: readonly Rule<FeishuCode, Subject<unknown>>[] = [
  [190007, ({ call }) => feishuApp(call.state.world, call.caller.appId)?.withoutBot === true],
  [195100, ({ call }) => isDeparted(call)],
]

/** https://open.feishu.cn/document/server-docs/calendar-v4/calendar/unsubscription */
const calendarUnsubscribe = operation({
  method: 'POST',
  path: '/open-apis/calendar/v4/calendars/unsubscription',
  as: ['user'],
  scopes: ['calendar:calendar', 'calendar:calendar:read', 'calendar:calendar:readonly'],
  limits: calendarLimits,
  target: caller,
  refusals: [
    ...calendarRefusals,
    // Unconfirmed: the page has no code for a repeat.
    [
      190002,
      ({ call, target }) =>
        target?.calendarSubscribed === false && choices(call.state.world).feishuUnsubscribeAgain === 'refused',
    ],
  ],
  apply: (user) => {
    user.calendarSubscribed = false
  },
})

const pageTokenOf = (offset: number) => `ListCalendarsPageToken_${offset}`

const pageOf = ({ query }: AdmittedCall) => ({
  size: Number(query.get('page_size') ?? 500),
  offset: Number(/^ListCalendarsPageToken_(\d+)$/.exec(query.get('page_token') ?? pageTokenOf(0))?.[1] ?? Number.NaN),
})

/** The calendars in the caller's list. An app has none here. */
const listedCalendars = ({ caller: { userId }, state }: AdmittedCall) =>
  state.world.feishu.calendars.filter(
    ({ owner, access }) => userId !== undefined && (owner === userId || access.includes(userId)),
  )

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/calendar-v4/calendar/list, without `sync_token`. */
const calendarList = operation({
  method: 'GET',
  path: '/open-apis/calendar/v4/calendars',
  as: ['tenant', 'user'],
  scopes: ['calendar:calendar', 'calendar:calendar:read', 'calendar:calendar:readonly'],
  limits: calendarLimits,
  target: listedCalendars,
  refusals: [
    [190007, ({ call }) => feishuApp(call.state.world, call.caller.appId)?.withoutBot === true],
    [195100, ({ call }) => call.caller.kind === 'user' && isDeparted(call)],
    [190002, ({ call }) => !(pageOf(call).size >= 50 && pageOf(call).size <= 1000)],
    [190008, ({ call }) => Number.isNaN(pageOf(call).offset)],
  ],
  data(calendars = [], call) {
    const { size, offset } = pageOf(call)
    const end = offset + size
    const goesOn = end < calendars.length
    return {
      has_more: goesOn,
      page_token: goesOn ? pageTokenOf(end) : '',
      ...(!goesOn && { sync_token: 'ListCalendarsSyncToken_sandbox' }),
      calendar_list: calendars.slice(offset, end).map(({ calendarId, type, summary, owner, deleted }) => ({
        calendar_id: calendarId,
        summary: summary ?? calendarId,
        description: '',
        permissions: 'private',
        color: -1,
        type,
        summary_alias: '',
        is_deleted: deleted === true,
        is_third_party: type === 'google' || type === 'exchange',
        role: owner === call.caller.userId ? 'owner' : 'reader',
      })),
    }
  },
})

/** The calendar of the path, and what the calls on one calendar refuse. */
const calendarOfPath = {
  target: ({ state, params }: AdmittedCall) =>
    state.world.feishu.calendars.find(({ calendarId }) => calendarId === params.calendar_id),
}

const calendarIdRefusals: readonly Rule<FeishuCode, Subject<World['feishu']['calendars'][number]>>[] = [
  [191001, ({ call }) => !/^[^\s@/]+@[^\s@/]+$/.test(call.params.calendar_id ?? '')],
  [191000, ({ target }) => target === undefined],
  [191003, ({ target }) => target?.deleted === true],
]

/** https://open.feishu.cn/document/server-docs/calendar-v4/calendar/get */
const calendarInfo = operation({
  ...calendarOfPath,
  method: 'GET',
  path: '/open-apis/calendar/v4/calendars/:calendar_id',
  as: ['tenant', 'user'],
  scopes: ['calendar:calendar', 'calendar:calendar:read', 'calendar:calendar:readonly'],
  limits: calendarLimits,
  refusals: [
    [190007, ({ call }) => feishuApp(call.state.world, call.caller.appId)?.withoutBot === true],
    [195100, ({ call }) => call.caller.kind === 'user' && isDeparted(call)],
    ...calendarIdRefusals,
    [191002, ({ call, target }) => target?.access.includes(call.caller.userId ?? '') !== true],
  ],
  data: (calendar, { caller: { userId } }) => ({
    calendar_id: calendar?.calendarId,
    summary: calendar?.summary ?? calendar?.calendarId,
    type: calendar?.type,
    is_deleted: false,
    role: calendar?.owner === userId ? 'owner' : 'reader',
  }),
})

/** https://open.feishu.cn/document/server-docs/calendar-v4/calendar-acl/subscription */
const calendarAclSubscribe = operation({
  method: 'POST',
  path: '/open-apis/calendar/v4/calendars/:calendar_id/acls/subscription',
  as: ['user'],
  scopes: ['calendar:calendar', 'calendar:calendar.acl:read', 'calendar:calendar:readonly'],
  limits: calendarLimits,
  ...calendarOfPath,
  refusals: [
    ...calendarRefusals,
    ...calendarIdRefusals,
    // Which types suit is not on this page; the page on listing a calendar's ACL names these two.
    [191004, ({ target }) => target?.type !== 'primary' && target?.type !== 'shared'],
    [191002, ({ call, target }) => target?.access.includes(call.caller.userId ?? '') !== true],
    // Unconfirmed: the page has no code for a repeat.
    [
      190002,
      ({ call, target }) =>
        target?.aclSubscribers.includes(call.caller.userId ?? '') === true &&
        choices(call.state.world).feishuAclSubscribeAgain === 'refused',
    ],
  ],
  apply: ({ aclSubscribers }, { caller: { userId } }) => {
    if (userId !== undefined && !aclSubscribers.includes(userId)) aclSubscribers.push(userId)
  },
})

/** What the calls on one approval definition have in common. */
const approvals = {
  as: ['tenant'],
  limits: [{ calls: 100, seconds: 60 }],
  target: (call: AdmittedCall) =>
    call.state.world.feishu.approvals.find((it) => it.code === call.params.approval_code && ofTenant(call, it)),
} as const

const approvalRefusals: readonly Rule<FeishuCode, Subject<World['feishu']['approvals'][number]>>[] = [
  [1390001, ({ call }) => !/^[\w-]{1,64}$/.test(call.params.approval_code ?? '')],
  [1390002, ({ target }) => target === undefined],
]

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/approval-v4/approval/get, without form and nodes. */
const approvalDefinition = operation({
  ...approvals,
  method: 'GET',
  path: '/open-apis/approval/v4/approvals/:approval_code',
  scopes: ['approval:approval', 'approval:approval:readonly', 'approval:definition'],
  refusals: [...approvalRefusals, [1390016, ({ target }) => target?.deleted === true]],
  data: (approval) => ({ approval_name: approval?.code, status: 'ACTIVE' }),
})

/** https://open.feishu.cn/document/server-docs/approval-v4/event/event-interface/unsubscribe */
const approvalUnsubscribe = operation({
  ...approvals,
  method: 'POST',
  path: '/open-apis/approval/v4/approvals/:approval_code/unsubscribe',
  scopes: ['approval:approval', 'approval:definition'],
  refusals: [...approvalRefusals, [1390007, ({ target }) => target?.subscribed === false]],
  apply: (approval) => {
    approval.subscribed = false
  },
})

const folderEvent = 'file.created_in_folder_v1'

/** A folder must name its one event; what another type's `event_type` does is not on the page: it is ignored here. */
const isParamError = ({ call: { query, params } }: Subject<unknown>): boolean => {
  const type = query.get('file_type') ?? ''
  return (
    !documentTypes.some((known) => known === type) ||
    !/^\w+$/.test(params.file_token ?? '') ||
    (type === 'folder' && query.get('event_type') !== folderEvent)
  )
}

type Document = World['feishu']['documents'][number]

/** What both calls on a document's events have in common. */
const drive = {
  as: ['tenant', 'user'],
  scopes: ['docs:doc', 'docs:event:subscribe', 'drive:drive', 'sheets:spreadsheet'],
  limits: [{ calls: 10, seconds: 60 }],
  target: (call: AdmittedCall) =>
    call.state.world.feishu.documents.find(
      (it) => it.token === call.params.file_token && it.type === call.query.get('file_type') && ofTenant(call, it),
    ),
} as const

const driveRefusals: readonly Rule<FeishuCode, Subject<Document>>[] = [
  [1069602, isParamError],
  [1069604, ({ target }) => target === undefined],
  [
    1069603,
    ({ call: { caller }, target }) =>
      caller.userId === undefined ? target?.appManages === false : target?.managers?.includes(caller.userId) !== true,
  ],
]

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/drive-v1/file/get_subscribe */
const driveSubscription = operation({
  ...drive,
  method: 'GET',
  path: '/open-apis/drive/v1/files/:file_token/get_subscribe',
  refusals: [
    ...driveRefusals,
    // Unconfirmed: the page has both this code and a false `is_subscribe` for a document without a subscription.
    [
      1069605,
      ({ call, target }) =>
        target?.subscribed === false && choices(call.state.world).feishuUnsubscribedStatus === 'refused',
    ],
  ],
  data: (document) => ({ is_subscribe: document?.subscribed }),
})

/** https://open.feishu.cn/document/server-docs/docs/drive-v1/event/delete_subscribe */
const driveUnsubscribe = operation({
  ...drive,
  method: 'DELETE',
  path: '/open-apis/drive/v1/files/:file_token/delete_subscribe',
  refusals: [
    ...driveRefusals,
    [1064230, ({ target }) => target?.locked === true],
    [1069605, ({ target }) => target?.subscribed === false],
  ],
  apply: (document) => {
    document.subscribed = false
  },
})

const userInfoRefusals: readonly Rule<FeishuUserInfoCode, AdmittedCall>[] = [
  [20008, (call) => (caller(call)?.status ?? 'deleted') === 'deleted'],
  [20021, (call) => caller(call)?.status === 'resigned'],
  [20022, (call) => caller(call)?.status === 'frozen'],
]

/** Whom a user token belongs to: https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authen-v1/user_info/get */
const userInfo: GuardedRoute = {
  api: 'feishu',
  method: 'GET',
  path: '/open-apis/authen/v1/user_info',
  as: ['user'],
  scopes: [],
  limits: calendarLimits,
  handle(call) {
    const refusal = firstRefusal(userInfoRefusals, call, feishuUserInfoFailure)
    return refusal ?? feishuOk({ open_id: call.caller.userId, tenant_key: call.caller.tenantKey })
  },
}

export const feishuOperations = [
  calendarUnsubscribe,
  calendarList,
  calendarInfo,
  calendarAclSubscribe,
  approvalUnsubscribe,
  approvalDefinition,
  driveUnsubscribe,
  driveSubscription,
  userInfo,
]
