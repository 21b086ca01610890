/** One call to the sandbox and what can be answered to it: the types that routes, gateways and the server share. */

import type { Limit, Refusal } from './limits.ts'
import type { AccessToken, TokenBook, TokenKind } from './tokens.ts'
import type { World } from './world.ts'

export type Vendor = 'feishu' | 'dingtalk'

/** DingTalk's older API, `oapi.dingtalk.com`, has a gateway of its own; its tokens are those of the newer one. */
export type Api = Vendor | 'dingtalk-oapi'

/** What the sandbox holds while it runs. `world` is a copy of the given one and changes as calls succeed. */
export interface State {
  world: World
  tokens: Record<Vendor, TokenBook>
  /** Calls of token endpoints, by route and grant: `/oauth/v3/token refresh_token`. Scripted answers count too. */
  tokenCalls: Record<string, number>
  /** Pushes the ticket of a store app again. */
  resendTicket?: (appId: string) => void
  /** What the robots of group chats were sent, oldest first. `atMs` is the sandbox's time. */
  messages: { robot: Vendor; token: string; text: string; atMs: number }[]
  /** Robots of DingTalk that take nothing, and until when. */
  blockedRobots: Map<string, number>
}

export interface Call {
  method: string
  /** As received, without the query; still percent-encoded. */
  path: string
  params: Record<string, string>
  query: URLSearchParams
  headers: Record<string, string>
  /** The object of a JSON or form body; `undefined` when the body is neither. */
  json: Record<string, unknown> | undefined
  /** Those of its fields that are strings. */
  fields: Record<string, string> | undefined
  isForm: boolean
  state: State
  now: number
}

/** A call the gateway let through: `caller` is the token it came with. */
export interface AdmittedCall extends Call {
  caller: AccessToken
}

export interface Answer {
  status: number
  headers?: Record<string, string>
  json?: Record<string, unknown>
  text?: string
}

interface RouteFacts {
  api: Api
  method: string
  /** With `:name` for each variable segment. */
  path: string
  limits?: readonly Limit[]
}

/** An endpoint behind the gateway: identity, then limits, then the handler. Any one of `scopes` is enough. */
export interface GuardedRoute extends RouteFacts {
  as: readonly TokenKind[]
  scopes: readonly string[]
  handle(call: AdmittedCall): Answer
}

/** An endpoint that needs no token: the token endpoints (`issues` is true) and the consent pages. */
export interface OpenRoute extends RouteFacts {
  as?: undefined
  issues?: boolean
  handle(call: Call): Answer
}

export type Route = GuardedRoute | OpenRoute

/** How one vendor's gateway speaks, for whatever never reaches a handler. */
export interface Gateway {
  /** The caller's token, or the refusal. */
  admit(call: Call, route: GuardedRoute): AccessToken | Answer
  throttled(refusal: Refusal, caller: AccessToken | undefined, state: State): Answer
  unrouted(pathIsKnown: boolean): Answer
  /** A documented failure by its code, or `undefined` when the code is not this vendor's. */
  failure(code: string | number, message: string | undefined): Answer | undefined
  /** Puts the support handle on an answer, where this vendor puts it. */
  sign(answer: Answer, id: string): Answer
}

/** A refusal as a row: the code, when it applies, and what the body has beside the code. */
export type Rule<Code, Subject> = readonly [
  code: Code,
  applies: (subject: Subject) => boolean,
  beside?: (subject: Subject) => Record<string, unknown>,
]

/** The first row that applies, in the order of the table. */
export function firstRefusal<Code, Subject, Refused>(
  rules: readonly Rule<Code, Subject>[],
  subject: Subject,
  refuse: (code: Code, beside: Record<string, unknown>) => Refused,
): Refused | undefined {
  const rule = rules.find(([, applies]) => applies(subject))
  return rule && refuse(rule[0], rule[2]?.(subject) ?? {})
}

/** A browser sent on to `redirectUri` with the given query added. */
export function redirect(redirectUri: string, query: Record<string, string | null>): Answer {
  const location = new URL(redirectUri)
  for (const [name, value] of Object.entries(query)) if (value !== null) location.searchParams.set(name, value)
  return { status: 302, headers: { Location: location.href }, text: '' }
}
