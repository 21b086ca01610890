/** Which route a request is for. Paths are matched as received: `..` and encoded slashes stay inside their segment. */

import type { Api, Route } from './call.ts'
import { dingtalkOperations } from './dingtalk.ts'
import { dingtalkPeople } from './dingtalk-people.ts'
import { dingtalkTokenRoutes } from './dingtalk-tokens.ts'
import { feishuOAuthRoutes } from './feishu-oauth.ts'
import { feishuOperations } from './feishu-operations.ts'
import { feishuPeople } from './feishu-people.ts'
import { feishuTokenRoutes } from './feishu-tokens.ts'
import { robots } from './robots.ts'

/** Every endpoint of the sandbox. */
export const routes: readonly Route[] = [
  ...feishuOperations,
  ...feishuPeople,
  ...feishuTokenRoutes,
  ...feishuOAuthRoutes,
  ...dingtalkOperations,
  ...dingtalkPeople,
  ...dingtalkTokenRoutes,
  ...robots,
]

/** The route of a request, or only whose it is and whether another method would have found one. */
export type Match =
  | { api: Api; route: Route; params: Record<string, string> }
  | { api: Api; route?: undefined; pathIsKnown: boolean }

/** Finds the route for a method and a raw path without its query. */
export function match(method: string, path: string): Match {
  const candidates = routes.flatMap((route) => {
    const params = paramsOf(route.path, path)
    return params === undefined ? [] : [{ api: route.api, route, params }]
  })
  const found = candidates.find(({ route }) => route.method === method)
  return found ?? { api: apiOf(path), pathIsKnown: candidates.length > 0 }
}

const apiOf = (path: string): Api => {
  if (path.startsWith('/topapi/')) return 'dingtalk-oapi'
  return /^\/(v1\.0|oauth2)\//.test(path) ? 'dingtalk' : 'feishu'
}

function paramsOf(template: string, path: string): Record<string, string> | undefined {
  const names = template.split('/')
  const values = path.split('/')
  if (names.length !== values.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, name] of names.entries()) {
    const value = values[index] ?? ''
    if (name.startsWith(':')) params[name.slice(1)] = decoded(value)
    else if (name !== value) return undefined
  }
  return params
}

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
