/**
 * What Feishu's codes mean that any API may answer, and those both calendar operations share.
 * Source: https://open.feishu.cn/document/server-docs/api-call-guide/generic-error-code
 */
import type { CodeTable, Meaning } from '../vendor/vendor.ts'

const tokenRejected: Meaning = {
  tokenRejected: true,
  means: { en: 'the access token was rejected', zh: '访问令牌被拒绝' },
}

const missingScope: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the app lacks a scope', zh: '应用缺少权限' },
  hint: {
    en: "Enable the scope in the app's console and publish a version.",
    zh: '请在应用后台开通该权限并发布版本。',
  },
}

const internalFault: Meaning = {
  kind: 'unavailable',
  means: { en: 'a fault at the vendor', zh: '厂商内部错误' },
}

const wrongApp: Meaning = {
  kind: 'misconfigured',
  means: { en: 'the app does not exist or its credentials are wrong', zh: '应用不存在或凭证有误' },
  hint: {
    en: 'Check app id and secret in the app secret, and that its host (Feishu or Lark) is the right one.',
    zh: '请检查应用密钥中的 App ID 与 App Secret,以及所用的域名(飞书或 Lark)。',
  },
}

/** Any Feishu API. */
export const feishuCodes: CodeTable = {
  99991400: { kind: 'rate_limited', means: { en: 'the frequency limit was hit', zh: '触发频率限制' } },
  99991403: {
    kind: 'quota_exhausted',
    means: { en: "the month's API calls are used up", zh: '本月 API 调用次数已用尽' },
  },
  99991661: tokenRejected,
  99991663: tokenRejected,
  99991664: tokenRejected,
  99991665: tokenRejected,
  99991668: tokenRejected,
  99991671: tokenRejected,
  99991677: tokenRejected,
  99991672: missingScope,
  99991676: missingScope,
  99991679: {
    kind: 'reauthorization_required',
    means: { en: 'the user has not granted a scope', zh: '用户未授予所需权限' },
    hint: { en: 'Have this user grant access again with the scope.', zh: '请让该用户重新授权并授予该权限。' },
  },
  99991662: {
    kind: 'misconfigured',
    means: { en: 'the app is disabled', zh: '应用已停用' },
    hint: { en: 'Enable the app in its console.', zh: '请在应用后台启用该应用。' },
  },
  99991673: {
    kind: 'misconfigured',
    means: { en: 'the app is not available in this tenant', zh: '应用在该租户内不可用' },
    hint: { en: 'Install or enable the app in this tenant.', zh: '请在该租户内安装或启用该应用。' },
  },
  99991543: wrongApp,
  99991401: {
    kind: 'misconfigured',
    means: { en: "the caller's IP address is not in the app's allow-list", zh: '调用方 IP 不在应用白名单内' },
    hint: {
      en: "Run the functions in a VPC with a fixed egress address and add it to the app's IP allow-list.",
      zh: '请让函数运行在具有固定出口 IP 的 VPC 中,并将该 IP 加入应用白名单。',
    },
  },
  99992402: {
    kind: 'invalid_request',
    means: { en: 'a field failed validation', zh: '字段校验失败' },
  },
  1500: internalFault,
  1503: internalFault,
  1663: internalFault,
  1668: internalFault,
  2200: internalFault,
  5000: internalFault,
  55001: internalFault,
  65001: internalFault,
}

/** All calendar calls. Sources: the contract pages named in the function files and in `cli/discovery/vendor-lists.ts`. */
export const feishuCalendarCodes: CodeTable = {
  190002: {
    kind: 'invalid_request',
    means: { en: 'the vendor calls a parameter invalid', zh: '无效的请求参数' },
    hint: {
      en: 'Check the ids, the scopes of the app, and that the resource still exists.',
      zh: '请检查各 ID、应用的权限,以及资源是否仍然存在。',
    },
  },
  190003: internalFault,
  190004: { kind: 'rate_limited', means: { en: "the method's rate limit was hit", zh: '触发方法频率限制' } },
  190005: { kind: 'rate_limited', means: { en: "the app's rate limit was hit", zh: '触发应用频率限制' } },
  190006: {
    kind: 'misconfigured',
    means: { en: 'wrong unit for the app tenant', zh: '应用所属单元错误' },
    hint: { en: 'Check app id and app secret.', zh: '请检查 App ID 与 App Secret。' },
  },
  190007: {
    kind: 'misconfigured',
    means: { en: 'the app has no bot', zh: '应用未开启机器人能力' },
    hint: { en: "Enable the bot capability in the app's console.", zh: '请在应用后台开启机器人能力。' },
  },
  190010: {
    kind: 'rate_limited',
    means: { en: 'the operation is limited for the moment', zh: '当前操作被限流' },
  },
}

