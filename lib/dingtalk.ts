/** DingTalk: hosts, tokens and the spelling of its answers. */
import * as v from 'valibot'
import { dingtalkCodePrefixes, dingtalkCodes, dingtalkTokenCodes } from './dingtalk-codes.ts'
import { environment, vendorUrl } from './environment.ts'
import type { VendorResponse } from './request.ts'
import { secretText, withSecret } from './secrets.ts'
import { type Token, TokenCache } from './token.ts'
import { type Answer, call, type Vendor } from './vendor.ts'

const appSecret = v.strictObject({ type: v.literal('internal'), appKey: secretText, appSecret: secretText })

const appTokens = new TokenCache()

/** DingTalk, international (`api.dingtalk.io`) or mainland (`api.dingtalk.com`), by `DINGTALK_BASE_URL`. */
export const dingtalk: Vendor = {
  name: 'dingtalk',
  baseUrl: () => vendorUrl('DINGTALK_BASE_URL'),
  headers: (accessToken) => ({
    'x-acs-dingtalk-access-token': accessToken,
    accept: 'application/json',
    'content-type': 'application/json',
  }),
  codes: dingtalkCodes,
  codePrefixes: dingtalkCodePrefixes,
  read,
  credential: async (_identity, remainingMs) =>
    withSecret(environment('DINGTALK_APP_SECRET_ID'), appSecret, async (secret) => {
      const key = [dingtalk.baseUrl(), secret.appKey, secret.appSecret].join(' ')
      const token = await appTokens.get(key, () => fetchAppToken(secret, remainingMs()))
      return { accessToken: token.value, actsAs: 'tenant', reject: () => appTokens.reject(key, token) }
    }),
}

/** Errors are `{code, message, requestid}`, their keys in any case; `{errcode, errmsg}` where no route was found. */
function read(json: Record<string, unknown>, _response: VendorResponse): Answer {
  const keys = Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toLowerCase(), value]))
  const code = keys.code ?? keys.errcode
  const { requiredScopes } = (keys.accessdenieddetail ?? {}) as { requiredScopes?: unknown }
  return {
    json,
    failed: code !== undefined,
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : null,
    message: String(keys.message ?? keys.errmsg ?? ''),
    requestId: typeof keys.requestid === 'string' ? keys.requestid : null,
    missingScopes: Array.isArray(requiredScopes) ? requiredScopes.map(String) : [],
  }
}

const tokenAnswer = v.object({ accessToken: secretText, expireIn: v.pipe(v.number(), v.minValue(1)) })

/** https://open.dingtalk.com/document/development/obtain-the-access-token-of-an-internal-app */
async function fetchAppToken(secret: v.InferOutput<typeof appSecret>, remainingMs: number): Promise<Token> {
  const { answer } = await call(
    {
      vendor: dingtalk,
      request: {
        method: 'POST',
        url: `${dingtalk.baseUrl()}/v1.0/oauth2/accessToken`,
        headers: { accept: 'application/json' },
        body: { appKey: secret.appKey, appSecret: secret.appSecret },
        secrets: [secret.appSecret],
      },
      codes: dingtalkTokenCodes,
      succeeded: (json) => v.is(tokenAnswer, json),
    },
    remainingMs,
  )
  const { accessToken, expireIn } = v.parse(tokenAnswer, answer.json)
  return { value: accessToken, expiresAtMs: Date.now() + expireIn * 1_000 }
}
