/** Feishu and Lark: hosts, tokens and the spelling of their answers. */
import * as v from 'valibot'
import { environment, vendorUrl } from './environment.ts'
import { feishuCodes, feishuTokenCodes } from './feishu-codes.ts'
import type { VendorResponse } from './request.ts'
import { secretText, withSecret } from './secrets.ts'
import { type Token, TokenCache } from './token.ts'
import { userToken } from './user-token.ts'
import { type Answer, call, type Identity, type Vendor } from './vendor.ts'

const appSecret = v.strictObject({ type: v.literal('self_built'), appId: secretText, appSecret: secretText })

const tenantTokens = new TokenCache()

/** Feishu (China) or Lark (global), by `FEISHU_BASE_URL`. */
export const feishu: Vendor = {
  name: 'feishu',
  baseUrl: () => vendorUrl('FEISHU_BASE_URL'),
  headers: (accessToken) => ({ authorization: `Bearer ${accessToken}`, accept: 'application/json' }),
  codes: feishuCodes,
  codePrefixes: {},
  read,
  credential: (identity, remainingMs) =>
    identity.as === 'user' ? userCredential(identity) : tenantCredential(identity, remainingMs),
}

/** The envelope `{code, msg, data}`: `code === 0` alone is success. */
function read(json: Record<string, unknown>, { headers }: VendorResponse): Answer {
  const { code, msg, error } = json
  const violations = (error as { permission_violations?: { subject?: unknown }[] } | undefined)?.permission_violations
  const logId = headers['x-tt-logid'] ?? headers['x-request-id']
  return {
    json,
    failed: code !== 0,
    code: typeof code === 'number' || typeof code === 'string' ? String(code) : null,
    message: typeof msg === 'string' ? msg : '',
    requestId: typeof logId === 'string' ? logId : null,
    missingScopes: Array.isArray(violations) ? violations.map((violation) => String(violation?.subject)) : [],
  }
}

async function userCredential({ userId = '' }: Identity) {
  return userToken(environment('FEISHU_USER_SECRET_PREFIX') + userId)
}

const tokenAnswer = v.object({ tenant_access_token: secretText, expire: v.pipe(v.number(), v.minValue(1)) })

/** https://open.feishu.cn/document/ukTMukTMukTM/ukDNz4SO0MjL5QzM/auth-v3/auth/tenant_access_token_internal */
async function tenantCredential({ tenantKey }: Identity, remainingMs: () => number) {
  return withSecret(environment('FEISHU_APP_SECRET_ID'), appSecret, async (secret) => {
    const key = [feishu.baseUrl(), secret.appId, secret.appSecret, tenantKey].join(' ')
    const token = await tenantTokens.get(key, () => fetchTenantToken(secret, remainingMs()))
    return {
      accessToken: token.value,
      actsAs: 'tenant' as const,
      reject: () => tenantTokens.reject(key, token),
    }
  })
}

async function fetchTenantToken(secret: v.InferOutput<typeof appSecret>, remainingMs: number): Promise<Token> {
  const { answer } = await call(
    {
      vendor: feishu,
      request: {
        method: 'POST',
        url: `${feishu.baseUrl()}/open-apis/auth/v3/tenant_access_token/internal`,
        headers: { accept: 'application/json' },
        body: { app_id: secret.appId, app_secret: secret.appSecret },
        secrets: [secret.appSecret],
      },
      codes: feishuTokenCodes,
      succeeded: (json) => v.is(tokenAnswer, json),
    },
    remainingMs,
  )
  const { tenant_access_token, expire } = v.parse(tokenAnswer, answer.json)
  return { value: tenant_access_token, expiresAtMs: Date.now() + expire * 1_000 }
}
