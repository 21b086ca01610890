/**
 * What DingTalk's codes mean: those that any v1.0 API may answer, and those of the token endpoints.
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

const ours: Meaning = {
  kind: 'internal',
  means: { en: 'the request is malformed', zh: '请求格式有误' },
}

const wrongApp: Meaning = {
  kind: 'misconfigured',
  means: { en: "the app's credentials are wrong", zh: '应用凭证有误' },
  hint: {
    en: 'Check key and secret in the app secret, that the app is published and installed, and that DINGTALK_BASE_URL is its region.',
    zh: '请检查应用密钥中的 Key 与 Secret、应用已发布并安装，以及 DINGTALK_BASE_URL 与应用所在区域一致。',
  },
}

const notInstalled: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the organization has not installed or authorized the app', zh: '该组织未安装或未授权此应用' },
  hint: {
    en: 'Check authCorpId and DINGTALK_BASE_URL, and have the organization install the app.',
    zh: '请检查 authCorpId 与 DINGTALK_BASE_URL，并让该组织安装此应用。',
  },
}

const wrongPath: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the host knows no such path', zh: '该主机没有此路径' },
  hint: {
    en: 'Check DINGTALK_BASE_URL: https://api.dingtalk.com or https://api.dingtalk.io, without a path.',
    zh: '请检查 DINGTALK_BASE_URL：https://api.dingtalk.com 或 https://api.dingtalk.io，均不带路径。',
  },
}

const missingPermission: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the app lacks a permission', zh: '应用缺少权限' },
  hint: { en: 'Grant the permission in the developer console.', zh: '请在开发者后台授予该权限。' },
}

const banned: Meaning = {
  kind: 'rate_limited',
  waitMs: 5 * 60_000,
  means: {
    en: "the caller's IP address made too many calls and is banned for minutes",
    zh: '调用方 IP 调用过多，已被封禁数分钟',
  },
  hint: {
    en: 'Wait for the time given in Retry-After. If it happens again, give the functions an egress address that no other program uses.',
    zh: '请等待 Retry-After 所示时间。若反复发生，请为函数配置独享的出口 IP。',
  },
}

const itemGone: Meaning = {
  kind: 'not_found',
  means: { en: 'the calendar, or what it names, does not exist', zh: '日历或其中的对象不存在' },
  unregistered: {
    en: 'The register has never seen this calendar: check its id and the unionId.',
    zh: '登记表中从未有过该日历：请检查日历 ID 与 unionId。',
  },
}

const invalidParameter: Meaning = {
  kind: 'invalid_request',
  means: { en: 'a parameter is invalid', zh: '参数不合法' },
}

const userForbidden: Meaning = {
  kind: 'forbidden',
  means: { en: 'the user may not do this', zh: '当前用户无操作权限' },
}

const rows = (codes: string[], meaning: Meaning): CodeTable => Object.fromEntries(codes.map((code) => [code, meaning]))

/**
 * Any DingTalk API. Three are no codes of the vendor's own: `404` is an `errcode`, `1111` the `status` of a ban, and `ban-page` a
 * page in place of JSON, which the vendor announces for a ban.
 * https://open.dingtalk.com/document/development/call-frequency-limit
 */
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
  ...rows(['Forbidden.AccessDenied.AccessTokenPermissionDenied', 'apiPermissionDenied'], missingPermission),
  'Forbidden.AccessDenied.IpNotInWhiteList': {
    kind: 'misconfigured',
    means: { en: "the caller's IP address is not in the app's egress list", zh: '调用方 IP 不在应用的出口 IP 名单内' },
    hint: {
      en: "Run the functions in a VPC with a fixed egress address and add it to the app's server egress IPs.",
      zh: '请让函数运行在具有固定出口 IP 的 VPC 中，并将该 IP 加入应用的服务器出口 IP。',
    },
  },
  ...rows(['1111', 'ban-page'], banned),
  ...rows(['404', 'InvalidAction.NotFound'], wrongPath),
  ...rows(['unauthorized.client', 'orgNotAuthApp', 'orgSuiteAuthNotExit'], notInstalled),
  ...rows(['itemNotFound', 'instanceNotExist'], itemGone),
  'invalidParameter.user.notFound': { kind: 'not_found', means: { en: 'the user does not exist', zh: '用户不存在' } },
  ...rows(['invalidParameter', 'paramIllegal'], invalidParameter),
  ...rows(['permissionDenied', 'permissionDeny'], userForbidden),
  ...rows(['AuthenticationFailed.MissingParameter', 'Missingbody', 'missingParameter'], ours),
  ...rows(
    [
      'internalError',
      'server.error',
      'service.error',
      'serviceBusy',
      'serviceError',
      'system.busy',
      'system.error',
      'systemBusy',
      'systemError',
      'unknownError',
    ],
    internalFault,
  ),
  ...rows(['service.timeout', 'operationTimeout'], noAnswerInTime),
}

/** Codes that begin alike: the throttles, one for each combination of app, suite, organization and API, and parameters. */
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
  'invalidParameter.': invalidParameter,
}

/** The token endpoints. Source: https://open.dingtalk.com/document/development/obtain-the-access-token-of-an-internal-app */
export const dingtalkTokenCodes: CodeTable = {
  ...rows(
    ['invalidClientIdOrSecret', 'invalidSuiteKey', 'invalid.client', 'invalid_client', 'unauthorized_client'],
    wrongApp,
  ),
  invalidSuiteTicket: {
    kind: 'misconfigured',
    means: { en: 'the suite ticket is not valid', zh: 'suiteTicket 无效' },
    hint: {
      en: "Store the suite ticket that DingTalk pushed last in the app's secret.",
      zh: '请将钉钉最近推送的 suiteTicket 写入应用密钥。',
    },
  },
  invalidAuthInfo: notInstalled,
  ...rows(['unsupported.grant.type', 'unsupported_grant_type', 'invalid_request'], ours),
  ...rows(['server_error', 'temporarily_unavailable'], internalFault),
  unknownError: {
    ...internalFault,
    hint: {
      en: 'Repeat the call later. If it goes on for minutes, the credentials, authCorpId or the region in DINGTALK_BASE_URL are likely wrong.',
      zh: '请稍后重试。若持续数分钟，很可能是凭证、authCorpId 或 DINGTALK_BASE_URL 中的区域有误。',
    },
  },
}

/**
 * A user's tokens, besides `dingtalkTokenCodes`. The page lists no code for a refused grant; the first is what DingTalk's own command line takes for one.
 * Sources: https://open.dingtalk.com/document/development/obtain-user-token,
 * https://github.com/DingTalk-Real-AI/dingtalk-workspace-cli, internal/auth/oauth_helpers.go
 */
export const dingtalkUserTokenCodes: CodeTable = {
  ...rows(['invalidParameter.authCode.notFound', 'invalid_grant'], {
    kind: 'reauthorization_required',
    final: true,
    means: {
      en: 'the refresh token or authorization code is not valid, or was used before',
      zh: '刷新令牌或授权码无效，或已被使用',
    },
  }),
}
