/** Makes a vendor call and says what the answer means: by the vendor's code, never by the HTTP status alone. */
import * as v from 'valibot'
import { KINDS, type Kind, OperationError, type Text } from '../error.ts'
import { holdsSecret, quote, quoteId, registerSecrets } from '../redact.ts'
import { send, type VendorRequest, type VendorResponse, waitMsOf } from '../request.ts'
import { grantAgain } from '../tokens/user-secret.ts'
import type { Answer, CodeTable, Credential, Meaning, ResponseParser } from './vendor.ts'

type Call = {
  vendor: ResponseParser
  request: VendorRequest
  /** The API's own codes; they go before the vendor's. */
  codes: CodeTable
  /** Whether an answer without a failure code really says that it was done. */
  succeeded: (json: Record<string, unknown>) => boolean
  actsAs?: Credential['actsAs']
  /** What has the acting user grant access again. */
  authorizeCommand?: Credential['authorizeCommand'] | undefined
  /** What to wait when the vendor throttles without saying how long. */
  throttleMs?: number
  /**
   * The answer can contain tokens: they are known to redaction before anything is said of it, and what was granted counts
   * whatever the HTTP status, redirects aside.
   */
  grantsTokens?: boolean
}

/** Makes one call. Returns what the vendor's answer means, or throws the `OperationError` it means. */
export const call = async (
  exchange: Call,
  remainingMs: number,
): Promise<{ outcome: 'changed' | 'unchanged'; answer: Answer }> =>
  judge(exchange, await send(exchange.request, remainingMs))

/** The meaning of a response, as `call` returns or throws it. */
export function judge(
  {
    vendor,
    codes,
    succeeded,
    actsAs,
    authorizeCommand,
    throttleMs = 1_000,
    grantsTokens = false,
  }: Omit<Call, 'request'>,
  response: VendorResponse,
): { outcome: 'changed' | 'unchanged'; answer: Answer } {
  const answer = parseAnswer(vendor, response, grantsTokens)
  const isFinal = response.status < 300 || (grantsTokens && response.status >= 400)
  if (!answer.failed && isFinal && succeeded(answer.json)) return { outcome: 'changed', answer }

  const { code } = answer
  const meaning = (answer.failed && code !== null && lookUp(codes, vendor, code)) || byStatus(response.status)
  if ('outcome' in meaning) return { outcome: meaning.outcome, answer }
  const { requestId } = answer
  const message = quote(answer.message, 300)
  const upstream = { vendor: vendor.name, status: response.status, code, message, requestId }
  const kind = 'kind' in meaning ? meaning.kind : actsAs === 'user' ? 'reauthorization_required' : 'misconfigured'
  const text = code === null ? `HTTP ${response.status}` : `${code} (${message || `HTTP ${response.status}`})`
  throw new OperationError(
    kind,
    {
      en: `${vendor.name} answered ${text}: ${meaning.means.en}.`,
      zh: `${vendor.name} 返回 ${text}：${meaning.means.zh}。`,
    },
    {
      hint: hintFor(meaning, kind, answer, authorizeCommand),
      ...waits(kind, response, answer, meaning, throttleMs),
      upstream,
      tokenRejected: 'tokenRejected' in meaning,
      final: meaning.final ?? false,
      // Without a failure code it is no word of the API about this item.
      scope: code === null || !answer.failed ? 'bucket' : meaning.scope,
      patienceMs: meaning.patienceMs,
      unregistered: meaning.unregistered,
    },
  )
}

/** Asks a vendor as a user, changing nothing. Returns the answer in the wanted shape, or throws `OperationError`. */
export async function ask<Wanted>(
  vendor: ResponseParser,
  request: Pick<VendorRequest, 'url' | 'headers'>,
  wanted: v.GenericSchema<unknown, Wanted>,
  remainingMs: number,
  authorizeCommand?: Credential['authorizeCommand'],
): Promise<Wanted> {
  const succeeded = (json: Record<string, unknown>) => v.is(wanted, json)
  const { answer } = await call(
    { vendor, request: { method: 'GET', ...request }, codes: {}, succeeded, actsAs: 'user', authorizeCommand },
    remainingMs,
  )
  return v.parse(wanted, answer.json)
}

/** Anything but a JSON object is an answer of nobody: a proxy's page, a cut body, an empty one. */
function parseAnswer(vendor: ResponseParser, response: VendorResponse, grantsTokens: boolean): Answer {
  let json: unknown
  try {
    json = JSON.parse(response.text)
  } catch {}
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
  if (isObject && grantsTokens) registerSecrets(tokensIn(json as object))
  const answer = vendor.parse(isObject ? (json as Record<string, unknown>) : {}, response)
  const { code, requestId } = answer
  return {
    ...answer,
    // Both travel in log lines, events and message attributes: what does not look like one is none.
    code: code && quoteId(code),
    requestId: requestId && quoteId(requestId),
  }
}

