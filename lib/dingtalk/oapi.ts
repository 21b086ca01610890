/**
 * DingTalk's older APIs on a host of their own: HTTP 200 whatever happens, `errcode` in the body, the app's token in the query.
 * https://open.dingtalk.com/document/development/server-api-error-codes-1
 */
import { vendorUrl } from '../environment.ts'
import type { CodeTable, Vendor } from '../vendor/vendor.ts'
import { dingtalkResponseParser } from './answers.ts'
import { dingtalkCodes } from './codes.ts'
import { dingtalk } from './dingtalk.ts'

/**
 * Short bans after too many calls, of a server, a company, an app or a suite, from one API or from all: 90001 to 90014 in DingTalk's
 * table of global return codes (全局返回码), and 90018.
 */
const throttled = Object.fromEntries(
  [...Array.from({ length: 14 }, (_, index) => 90_001 + index), 90_018].map((code) => [
    code,
    { kind: 'rate_limited', means: { en: 'too many calls at once', zh: '调用过于频繁' } } as const,
  ]),
)

/** By `errcode`, or by the `sub_code` that an `errcode` of 88 has. */
export const dingtalkOapiCodes: CodeTable = {
  '-1': { kind: 'unavailable', means: { en: 'the vendor is busy', zh: '系统繁忙' } },
  40014: { tokenRejected: true, means: { en: 'the access token was rejected', zh: '访问令牌被拒绝' } },
  41001: { tokenRejected: true, means: { en: 'the access token is missing', zh: '缺少访问令牌' } },
  42001: { tokenRejected: true, means: { en: 'the access token has expired', zh: '访问令牌已过期' } },
  60011: {
    kind: 'misconfigured',
    means: { en: 'the app lacks a permission', zh: '应用缺少权限' },
    hint: { en: 'Grant the permission in the developer console.', zh: '请在开发者后台授予该权限。' },
  },
  60020: {
    kind: 'misconfigured',
    means: { en: "the caller's IP address is not in the app's egress list", zh: '调用方 IP 不在应用的出口 IP 名单内' },
    hint: {
      en: "Run the functions in a VPC with a fixed egress address and add it to the app's server egress IPs.",
      zh: '请让函数运行在具有固定出口 IP 的 VPC 中，并将该 IP 加入应用的服务器出口 IP。',
    },
  },
  ...throttled,
  90020: {
    kind: 'quota_exhausted',
    means: { en: "the organization's API calls of this month are used up", zh: '该组织本月 API 调用次数已用尽' },
  },
  22: {
    kind: 'misconfigured',
    means: { en: 'the host knows no such method', zh: '该主机没有此接口' },
    hint: {
      en: 'Check DINGTALK_OAPI_BASE_URL: https://oapi.dingtalk.com or https://oapi.dingtalk.io, without a path.',
      zh: '请检查 DINGTALK_OAPI_BASE_URL：https://oapi.dingtalk.com 或 https://oapi.dingtalk.io，均不带路径。',
    },
  },
  400002: { kind: 'invalid_request', means: { en: 'a parameter is invalid', zh: '参数不合法' } },
  40035: { kind: 'invalid_request', means: { en: 'a parameter is invalid', zh: '参数不合法' } },
}

/** The vendor DingTalk at `DINGTALK_OAPI_BASE_URL`: `oapi.dingtalk.io`, or `oapi.dingtalk.com` in mainland China. */
export const dingtalkOapi: Vendor = {
  ...dingtalk,
  codes: { ...dingtalkCodes, ...dingtalkOapiCodes },
  baseUrl: () => vendorUrl('DINGTALK_OAPI_BASE_URL'),
  headers: () => ({ accept: 'application/json' }),
  tokenQuery: 'access_token',
  parse(json, response) {
    const { sub_code, sub_msg } = json
    const inner = String(json.errcode) === '88' && (typeof sub_code === 'string' || typeof sub_code === 'number')
    const answer = dingtalkResponseParser.parse(inner ? { ...json, errcode: sub_code } : json, response)
    const permissions = typeof sub_msg === 'string' ? (sub_msg.match(/\bqyapi_\w+/g) ?? []) : []
    return permissions.length > 0
      ? { ...answer, json, missingScopes: { scopes: permissions, oneIsEnough: false } }
      : { ...answer, json }
  },
}
