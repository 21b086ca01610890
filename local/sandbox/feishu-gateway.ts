/** Feishu's gateway: who is calling and whether this app and this token may, before any parameter is looked at. */

import type { AdmittedCall, Answer, Call, Gateway, GuardedRoute, Rule } from './call.ts'
import { firstRefusal } from './call.ts'
import type { FeishuCode, FeishuOAuthCode, FeishuUserInfoCode } from './codes.ts'
import { feishuCodes, feishuOAuthCodes, feishuUserInfoCodes } from './codes.ts'
import type { AccessToken } from './tokens.ts'
import { choices, type FeishuApp, type FeishuUser, type World } from './world.ts'

/** `{code: 0, msg: "success", data: {}}`, the success of every operation. */
export const feishuOk = (data: Record<string, unknown> = {}): Answer => ({
  status: 200,
  json: { code: 0, msg: 'success', data },
})

/** A failure as the table has it; `beside` adds to the body or replaces the `msg`. */
export const feishuFailure = (code: FeishuCode, beside: Record<string, unknown> = {}): Answer => {
  const [status, msg] = feishuCodes[code]
  return { status, json: { code, msg, data: {}, ...beside } }
}

/** A failure of the OAuth endpoints: no `msg`, and a numeric `code` although the page prints a string. */
export const feishuOAuthFailure = (code: FeishuOAuthCode): Answer => {
  const [status, error, description] = feishuOAuthCodes[code]
  return { status, json: { code, error, error_description: description } }
}

/** A failure of `user_info`, which answers most with HTTP 200. */
export const feishuUserInfoFailure = (code: FeishuUserInfoCode): Answer => {
  const [status, msg] = feishuUserInfoCodes[code]
  return { status, json: { code, msg } }
}

/** The app of an `app_id`. */
export const feishuApp = (world: World, appId: string | undefined): FeishuApp | undefined =>
  world.feishu.apps.find((app) => app.appId === appId)

/** The tenants an app is installed in; by default the first of the world. */
export const tenantsOf = (world: World, app: FeishuApp): string[] => app.tenants ?? world.feishu.tenants.slice(0, 1)

/** The person of an `open_id`. */
export const feishuUser = (world: World, openId: string | undefined): FeishuUser | undefined =>
  world.feishu.users.find((user) => user.openId === openId)

/** Whether something of the world belongs to the tenant the caller acts in. */
export const ofTenant = ({ caller, state }: AdmittedCall, thing: { tenantKey?: string }): boolean =>
  (thing.tenantKey ?? state.world.feishu.tenants[0]) === caller.tenantKey

interface Admission {
  route: GuardedRoute
  world: World
  bearer: string | undefined
  token: AccessToken | undefined
  app: FeishuApp | undefined
  now: number
}

const unknown = ({ token, bearer }: Admission, prefix: RegExp) => token === undefined && prefix.test(bearer ?? '')
const expired = ({ token, now }: Admission, kind: string) => token?.kind === kind && token.expiresAt <= now
const unsuitable = ({ token, route }: Admission, kind: string) => token?.kind === kind && !route.as.includes(token.kind)

const missesScope = (granted: readonly string[] | undefined, { route }: Admission): boolean =>
  granted !== undefined && route.scopes.length > 0 && !route.scopes.some((scope) => granted.includes(scope))

const missingScopes = ({ route }: Admission) => ({
  error: { permission_violations: route.scopes.map((subject) => ({ type: 'action_scope_required', subject })) },
})

// https://open.feishu.cn/document/server-docs/api-call-guide/generic-error-code; a token that starts with eyJ is taken
// for a user's, as the live gateway does.
const admission: readonly Rule<FeishuCode, Admission>[] = [
  [99991661, ({ bearer }) => bearer === undefined],
  [99991663, (it) => unknown(it, /^t-/) || expired(it, 'tenant')],
  [99991664, (it) => unknown(it, /^a-/) || expired(it, 'app')],
  [99991668, (it) => unknown(it, /^(u-|eyJ)/)],
  [99991671, (it) => unknown(it, /^/)],
  [99991677, (it) => expired(it, 'user')],
  [99991668, departedUserRejected],
  [99991663, (it) => unsuitable(it, 'tenant')],
  [99991664, (it) => unsuitable(it, 'app')],
  [99991668, (it) => unsuitable(it, 'user'), () => ({ msg: 'user access token not support' })],
  [99991543, ({ app }) => app === undefined],
  [99991662, ({ app }) => app?.disabled === true],
  [99991673, ({ app, token, world }) => !!app && !!token && !tenantsOf(world, app).includes(token.tenantKey)],
  [99991401, ({ app }) => app?.ipRefused === true],
  [99991403, ({ app }) => app?.quotaExhausted === true],
  [99991672, (it) => missesScope(it.app?.scopes, it), missingScopes],
  [99991679, (it) => missesScope(it.token?.scope?.split(' '), it), missingScopes],
]

/** Unconfirmed: whether a token that has not expired outlives its owner's departure. */
function departedUserRejected({ token, world }: Admission): boolean {
  if (token?.kind !== 'user' || choices(world).feishuResignedUserToken === 'accepted') return false
  return feishuUser(world, token.userId)?.status !== 'present'
}

export const feishuGateway: Gateway = {
  admit(call: Call, route) {
    const { world, tokens } = call.state
    const bearer = /^Bearer (\S+)$/.exec(call.headers.authorization ?? '')?.[1]
    const token = tokens.feishu.access.get(bearer ?? '')
    const app = feishuApp(world, token?.appId)
    const refusal = firstRefusal(admission, { route, world, bearer, token, app, now: call.now }, feishuFailure)
    return refusal ?? (token as AccessToken)
  },

  // https://open.feishu.cn/document/ukTMukTMukTM/uUzN04SN3QjL1cDN: whole seconds, so never less than one.
  throttled: ({ limit, waitMs }) => ({
    ...feishuFailure(99991400),
    headers: {
      'x-ogw-ratelimit-limit': String(limit.calls),
      'x-ogw-ratelimit-reset': String(Math.max(1, Math.ceil(waitMs / 1000))),
    },
  }),

  // Seen live: no JSON for a wrong path, nor for a wrong method of a right one.
  unrouted: () => ({ status: 404, headers: { 'Content-Type': 'text/plain' }, text: '404 page not found' }),

  failure(code, message) {
    if (Object.hasOwn(feishuOAuthCodes, code)) return feishuOAuthFailure(Number(code) as FeishuOAuthCode)
    if (!Object.hasOwn(feishuCodes, code)) return undefined
    return feishuFailure(Number(code) as FeishuCode, message === undefined ? {} : { msg: message })
  },

  sign(answer, id) {
    const { json } = answer
    const failed = json !== undefined && typeof json.msg === 'string' && json.code !== 0
    return {
      ...answer,
      headers: { 'X-Tt-Logid': id, ...answer.headers },
      ...(failed && { json: { ...json, error: { ...(json.error as object | undefined), log_id: id } } }),
    }
  },
}
