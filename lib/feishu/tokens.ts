/**
 * Feishu's tokens: the tenant's, of a self-built or a store app, and the user's.
 * https://open.feishu.cn/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-choose-which-type-of-token-to-use
 */
import * as v from 'valibot'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { environment, vendorUrl } from '../environment.ts'
import { OperationError } from '../error.ts'
import { remember } from '../redact.ts'
import { invalidField } from '../schema.ts'
import { type Token, TokenCache } from '../tokens/cache.ts'
import type { User, UserSecret } from '../tokens/user-secret.ts'
import { userCredential } from '../tokens/user-token.ts'
import { call } from '../vendor/classify.ts'
import type { CodeTable, Credential, Identity } from '../vendor/vendor.ts'
import { feishuResponseParser } from './answers.ts'
import { feishuOauthCodes, feishuTokenCodes } from './codes.ts'

const appSecret = v.variant('type', [
  v.strictObject({ type: v.literal('self_built'), appId: secretText, appSecret: secretText }),
  v.strictObject({ type: v.literal('store'), appId: secretText, appSecret: secretText, appTicket: secretText }),
])
type App = v.InferOutput<typeof appSecret>

const withApp = <Result>(use: (app: App) => Promise<Result>) =>
  withSecret(environment('FEISHU_APP_SECRET_ID'), appSecret, use)

/** A token for the identity: the stored token of its user, or the app's token for its tenant. */
export async function feishuCredential(identity: Identity, remainingMs: () => number): Promise<Credential> {
  if (identity.as === 'tenant') return tenantCredential(identity, remainingMs)
  try {
    return await userCredential(feishuUser(identity.userId ?? ''), remainingMs)
  } catch (error) {
    if (!identity.mustBeActive || !(error instanceof OperationError) || error.kind !== 'not_found') throw error
    throw new OperationError('forbidden', error.detail, { upstream: error.upstream })
  }
}

/** The user with this open_id. */
export const feishuUser = (openId: string): User => ({
  secretId: environment('FEISHU_USER_SECRET_PREFIX') + openId,
  renew: (secret, remainingMs) => withApp((app) => renewUserToken(app, secret, remainingMs)),
  authorizeCommand: `npm run authorize -- --vendor feishu --open-id ${openId}`,
})

const appTokens = new TokenCache()
const tenantTokens = new TokenCache()

async function tenantCredential({ tenantKey }: Identity, remainingMs: () => number): Promise<Credential> {
  return withApp(async (app) => {
    const key = [vendorUrl('FEISHU_BASE_URL'), ...Object.values(app), tenantKey].join(' ')
    const token = await tenantTokens.get(key, () =>
      app.type === 'store' ? storeTenantToken(app, tenantKey, remainingMs) : selfBuiltTenantToken(app, remainingMs()),
    )
    return { accessToken: token.value, actsAs: 'tenant', reject: () => tenantTokens.reject(key, token) }
  })
}

/** https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal */
const selfBuiltTenantToken = (app: App, remainingMs: number) =>
  appToken('tenant_access_token/internal', 'tenant_access_token', credentialsOf(app), remainingMs)

/**
 * A store app shows its ticket for a token of its own, and that for the tenant's.
 * https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/tenant_access_token/create
 */
async function storeTenantToken(
  app: Extract<App, { type: 'store' }>,
  tenantKey: string | undefined,
  remainingMs: () => number,
): Promise<Token> {
  if (tenantKey === undefined) throw invalidField('tenant_key', 'missing')
  const key = Object.values(app).join(' ')
  const own = await appTokens.get(key, () =>
    appToken(
      'app_access_token',
      'app_access_token',
      { ...credentialsOf(app), app_ticket: app.appTicket },
      remainingMs(),
    ),
  )
  const body = { app_access_token: own.value, tenant_key: tenantKey }
  try {
    return await appToken('tenant_access_token', 'tenant_access_token', body, remainingMs())
  } catch (error) {
    appTokens.reject(key, own)
    throw error
  }
}

const credentialsOf = ({ appId, appSecret }: App) => ({ app_id: appId, app_secret: appSecret })

async function appToken(
  path: string,
  field: 'tenant_access_token' | 'app_access_token',
  body: Record<string, string>,
  remainingMs: number,
): Promise<Token> {
  const url = `${vendorUrl('FEISHU_BASE_URL')}/open-apis/auth/v3/${path}`
  const answer = v.object({ [field]: secretText, expire: seconds })
  const { [field]: value, expire } = await post(url, body, feishuTokenCodes, answer, remainingMs)
  return { value: String(value), expiresAtMs: Date.now() + Number(expire) * 1_000 }
}

const seconds = v.pipe(v.number(), v.minValue(1))

const userTokenAnswer = v.object({
  access_token: secretText,
  expires_in: seconds,
  refresh_token: secretText,
  refresh_token_expires_in: seconds,
})

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token */
async function renewUserToken(app: App, secret: UserSecret, remainingMs: number): Promise<UserSecret> {
  const granted = await requestUserToken(
    app,
    { grant_type: 'refresh_token', refresh_token: secret.refreshToken },
    remainingMs,
  )
  return { ...secret, ...granted }
}

async function requestUserToken(app: App, grant: Record<string, string>, remainingMs: number) {
  const body = { client_id: app.appId, client_secret: app.appSecret, ...grant }
  const url = vendorUrl('FEISHU_OAUTH_TOKEN_URL')
  const answer = await post(url, body, feishuOauthCodes, userTokenAnswer, remainingMs)
  const at = (inSeconds: number) => new Date(Date.now() + inSeconds * 1_000).toISOString()
  return {
    accessToken: answer.access_token,
    accessTokenExpiresAt: at(answer.expires_in),
    refreshToken: answer.refresh_token,
    refreshTokenExpiresAt: at(answer.refresh_token_expires_in),
  }
}

/**
 * The tokens that an authorization code stands for, once.
 * https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/get-user-access-token
 */
export const exchangeFeishuCode = (
  { code, redirectUri, codeVerifier }: { code: string; redirectUri: string; codeVerifier: string },
  remainingMs: number,
): Promise<UserSecret> =>
  withApp((app) =>
    requestUserToken(
      app,
      { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: codeVerifier },
      remainingMs,
    ),
  )

async function post<Answer>(
  url: string,
  body: Record<string, string>,
  codes: CodeTable,
  answer: v.GenericSchema<unknown, Answer>,
  remainingMs: number,
): Promise<Answer> {
  remember(body)
  const { answer: given } = await call(
    {
      vendor: feishuResponseParser,
      request: { method: 'POST', url, headers: { accept: 'application/json' }, body },
      codes,
      succeeded: (json) => v.is(answer, json),
    },
    remainingMs,
  )
  remember(given.json)
  return v.parse(answer, given.json)
}
