/** How Feishu answers: the envelope `{code, msg, data}`, and OAuth's `{code, error, error_description}`. */

import type { VendorResponse } from '../request.ts'
import type { Answer, ResponseParser } from '../vendor/vendor.ts'
import { feishuCodes } from './codes.ts'

export const feishuResponseParser: ResponseParser = { name: 'feishu', codes: feishuCodes, codePrefixes: {}, parse }

/** `code` 0 alone is success; the OAuth pages document it as a string, its answers show a number. */
function parse(json: Record<string, unknown>, { headers }: VendorResponse): Answer {
  const { code, msg, error, error_description: description } = json
  const violations = (error as { permission_violations?: { subject?: unknown }[] } | undefined)?.permission_violations
  const logId = headers['x-tt-logid'] ?? headers['x-request-id']
  return {
    json,
    failed: code !== 0 && code !== '0',
    code: typeof code === 'number' || typeof code === 'string' ? String(code) : null,
    message: [msg, description].find((text) => typeof text === 'string') ?? '',
    requestId: typeof logId === 'string' ? logId : null,
    missingScopes: Array.isArray(violations)
      ? violations.map((violation) => violation?.subject).filter((scope) => typeof scope === 'string')
      : [],
  }
}
