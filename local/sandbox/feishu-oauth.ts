/** Feishu's OAuth: the consent page, and the token endpoint in its v2 and v3 addresses. */

import { createHash } from 'node:crypto'
import { type Call, firstRefusal, type OpenRoute, type Rule, redirect } from './call.ts'
import type { FeishuOAuthCode } from './codes.ts'
import { feishuApp, feishuOAuthFailure, feishuUser, tenantsOf } from './feishu-gateway.ts'
import type { AuthorizationCode, Grant, RefreshToken } from './tokens.ts'
import { choices, type FeishuApp, type FeishuUser } from './world.ts'

const V3 = '/oauth/v3/token'

/** https://open.feishu.cn/document/common-capabilities/sso/api/obtain-oauth-code, with a user who decides at once. */
const authorize: OpenRoute = {
  api: 'feishu',
  method: 'GET',
  path: '/open-apis/authen/v1/authorize',
  handle({ query, state: { world, tokens }, now }) {
    const app = feishuApp(world, query.get('client_id') ?? undefined)
    const redirectUri = query.get('redirect_uri') ?? ''
    if (app === undefined || !URL.canParse(redirectUri) || query.get('response_type') !== 'code') {
      return { status: 400, text: 'client_id, redirect_uri or response_type is wrong' }
    }
    const state = query.get('state')
    const user = feishuUser(world, world.feishu.consent?.userId ?? world.feishu.users[0]?.openId)
    if (user === undefined || world.feishu.consent?.denied) {
      return redirect(redirectUri, { error: 'access_denied', state })
    }
    const challenge = query.get('code_challenge')
    const challengeMethod = query.get('code_challenge_method') ?? 'plain'
    if (challenge !== null && !transforms.has(challengeMethod))
      return { status: 400, text: 'code_challenge_method is wrong' }
    const grant: Grant = {
      appId: app.appId,
      tenantKey: user.tenantKey ?? world.feishu.tenants[0] ?? '',
      userId: user.openId,
      scope: query.get('scope') ?? '',
      authorizedAt: now,
    }
    const code = tokens.feishu.code({
      grant,
      redirectUri,
      ...(challenge && { challenge: { value: challenge, method: challengeMethod } }),
      expiresAt: now + world.feishu.lifetimes.code * 1000,
    })
    return redirect(redirectUri, { code, state })
  },
}

interface Request {
  call: Call
  fields: Record<string, string>
  basic: string[] | undefined
  app: FeishuApp | undefined
  code: AuthorizationCode | undefined
  refresh: RefreshToken | undefined
  grant: Grant | undefined
  user: FeishuUser | undefined
  /** The scopes asked for, which may only narrow those granted. */
  scopes: string[]
}

type Rules = readonly Rule<FeishuOAuthCode, Request>[]

const client: Rules = [
  [20063, ({ call }) => call.fields === undefined],
  [20070, ({ basic, fields }) => basic !== undefined && fields.client_secret !== undefined],
  [20001, ({ basic, fields }) => !fields.grant_type || (!basic && (!fields.client_id || !fields.client_secret))],
  [20036, ({ fields }) => !rulesOf.has(fields.grant_type)],
  [20048, ({ app }) => app === undefined],
  [20002, ({ app, basic, fields }) => app?.appSecret !== (basic?.[1] ?? fields.client_secret)],
  [20069, ({ app }) => app?.disabled === true],
]

const byRefreshToken: Rules = [
  [20001, ({ fields }) => !fields.refresh_token],
  [20026, ({ refresh }) => refresh === undefined || refresh.status === 'v1'],
  [20024, ({ refresh, app }) => refresh?.grant.appId !== app?.appId],
  [20074, ({ app }) => app?.refreshForbidden === true],
  [20073, ({ refresh }) => refresh?.status === 'used'],
  [20064, ({ refresh }) => refresh?.status === 'revoked'],
  [20037, ({ refresh, call }) => refresh !== undefined && (refresh.expiresAt <= call.now || outlived(refresh, call))],
]

const byCode: Rules = [
  [20001, ({ fields }) => !fields.code],
  [20003, ({ code }) => code === undefined],
  [20024, ({ code, app }) => code?.grant.appId !== app?.appId],
  [20065, ({ code }) => code?.used === true],
  [20004, ({ code, call }) => code !== undefined && code.expiresAt <= call.now],
  [20071, ({ code, fields }) => code?.redirectUri !== fields.redirect_uri],
  [20049, ({ code, fields, call }) => !provesPossession(code, fields.code_verifier, call.path === V3)],
]

const person: Rules = [
  [20008, ({ user }) => user === undefined || user.status === 'deleted'],
  // Unconfirmed: the refresh page has 20066 for every wrong status, the general page 20021 for someone who resigned.
  [20021, (it) => it.user?.status === 'resigned' && choices(it.call.state.world).feishuResignedRefresh === 20021],
  [20066, ({ user }) => user?.status !== 'present'],
  [20009, ({ app, grant, call }) => !app || !tenantsOf(call.state.world, app).includes(grant?.tenantKey ?? '')],
  [20010, ({ user }) => user?.appForbidden === true],
  [20067, ({ scopes }) => new Set(scopes).size < scopes.length],
  [20068, ({ scopes, grant }) => scopes.some((scope) => !grant?.scope.split(' ').includes(scope))],
]

