/** Feishu's app and tenant tokens: self-built apps in one call, store apps through ticket, app token, tenant token. */

import { type Answer, type Call, firstRefusal, type OpenRoute, type Rule } from './call.ts'
import type { FeishuCode } from './codes.ts'
import { feishuApp, feishuFailure, tenantsOf } from './feishu-gateway.ts'
import type { AccessToken } from './tokens.ts'
import type { FeishuApp } from './world.ts'

interface Request {
  call: Call
  fields: Record<string, string>
  app: FeishuApp | undefined
}

const credentials: readonly Rule<FeishuCode, Request>[] = [
  [10003, ({ fields, app }) => !fields.app_id || !fields.app_secret || app === undefined],
  [10014, ({ app }) => app?.disabled === true],
  [10015, ({ app, fields }) => app?.appSecret !== fields.app_secret],
]

// Which code answers an app of the other kind is on no page; "not authorized" is the documented one that fits best.
const selfBuilt: readonly Rule<FeishuCode, Request>[] = [
  ...credentials,
  [10005, ({ app }) => app?.type !== 'self_built'],
]
const storeOnly = (code: FeishuCode): readonly Rule<FeishuCode, Request>[] => [
  ...credentials,
  [code, ({ app }) => app?.type !== 'store'],
]

const tokenRoute = (
  name: string,
  rules: readonly Rule<FeishuCode, Request>[],
  issue: (app: FeishuApp, call: Call) => Record<string, unknown>,
): OpenRoute => ({
  api: 'feishu',
  method: 'POST',
  path: `/open-apis/auth/v3/${name}`,
  issues: true,
  handle(call): Answer {
    const fields = call.fields ?? {}
    const app = feishuApp(call.state.world, fields.app_id ?? appOfToken(call)?.appId)
    const refusal = firstRefusal(rules, { call, fields, app }, feishuFailure)
    // The answer is flat: no `data`.
    return refusal ?? { status: 200, json: { code: 0, msg: 'ok', ...issue(app as FeishuApp, call) } }
  },
})

/** The app token in the body of a store app's tenant request, while it lives. */
const appOfToken = ({ fields, state, now }: Call): AccessToken | undefined => {
  const token = state.tokens.feishu.access.get(fields?.app_access_token ?? '')
  return token?.kind === 'app' && token.expiresAt > now ? token : undefined
}

/** The same token while at least `reusedAbove` seconds remain, else a new one beside it; both are valid until they end. */
const appToken = (kind: 'tenant' | 'app', app: FeishuApp, tenantKey: string, { state, now }: Call) => {
  const { lifetimes } = state.world.feishu
  const lifetime = kind === 'tenant' ? lifetimes.tenantToken : lifetimes.appToken
  const { token, expiresAt } = state.tokens.feishu.ofApp(
    { kind, appId: app.appId, tenantKey, expiresAt: now + lifetime * 1000 },
    kind === 'tenant' ? 't-' : 'a-',
    (newest) => newest.expiresAt - now >= lifetimes.reusedAbove * 1000,
  )
  return { [`${kind}_access_token`]: token, expire: Math.floor((expiresAt - now) / 1000) }
}

const home = (app: FeishuApp, { state }: Call): string => tenantsOf(state.world, app)[0] ?? ''

/**
 * Pages "tenant_access_token (custom app)", "app_access_token (custom app)", "re-push app_ticket", "app_access_token
 * (store app)" and "tenant_access_token (store app)" of the Open Platform's authentication chapter.
 */
export const feishuTokenRoutes: readonly OpenRoute[] = [
  tokenRoute('tenant_access_token/internal', selfBuilt, (app, call) => appToken('tenant', app, home(app, call), call)),
  tokenRoute('app_access_token/internal', selfBuilt, (app, call) => ({
    ...appToken('tenant', app, home(app, call), call),
    ...appToken('app', app, home(app, call), call),
  })),
  // The ticket goes to the app's event URL, never into this answer.
  tokenRoute('app_ticket/resend', storeOnly(10016), (app, { state }) => {
    state.resendTicket?.(app.appId)
    return {}
  }),
  tokenRoute(
    'app_access_token',
    [...storeOnly(10005), [10012, ({ app, fields }) => app?.appTicket !== fields.app_ticket]],
    (app, call) => appToken('app', app, '', call),
  ),
  // Which codes this endpoint has for a dead app token and an unknown tenant is not on its page.
  tokenRoute(
    'tenant_access_token',
    [
      [10003, ({ fields }) => !fields.app_access_token || !fields.tenant_key],
      [99991664, ({ call }) => appOfToken(call) === undefined],
      [10013, ({ app, fields, call }) => !app || !tenantsOf(call.state.world, app).includes(fields.tenant_key ?? '')],
    ],
    (app, call) => appToken('tenant', app, call.fields?.tenant_key ?? '', call),
  ),
]
