/**
 * How DingTalk answers: errors are `{code, message, requestid}`, or `{errcode, errmsg}` where no route was found. An address
 * that is banned gets `{status: 1111, wait}` or a page of HTML, with an HTTP status that no page names.
 * https://open.dingtalk.com/document/development/call-frequency-limit
 */

import type { VendorResponse } from '../request.ts'
import type { Answer, ResponseParser } from '../vendor/vendor.ts'
import { dingtalkCodePrefixes, dingtalkCodes } from './codes.ts'

export const dingtalkResponseParser: ResponseParser = {
  name: 'dingtalk',
  codes: dingtalkCodes,
  codePrefixes: dingtalkCodePrefixes,
  parse,
}

/** Keys come in any case. What has no code, or 0, is not a failure, which does not make it a success. */
function parse(json: Record<string, unknown>, response: VendorResponse): Answer {
  const keys = Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toLowerCase(), value]))
  const code = codeOf(keys, response)
  const detail = (keys.accessdenieddetail ?? {}) as { requiredScopes?: unknown; RequiredScopes?: unknown }
  const requiredScopes = detail.requiredScopes ?? detail.RequiredScopes
  const scopes = Array.isArray(requiredScopes) ? requiredScopes.filter((scope) => typeof scope === 'string') : []
  const requestId = keys.requestid || keys.request_id || response.headers['x-acs-request-id']
  const waitMinutes = Number(keys.wait)
  return {
    json,
    failed: code !== null,
    code,
    message: [keys.message, keys.errmsg, keys.error_description].find((text) => typeof text === 'string') ?? '',
    requestId: typeof requestId === 'string' ? requestId : null,
    missingScopes: { scopes, oneIsEnough: false },
    ...(code === BAN && waitMinutes > 0 && { waitMs: waitMinutes * 60_000 }),
  }
}

const BAN = '1111'
/** Stands for a page of HTML; no code of the vendor's. */
const BAN_PAGE = 'ban-page'

/** A page of HTML is a ban with the statuses that a block has; with another it is no answer of the vendor's. */
function codeOf(keys: Record<string, unknown>, { status, text }: VendorResponse): string | null {
  const code = keys.code ?? keys.errcode ?? keys.error
  if ((typeof code === 'string' && code !== '' && code !== '0') || (typeof code === 'number' && code !== 0))
    return String(code)
  if (String(keys.status) === BAN) return BAN
  if (/^\s*<(!doctype|!--|html)/i.test(text) && [200, 403, 429].includes(status)) return BAN_PAGE
  return null
}
