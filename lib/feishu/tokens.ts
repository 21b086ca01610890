/**
 * Feishu's tokens: the tenant's, of a self-built or a store app, and the user's.
 * https://open.feishu.cn/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-choose-which-type-of-token-to-use
 */
import * as v from 'valibot'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { environment, vendorUrl } from '../environment.ts'
import { OperationError } from '../error.ts'
import { registerSecrets } from '../redact.ts'
import { invalidField } from '../schema.ts'
import { authorizeCommand } from '../tokens/authorize-command.ts'
import { TokenBudget } from '../tokens/budget.ts'
import { type Token, TokenCache } from '../tokens/cache.ts'
import { withTicket } from '../tokens/ticket.ts'
import { applyGrant, parseSeconds, tokenText, type User, type UserSecret } from '../tokens/user-secret.ts'
import { userCredential } from '../tokens/user-token.ts'
import { call } from '../vendor/classify.ts'
import type { CodeTable, Credential, Identity } from '../vendor/vendor.ts'
import { feishuTokenParser } from './answers.ts'
import { feishuOauthCodes, feishuTokenCodes } from './token-codes.ts'

const appSecret = v.variant('type', [
  v.strictObject({ type: v.literal('self_built'), appId: secretText, appSecret: secretText }),
  v.strictObject({
    type: v.literal('store'),
    appId: secretText,
    appSecret: secretText,
    appTicket: v.optional(secretText),
  }),
])
type App = v.InferOutput<typeof appSecret>
type StoreApp = Extract<App, { type: 'store' }>

const withApp = <Result>(use: (app: App) => Promise<Result>) =>
  withSecret(environment('FEISHU_APP_SECRET_ID'), appSecret, use)

/**
 * A token for the identity: the stored token of its user, or the app's token for its tenant. A tenant that is named to a
 * self-built app, which has one, is an `invalid_request`: the vendor would be asked all the same, beyond the pace of its tenant,
 * as each name has a bucket of its own.
 */
export async function feishuCredential(identity: Identity, budget: TokenBudget): Promise<Credential> {
  if (identity.tenantKey !== undefined) await withApp(async (app) => app.type === 'self_built' && refuseTenant())
  return identity.as === 'tenant'
    ? tenantCredential(identity, budget)
    : userCredential(feishuUser(identity.userId ?? ''), budget)
}

function refuseTenant(): never {
  throw new OperationError(
    'invalid_request',
    {
      en: 'tenant_key is for store apps; this app is self-built.',
      zh: 'tenant_key 仅用于商店应用，当前应用为企业自建应用。',
    },
    {
      hint: {
        en: 'Leave tenant_key out (in an event: feishu.tenantKey) and send it again.',
        zh: '请去掉 tenant_key（事件中为 feishu.tenantKey）后重新发送。',
      },
    },
  )
}

/** The command that has this user grant access, as in `npx offboarding users authorize --vendor feishu --open-id ou_1`. */
export const authorizeFeishuUser = (openId: string) => authorizeCommand('--vendor', 'feishu', '--open-id', openId)

/** The user with this open_id. */
export const feishuUser = (openId: string): User => ({
  secretId: environment('FEISHU_USER_SECRET_PREFIX') + openId,
  renew: (secret, budget) => {
    const grant = { grant_type: 'refresh_token', refresh_token: secret.refreshToken ?? '' }
    return withApp((app) => requestUserToken(app, grant, secret, budget))
  },
  authorizeCommand: () => authorizeFeishuUser(openId),
  renewalNeeds: {
    en: 'Cannot be renewed, offline_access missing: enable the scope offline_access for the app and publish a version.',
    zh: '无法刷新（缺少 offline_access）：请为应用开通 offline_access 权限并发布版本。',
  },
})

const appTokens = new TokenCache()
const tenantTokens = new TokenCache()

async function tenantCredential({ tenantKey }: Identity, budget: TokenBudget): Promise<Credential> {
  return withApp(async (app) => {
    const key = [vendorUrl('FEISHU_BASE_URL'), app.type, app.appId, app.appSecret, tenantKey].join(' ')
    const token = await tenantTokens.get(key, () =>
      app.type === 'store' ? storeTenantToken(app, tenantKey, budget) : selfBuiltTenantToken(app, budget),
    )
    return { accessToken: token.value, actsAs: 'tenant', reject: () => tenantTokens.reject(key, token) }
  })
}

/** https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal */
const selfBuiltTenantToken = (app: App, budget: TokenBudget) =>
  appToken('tenant_access_token/internal', 'tenant_access_token', credentialsOf(app), budget)

/**
 * A store app shows its ticket for a token of its own, and that for the tenant's.
 * https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/tenant_access_token/create
 */
