/** The gateway of DingTalk's older API, `oapi.dingtalk.com`: HTTP 200 throughout, `errcode` in the body, the token in the query. */

import { type Answer, firstRefusal, type Gateway, type GuardedRoute, type Rule } from './call.ts'
import { type DingtalkOapiCode, dingtalkOapiCodes } from './codes.ts'
import { dingtalkApp } from './dingtalk.ts'
import type { AccessToken } from './tokens.ts'
import { choices, type DingtalkApp, type World } from './world.ts'

/** A failure of a call that was let through. */
export const dingtalkOapiFailure = (code: DingtalkOapiCode, world: World): Answer =>
  answer({ errcode: code, errmsg: dingtalkOapiCodes[code] }, world)

/** `{errcode: 0, errmsg: "ok", result}`. */
export const dingtalkOapiOk = (result: object, world: World): Answer =>
  answer({ errcode: 0, errmsg: 'ok', result }, world)

/** Unconfirmed: the pages type numbers and booleans as such, and their examples quote them. */
const answer = (json: Record<string, unknown>, world: World): Answer => ({
  status: 200,
  json: choices(world).dingtalkOapiNumbers === 'texts' ? quoted(json) : json,
})

const quoted = (json: Record<string, unknown>): Record<string, unknown> =>
  JSON.parse(JSON.stringify(json), (_key, value) => (['number', 'boolean'].includes(typeof value) ? `${value}` : value))

/**
 * Unconfirmed: whether the gateway's refusals carry their own code, as most rows of the list of codes have it, or 88 with a `sub_code`
 * ("鉴权异常: 关注返回结果里的subCode和subMsg").
 */
const gatewayFailure = (code: DingtalkOapiCode, world: World): Answer => {
  const sub_msg = dingtalkOapiCodes[code]
  if (choices(world).dingtalkOapiRefusal === 'errcode') return dingtalkOapiFailure(code, world)
  const errmsg = `ding talk error[subcode=${code},submsg=${sub_msg}]`
  return answer({ errcode: 88, sub_code: `${code}`, sub_msg, errmsg }, world)
}

interface Admission {
  route: GuardedRoute
  sent: string | null
  token: AccessToken | undefined
  app: DingtalkApp | undefined
  now: number
}

const lacksPermission = ({ token, app, route }: Admission): boolean =>
  (token !== undefined && !route.as.includes(token.kind)) ||
  (app?.scopes !== undefined && !route.scopes.some((scope) => app.scopes?.includes(scope)))

// https://open.dingtalk.com/document/development/server-api-error-codes-1
const admission: readonly Rule<DingtalkOapiCode, Admission>[] = [
  [41001, ({ sent }) => !sent],
  [40014, ({ token, app }) => !token || !app],
  [42001, ({ token, now }) => token !== undefined && token.expiresAt <= now],
  [60020, ({ app }) => app?.ipRefused === true],
  [60011, lacksPermission],
]

export const dingtalkOapiGateway: Gateway = {
  admit({ query, state, now }, route) {
    const sent = query.get('access_token')
    const token = state.tokens.dingtalk.access.get(sent ?? '')
    const app = dingtalkApp(state.world, token?.appId)
    const refusal = firstRefusal(admission, { route, sent, token, app, now }, (code) =>
      gatewayFailure(code, state.world),
    )
    return refusal ?? (token as AccessToken)
  },

  throttled: (_refusal, caller, { world }) => gatewayFailure(caller?.kind === 'corp' ? 90014 : 90006, world),

  unrouted: () => ({ status: 200, json: { errcode: 404, errmsg: '请求的URI地址不存在' } }),

  failure: (code, message) =>
    Object.hasOwn(dingtalkOapiCodes, code)
      ? { status: 200, json: { errcode: Number(code), errmsg: message ?? dingtalkOapiCodes[code as DingtalkOapiCode] } }
      : undefined,

  sign: (answer, id) => (answer.json ? { ...answer, json: { ...answer.json, request_id: id } } : answer),
}
