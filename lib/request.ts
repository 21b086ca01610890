/** One HTTPS exchange with a vendor. The only file that knows undici. */
import { Agent } from 'undici'
import { OperationError } from './error.ts'

export type VendorRequest = {
  method: 'GET' | 'POST' | 'DELETE'
  url: string
  headers: Record<string, string>
  /** Sent as JSON; the operations themselves send none. */
  body?: unknown
}

export type VendorResponse = { status: number; headers: Record<string, string | string[] | undefined>; text: string }

const CONNECT_TIMEOUT_MS = 3_000
const ANSWER_TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 1024 * 1024

const agent = new Agent({
  connect: { timeout: CONNECT_TIMEOUT_MS },
  allowH2: false,
  headersTimeout: ANSWER_TIMEOUT_MS,
  bodyTimeout: ANSWER_TIMEOUT_MS,
  maxResponseSize: MAX_RESPONSE_BYTES,
  // Below what load balancers keep, so that a thawed container seldom meets a socket closed at the other end.
  keepAliveTimeout: 4_000,
})

/**
 * Sends once and reads the whole answer, whatever its status. Redirects are not followed.
 * Throws `timeout` when no answer came within `remainingMs` (10 s at most), `unavailable` when the connection failed or
 * broke, `protocol` when the answer is larger than 1 MiB or no HTTP.
 */
export async function send(
  { method, url, headers, body }: VendorRequest,
  remainingMs: number,
): Promise<VendorResponse> {
  try {
    const { origin, pathname, search } = new URL(url)
    const response = await agent.request({
      origin,
      path: pathname + search,
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json; charset=utf-8', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(Math.max(1, Math.min(remainingMs, ANSWER_TIMEOUT_MS + CONNECT_TIMEOUT_MS))),
    })
    return { status: response.statusCode, headers: response.headers, text: await response.body.text() }
  } catch (error) {
    throw transportError(error, new URL(url).host)
  }
}

const TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_ABORTED']

function transportError(error: unknown, host: string): OperationError {
  const { name, code: given } = error as { name?: string; code?: unknown }
  const code = typeof given === 'string' ? given : undefined
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || code === 'UND_ERR_HEADERS_OVERFLOW' || code?.startsWith('HPE_'))
    return new OperationError('protocol', {
      en: `The answer of ${host} is too large or not HTTP (${code}).`,
      zh: `${host} 的应答过大或不符合 HTTP(${code})。`,
    })
  if (code === 'UND_ERR_INVALID_ARG')
    return new OperationError('internal', { en: 'The request could not be formed.', zh: '无法构造请求。' })
  if (name === 'TimeoutError' || name === 'AbortError' || TIMEOUTS.includes(code ?? ''))
    return new OperationError('timeout', { en: `${host} did not answer in time.`, zh: `${host} 未在时限内应答。` })
  return new OperationError('unavailable', {
    en: `The connection to ${host} failed${code ? ` (${code})` : ''}.`,
    zh: `与 ${host} 的连接失败${code ? `(${code})` : ''}。`,
  })
}
