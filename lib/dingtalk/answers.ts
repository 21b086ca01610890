/** How DingTalk answers: errors are `{code, message, requestid}`, or `{errcode, errmsg}` where no route was found. */

import type { Answer, ResponseParser } from '../vendor/vendor.ts'
import { dingtalkCodePrefixes, dingtalkCodes } from './codes.ts'

export const dingtalkResponseParser: ResponseParser = {
  name: 'dingtalk',
  codes: dingtalkCodes,
  codePrefixes: dingtalkCodePrefixes,
  parse,
}

/** Keys come in any case. What has no code is not a failure, which does not make it a success. */
function parse(json: Record<string, unknown>): Answer {
  const keys = Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toLowerCase(), value]))
  const code = keys.code ?? keys.errcode
  const { requiredScopes } = (keys.accessdenieddetail ?? {}) as { requiredScopes?: unknown }
  return {
    json,
    failed: code !== undefined,
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : null,
    message: [keys.message, keys.errmsg].find((text) => typeof text === 'string') ?? '',
    requestId: typeof keys.requestid === 'string' ? keys.requestid : null,
    missingScopes: Array.isArray(requiredScopes) ? requiredScopes.filter((scope) => typeof scope === 'string') : [],
  }
}
