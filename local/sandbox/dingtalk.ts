/** DingTalk's gateway, the calendar operation and the list of calendars, over the v1.0 API. */

import { type AdmittedCall, type Answer, firstRefusal, type Gateway, type GuardedRoute, type Rule } from './call.ts'
import { type DingtalkCode, dingtalkCodes } from './codes.ts'
import type { AccessToken } from './tokens.ts'
import { choices, type DingtalkApp, type World } from './world.ts'

/** A failure as the table has it; `beside` adds to the body or replaces the `message`. */
export const dingtalkFailure = (code: DingtalkCode, beside: Record<string, unknown> = {}): Answer => {
  const [status, message] = dingtalkCodes[code]
  return { status, json: { code, message, ...beside } }
}

/** The app of a Client ID (AppKey, SuiteKey). */
export const dingtalkApp = (world: World, clientId: string | undefined): DingtalkApp | undefined =>
  world.dingtalk.apps.find((app) => app.clientId === clientId)

interface Admission {
  route: GuardedRoute
  world: World
  sent: string | undefined
  token: AccessToken | undefined
  app: DingtalkApp | undefined
  now: number
}

// Unconfirmed: which of two documented codes an expired user token gets.
const isExpiredUser = ({ token, now, world }: Admission): boolean =>
  token?.kind === 'user' && token.expiresAt <= now && choices(world).dingtalkExpiredUserToken === 'accesstoken.expired'

const lacksPermission = ({ token, app, route }: Admission): boolean =>
  (token !== undefined && !route.as.includes(token.kind)) ||
  (app?.scopes !== undefined && !route.scopes.some((scope) => app.scopes?.includes(scope)))

// The permission error's extra field is all lower-case on the wire.
const admission: readonly Rule<DingtalkCode, Admission>[] = [
  ['AuthenticationFailed.MissingParameter', ({ sent }) => !sent],
  ['accesstoken.expired', isExpiredUser],
  ['InvalidAuthentication', ({ token, app, now }) => !token || !app || token.expiresAt <= now],
  ['Forbidden.AccessDenied.IpNotInWhiteList', ({ app }) => app?.ipRefused === true],
  [
    'Forbidden.AccessDenied.AccessTokenPermissionDenied',
    lacksPermission,
    ({ route }) => ({ accessdenieddetail: { requiredScopes: route.scopes } }),
  ],
  ['Forbidden.AccessDenied.ApiCountLimitForOrg', ({ app }) => app?.quotaExhausted === true],
]

export const dingtalkGateway: Gateway = {
  admit({ headers, state, now }, route) {
    const sent = headers['x-acs-dingtalk-access-token']
    const token = state.tokens.dingtalk.access.get(sent ?? '')
    const app = dingtalkApp(state.world, token?.appId)
    const refusal = firstRefusal(admission, { route, world: state.world, sent, token, app, now }, dingtalkFailure)
    return refusal ?? (token as AccessToken)
  },

  // No header says how long to wait.
  throttled: (_refusal, caller) =>
    dingtalkFailure(
      caller?.kind === 'corp'
        ? 'Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi'
        : 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi',
    ),

  // A path without a route was seen live as HTTP 200; a wrong method is a single report.
  unrouted: (pathIsKnown) =>
    pathIsKnown
      ? dingtalkFailure('InvalidAction.NotFound')
      : { status: 200, json: { errcode: 404, errmsg: '请求的URI地址不存在' } },

  failure: (code, message) =>
    Object.hasOwn(dingtalkCodes, code)
      ? dingtalkFailure(code as DingtalkCode, message === undefined ? {} : { message })
      : undefined,

  // A success has the id in a header alone.
  sign: (answer, id) => ({
    ...answer,
    headers: { 'x-acs-request-id': id.toUpperCase(), ...answer.headers },
    ...(typeof answer.json?.code === 'string' && { json: { ...answer.json, requestid: id.toUpperCase() } }),
  }),
}

interface Subject {
  call: AdmittedCall
  calendar: World['dingtalk']['calendars'][number] | undefined
}

const unionId = ({ call }: Pick<Subject, 'call'>): string => call.params.userId ?? ''

