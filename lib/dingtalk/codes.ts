/**
 * What DingTalk's codes mean that any v1.0 API may answer.
 * Source: https://open.dingtalk.com/document/development/server-api-error-codes-1
 */
import type { CodeTable, Meaning } from '../vendor/vendor.ts'

const internalFault: Meaning = {
  kind: 'unavailable',
  means: { en: 'a fault at the vendor', zh: '厂商内部错误' },
}

const noAnswerInTime: Meaning = {
  kind: 'timeout',
  means: { en: 'the vendor ran out of time', zh: '厂商处理超时' },
}

const wrongApp: Meaning = {
  kind: 'misconfigured',
  means: { en: "the app's credentials are wrong", zh: '应用凭证有误' },
  hint: {
    en: 'Check key and secret in the app secret, that the app is published and installed, and that DINGTALK_BASE_URL is its region.',
    zh: '请检查应用密钥中的 Key 与 Secret、应用已发布并安装,以及 DINGTALK_BASE_URL 与应用所在区域一致。',
  },
}

/** Any DingTalk API. */
export const dingtalkCodes: CodeTable = {
  InvalidAuthentication: {
    tokenRejected: true,
    means: { en: 'the access token was rejected', zh: '访问令牌被拒绝' },
  },
  'accesstoken.expired': {
    tokenRejected: true,
    means: { en: "the user's access token has expired", zh: '用户访问令牌已过期' },
  },
  'Forbidden.AccessDenied.ApiCountLimitForOrg': {
    kind: 'quota_exhausted',
    means: { en: "the organization's API calls of this month are used up", zh: '该组织本月 API 调用次数已用尽' },
  },
  'Forbidden.AccessDenied.AccessTokenPermissionDenied': {
    kind: 'misconfigured',
    means: { en: 'the app lacks a permission', zh: '应用缺少权限' },
    hint: { en: 'Grant the permission in the developer console.', zh: '请在开发者后台授予该权限。' },
  },
  'Forbidden.AccessDenied.IpNotInWhiteList': {
    kind: 'misconfigured',
    means: { en: "the caller's IP address is not in the app's egress list", zh: '调用方 IP 不在应用的出口 IP 名单内' },
    hint: {
      en: "Run the functions in a VPC with a fixed egress address and add it to the app's server egress IPs.",
      zh: '请让函数运行在具有固定出口 IP 的 VPC 中,并将该 IP 加入应用的服务器出口 IP。',
    },
  },
  systemError: internalFault,
  'system.error': internalFault,
  serviceBusy: internalFault,
  systemBusy: internalFault,
  internalError: internalFault,
  unknownError: internalFault,
  'service.timeout': noAnswerInTime,
  operationTimeout: noAnswerInTime,
}

/** The throttles, one code for each combination of app, suite, organization and API. */
export const dingtalkCodePrefixes: CodeTable = {
  'Forbidden.AccessDenied.Qps': {
    kind: 'rate_limited',
    waitMs: 1_000,
    means: { en: 'the limit per second was hit', zh: '触发每秒频率限制' },
  },
  'Forbidden.AccessDenied.Qpm': {
    kind: 'rate_limited',
    waitMs: 60_000,
    means: { en: 'the limit per minute was hit', zh: '触发每分钟频率限制' },
  },
}

/** The token endpoints. Source: https://open.dingtalk.com/document/development/obtain-the-access-token-of-an-internal-app */
export const dingtalkTokenCodes: CodeTable = {
  invalidClientIdOrSecret: wrongApp,
  invalidSuiteKey: wrongApp,
  invalidSuiteTicket: {
    kind: 'misconfigured',
    means: { en: 'the suite ticket is not valid', zh: 'suiteTicket 无效' },
    hint: {
      en: "Store the suite ticket that DingTalk pushed last in the app's secret.",
      zh: '请将钉钉最近推送的 suiteTicket 写入应用密钥。',
    },
  },
  invalidAuthInfo: {
    kind: 'misconfigured',
    means: { en: 'the organization has not installed the app', zh: '该组织未安装此应用' },
    hint: {
      en: 'Check authCorpId, and have the organization install the app.',
      zh: '请检查 authCorpId,并让该组织安装此应用。',
    },
  },
}
