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

/** Of a header that came more than once, the first. */
export type VendorResponse = { status: number; headers: Record<string, string | undefined>; text: string }

/** Filled in by `scripts/build.ts`; a program run from the sources has none. */
declare const PACKAGE_VERSION: string | undefined
const USER_AGENT = `subscription-offboarding/${typeof PACKAGE_VERSION === 'string' ? PACKAGE_VERSION : 'source'}`

const CONNECT_TIMEOUT_MS = 3_000
const MAX_RESPONSE_BYTES = 1024 * 1024

const agent = new Agent({
  connect: { timeout: CONNECT_TIMEOUT_MS },
  allowH2: false,
  // An answer may take all the time that the caller has.
  bodyTimeout: 0,
  maxResponseSize: MAX_RESPONSE_BYTES,
  // Below what load balancers keep, so that a thawed container seldom meets a socket closed at the other end.
  keepAliveTimeout: 4_000,
})

/**
 * Sends once and reads the whole answer, whatever its status. Redirects are not followed.
 * Throws `timeout` when no whole answer came within `remainingMs` or no connection within 3 s, `unavailable` when the
 * connection failed or broke, `protocol` when the answer is larger than 1 MiB, no HTTP or cannot be decoded.
 */
export async function send(
  { method, url, headers, body }: VendorRequest,
  remainingMs: number,
): Promise<VendorResponse> {
  // It begins with an origin as URL has it, in the normal form that undici sends.
  const pathAt = url.indexOf('/', 'https://'.length)
  const timeoutMs = Math.max(1, remainingMs)
  const options: Dispatcher.DispatchOptions = {
    origin: url.slice(0, pathAt),
    path: url.slice(pathAt),
    method,
    headers: {
      'user-agent': USER_AGENT,
      ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
      ...headers,
    },
    body: body === undefined ? null : JSON.stringify(body),
    headersTimeout: timeoutMs,
  }
  try {
    const { status, headers, bytes } = await exchange(options, timeoutMs)
    const codings = headers['content-encoding']
    const plain = codings === undefined || bytes.length === 0 ? bytes : await decode(bytes, String(codings))
    const firsts: VendorResponse['headers'] = {}
    for (const name in headers) firsts[name] = Array.isArray(headers[name]) ? headers[name][0] : headers[name]
    return { status, headers: firsts, text: plain.toString().replace(/^\ufeff/, '') }
  } catch (error) {
    throw transportError(error, new URL(url).host)
  }
}

/** Undoes content codings. No request asks for one, but a proxy may apply one all the same. */
async function decode(bytes: Buffer, codings: string): Promise<Buffer> {
  const { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } = await import('node:zlib')
  const limits = { maxOutputLength: MAX_RESPONSE_BYTES }
  const decoders = new Map<string, (coded: Buffer) => Buffer>([
    ['gzip', (coded) => gunzipSync(coded, limits)],
    ['x-gzip', (coded) => gunzipSync(coded, limits)],
    // It stands for zlib's format. Some servers send the bare data, which never begins as that does.
    ['deflate', (coded) => (((coded[0] ?? 0) & 0x0f) === 8 ? inflateSync : inflateRawSync)(coded, limits)],
    ['br', (coded) => brotliDecompressSync(coded, limits)],
    ['identity', (coded) => coded],
  ])
  try {
    // The coding named last was applied last.
    return codings
      .toLowerCase()
      .split(',')
      .reduceRight((coded, name) => (decoders.get(name.trim()) as (coded: Buffer) => Buffer)(coded), bytes)
  } catch {
    throw Object.assign(new Error('damaged, too large or in an unknown coding'), { code: 'CONTENT_ENCODING' })
  }
}

type Started = { status: number; headers: Record<string, string | string[] | undefined> }
type Exchanged = Started & { bytes: Buffer }

/** What undici's request() does, without its stream of the body and its abort signal, which take a tenth of its time. */
function exchange(options: Dispatcher.DispatchOptions, timeoutMs: number): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    const response: Started = { status: 0, headers: {} }
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
        resolve({ ...response, bytes: Buffer.concat(chunks) })
      },
      onResponseError(_, error) {
        clearTimeout(timer)
        reject(error)
      },
    })
  })
}

const TIMEOUTS = ['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_ABORTED']
const NOT_UNDERSTOOD = /^(UND_ERR_RES_EXCEEDED_MAX_SIZE|UND_ERR_HEADERS_OVERFLOW|HPE_\w+|CONTENT_ENCODING)$/

function transportError(error: unknown, host: string): OperationError {
  const { name, code: given } = error as { name?: string; code?: unknown }
  const code = typeof given === 'string' ? given : undefined
  if (code !== undefined && NOT_UNDERSTOOD.test(code))
    return new OperationError('protocol', {
      en: `The answer of ${host} is too large, not HTTP or wrongly encoded (${code}).`,
      zh: `${host} 的应答过大、不符合 HTTP 或编码有误（${code}）。`,
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

/** The wait that a header asks for: in seconds, or until a date, by the clock of who answered. Milliseconds; undefined for none. */
export function waitMsOf(wait = '', date = ''): number | undefined {
  const isDate = wait.endsWith('GMT')
  const ms = isDate ? Date.parse(wait) - (Date.parse(date) || Date.now()) : Math.ceil(Number(wait) * 1_000)
  return ms > 0 ? ms : undefined
}