const isSubscribed = (it: Subject): boolean => it.calendar?.subscribers.includes(unionId(it)) === true

/** A user token acts for its owner alone. */
const isSomebodyElse = (it: Pick<Subject, 'call'>): boolean =>
  (it.call.caller.userId ?? unionId(it)) !== unionId(it) ||
  !it.call.state.world.dingtalk.users.some((user) => user.unionId === unionId(it))

const isOutOfScope = (it: Subject): boolean => isSomebodyElse(it) || it.calendar?.scope.includes(unionId(it)) !== true

// Contract dingtalk-calendar-unsubscribe. That an unknown calendar is the bare invalidParameter, and that someone who
// left counts as out of scope, are guesses.
const refusals: readonly Rule<DingtalkCode, Subject>[] = [
  [
    'invalidParameter',
    ({ call }) => (call.params.calendarId ?? '').trim() === '',
    () => ({ message: 'calendarId cannot be blank' }),
  ],
  ['invalidParameter', ({ calendar }) => calendar === undefined],
  ['invalidParameter', ({ calendar }) => calendar?.type !== 'subscribed', () => ({ message: 'calendar type invalid' })],
  ['permissionDenied', isOutOfScope],
  [
    'invalidParameter',
    (it) => !isSubscribed(it) && choices(it.call.state.world).dingtalkUnsubscribeAgain === 'refused',
  ],
]

/** https://help.dingtalk.io/open/development: "Unsubscribe from a calendar". */
const dingtalkUnsubscribe: GuardedRoute = {
  api: 'dingtalk',
  method: 'POST',
  path: '/v1.0/calendar/users/:userId/calendars/:calendarId/unsubscribe',
  as: ['app', 'corp', 'user'],
  scopes: ['Calendar.Calendar.Write'],
  limits: [{ calls: 20, seconds: 1 }],
  handle(call) {
    const { world } = call.state
    const calendar = world.dingtalk.calendars.find((it) => it.calendarId === call.params.calendarId)
    const subject = { call, calendar }
    const refusal = firstRefusal(refusals, subject, dingtalkFailure)
    if (refusal !== undefined) return refusal
    // Unconfirmed: what a repeat gets, and whether `false` ever comes.
    const result = isSubscribed(subject) || choices(world).dingtalkUnsubscribeAgain !== 'result-false'
    if (calendar) calendar.subscribers = calendar.subscribers.filter((subscriber) => subscriber !== unionId(subject))
    return { status: 200, json: { result } }
  },
}

/**
 * https://help.dingtalk.io/open/development: "Query a calendar". The list has no pages. That an unknown person is
 * `paramIllegal` is a guess; of the two permissions that the documents name, either is enough here.
 */
export const dingtalkCalendars: GuardedRoute = {
  api: 'dingtalk',
  method: 'GET',
  path: '/v1.0/calendar/users/:userId/calendars',
  as: ['app', 'corp', 'user'],
  scopes: ['Calendar.Event.Read', 'Calendar.Calendar.Read'],
  limits: [{ calls: 20, seconds: 1 }],
  handle(call) {
    if (isSomebodyElse({ call })) return dingtalkFailure('paramIllegal')
    const followed = call.state.world.dingtalk.calendars.filter(({ subscribers }) =>
      subscribers.includes(unionId({ call })),
    )
    const calendars = followed.map(({ calendarId, type, summary, owner }) => ({
      id: calendarId,
      summary: summary ?? calendarId,
      timeZone: 'Asia/Shanghai',
      eTag: '1',
      type,
      privilege: owner === unionId({ call }) ? 'owner' : 'reader',
    }))
    return { status: 200, json: { response: { calendars } } }
  },
}

/** Whom a user token belongs to: "Get a user's profile from Contacts", with `me` for oneself. */
const me: GuardedRoute = {
  api: 'dingtalk',
  method: 'GET',
  path: '/v1.0/contact/users/me',
  as: ['user'],
  scopes: ['Contact.User.Read'],
  limits: [{ calls: 20, seconds: 1 }],
  handle: ({ caller }) => ({ status: 200, json: { unionId: caller.userId } }),
}

export const dingtalkOperations = [dingtalkUnsubscribe, dingtalkCalendars, me]
