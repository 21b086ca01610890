/** DingTalk's token endpoints, each with its own spelling, and its consent page. */

import { type Call, firstRefusal, type OpenRoute, type Rule, redirect } from './call.ts'
import type { DingtalkCode } from './codes.ts'
import { dingtalkApp, dingtalkFailure } from './dingtalk.ts'
import type { AuthorizationCode, Grant, RefreshToken } from './tokens.ts'
import { choices, type DingtalkApp } from './world.ts'

interface Request {
  call: Call
  fields: Record<string, string>
  app: DingtalkApp | undefined
  code: AuthorizationCode | undefined
  refresh: RefreshToken | undefined
}

type Rules = readonly Rule<DingtalkCode, Request>[]

// A form is refused in the field as if there were no body.
const body: Rules = [['Missingbody', ({ call }) => call.fields === undefined || call.isForm]]

const required = (...names: string[]): Rules => [
  ['missingParameter', ({ fields }) => names.some((name) => !fields[name])],
]

const tokenRoute = (
  path: string,
  clientField: string,
  rules: Rules,
  issue: (app: DingtalkApp, request: Request) => Record<string, unknown>,
): OpenRoute => ({
  api: 'dingtalk',
  method: 'POST',
  path,
  issues: true,
  handle(call) {
    const { world, tokens } = call.state
    const fields = call.fields ?? {}
    const app = dingtalkApp(world, fields[clientField])
    const code = tokens.dingtalk.codes.get(fields.code ?? '')
    const refresh = tokens.dingtalk.refresh.get(fields.refreshToken ?? '')
    const request = { call, fields, app, code, refresh }
    const refusal = firstRefusal([...body, ...rules], request, dingtalkFailure)
    return refusal ?? { status: 200, json: issue(app as DingtalkApp, request) }
  },
})

const appToken = (kind: 'app' | 'corp', app: DingtalkApp, corpId: string, { call: { state, now } }: Request) => {
  const expiresAt = now + state.world.dingtalk.lifetimes.accessToken * 1000
  const replaces = kind === 'corp' && choices(state.world).dingtalkOlderCorpToken === 'replaced'
  return state.tokens.dingtalk.ofApp({ kind, appId: app.clientId, tenantKey: corpId, expiresAt }, '', (newest) => {
    // Unconfirmed for corp tokens: whether the older one stays valid beside the new one.
    if (replaces) newest.expiresAt = now
    if (kind === 'corp' || newest.expiresAt <= now) return false
    // Documented for internal apps: the same token again, its lifetime renewed.
    newest.expiresAt = expiresAt
    return true
  }).token
}

const lifetime = ({ call }: Request): number => call.state.world.dingtalk.lifetimes.accessToken

// Documented as 400 invalid.client; seen live as 500 unknownError when the organization is wrong as well.
const unifiedFailure = (choice: 'documented' | 'observed', code: DingtalkCode): Rules => [
  [
    code,
    ({ app, fields, call }) =>
      (app === undefined || app.clientSecret !== fields.client_secret) &&
      choices(call.state.world).dingtalkUnifiedTokenFailure === choice,
  ],
]

const unified: Rules = [
  ...required('client_id', 'client_secret', 'grant_type'),
  ['unsupported.grant.type', ({ fields }) => fields.grant_type !== 'client_credentials'],
  ...unifiedFailure('documented', 'invalid.client'),
  ...unifiedFailure('observed', 'unknownError'),
  ['unauthorized.client', ({ app, call }) => app?.corpIds.includes(call.params.corpId ?? '') !== true],
]

// No page lists this endpoint's failures. A used or unknown code is reported in the field as authCode.notFound, and
// DingTalk's own command line expects the same for a refresh token that is refused.
const isGrant = ({ code, refresh, fields, app, call }: Request): boolean => {
  if (fields.grantType === 'authorization_code') {
    return code?.used === false && code.expiresAt > call.now && code.grant.appId === app?.clientId
  }
  const reusable = choices(call.state.world).dingtalkRefreshReuse === 'accepted'
  return (
    refresh !== undefined &&
    (refresh.status === 'live' || (reusable && refresh.status === 'used')) &&
    refresh.expiresAt > call.now &&
    refresh.grant.appId === app?.clientId
  )
}

