/** How Feishu answers: the envelope `{code, msg, data, error?}`, and OAuth's `{code?, error, error_description}`. */

import type { VendorResponse } from '../request.ts'
import type { Answer, ResponseParser } from '../vendor/vendor.ts'
import { feishuCodes } from './codes.ts'
import { feishuOauthCodes, feishuTokenCodes } from './token-codes.ts'

/** Any API: `code` 0 alone is success. */
export const feishuResponseParser: ResponseParser = { name: 'feishu', codes: feishuCodes, codePrefixes: {}, parse }

/** A token endpoint: `code` may be missing, from a success and from an error of RFC 6749, whose `error` then is the code. */
export const feishuTokenParser: ResponseParser = {
  ...feishuResponseParser,
  parse: (json, response) => {
    const answer = parse(json, response)
    const error = typeof json.error === 'string' && json.error !== '' ? json.error : null
    // A code that no table knows says less than the error beside it, whose word is not taken for the last one.
    const { code } = answer
    if (code !== null) {
      const isKnown = [feishuOauthCodes, feishuTokenCodes, feishuCodes].some((table) => Object.hasOwn(table, code))
      const meaning = error === null ? undefined : feishuOauthCodes[error]
      return answer.failed && !isKnown && meaning && !meaning.final ? { ...answer, code: error } : answer
    }
    return { ...answer, failed: error !== null, code: error }
  },
}

/** `error` of an API's answer; OAuth's is a text. */
type Fault = {
  log_id?: unknown
  permission_violations?: { subject?: unknown }[]
  field_violations?: { field?: unknown }[]
}

/** The OAuth pages document `code` as a string, its answers show a number. */
function parse(json: Record<string, unknown>, { status, headers, text }: VendorResponse): Answer {
  const { code, msg, error_description: description } = json
  const error = (typeof json.error === 'object' ? json.error : null) as Fault | null
  const logId = headers['x-tt-logid'] || headers['x-request-id'] || error?.log_id
  // What the gateway says of a wrong path, as text.
  const isNoPath = status === 404 && text.trim() === '404 page not found'
  return {
    json,
    failed: code !== 0 && code !== '0',
    code:
      typeof code === 'number' || (typeof code === 'string' && code !== '') ? String(code) : isNoPath ? '404' : null,
    message: [msg, description].find((text) => typeof text === 'string') ?? '',
    requestId: typeof logId === 'string' ? logId : null,
    missingScopes: { scopes: strings(error?.permission_violations, 'subject').sort(byPrivilege), oneIsEnough: true },
    invalidFields: strings(error?.field_violations, 'field'),
  }
}

const strings = <Key extends string>(rows: { [key in Key]?: unknown }[] | undefined, key: Key): string[] =>
  Array.isArray(rows) ? rows.map((row) => row?.[key]).filter((value) => typeof value === 'string') : []

/** The scope that allows least comes first: one that reads, then one for a part, then one for all. */
const byPrivilege = (a: string, b: string) => privilegeOf(a) - privilegeOf(b)
const privilegeOf = (scope: string) => [/:read$/, /:readonly$/, /:.*:/, /./].findIndex((pattern) => pattern.test(scope))
