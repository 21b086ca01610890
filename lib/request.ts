/** One HTTPS exchange with a vendor. The only file that uses undici. */
// undici would load it for the first connection, when Lambda gives less processor than at the start.
import 'node:tls'
import { Agent, type Dispatcher } from 'undici'
import { OperationError } from './error.ts'

export type VendorRequest = {
  method: 'GET' | 'POST' | 'DELETE'
  url: string
  headers: Record<string, string>
  /** Sent as JSON; the operations themselves send none. */
  body?: unknown
}

export type VendorResponse = { status: number; headers: Record<string, string | string[] | undefined>; text: string }

/** Filled in by `scripts/build.ts`; a program run from the sources has none. */
declare const PACKAGE_VERSION: string | undefined
const USER_AGENT = `subscription-offboarding/${typeof PACKAGE_VERSION === 'string' ? PACKAGE_VERSION : 'source'}`

const CONNECT_TIMEOUT_MS = 3_000
const ANSWER_TIMEOUT_MS = 10_000
const MAX_RESPONSE_BYTES = 1024 * 1024

const agent = new Agent({
  connect: { timeout: CONNECT_TIMEOUT_MS },
  allowH2: false,
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
  // It begins with an origin as URL has it, in the normal form that undici sends.
  const pathAt = url.indexOf('/', 'https://'.length)
  const timeoutMs = Math.max(1, Math.min(remainingMs, ANSWER_TIMEOUT_MS + CONNECT_TIMEOUT_MS))
  try {
    return await exchange(
      {
        origin: url.slice(0, pathAt),
        path: url.slice(pathAt),
        method,
        headers: {
          'user-agent': USER_AGENT,
          ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
        headersTimeout: Math.min(timeoutMs, ANSWER_TIMEOUT_MS),
      },
      timeoutMs,
    )
  } catch (error) {
    throw transportError(error, new URL(url).host)
  }
}

/** What undici's request() does, without its stream of the body and its abort signal, which take a tenth of its time. */
function exchange(options: Dispatcher.DispatchOptions, timeoutMs: number): Promise<VendorResponse> {
  return new Promise((resolve, reject) => {
    const response: VendorResponse = { status: 0, headers: {}, text: '' }
    const chunks: Buffer[] = []
    let controller: Dispatcher.DispatchController | undefined
    let late: Error | undefined
    const timer = setTimeout(() => {
      late = Object.assign(new Error('no answer in time'), { name: 'TimeoutError' })
      controller?.abort(late)
      reject(late)
    }, timeoutMs)
    agent.dispatch(options, {
      onRequestStart(given) {
        controller = given
        if (late) controller.abort(late)
      },
      onResponseStart(_, status, headers) {
        Object.assign(response, { status, headers })
      },
      onResponseData(_, chunk) {
        chunks.push(chunk)
      },
      onResponseEnd() {
        clearTimeout(timer)
        response.text = Buffer.concat(chunks)
          .toString()
          .replace(/^\ufeff/, '')
        resolve(response)
      },
      onResponseError(_, error) {
        clearTimeout(timer)
        reject(error)
      },
    })
  })
}

const TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_ABORTED']

function transportError(error: unknown, host: string): OperationError {
  const { name, code: given } = error as { name?: string; code?: unknown }
  const code = typeof given === 'string' ? given : undefined
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE' || code === 'UND_ERR_HEADERS_OVERFLOW' || code?.startsWith('HPE_'))
    return new OperationError('protocol', {
      en: `The answer of ${host} is too large or not HTTP (${code}).`,
      zh: `${host} 的应答过大或不符合 HTTP（${code}）。`,
    })
  if (code === 'UND_ERR_INVALID_ARG')
    return new OperationError('internal', { en: 'The request could not be formed.', zh: '无法构造请求。' })
  if (name === 'TimeoutError' || name === 'AbortError' || TIMEOUTS.includes(code ?? ''))
    return new OperationError('timeout', { en: `${host} did not answer in time.`, zh: `${host} 未在时限内应答。` })
  return new OperationError('unavailable', {
    en: `The connection to ${host} failed${code ? ` (${code})` : ''}.`,
    zh: `与 ${host} 的连接失败${code ? `（${code}）` : ''}。`,
  })
}