/** The values of a token answer that can be tokens, by their names, also one level deeper. */
function tokensIn(json: object): Record<string, unknown> {
  const fields = Object.entries(json).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null ? Object.entries(value) : [[name, value] as const],
  )
  return Object.fromEntries(fields.filter(([name]) => /token$/i.test(name)))
}

function lookUp(codes: CodeTable, vendor: ResponseParser, code: string): Meaning | undefined {
  for (const table of [codes, vendor.codes]) if (Object.hasOwn(table, code)) return table[code]
  const prefix = Object.keys(vendor.codePrefixes).find((key) => code.startsWith(key))
  return prefix === undefined ? undefined : vendor.codePrefixes[prefix]
}

/** What an answer means whose code no table knows, by its HTTP status. */
export function byStatus(status: number): Meaning {
  if (status === 429) return { kind: 'rate_limited', means: { en: 'too many requests', zh: '请求过多' } }
  if (status >= 500) return { kind: 'unavailable', means: { en: 'a server fault', zh: '服务器故障' } }
  return {
    kind: 'protocol',
    means: { en: 'not an answer its documents describe', zh: '不是其文档所述的应答' },
  }
}

/** What to do: the row's own words or the kind's, the user's command, and the scopes or fields that the answer names. */
function hintFor(meaning: Meaning, kind: Kind, answer: Answer, authorizeCommand: Call['authorizeCommand']): Text {
  const { oneIsEnough = false } = answer.missingScopes ?? {}
  const scopes = names(answer.missingScopes?.scopes)
  const fields = names(answer.invalidFields)
  const scopesText = scopes.length > 0 && {
    en: `${oneIsEnough && scopes.length > 1 ? 'Any one of' : 'Missing'}: ${scopes.join(', ')}.`,
    zh: `${oneIsEnough && scopes.length > 1 ? '任选其一' : '缺少'}：${scopes.join('、')}。`,
  }
  const fieldsText = fields.length > 0 && {
    en: `Fields: ${fields.join(', ')}.`,
    zh: `字段：${fields.join('、')}。`,
  }
  const isApi = answer.code !== null || Object.keys(answer.json).length > 0
  const hint = !isApi && kind === 'protocol' ? NOT_THE_API : (meaning.hint ?? KINDS[kind].hint)
  const texts =
    kind === 'reauthorization_required' && authorizeCommand
      ? [scopesText, grantAgain(authorizeCommand())]
      : [hint, scopesText, fieldsText]
  const said = texts.filter((text) => text !== false)
  return { en: said.map(({ en }) => en).join(' '), zh: said.map(({ zh }) => zh).join('') }
}

/** Without JSON it is not the vendor's API that answered. */
const NOT_THE_API: Text = {
  en: 'Check the proxies between the functions and the vendor, and the vendor URL, then repeat the call.',
  zh: '请检查函数与厂商之间的代理以及厂商地址，然后重试。',
}

/** Names from outside that look like names and hold no secret: ten at most, of the first hundred, for an answer can hold thousands. */
const names = (given: string[] = []) =>
  [...new Set(given.slice(0, 100))]
    .filter((name) => /^[\w.:[\]-]{1,100}$/.test(name) && !holdsSecret(name))
    .slice(0, 10)

/** Waits come from outside: whatever is asked becomes one between a second and fifteen minutes. */
const MAX_WAIT_MS = 15 * 60_000

function waits(
  kind: Kind,
  { headers }: VendorResponse,
  answer: Answer,
  meaning: Meaning,
  throttleMs: number,
): { retryAfterMs: number | undefined; askedMs?: number } {
  const within = (ms: number) => Math.min(Math.max(1_000, ms), MAX_WAIT_MS)
  const laterMs = waitMsOf(headers['retry-after'], headers.date)
  if (kind !== 'rate_limited') {
    const { waitMs } = meaning
    const isAsked = KINDS[kind].retryable && laterMs !== undefined
    return { retryAfterMs: isAsked ? within(Math.max(laterMs, waitMs ?? 0)) : waitMs }
  }
  const askedMs = waitMsOf(headers['x-ogw-ratelimit-reset']) ?? laterMs ?? answer.waitMs
  return askedMs === undefined
    ? { retryAfterMs: within(Math.max(meaning.waitMs ?? 0, throttleMs)) }
    : { retryAfterMs: within(askedMs), askedMs: within(askedMs) }
}
