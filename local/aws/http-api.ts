/** An API Gateway HTTP API on loopback: routes, payload format 2.0 and the gateway's own answers. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { close, listen, readBody } from '../../cli/loopback.ts'
import { isFromHere } from './json-server.ts'

/** A route key as CloudFormation has it, `POST /a/{id}`, `ANY /{path+}` or `$default`, and what it calls. */
export type Route = {
  routeKey: string
  invoke: (event: APIGatewayProxyEventV2) => Promise<unknown>
  timeoutMs?: number
}

export type HttpApi = { readonly url: string; close(): Promise<void> }

type Match = { route: Route; pathParameters: Record<string, string>; rank: string }

const MAX_BODY = 10 * 1024 * 1024
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Paths that this machine answers itself, by method and path: `GET /_stack.json`. They go before the routes. */
export type Pages = Record<string, (request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown>

/** Serves the routes on the wanted port, or on a free one when it is taken. No caller is authenticated. */
export async function startHttpApi(options: {
  routes: Route[]
  pages?: Pages
  port?: number
  account?: string
}): Promise<HttpApi> {
  const server = createServer(async (request, response) => {
    const requestId = randomBytes(11).toString('base64url')
    response.setHeader('apigw-requestid', requestId)
    try {
      await serve(request, response, requestId)
    } catch (error) {
      if (error instanceof URIError) reply(response, 400, 'Bad Request')
      else reply(response, 500, 'Internal Server Error')
    }
  })

  async function serve(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    if (!isFromHere(request)) return reply(response, 403, 'Forbidden')
    const body = await readBody(request)
    const rawPath = request.url?.split('?')[0] ?? '/'
    const page = options.pages?.[`${request.method} ${rawPath}`]
    if (page) return void (await page(request, response, body))
    const match = findRoute(options.routes, request.method ?? '', rawPath)
    if (!match) return reply(response, 404, 'Not Found')
    if (body.length > MAX_BODY) return reply(response, 413, 'Request Entity Too Large')
    const event = payload(request, body, match, requestId, options.account ?? '000000000000')
    const late = Symbol('late')
    const timer = Promise.withResolvers<typeof late>()
    const timeout = setTimeout(() => timer.resolve(late), match.route.timeoutMs ?? 30_000)
    const result = await Promise.race([match.route.invoke(event), timer.promise]).finally(() => clearTimeout(timeout))
    if (result === late) reply(response, 503, 'Service Unavailable')
    else send(response, result)
  }

  const url = await listen(server, options.port).catch((error: NodeJS.ErrnoException) => {
    if (!['EADDRINUSE', 'EACCES'].includes(error.code ?? '')) throw error
    return listen(server)
  })
  return { url, close: () => close(server) }
}

/**
 * The route for a request, its parameters decoded. Segments are compared as they were sent, so an encoded slash stays
 * inside its segment. A literal segment wins over a parameter, a parameter over `{name+}`, and `$default` comes last.
 */
export function findRoute(routes: Route[], method: string, rawPath: string): Match | undefined {
  const segments = rawPath.split('/').slice(1)
  return routes
    .map((route) => matchRoute(route, method, segments))
    .filter((match) => match !== undefined)
    .sort((a, b) => (a.rank < b.rank ? 1 : -1))[0]
}

function matchRoute(route: Route, method: string, segments: string[]): Match | undefined {
  if (route.routeKey === '$default') return { route, pathParameters: {}, rank: '' }
  const [verb = '', template = ''] = route.routeKey.split(' ')
  if (verb !== 'ANY' && verb !== method) return undefined
  const parameters = new Map<string, string>()
  const wanted = template.split('/').slice(1)
  let rank = ''
  let taken = wanted.length
  for (const [index, part] of wanted.entries()) {
    const [, name, greedy] = /^\{([^+}]+)(\+?)\}$/.exec(part) ?? []
    if (greedy) taken = segments.length
    const actual = segments.slice(index, greedy ? undefined : index + 1).join('/')
    if (name ? !actual : part !== actual) return undefined
    if (name) parameters.set(name, decodeURIComponent(actual))
    rank += greedy ? '1' : name ? '2' : '3'
  }
  if (segments.length !== taken) return undefined
  return { route, pathParameters: Object.fromEntries(parameters), rank: rank + (verb === 'ANY' ? '0' : '1') }
}

function payload(
  request: IncomingMessage,
  body: Buffer,
  { route, pathParameters }: Match,
  requestId: string,
  accountId: string,
): APIGatewayProxyEventV2 {
  const [rawPath = '/', ...query] = (request.url ?? '/').split('?')
  const rawQueryString = query.join('?')
  const headers: Record<string, string> = {}
  for (const [name, values = []] of Object.entries(request.headersDistinct))
    if (name !== 'cookie') headers[name] = values.join(',')
  const cookies = request.headersDistinct.cookie?.flatMap((line) => line.split(/;\s*/))
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(rawQueryString))
    parameters.set(name, parameters.has(name) ? `${parameters.get(name)},${value}` : value)
  const isText = /^(text\/|application\/(json|xml|javascript|[\w.-]+\+(json|xml)))|^$/i.test(
    headers['content-type'] ?? '',
  )
  const now = new Date()
  const path = decodeURIComponent(rawPath)
  return {
    version: '2.0',
    routeKey: route.routeKey,
    rawPath: path,
    rawQueryString,
    ...(cookies && { cookies }),
    headers,
    ...(rawQueryString && { queryStringParameters: Object.fromEntries(parameters) }),
    ...(Object.keys(pathParameters).length > 0 && { pathParameters }),
    requestContext: {
      accountId,
      apiId: 'local',
      domainName: headers.host ?? '',
      domainPrefix: 'local',
      http: {
        method: request.method ?? '',
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: route.routeKey,
      stage: '$default',
      time: clfTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  }
}

/** The access-log spelling of a time, in UTC. */
function clfTime(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`
}

type Structured = {
  statusCode: number
  headers?: Record<string, string | number | boolean>
  cookies?: string[]
  body?: string
  isBase64Encoded?: boolean
}

/** Writes what a function returned; anything without a status code becomes a 200 with that JSON. */
function send(response: ServerResponse, result: unknown): void {
  const structured = typeof result === 'object' && result !== null && 'statusCode' in result
  if (!structured) {
    response.writeHead(200, { 'content-type': 'application/json' })
    return void response.end(typeof result === 'string' ? result : JSON.stringify(result ?? null))
  }
  const { statusCode, headers = {}, cookies = [], body = '', isBase64Encoded } = result as Structured
  if (!Number.isInteger(statusCode) || typeof body !== 'string') throw new Error('malformed response')
  response.statusCode = statusCode
  response.setHeader('content-type', 'text/plain;charset=UTF-8')
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value))
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  response.end(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8'))
}

function reply(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ message }))
}
