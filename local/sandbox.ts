/** Feishu and DingTalk on this machine, behaving as documented: token endpoints, the five operations, limits, failures. */

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fieldsOf, readBody } from './sandbox/body.ts'
import type { Answer, Call, Gateway, State, Vendor } from './sandbox/call.ts'
import { dingtalkGateway } from './sandbox/dingtalk.ts'
import { feishuGateway } from './sandbox/feishu-gateway.ts'
import { Windows } from './sandbox/limits.ts'
import { type Match, match } from './sandbox/router.ts'
import { Queue, readOrder, type Script, type Target } from './sandbox/script.ts'
import { play, send } from './sandbox/send.ts'
import { startState, subscriptions } from './sandbox/state.ts'
import { sampleWorld, type World } from './sandbox/world.ts'

export type { State } from './sandbox/call.ts'
export type { Script, Target } from './sandbox/script.ts'
export { readWorld, sampleWorld, type World } from './sandbox/world.ts'

/** A request as it came in and the status it got; 0 while unanswered, and for good when its socket was destroyed. */
export interface RecordedRequest {
  method: string
  /** With its query, as received. */
  path: string
  headers: Record<string, string>
  body: string
  status: number
  /** In milliseconds, by the sandbox's clock. */
  time: number
}

export interface Sandbox {
  /** `http://127.0.0.1:PORT`, the base of both vendors. */
  url: string
  requests: RecordedRequest[]
  /** Changes as calls succeed, and may be changed to move the world on. */
  state: State
  /** Answers the next `times` matching calls from a script, `@default` 1. */
  answer(target: Target, script: Script, times?: number): void
  /** Ends every connection, stalled ones included. */
  close(): Promise<void>
}

export interface SandboxOptions {
  /** @default the sample in `local/world.json` */
  world?: World
  /** Limit windows pass this many times faster. @default 1 */
  speed?: number
  /** 0 takes any free port. @default 0 */
  port?: number
  /** @default Date.now */
  now?: () => number
}

const gateways: Record<Vendor, Gateway> = { feishu: feishuGateway, dingtalk: dingtalkGateway }

/**
 * Starts the sandbox on 127.0.0.1. Both vendors share the address, as their paths do not collide.
 *
 * @example
 * const sandbox = await startSandbox({ speed: 60 })
 * sandbox.answer({ path: /delete_subscribe/ }, { code: 1069601 })
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { world = sampleWorld(), speed = 1, port = 0, now = Date.now } = options
  const state = startState(world, now())
  const windows = new Windows(speed)
  const queue = new Queue()
  const requests: RecordedRequest[] = []
  const calls = new Map<string, number>()
  const closing = new AbortController()

  /** What the vendor answers: route, token, limits, then the handler. */
  function answerOf(call: Call, found: Match): Answer {
    const gateway = gateways[found.vendor]
    if (found.route === undefined) return gateway.unrouted(found.pathIsKnown)
    const { route } = found
    const admitted = route.as === undefined ? undefined : gateway.admit(call, route)
    if (admitted !== undefined && 'status' in admitted) return admitted
    const owner = admitted ? `${admitted.appId} ${admitted.tenantKey}` : call.fields?.client_id
    const refusal = windows.take(`${route.method} ${route.path} ${owner}`, route.limits ?? [], call.now)
    if (refusal !== undefined) return gateway.throttled(refusal, admitted)
    if (route.as === undefined) return route.handle(call)
    if (admitted === undefined) throw new Error('a guarded route was reached without a token')
    return route.handle({ ...call, caller: admitted })
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? ''
    const url = request.url ?? ''
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const body = await readBody(request)
    const path = url.split('?', 1)[0] ?? ''
    if (path.startsWith('/_sandbox/')) return send(response, control(method, path, body))

    const recorded: RecordedRequest = { method, path: url, headers, body, status: 0, time: now() }
    requests.push(recorded)
    response.once('finish', () => {
      recorded.status = response.statusCode
    })

    const found = match(method, path)
    const called = found.route === undefined ? 'no route' : `${method} ${found.route.path}`
    calls.set(called, (calls.get(called) ?? 0) + 1)
    const params = found.route === undefined ? {} : found.params
    const query = new URLSearchParams(url.slice(path.length))
    const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
    const call: Call = {
      method,
      path,
      params,
      query,
      headers,
      fields: fieldsOf(body, isForm),
      isForm,
      state,
      now: now(),
    }
    countToken(found, call)

    const gateway = gateways[found.vendor]
    const id = randomUUID().replaceAll('-', '')
    const sign = (answer: Answer) => gateway.sign(answer, id)
    const normal = () => sign(answerOf({ ...call, now: now() }, found))
    const failure = (code: string | number, message: string | undefined) =>
      sign(gateway.failure(code, message) ?? { status: 500, text: `${code} is no code of ${found.vendor}` })
    const script = queue.take(method, [path, found.route?.path], url)
    if (script === undefined) send(response, normal())
    else await play(script, { response, signal: closing.signal, normal, failure, sign })
  }

  function countToken(found: Match, { fields }: Call): void {
    if (found.route === undefined || found.route.as !== undefined || !found.route.issues) return
    const grant = fields?.grant_type ?? fields?.grantType
    const name = grant === undefined ? found.route.path : `${found.route.path} ${grant}`
    state.tokenCalls[name] = (state.tokenCalls[name] ?? 0) + 1
  }

  /** The sandbox's own endpoints, for someone with `curl`. */
  function control(method: string, path: string, body: string): Answer {
    const endpoints: Record<string, () => Answer> = {
      'POST /_sandbox/answers': () => {
        const { target, script, times } = readOrder(JSON.parse(body))
        queue.add(target, script, times)
        return { status: 201, json: { waiting: queue.length } }
      },
      'DELETE /_sandbox/answers': () => {
        queue.clear()
        return { status: 200, json: { waiting: 0 } }
      },
      'GET /_sandbox/state': () => ({
        status: 200,
        json: {
          subscriptions: subscriptions(state),
          tokenCalls: state.tokenCalls,
          calls: Object.fromEntries(calls),
          answers: queue.length,
        },
      }),
    }
    try {
      return endpoints[`${method} ${path}`]?.() ?? { status: 404, json: { endpoints: Object.keys(endpoints) } }
    } catch (error) {
      return { status: 400, json: { error: (error as Error).message } }
    }
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (closing.signal.aborted || response.destroyed) return
      response.writeHead(500).end(`The sandbox itself failed: ${error}`)
    })
  })
  // Longer than any client keeps a connection, so that an idle one is never closed under a request.
  server.keepAliveTimeout = 600_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    state,
    answer: (target, script, times = 1) => queue.add(target, script, times),
    async close() {
      closing.abort()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}
