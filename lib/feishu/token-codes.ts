/** What Feishu's token endpoints answer, besides what any API may answer. */
import type { CodeTable, Meaning } from '../vendor/vendor.ts'
import { frozen, gone, internalFault, notInstalled, wrongApp } from './meanings.ts'

/** Some wrong settings of an app are answered as a fault of the vendor's. */
const faultOrWrongApp: Meaning = {
  kind: 'unavailable',
  means: { en: 'the vendor could not issue a token', zh: '厂商未能签发令牌' },
  hint: {
    en: 'Repeat the call later. If it goes on for minutes, app id, secret, tenant_key or the host (FEISHU_BASE_URL, FEISHU_OAUTH_TOKEN_URL) are likely wrong.',
    zh: '请稍后重试。若持续数分钟，很可能是 App ID、App Secret、tenant_key 或域名（FEISHU_BASE_URL、FEISHU_OAUTH_TOKEN_URL）有误。',
  },
}

/**
 * The app token endpoints, which report failures with HTTP 200.
 * Source: https://open.feishu.cn/document/server-docs/api-call-guide/server-error-codes
 */
export const feishuTokenCodes: CodeTable = {
  2200: faultOrWrongApp,
  10003: wrongApp,
  10005: wrongApp,
  10012: {
    kind: 'misconfigured',
    means: {
      en: 'the app token could not be issued, for a store app because of its ticket',
      zh: '无法签发应用令牌；商店应用通常是 app_ticket 失效',
    },
    hint: {
      en: "Store the app_ticket that Feishu pushed last in the app's secret; for a self-built app check app id and secret.",
      zh: '请将飞书最近推送的 app_ticket 写入应用密钥；自建应用请检查 App ID 与 App Secret。',
    },
  },
  10013: faultOrWrongApp,
  10014: wrongApp,
  10015: wrongApp,
  10016: {
    kind: 'misconfigured',
    means: {
      en: 'the ticket cannot be pushed again: the app is no store app',
      zh: '无法重新推送 ticket：该应用不是商店应用',
    },
    hint: {
      en: 'Store the app secret of a self-built app as type "self_built".',
      zh: '自建应用的密钥类型请写为 self_built。',
    },
  },
}

const ours: Meaning = {
  kind: 'internal',
  means: { en: 'the token request is malformed', zh: '令牌请求格式有误' },
}

/** The vendor's last word on a grant. */
const grantLost: Meaning = {
  kind: 'reauthorization_required',
  final: true,
  means: { en: 'the refresh token is no longer valid', zh: '刷新令牌已失效' },
}

const codeLost = (en: string, zh: string): Meaning => ({
  kind: 'reauthorization_required',
  means: { en, zh },
  hint: {
    en: 'Run the command again, and open the address within five minutes of granting access: a code counts once and for five minutes.',
    zh: '请重新运行该命令，并在五分钟内完成授权：授权码仅五分钟内有效，且只能使用一次。',
  },
})

const mayNotUse: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the user may not use the app', zh: '用户无应用使用权限' },
  hint: { en: "Add the user to the app's availability range.", zh: '请将该用户加入应用的可用范围。' },
}

/**
 * The OAuth token endpoint, v2 and v3, and the consent page before it (20027). Where the answer has no code, it has
 * an `error` of RFC 6749.
 * Sources: https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
 * and get-user-access-token, https://open.feishu.cn/document/common-capabilities/sso/api/obtain-oauth-code,
 * https://www.rfc-editor.org/rfc/rfc6749#section-5.2
 */
export const feishuOauthCodes: CodeTable = {
  2200: faultOrWrongApp,
  404: {
    kind: 'misconfigured',
    means: { en: 'the host knows no such path', zh: '该主机没有此路径' },
    hint: {
      en: 'Check FEISHU_OAUTH_TOKEN_URL: https://accounts.feishu.cn/oauth/v3/token, or for Lark https://open.larksuite.com/open-apis/authen/v2/oauth/token.',
      zh: '请检查 FEISHU_OAUTH_TOKEN_URL：https://accounts.feishu.cn/oauth/v3/token，Lark 则为 https://open.larksuite.com/open-apis/authen/v2/oauth/token。',
    },
  },
  20001: ours,
  20036: ours,
  20063: ours,
  20067: ours,
  20068: ours,
  20070: ours,
  invalid_request: ours,
  invalid_scope: ours,
  unsupported_grant_type: ours,
  20002: wrongApp,
  20024: wrongApp,
  20048: wrongApp,
  20069: wrongApp,
  invalid_client: wrongApp,
  unauthorized_client: wrongApp,
  20008: gone,
  20021: gone,
  20066: frozen,
  20009: notInstalled,
  20010: mayNotUse,
  access_denied: mayNotUse,
  20074: {
    kind: 'misconfigured',
    means: { en: 'the app may not renew user tokens', zh: '应用未开启刷新用户令牌' },
    hint: {
      en: "Turn on renewal of user_access_token in the app's security settings and publish a version.",
      zh: '请在应用的安全设置中开启刷新 user_access_token 并发布版本。',
    },
  },
  20026: grantLost,
  20037: grantLost,
  20064: grantLost,
  20073: grantLost,
  invalid_grant: grantLost,
  20003: codeLost('the authorization code is unknown', '授权码无效'),
  20004: codeLost('the authorization code has expired', '授权码已过期'),
  20065: codeLost('the authorization code was used before', '授权码已被使用'),
  20049: {
    kind: 'misconfigured',
    means: { en: 'the PKCE check failed', zh: 'PKCE 校验失败' },
    hint: {
      en: 'Run the command again. If it fails again, FEISHU_OAUTH_TOKEN_URL is of another host than the consent page.',
      zh: '请重新运行该命令。若再次失败，则 FEISHU_OAUTH_TOKEN_URL 与授权页不属于同一域名。',
    },
  },
  20071: {
    kind: 'misconfigured',
    means: { en: 'the redirect URL is not that of the consent', zh: '重定向 URL 与授权时不一致' },
    hint: {
      en: 'Register the redirect URL that the command prints with the app, letter by letter, and run it again.',
      zh: '请在应用后台逐字登记命令所打印的重定向 URL，然后重新运行。',
    },
  },
  20027: {
    kind: 'misconfigured',
    means: { en: 'a scope that was asked for is not enabled for the app', zh: '所请求的权限尚未在应用内开通' },
    hint: {
      en: "Enable the scopes that are asked for, offline_access too, in the app's console and publish a version.",
      zh: '请在应用后台开通所请求的权限（包括 offline_access）并发布版本。',
    },
  },
  20050: internalFault,
  20072: internalFault,
  server_error: internalFault,
  temporarily_unavailable: internalFault,
}
