/** How each vendor has a user grant access: its consent page, the code for tokens, and whose tokens they are. */
import * as v from 'valibot'
import { secretText, withSecret } from '../../lib/aws/secrets-manager.ts'
import { dingtalk } from '../../lib/dingtalk/dingtalk.ts'
import { dingtalkUser, exchangeDingtalkCode } from '../../lib/dingtalk/tokens.ts'
import { environment, vendorUrl } from '../../lib/environment.ts'
import { OperationError, type Text } from '../../lib/error.ts'
import { feishu } from '../../lib/feishu/feishu.ts'
import { exchangeFeishuCode, feishuUser } from '../../lib/feishu/tokens.ts'
import type { UserSecret } from '../../lib/tokens/user-secret.ts'

/** What a consent page is asked for. */
export type Ask = { clientId: string; redirectUri: string; state: string; codeChallenge: string; scopes: string[] }

export type Consent = {
  /** The user's secret. */
  secretId: string
  /** Throws `misconfigured` when the app's secret is missing or this kind of app has no user tokens. */
  clientId: () => Promise<string>
  /** Scopes to ask for unless told otherwise, and those asked for in any case. */
  scopes: { operations: string[]; always: string[] }
  pageUrl: (ask: Ask) => string
  /** The redirect's parameter that holds the code. */
  codeParameter: string
  /** What must be changed where the tokens cannot be renewed. */
  renewalNeeds: Text
  exchange: (given: { code: string; redirectUri: string; codeVerifier: string }) => Promise<UserSecret>
  /** The vendor's id of the user to whom the token belongs. */
  ownerOf: (accessToken: string) => Promise<string>
}

const ANSWER_MS = 15_000

/**
 * Feishu and Lark, with PKCE. Without `offline_access` there is no refresh token; the other scopes are those of the
 * operations that act as a user. Scopes that a user has granted before stay granted.
 * https://open.feishu.cn/document/common-capabilities/sso/api/obtain-oauth-code
 * https://open.larksuite.com/document/common-capabilities/sso/api/obtain-oauth-code
 */
export const feishuConsent = (openId: string): Consent => ({
  secretId: feishuUser(openId).secretId,
  clientId: () =>
    withSecret(
      environment('FEISHU_APP_SECRET_ID'),
      v.object({ type: v.picklist(['self_built', 'store']), appId: secretText }),
      async ({ appId }) => appId,
    ),
  scopes: { operations: ['calendar:calendar:readonly', 'docs:event:subscribe'], always: ['offline_access'] },
  pageUrl: ({ clientId, redirectUri, state, codeChallenge, scopes }) =>
    pageUrl('FEISHU_OAUTH_TOKEN_URL', FEISHU_PAGES, '/open-apis/authen/v1/authorize', {
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state,
      code_challenge: codeChallenge,
      code_challenge_method: 'S256',
    }),
  codeParameter: 'code',
  renewalNeeds: feishuUser(openId).renewalNeeds,
  exchange: (given) => exchangeFeishuCode(given, ANSWER_MS),
  ownerOf: (accessToken) => feishu.ownerOf(accessToken, ANSWER_MS),
})

const FEISHU_PAGES: Record<string, string> = {
  'accounts.feishu.cn': 'https://accounts.feishu.cn',
  'open.feishu.cn': 'https://accounts.feishu.cn',
  'accounts.larksuite.com': 'https://accounts.larksuite.com',
  'open.larksuite.com': 'https://accounts.larksuite.com',
}

/**
 * DingTalk's third-party personal app. The page documents no PKCE, and the scopes `openid` and `openid corpid` alone.
 * https://open.dingtalk.com/document/development/obtain-identity-credentials
 * https://help.dingtalk.io/open/development/obtain-identity-credentials
 */
export const dingtalkConsent = (unionId: string): Consent => ({
  secretId: dingtalkUser(unionId).secretId,
  clientId: () =>
    withSecret(
      environment('DINGTALK_APP_SECRET_ID'),
      v.object({
        type: v.picklist(['internal', 'third_party_enterprise', 'third_party_personal']),
        clientId: v.optional(secretText),
      }),
      async ({ type, clientId }) => {
        if (type === 'third_party_personal' && clientId) return clientId
        throw new OperationError(
          'misconfigured',
          {
            en: `The DingTalk app is of type ${type}, which acts by itself: its users have no tokens to store.`,
            zh: `该钉钉应用类型为 ${type}，以应用身份调用，无需存储用户令牌。`,
          },
          {
            hint: {
              en: 'Only a third_party_personal app, with its clientId, needs this.',
              zh: '仅 third_party_personal 类型（含 clientId）的应用需要此步骤。',
            },
          },
        )
      },
    ),
  scopes: { operations: ['openid'], always: [] },
  pageUrl: ({ clientId, redirectUri, state, scopes }) =>
    pageUrl('DINGTALK_BASE_URL', DINGTALK_PAGES, '/oauth2/auth', {
      client_id: clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state,
      prompt: 'consent',
    }),
  codeParameter: 'authCode',
  renewalNeeds: dingtalkUser(unionId).renewalNeeds,
  exchange: ({ code }) => exchangeDingtalkCode(code, ANSWER_MS),
  ownerOf: (accessToken) => dingtalk.ownerOf(accessToken, ANSWER_MS),
})

const DINGTALK_PAGES: Record<string, string> = {
  'api.dingtalk.com': 'https://login.dingtalk.com',
  'api.dingtalk.io': 'https://login.dingtalk.io',
}

/** The consent page beside the API of a documented host; on loopback, the sandbox has both at one address. */
function pageUrl(name: string, pages: Record<string, string>, path: string, query: Record<string, string>): string {
  const { protocol, host, origin } = new URL(vendorUrl(name))
  const base = Object.hasOwn(pages, host) ? pages[host] : protocol === 'http:' ? origin : undefined
  if (base) return `${base}${path}?${new URLSearchParams(query)}`
  throw new OperationError(
    'misconfigured',
    { en: `No consent page is known for the host ${host} in ${name}.`, zh: `未知 ${name} 中主机 ${host} 的授权页。` },
    {
      hint: {
        en: `Known hosts: ${Object.keys(pages).join(', ')}.`,
        zh: `已知主机：${Object.keys(pages).join('、')}。`,
      },
    },
  )
}
