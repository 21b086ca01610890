/** What the sandbox holds while it runs, made from a world, and a summary of it that carries no token. */

import type { State } from './call.ts'
import { TokenBook } from './tokens.ts'
import { readDocument, readWorld, type UserTokens, type World } from './world.ts'

/** Scopes of tokens that the world gives without any: all that the operations need. */
const usualScope = 'offline_access calendar:calendar drive:drive'

/** A running copy of the world with its user tokens issued; a world of another shape is refused. */
export function startState(given: World, now: number): State {
  const world = readWorld(given)
  const { feishu, dingtalk } = world
  const tokens = { feishu: new TokenBook(), dingtalk: new TokenBook() }
  const firstPersonal = dingtalk.apps.find((app) => app.type === 'third_party_personal') ?? dingtalk.apps[0]
  for (const user of feishu.users) {
    const tenantKey = user.tenantKey ?? feishu.tenants[0] ?? ''
    for (const pair of user.tokens ?? []) {
      register(tokens.feishu, pair, { appId: feishu.apps[0]?.appId ?? '', tenantKey, userId: user.openId }, now)
    }
  }
  for (const user of dingtalk.users) {
    const tenantKey = user.corpId ?? firstPersonal?.corpIds[0] ?? ''
    for (const pair of user.tokens ?? []) {
      register(tokens.dingtalk, pair, { appId: firstPersonal?.clientId ?? '', tenantKey, userId: user.unionId }, now)
    }
  }
  return { world, tokens, tokenCalls: {}, messages: [], blockedRobots: new Map() }
}

function register(
  book: TokenBook,
  pair: UserTokens,
  owner: { appId: string; tenantKey: string; userId: string },
  now: number,
): void {
  const { refreshToken = '', refreshExpiresIn = 604_800, authorizedAgo = 0 } = pair
  const grant = {
    ...owner,
    appId: pair.appId ?? owner.appId,
    scope: pair.scope ?? usualScope,
    authorizedAt: now - authorizedAgo * 1000,
  }
  const accessUntil = now + pair.expiresIn * 1000
  book.known(grant, pair.accessToken, accessUntil, refreshToken, now + refreshExpiresIn * 1000, pair.refreshStatus)
  book.refresh.delete('')
}

/** Changes fields of the document with this token, as its owner might; throws when there is none or a field is wrong. */
export function changeDocument(
  { world: { feishu } }: State,
  change: { token?: unknown },
): World['feishu']['documents'][number] {
  const index = feishu.documents.findIndex(({ token }) => token === change.token)
  const known = feishu.documents[index]
  if (!known) throw new Error('token must be that of a document')
  const changed = readDocument({ ...known, ...change })
  feishu.documents[index] = changed
  return changed
}

/** Who is still subscribed to what: the part of the state that the operations change. */
export const subscriptions = ({ world: { feishu, dingtalk } }: State) => ({
  feishu: {
    calendar: feishu.users.filter((user) => user.calendarSubscribed).map(({ openId }) => openId),
    calendarAcls: feishu.calendars.flatMap(({ calendarId, aclSubscribers }) =>
      aclSubscribers.map((openId) => ({ calendarId, openId })),
    ),
    approvals: feishu.approvals.filter((approval) => approval.subscribed).map(({ code }) => code),
    documents: feishu.documents.filter((document) => document.subscribed).map(({ token }) => token),
  },
  dingtalk: {
    calendars: dingtalk.calendars.flatMap(({ calendarId, subscribers }) =>
      subscribers.map((unionId) => ({ calendarId, unionId })),
    ),
  },
})