const userRules: Rules = [
  ...required('clientId', 'clientSecret', 'grantType'),
  ['invalidClientIdOrSecret', ({ app, fields }) => app?.clientSecret !== fields.clientSecret],
  ['unsupported.grant.type', ({ fields }) => !['authorization_code', 'refresh_token'].includes(fields.grantType ?? '')],
  ['invalidParameter.authCode.notFound', (it) => !isGrant(it)],
]

function userPair(request: Request): Record<string, unknown> {
  const { call, code, refresh, fields } = request
  const { lifetimes } = call.state.world.dingtalk
  const isCode = fields.grantType === 'authorization_code'
  if (isCode && code) code.used = true
  if (!isCode && refresh) refresh.status = 'used'
  const grant = (isCode ? code?.grant : refresh?.grant) as Grant
  const until = (seconds: number) => call.now + seconds * 1000
  const pair = call.state.tokens.dingtalk.pair(grant, '', until(lifetimes.accessToken), until(lifetimes.refreshToken))
  return {
    accessToken: pair.access.token,
    refreshToken: pair.refresh.token,
    expireIn: lifetimes.accessToken,
    corpId: grant.tenantKey,
  }
}

/** The login page of `login.dingtalk.com`, with a user who decides at once. */
const authorize: OpenRoute = {
  api: 'dingtalk',
  method: 'GET',
  path: '/oauth2/auth',
  handle({ query, state: { world, tokens }, now }) {
    const app = dingtalkApp(world, query.get('client_id') ?? undefined)
    const redirectUri = query.get('redirect_uri') ?? ''
    if (app === undefined || !URL.canParse(redirectUri) || query.get('response_type') !== 'code') {
      return { status: 400, text: 'client_id, redirect_uri or response_type is wrong' }
    }
    const { users, consent, lifetimes } = world.dingtalk
    const state = query.get('state')
    const user = consent === undefined ? users[0] : users.find((it) => it.unionId === consent.userId)
    if (user === undefined || consent?.denied) return redirect(redirectUri, { error: 'access_denied', state })
    const grant: Grant = {
      appId: app.clientId,
      tenantKey: user.corpId ?? app.corpIds[0] ?? '',
      userId: user.unionId,
      scope: query.get('scope') ?? '',
      authorizedAt: now,
    }
    const authCode = tokens.dingtalk.code({ grant, redirectUri, expiresAt: now + lifetimes.code * 1000 })
    return redirect(redirectUri, { authCode, state })
  },
}

/** Pages "access token of an internal app", "… of an authorized organization", "unified token" and "user token". */
export const dingtalkTokenRoutes: readonly OpenRoute[] = [
  tokenRoute(
    '/v1.0/oauth2/accessToken',
    'appKey',
    [
      ...required('appKey', 'appSecret'),
      [
        'invalidClientIdOrSecret',
        ({ app, fields }) => app?.type !== 'internal' || app.clientSecret !== fields.appSecret,
      ],
    ],
    (app, it) => ({ accessToken: appToken('app', app, app.corpIds[0] ?? '', it), expireIn: lifetime(it) }),
  ),
  tokenRoute(
    '/v1.0/oauth2/corpAccessToken',
    'suiteKey',
    [
      ...required('suiteKey', 'suiteSecret', 'authCorpId', 'suiteTicket'),
      [
        'invalidSuiteKey',
        ({ app, fields }) => app?.type !== 'third_party_enterprise' || app.clientSecret !== fields.suiteSecret,
      ],
      ['invalidSuiteTicket', ({ app, fields }) => app?.suiteTicket !== fields.suiteTicket],
      ['invalidAuthInfo', ({ app, fields }) => app?.corpIds.includes(fields.authCorpId ?? '') !== true],
    ],
    (app, it) => ({ accessToken: appToken('corp', app, it.fields.authCorpId ?? '', it), expireIn: lifetime(it) }),
  ),
  tokenRoute('/v1.0/oauth2/userAccessToken', 'clientId', userRules, (_app, it) => userPair(it)),
  tokenRoute('/v1.0/oauth2/:corpId/token', 'client_id', unified, (app, it) => ({
    access_token: appToken(app.type === 'internal' ? 'app' : 'corp', app, it.call.params.corpId ?? '', it),
    expires_in: lifetime(it),
  })),
  authorize,
]
