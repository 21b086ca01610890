/** Feishu and DingTalk on this machine, behaving as documented: token endpoints, the operations, limits, failures. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { close, listen, readBody } from '../../cli/loopback.ts'
import { isFromHere } from '../aws/json-server.ts'
import type { Answer, State } from './call.ts'
import { cases } from './cases.ts'
import { makePush, type PushOrder, readPushOrder } from './push.ts'
import { Queue, readOrder, type Script, type Target } from './script.ts'
import { play, send } from './send.ts'
import { changeDocument, subscriptions } from './state.ts'
import { startVendors } from './vendors.ts'
import { sampleWorld, type World } from './world.ts'

export type { State } from './call.ts'
export type { Script, Target } from './script.ts'
export { readWorld, sampleWorld, soldWorld, type World } from './world.ts'

/** A request as it came in and the status it got; 0 while unanswered, and for good when its socket was destroyed. */
interface RecordedRequest {
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
  /** Lead the functions here instead of to the vendors, at the limits' speed. */
  variables: ReturnType<typeof variablesOf>
  requests: RecordedRequest[]
  /** Changes as calls succeed, and may be changed to move the world on. */
  state: State
  /** Answers the next `times` matching calls from a script, `@default` 1. */
  answer(target: Target, script: Script, times?: number): void
  /** Has a case of `cases.ts` begin or end. */
  case(name: string, isOn: boolean): void
  /** Where the vendors push to from now on: the URL of the HTTP API that has the callbacks. */
  pushTo(url: string): void
  /** Has a vendor push an event. Returns what it was answered. */
  push(order: PushOrder): Promise<Pushed>
  /** Ends every connection, stalled ones included. */
  close(): Promise<void>
}

/** What a push was answered. */
type Pushed = { status: number; body: unknown }

export interface SandboxOptions {
  /** @default the sample in `local/world.json` */
  world?: World
  /** Limit windows pass this many times faster. @default 1 */
  speed?: number
  /** @default Date.now */
  now?: () => number
}

/**
 * Starts the sandbox on 127.0.0.1. Both vendors share the address, as their paths do not collide.
 *
 * @example
 * const sandbox = await startSandbox({ speed: 60 })
 * sandbox.answer({ path: /delete_subscribe/ }, { code: 1069601 })
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { world = sampleWorld(), speed = 1, now = Date.now } = options
  const vendors = startVendors({ world, speed, now })
  const { state, calls } = vendors
  const queue = new Queue()
  const requests: RecordedRequest[] = []
  const closing = new AbortController()

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? ''
    const url = request.url ?? ''
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    const body = String(await readBody(request))
    const path = url.split('?', 1)[0] ?? ''
    if (path.startsWith('/_sandbox/')) {
      const refusal = { status: 403, json: { error: 'Only for this machine' } }
      if (!isFromHere(request)) return send(response, refusal)
      return send(response, `${method} ${path}` === PUSH ? await controlPush(body) : control(method, path, body))
    }

    const recorded: RecordedRequest = { method, path: url, headers, body, status: 0, time: now() }
    requests.push(recorded)
    response.once('finish', () => {
      recorded.status = response.statusCode
    })

    const received = vendors.receive({ method, url, headers, body })
    const script = queue.take(method, received.paths, url)
    if (script === undefined) send(response, received.normal())
    else await play(script, { ...received, response, signal: closing.signal })
  }

  let pushedTo: string | undefined
  async function push(order: PushOrder): Promise<Pushed> {
    if (pushedTo === undefined) throw new Error('nothing takes what is pushed')
    const { path, query, headers, body } = makePush(state.world, order, now())
    const response = await fetch(`${pushedTo}${path}?${new URLSearchParams(query)}`, { method: 'POST', headers, body })
    const text = await response.text()
    return { status: response.status, body: readJson(text) ?? text }
  }
  state.resendTicket = (appId) => void push({ event: 'app_ticket', appId }).catch(() => {})

  async function controlPush(body: string): Promise<Answer> {
    try {
      return { status: 200, json: { ...(await push(readPushOrder(JSON.parse(body)))) } }
    } catch (error) {
      return { status: 400, json: { error: (error as Error).message } }
    }
  }

  const caseOf = (name: string) => {
    const found = Object.hasOwn(cases, name) ? cases[name] : undefined
    if (found) return found
    throw new Error(`no case "${name}"; GET /_sandbox/cases lists them`)
  }

  /** Has a case begin or end. */
  function switchCase(name: string, isOn: boolean): Answer {
    const { shows, target, script } = caseOf(name)
    if (isOn) queue.stand(name, target, script)
    else queue.stop(name)
    return { status: 200, json: { case: name, shows, on: isOn } }
  }

  /** The sandbox's own endpoints, for someone with `curl`. */
  function control(method: string, path: string, body: string): Answer {
    const [, name = ''] = /^\/_sandbox\/cases\/([\w-]+)$/.exec(path) ?? []
    const called = name === '' ? path : '/_sandbox/cases/:name'
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
      'GET /_sandbox/cases': () => ({
        status: 200,
        json: Object.fromEntries(
          Object.entries(cases).map(([name, { shows }]) => [name, { shows, on: queue.isStanding(name) }]),
        ),
      }),
      'PUT /_sandbox/cases/:name': () => switchCase(name, true),
      'DELETE /_sandbox/cases/:name': () => switchCase(name, false),
      'POST /_sandbox/documents': () => ({ status: 200, json: changeDocument(state, JSON.parse(body)) }),
      'GET /_sandbox/state': () => ({
        status: 200,
        json: {
          subscriptions: subscriptions(state),
          tokenCalls: state.tokenCalls,
          messages: state.messages.map(({ robot, text, atMs }) => ({ robot, text, at: new Date(atMs) })),
          calls: Object.fromEntries(calls),
          answers: queue.length,
        },
      }),
    }
    try {
      return (
        endpoints[`${method} ${called}`]?.() ?? { status: 404, json: { endpoints: [...Object.keys(endpoints), PUSH] } }
      )
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
  const baseUrl = await listen(server)

  return {
    url: baseUrl,
    variables: variablesOf(baseUrl, speed),
    requests,
    state,
    answer: (target, script, times = 1) => queue.add(target, script, times),
    case: (name, isOn) => void switchCase(name, isOn),
    pushTo: (url) => {
      pushedTo = url
    },
    push,
    async close() {
      closing.abort()
      await close(server)
    },
  }
}

const variablesOf = (url: string, speed: number) => ({
  FEISHU_BASE_URL: url,
  FEISHU_OAUTH_TOKEN_URL: `${url}/oauth/v3/token`,
  DINGTALK_BASE_URL: url,
  DINGTALK_OAPI_BASE_URL: url,
  LIMIT_SPEED: String(speed),
})

const PUSH = 'POST /_sandbox/push'

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