/** All calls on the events of a document. Source: the contract page named in `functions/feishu-drive-unsubscribe.ts` */
export const feishuDocumentCodes: CodeTable = {
  1069601: { kind: 'unavailable', means: { en: 'a fault at the vendor', zh: '厂商内部错误' } },
  1069602: { kind: 'invalid_request', means: { en: 'a parameter is invalid', zh: '参数错误' } },
  1069603: {
    kind: 'forbidden',
    means: { en: 'the acting identity may not manage the document', zh: '调用身份无文档管理权限' },
    hint: {
      en: 'Make the app (or the user) a manager of the document, and check that the tenant records document access.',
      zh: '请为应用(或该用户)授予文档管理权限,并确认租户已开启文档访问记录功能。',
    },
  },
  1069604: { kind: 'not_found', means: { en: 'the document does not exist', zh: '文档不存在' } },
  1069605: { outcome: 'unchanged', means: { en: 'the document was not subscribed', zh: '没有订阅该文档' } },
}

/**
 * The app token endpoints, which report failures with HTTP 200.
 * Source: https://open.feishu.cn/document/server-docs/api-call-guide/server-error-codes
 */
export const feishuTokenCodes: CodeTable = {
  10003: wrongApp,
  10005: wrongApp,
  10012: {
    kind: 'misconfigured',
    means: {
      en: 'the app token could not be issued, for a store app because of its ticket',
      zh: '无法签发应用令牌;商店应用通常是 app_ticket 失效',
    },
    hint: {
      en: "Store the app_ticket that Feishu pushed last in the app's secret; for a self-built app check app id and secret.",
      zh: '请将飞书最近推送的 app_ticket 写入应用密钥;自建应用请检查 App ID 与 App Secret。',
    },
  },
  10013: wrongApp,
  10014: wrongApp,
  10015: wrongApp,
}

const ours: Meaning = {
  kind: 'internal',
  means: { en: 'the token request is malformed', zh: '令牌请求格式有误' },
}

const gone: Meaning = {
  kind: 'not_found',
  means: { en: 'the user does not exist any more', zh: '用户已不存在或已离职' },
}

const grantLost: Meaning = {
  kind: 'reauthorization_required',
  means: { en: 'the refresh token is no longer valid', zh: '刷新令牌已失效' },
}

/**
 * The OAuth token endpoint, v2 and v3.
 * Source: https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/authentication-management/access-token/refresh-user-access-token
 */
export const feishuOauthCodes: CodeTable = {
  20001: ours,
  20036: ours,
  20063: ours,
  20067: ours,
  20068: ours,
  20070: ours,
  20002: wrongApp,
  20024: wrongApp,
  20048: wrongApp,
  20069: wrongApp,
  20008: gone,
  20021: gone,
  20066: {
    kind: 'forbidden',
    means: { en: 'the user is frozen or has left', zh: '用户已被冻结或已离职' },
    hint: {
      en: 'If the user has left, nothing can be done in their name any more; if frozen, unfreeze and redrive.',
      zh: '若用户已离职,则无法再以其身份操作;若被冻结,请解冻后重新投递。',
    },
  },
  20009: {
    kind: 'misconfigured',
    means: { en: 'the app is not installed in the tenant', zh: '租户未安装该应用' },
    hint: { en: 'Install the app in this tenant.', zh: '请在该租户内安装该应用。' },
  },
  20010: {
    kind: 'misconfigured',
    means: { en: 'the user may not use the app', zh: '用户无应用使用权限' },
    hint: { en: "Add the user to the app's availability range.", zh: '请将该用户加入应用的可用范围。' },
  },
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
  20050: internalFault,
  20072: internalFault,
}