const rulesOf = new Map<string | undefined, Rules>([
  ['refresh_token', [...client, ...byRefreshToken, ...person]],
  ['authorization_code', [...client, ...byCode, ...person]],
])

/** Consent itself ends, whatever was refreshed since. */
const outlived = ({ grant }: RefreshToken, { state, now }: Call): boolean =>
  now - grant.authorizedAt >= state.world.feishu.lifetimes.consent * 1000

const transforms = new Map<string, (verifier: string) => string>([
  ['S256', (verifier) => createHash('sha256').update(verifier).digest('base64url')],
  ['plain', (verifier) => verifier],
])

/** https://www.rfc-editor.org/rfc/rfc7636#section-4.1 */
const isVerifier = (text: string) => /^[A-Za-z0-9._~-]{43,128}$/.test(text)

/** `isStrict`: a verifier that no challenge asked for is refused too. */
const provesPossession = (code: AuthorizationCode | undefined, verifier = '', isStrict: boolean): boolean => {
  const challenge = code?.challenge
  if (challenge === undefined) return !isStrict || verifier === ''
  return isVerifier(verifier) && transforms.get(challenge.method)?.(verifier) === challenge.value
}

const basicOf = ({ headers }: Call): string[] | undefined => {
  const encoded = /^Basic (\S+)$/.exec(headers.authorization ?? '')?.[1]
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().split(':')
}

function readRequest(call: Call): Request {
  const { world, tokens } = call.state
  const fields = call.fields ?? {}
  const basic = basicOf(call)
  const presented = (grantType: string, field: string) => (fields.grant_type === grantType ? (fields[field] ?? '') : '')
  const code = tokens.feishu.codes.get(presented('authorization_code', 'code'))
  const refresh = tokens.feishu.refresh.get(presented('refresh_token', 'refresh_token'))
  const grant = (code ?? refresh)?.grant
  const scopes = fields.scope?.split(' ').filter(Boolean) ?? []
  const app = feishuApp(world, basic?.[0] ?? fields.client_id)
  return { call, fields, basic, app, code, refresh, grant, user: feishuUser(world, grant?.userId), scopes }
}

/** Uses up what was presented. The access token of a refreshed pair lives on for the grace period, no refresh token does. */
function consume({ call: { state, now }, code, refresh }: Request): void {
  if (code !== undefined) code.used = true
  if (refresh === undefined) return
  refresh.status = 'used'
  const old = state.tokens.feishu.access.get(refresh.accessToken)
  if (old) old.expiresAt = Math.min(old.expiresAt, now + state.world.feishu.lifetimes.grace * 1000)
}

/** Unconfirmed: whether a second use of a refresh token also ends the pairs that came of the first. */
function punishReuse({ call: { state }, refresh }: Request): void {
  if (refresh?.status === 'used' && choices(state.world).feishuRefreshReuse === 'revokes-successors') {
    state.tokens.feishu.revoke(refresh.grant)
  }
}

/** v2 and v3 differ in address, and v3 in a stricter PKCE check: a verifier without a challenge is refused. */
const tokenEndpoint = (path: string): OpenRoute => ({
  api: 'feishu',
  method: 'POST',
  path,
  issues: true,
  limits: [
    { calls: 1000, seconds: 60 },
    { calls: 50, seconds: 1 },
  ],
  handle(call) {
    const request = readRequest(call)
    const refusal = firstRefusal(rulesOf.get(request.fields.grant_type) ?? client, request, feishuOAuthFailure)
    if (refusal !== undefined) {
      punishReuse(request)
      return refusal
    }
    const { lifetimes } = call.state.world.feishu
    const grant = request.grant as Grant
    const scope = request.scopes.length > 0 ? request.scopes.join(' ') : grant.scope
    const until = (seconds: number) => call.now + seconds * 1000
    const book = call.state.tokens.feishu
    const pair = book.pair(grant, 'u-', until(lifetimes.userToken), until(lifetimes.refreshToken), scope)
    const mayRefresh = scope.split(' ').includes('offline_access')
    // Unconfirmed: whether an answer that has no new refresh token uses up the old one.
    if (mayRefresh || choices(call.state.world).feishuRefreshWithoutSuccessor === 'spent') consume(request)
    if (!mayRefresh) book.refresh.delete(pair.refresh.token)
    const refreshing = { refresh_token: pair.refresh.token, refresh_token_expires_in: lifetimes.refreshToken }
    return {
      status: 200,
      json: {
        // The page prints a string; live answers carry a number.
        code: 0,
        access_token: pair.access.token,
        expires_in: lifetimes.userToken,
        ...(mayRefresh && refreshing),
        token_type: 'Bearer',
        scope,
      },
    }
  },
})

export const feishuOAuthRoutes = [authorize, tokenEndpoint('/open-apis/authen/v2/oauth/token'), tokenEndpoint(V3)]
