/** Both vendors without a network: a request in, an answer out. */
import { randomUUID } from 'node:crypto'
import { readObject, stringFields } from './body.ts'
import type { Answer, Api, Call, Gateway, State } from './call.ts'
import { dingtalkGateway } from './dingtalk.ts'
import { dingtalkOapiGateway } from './dingtalk-oapi.ts'
import { feishuGateway } from './feishu-gateway.ts'
import { Windows } from './limits.ts'
import { type Match, match } from './router.ts'
import { startState } from './state.ts'
import type { World } from './world.ts'

const gateways: Record<Api, Gateway> = {
  feishu: feishuGateway,
  dingtalk: dingtalkGateway,
  'dingtalk-oapi': dingtalkOapiGateway,
}

export interface VendorRequest {
  method: string
  /** With its query. */
  url: string
  /** Names in lower case. */
  headers: Record<string, string>
  body: string
}

/** A request that has arrived; nothing has been done yet. */
export interface Received {
  /** The path as received, and the route's template where there is a route. */
  paths: [string, string | undefined]
  /** `METHOD /route/:template`, or `no route`. */
  called: string
  /** Does what is asked and returns the signed answer. */
  normal(): Answer
  /** A documented failure of this vendor by its code, signed. */
  failure(code: string | number, message: string | undefined): Answer
  /** Signs a made-up answer with a request id. */
  sign(answer: Answer): Answer
}

export interface Vendors {
  state: State
  /** How many requests came, by `called`. */
  calls: Map<string, number>
  receive(request: VendorRequest): Received
}

/** @param options.speed how many times faster than documented the limits' windows pass */
export function startVendors({ world, speed, now }: { world: World; speed: number; now: () => number }): Vendors {
  const state = startState(world, now())
  const windows = new Windows(speed)
  const calls = new Map<string, number>()

  /** What the vendor answers: route, token, limits, then the handler. */
  function answerOf(call: Call, found: Match): Answer {
    const gateway = gateways[found.api]
    if (found.route === undefined) return gateway.unrouted(found.pathIsKnown)
    const { route } = found
    const admitted = route.as === undefined ? undefined : gateway.admit(call, route)
    if (admitted !== undefined && 'status' in admitted) return admitted
    const owner = admitted ? `${admitted.appId} ${admitted.tenantKey}` : call.fields?.client_id
    const refusal = windows.take(`${route.method} ${route.path} ${owner}`, route.limits ?? [], call.now)
    if (refusal !== undefined) return gateway.throttled(refusal, admitted, state)
    if (route.as === undefined) return route.handle(call)
    if (admitted === undefined) throw new Error('a guarded route was reached without a token')
    return route.handle({ ...call, caller: admitted })
  }

  function countToken(found: Match, { fields }: Call): void {
    if (found.route === undefined || found.route.as !== undefined || !found.route.issues) return
    const grant = fields?.grant_type ?? fields?.grantType
    const name = grant === undefined ? found.route.path : `${found.route.path} ${grant}`
    state.tokenCalls[name] = (state.tokenCalls[name] ?? 0) + 1
  }

  function receive({ method, url, headers, body }: VendorRequest): Received {
    const path = url.split('?', 1)[0] ?? ''
    const found = match(method, path)
    const called = found.route === undefined ? 'no route' : `${method} ${found.route.path}`
    calls.set(called, (calls.get(called) ?? 0) + 1)
    const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
    const json = readObject(body, isForm)
    const call = {
      method,
      path,
      params: found.route === undefined ? {} : found.params,
      query: new URLSearchParams(url.slice(path.length)),
      headers,
      json,
      fields: json && stringFields(json),
      isForm,
      state,
      now: now(),
    }
    countToken(found, call)

    const gateway = gateways[found.api]
    const id = randomUUID().replaceAll('-', '')
    const sign = (answer: Answer) => gateway.sign(answer, id)
    return {
      paths: [path, found.route?.path],
      called,
      sign,
      normal: () => sign(answerOf({ ...call, now: now() }, found)),
      failure: (code, message) =>
        sign(gateway.failure(code, message) ?? { status: 500, text: `${code} is no code of ${found.api}` }),
    }
  }

  return { state, calls, receive }
}