async function storeTenantToken(app: StoreApp, tenantKey: string | undefined, budget: TokenBudget): Promise<Token> {
  if (tenantKey === undefined) throw invalidField('tenant_key', 'missing')
  const key = [app.appId, app.appSecret].join(' ')
  const own = await appTokens.get(key, () => storeAppToken(app, budget))
  const body = { app_access_token: own.value, tenant_key: tenantKey }
  try {
    return await appToken('tenant_access_token', 'tenant_access_token', body, budget)
  } catch (error) {
    // The next try shows a new one. Any other failure is not about the app's own token.
    if (error instanceof OperationError && error.tokenRejected) appTokens.reject(key, own)
    throw error
  }
}

const storeAppToken = (app: StoreApp, budget: TokenBudget): Promise<Token> =>
  withTicket(
    'appTicket',
    app.appTicket,
    (app_ticket) => appToken('app_access_token', 'app_access_token', { ...credentialsOf(app), app_ticket }, budget),
    { remainingMs: budget.remainingMs, askAgain: () => askForTicket(app, budget) },
  )

const ASK_AGAIN_MS = 10 * 60_000
/** By app id. */
const askedAtMs = new Map<string, number>()

/** https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/app_ticket_resend */
async function askForTicket(app: StoreApp, budget: TokenBudget): Promise<void> {
  const nowMs = Date.now()
  if (nowMs - (askedAtMs.get(app.appId) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) return
  askedAtMs.set(app.appId, nowMs)
  const url = `${vendorUrl('FEISHU_BASE_URL')}/open-apis/auth/v3/app_ticket/resend`
  await post(url, credentialsOf(app), feishuTokenCodes, v.object({}), budget.beforeCall())
}

const credentialsOf = ({ appId, appSecret }: App) => ({ app_id: appId, app_secret: appSecret })

/** What a token lives that does not say. Seconds. */
const USUAL = { accessSeconds: 7_200, refreshSeconds: 7 * 24 * 60 * 60 }

async function appToken(
  path: string,
  field: 'tenant_access_token' | 'app_access_token',
  body: Record<string, string>,
  budget: TokenBudget,
): Promise<Token> {
  const url = `${vendorUrl('FEISHU_BASE_URL')}/open-apis/auth/v3/${path}`
  const answer = v.object({ [field]: tokenText, expire: v.optional(v.unknown()) })
  const { [field]: value, expire } = await post(url, body, feishuTokenCodes, answer, budget.beforeCall())
  return { value: String(value), expiresAtMs: Date.now() + (parseSeconds(expire) ?? USUAL.accessSeconds) * 1_000 }
}

/** Only what is used without another choice is required: an answer that is refused has used up the refresh token. */
const userTokenAnswer = v.object({
  access_token: tokenText,
  expires_in: v.optional(v.unknown()),
  refresh_token: v.optional(v.unknown()),
  refresh_token_expires_in: v.optional(v.unknown()),
})

/**
 * https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
 * A refresh token comes only with the scope offline_access.
 */
async function requestUserToken(
  app: App,
  grant: Record<string, string>,
  before: Partial<UserSecret>,
  budget: TokenBudget,
): Promise<UserSecret> {
  const body = { client_id: app.appId, client_secret: app.appSecret, ...grant }
  const answer = await post(vendorUrl('FEISHU_OAUTH_TOKEN_URL'), body, feishuOauthCodes, userTokenAnswer, budget)
  const { access_token, expires_in, refresh_token, refresh_token_expires_in } = answer
  return applyGrant(
    before,
    {
      accessToken: access_token,
      accessSeconds: expires_in,
      refreshToken: refresh_token,
      refreshSeconds: refresh_token_expires_in,
    },
    USUAL,
  )
}

/**
 * The tokens that an authorization code stands for, once.
 * https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
 */
export const exchangeFeishuCode = (
  { code, redirectUri, codeVerifier }: { code: string; redirectUri: string; codeVerifier: string },
  remainingMs: number,
): Promise<UserSecret> => {
  const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: codeVerifier }
  return withApp((app) => requestUserToken(app, grant, {}, new TokenBudget(() => remainingMs)))
}

async function post<Answer>(
  url: string,
  body: Record<string, string>,
  codes: CodeTable,
  answer: v.GenericSchema<unknown, Answer>,
  budget: TokenBudget,
): Promise<Answer> {
  registerSecrets(body)
  const request = { method: 'POST' as const, url, headers: { accept: 'application/json' }, body }
  const succeeded = (json: Record<string, unknown>) => v.is(answer, granted(json))
  const exchange = { vendor: feishuTokenParser, request, codes, succeeded, grantsTokens: true }
  const { answer: given } = await budget.ask(url, (remainingMs) => call(exchange, remainingMs))
  return v.parse(answer, granted(given.json))
}

/** What was granted: the older token endpoints put it into `data`. */
const granted = (json: Record<string, unknown>): Record<string, unknown> =>
  typeof json.data === 'object' && json.data !== null ? { ...json, ...json.data } : json
