/** The AWS JSON 1.1 protocol on loopback: what the real SDK clients send to Secrets Manager and EventBridge. */
import { randomUUID, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { close, listen, readBody } from '../../cli/loopback.ts'

/** An error that the caller gets in AWS's shape, `{"__type", "message"}`. */
export class AwsError extends Error {
  readonly type: string
  readonly status: number
  /** What the answer has besides type and message. */
  readonly details: object

  constructor(type: string, message: string, status = 400, details = {}) {
    super(message)
    this.type = type
    this.status = status
    this.details = details
  }
}

/**
 * A planned failure: an AWS error, or no answer. `drop` closes the connection, `lose` does so when the work is done, `hang`
 * keeps it open.
 */
export type Fault = 'drop' | 'lose' | 'hang' | { type: string; message?: string; status?: number }

/** A request as it arrived: the operation's name without the service prefix, and the parsed body. */
type AwsRequest = { operation: string; input: Record<string, unknown>; at: number }

export type AwsJsonService = {
  readonly url: string
  /** Every request in order, failed ones included. */
  readonly requests: AwsRequest[]
  /** Lets the next `times` calls of an operation (`*`: of any) fail. */
  fail(operation: string, fault: Fault, times?: number): void
  /** Forgets the failures still to come. */
  heal(): void
  /** Does an operation as a request would, without HTTP; throws `AwsError`, or `NoAnswer` where a connection would close. */
  call(operation: string, input: Record<string, unknown>): Promise<object>
  close(): Promise<void>
}

/** Says that the connection is closed without an answer. */
class NoAnswer extends Error {
  override readonly name = 'TimeoutError'
}

/** By name. Each states its own input: the wire has lost its type. */
export type Operations = Record<string, (input: never) => unknown>

export type AwsJsonOptions = {
  /** False: without a server, so that only `call` reaches it. */
  isServed?: boolean
  /** Callers without this session token, which the SDK takes from `AWS_SESSION_TOKEN`, are refused. */
  sessionToken?: string
}

/** Serves the operations on loopback. An operation throws `AwsError` for the caller; any other error is a 500. */
export async function startAwsJson(operations: Operations, options: AwsJsonOptions = {}): Promise<AwsJsonService> {
  const requests: AwsRequest[] = []
  const faults: { operation: string; fault: Fault; left: number }[] = []

  const planned = (operation: string) => {
    const next = faults.find((fault) => fault.left > 0 && ['*', operation].includes(fault.operation))
    if (next) next.left--
    return next?.fault
  }

  const call: AwsJsonService['call'] = async (operation, input) => {
    requests.push({ operation, input, at: Date.now() })
    const fault = planned(operation)
    if (fault === 'drop') throw new NoAnswer()
    if (fault === 'hang') return new Promise(() => {})
    if (fault && fault !== 'lose') throw new AwsError(fault.type, fault.message ?? fault.type, fault.status)
    const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined
    if (!run) throw new AwsError('UnknownOperationException', `Operation ${operation} is not emulated`)
    const output = (await run(input as never)) ?? {}
    if (fault === 'lose') throw new NoAnswer()
    return output
  }

  const server = createServer(async (request, response) => {
    try {
      if (!isFromHere(request)) throw new AwsError('AccessDeniedException', 'Only for this machine', 403)
      if (!hasToken(request, options.sessionToken))
        throw new AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.')
      const operation = String(request.headers['x-amz-target'] ?? '').replace(/^.*\./, '')
      answer(response, 200, await call(operation, parse(await readBody(request))))
    } catch (error) {
      if (error instanceof NoAnswer) request.socket.destroy()
      else if (error instanceof AwsError)
        answer(response, error.status, { __type: error.type, message: error.message, ...error.details })
      else answer(response, 500, { __type: 'InternalServiceError', message: String(error) })
    }
  })
  const { isServed = true } = options

  return {
    url: isServed ? await listen(server) : '',
    requests,
    fail: (operation, fault, times = 1) => void faults.push({ operation, fault, left: times }),
    heal: () => void faults.splice(0),
    call,
    close: async () => (isServed ? close(server) : undefined),
  }
}

/** Whether the request carries the session token that is wanted, if one is. */
function hasToken({ headers }: IncomingMessage, wanted: string | undefined): boolean {
  if (wanted === undefined) return true
  const [given, expected] = [headers['x-amz-security-token'], wanted].map((token) => Buffer.from(String(token)))
  return given !== undefined && given.length === expected?.length && timingSafeEqual(given, expected)
}

/**
 * False for what a page of another site has a browser send: under a name that was made to resolve to this machine, or
 * from that site's own origin. Most services authenticate no caller, so that such a
 * page could otherwise end subscriptions or read secrets.
 */
export function isFromHere({ headers: { host = '', origin } }: IncomingMessage): boolean {
  if (origin !== undefined && origin !== `http://${host}`) return false
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host)
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString() || '{}')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new AwsError('SerializationException', 'The body is not a JSON object')
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
    // Of the clock that a test may have set; Node's own header knows none but the machine's.
    date: new Date().toUTCString(),
  })
  response.end(JSON.stringify(body))
}
