/**
 * What Feishu's codes mean that any API may answer, those that calendar calls share, and those of document events.
 * Source: https://open.feishu.cn/document/server-docs/api-call-guide/generic-error-code
 */
import type { CodeTable, Meaning } from '../vendor/vendor.ts'
import {
  accessPolicy,
  contention,
  frozen,
  gone,
  internalFault,
  invalidParameter,
  missingScope,
  notInstalled,
  tokenRejected,
  unknownId,
  wrongApp,
  wrongPath,
} from './meanings.ts'

const rows = (codes: number[], meaning: Meaning): CodeTable => Object.fromEntries(codes.map((code) => [code, meaning]))

/** Any Feishu API. `404` is the gateway's `404 page not found`, a text without a code. */
export const feishuCodes: CodeTable = {
  99991400: { kind: 'rate_limited', means: { en: 'the frequency limit was hit', zh: '触发频率限制' } },
  99991403: {
    kind: 'quota_exhausted',
    means: { en: "the month's API calls are used up", zh: '本月 API 调用次数已用尽' },
  },
  ...rows([20005, 99991661, 99991663, 99991664, 99991665, 99991668, 99991671, 99991677], tokenRejected),
  ...rows([99991672, 99991676], missingScope),
  99991679: {
    kind: 'reauthorization_required',
    means: { en: 'the user has not granted a scope', zh: '用户未授予所需权限' },
    hint: { en: 'Have this user grant access again with the scope.', zh: '请让该用户重新授权并授予该权限。' },
  },
  99991669: {
    kind: 'reauthorization_required',
    final: true,
    means: { en: 'the refresh token is not valid', zh: '刷新令牌无效' },
  },
  ...rows([20008, 20021], gone),
  20022: frozen,
  20023: {
    kind: 'reauthorization_required',
    means: { en: 'the user has not completed registration', zh: '用户尚未完成注册' },
    hint: {
      en: 'Have this user activate the account, then grant access again.',
      zh: '请让该用户先激活账号，再重新授权。',
    },
  },
  ...rows([21000, 21001], accessPolicy),
  ...rows([404, 99991201, 99991301], wrongPath),
  ...rows([11207, 99991662], {
    kind: 'misconfigured',
    means: { en: 'the app is disabled', zh: '应用已停用' },
    hint: { en: 'Enable the app in its console.', zh: '请在应用后台启用该应用。' },
  }),
  99991673: {
    kind: 'misconfigured',
    means: { en: 'the app is not available in this tenant', zh: '应用在该租户内不可用' },
    hint: { en: 'Install or enable the app in this tenant.', zh: '请在该租户内安装或启用该应用。' },
  },
  11210: notInstalled,
  ...rows([11209, 99991543], wrongApp),
  99991401: {
    kind: 'misconfigured',
    means: { en: "the caller's IP address is not in the app's allow-list", zh: '调用方 IP 不在应用白名单内' },
    hint: {
      en: "Run the functions in a VPC with a fixed egress address and add it to the app's IP allow-list.",
      zh: '请让函数运行在具有固定出口 IP 的 VPC 中，并将该 IP 加入应用白名单。',
    },
  },
  99992402: {
    kind: 'invalid_request',
    means: { en: 'a field failed validation', zh: '字段校验失败' },
  },
  ...rows([9499, 99991674, 99991675], invalidParameter),
  ...rows([99992351, 99992352, 99992353, 99992354, 99992360, 99992361, 99992363, 99992364], unknownId),
  ...rows(
    [
      1500, 1503, 1551, 1557, 1642, 1663, 1665, 1668, 2200, 5000, 10101, 10105, 10500, 20050, 55001, 65001, 95201,
      95202, 95203, 95204, 95205, 95206, 95207, 95208, 95209, 95299, 96001,
    ],
    internalFault,
  ),
  ...rows([96002, 96201, 96403], contention),
}

const limited = (en: string, zh: string): Meaning => ({ kind: 'rate_limited', means: { en, zh } })

/** All calendar calls. Sources: the contract pages named in the function files and in `lib/people/vendor-lists.ts`. */
export const feishuCalendarCodes: CodeTable = {
  190002: {
    kind: 'invalid_request',
    means: { en: 'the vendor calls a parameter invalid', zh: '无效的请求参数' },
    hint: {
      en: 'Check the ids, the scopes of the app, and that the resource still exists.',
      zh: '请检查各 ID、应用的权限，以及资源是否仍然存在。',
    },
  },
  190003: internalFault,
  190004: limited("the method's rate limit was hit", '触发方法频率限制'),
  190005: limited("the app's rate limit was hit", '触发应用频率限制'),
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
  ...rows([190008, 190009, 190014, 198001], invalidParameter),
  190010: limited('the operation is limited for the moment', '当前操作被限流'),
  191000: { kind: 'not_found', means: { en: 'the calendar does not exist', zh: '日历没有找到' } },
  191001: { kind: 'invalid_request', means: { en: 'the calendar id is invalid', zh: '日历 ID 无效' } },
  191002: {
    kind: 'forbidden',
    means: { en: 'the user has no access to the calendar', zh: '当前身份没有日历的访问权限' },
  },
  191003: { kind: 'not_found', means: { en: 'the calendar is deleted', zh: '日历已经被删除' } },
  191004: {
    kind: 'invalid_request',
    means: { en: "the calendar's type does not allow it", zh: '日历类型不适用于此操作' },
  },
  191005: {
    kind: 'forbidden',
    means: { en: 'the user follows as many calendars as is allowed', zh: '订阅日历数量已达上限' },
  },
  191006: { kind: 'forbidden', means: { en: 'this calendar may not be followed', zh: '不允许订阅该日历' } },
  192000: { kind: 'not_found', means: { en: 'the access control was not found', zh: '访问控制未找到' } },
}

/** All calls on the events of a document. Source: the contract page named in `functions/feishu-drive-unsubscribe.ts` */
export const feishuDocumentCodes: CodeTable = {
  1069601: internalFault,
  1069602: invalidParameter,
  1069603: {
    kind: 'forbidden',
    means: { en: 'the acting identity may not manage the document', zh: '调用身份无文档管理权限' },
    hint: {
      en: 'Make the app (or the user) a manager of the document, and check that the tenant records document access.',
      zh: '请为应用（或该用户）授予文档管理权限，并确认租户已开启文档访问记录功能。',
    },
  },
  1069604: {
    kind: 'not_found',
    means: { en: 'the document does not exist', zh: '文档不存在' },
    hint: {
      en: "Check the token; one out of a /wiki/ URL is the wiki node's, not the document's. If it is right, nothing is left to stop.",
      zh: '请检查 token：/wiki/ 网址中的是知识库节点的 token，而非文档的。若 token 无误，则已没有需要停止的订阅。',
    },
    unregistered: {
      en: 'The register has never seen this document: check the token.',
      zh: '登记表中从未有过该文档：请检查 token。',
    },
  },
  1069605: { outcome: 'unchanged', means: { en: 'the document was not subscribed', zh: '没有订阅该文档' } },
  1061045: contention,
  ...rows([1064510, 1064511], {
    kind: 'invalid_request',
    means: { en: 'the document belongs to another tenant, unit or brand', zh: '文档属于其他租户、单元或品牌' },
    hint: {
      en: 'Check that the document, the app and FEISHU_BASE_URL belong to the same tenant and brand (Feishu or Lark).',
      zh: '请确认文档、应用与 FEISHU_BASE_URL 属于同一租户与品牌（飞书或 Lark）。',
    },
  }),
}
