/** What the vendors push to an app's URL: verifications, tickets, and news of people. */
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { type Sealed, sealForDingtalk, sealForFeishu } from './seal.ts'
import { flag, object, read, text } from './shape.ts'
import { secret } from './tokens.ts'
import type { DingtalkApp, FeishuApp, FeishuUser, World } from './world.ts'

const order = object(
  {
    event: v.picklist([
      'url_verification',
      'app_ticket',
      'contact.user.deleted_v3',
      'contact.user.updated_v3',
      'auth.user_access_token.revoked_v4',
      'check_url',
      'suite_ticket',
      'user_leave_org',
    ]),
  },
  { appId: text, user: text, rotate: flag },
)

/**
 * What to push: an event by the vendor's own name. `appId`: the first app that has the event unless given. `user`: an open_id or a
 * DingTalk userId. `rotate`: a ticket is a new one, and the old one ends.
 */
export type PushOrder = v.InferOutput<typeof order>
export const readPushOrder = (json: unknown): PushOrder => read(order, json)

/** A push, and the path that it goes to. */
export type Sent = Sealed & { path: '/feishu/callback' | '/dingtalk/callback' }

/** Lets the event happen in the world, and returns it as its vendor pushes it. Throws where the world has no such app or user. */
export function makePush(world: World, given: PushOrder, nowMs: number): Sent {
  return Object.hasOwn(FEISHU, given.event) ? pushOfFeishu(world, given, nowMs) : pushOfDingtalk(world, given, nowMs)
}

function pushOfFeishu({ feishu }: World, { event, appId, user = '', rotate }: PushOrder, nowMs: number): Sent {
  const isTicket = event === 'app_ticket'
  const app = feishu.apps.find((one) =>
    appId === undefined ? one.callback && (!isTicket || one.type === 'store') : one.appId === appId,
  )
  if (!app?.callback) throw new Error('no such app with a callback')
  if (isTicket && (rotate || app.appTicket === undefined)) app.appTicket = secret('ticket-')
  const { verificationToken: token } = app.callback
  const found = feishu.users.find(({ openId }) => openId === user)
  const content = FEISHU[event]?.({ app, user: found, token, nowMs })
  if (!content) throw new Error('user must be the open_id of a user')
  const isSigned = event !== 'url_verification'
  return { path: '/feishu/callback', ...sealForFeishu(content, app.callback, nowMs, { isSigned }) }
}

type About = { app: FeishuApp; user: FeishuUser | undefined; token: string; nowMs: number }

/** By the event's name; undefined where it needs a user. */
const FEISHU: Record<string, (about: About) => object | undefined> = {
  url_verification: ({ token }) => ({ challenge: randomUUID(), token, type: 'url_verification' }),
  // Only in the older envelope.
  app_ticket: ({ app: { appId, appTicket }, token, nowMs }) => ({
    ts: (nowMs / 1_000).toFixed(6),
    uuid: randomUUID(),
    token,
    type: 'event_callback',
    event: { app_id: appId, app_ticket: appTicket, type: 'app_ticket' },
  }),
  'contact.user.deleted_v3': (about) => {
    if (about.user) about.user.status = 'deleted'
    return newer('contact.user.deleted_v3', about, (person) => ({
      // As the page's example has it: the event's type says it.
      object: { ...person, department_ids: [], status: { is_frozen: false, is_resigned: false, is_activated: true } },
      old_object: { open_id: person.open_id, department_ids: ['0'] },
    }))
  },
  'contact.user.updated_v3': (about) => {
    if (about.user) about.user.status = 'frozen'
    return newer('contact.user.updated_v3', about, (person) => ({
      object: { ...person, status: { is_frozen: true, is_resigned: false, is_activated: true } },
      old_object: { status: { is_frozen: false, is_resigned: false, is_activated: true } },
    }))
  },
  'auth.user_access_token.revoked_v4': (about) =>
    newer('auth.user_access_token.revoked_v4', about, (person) => ({
      ...person,
      revoke_token_type: 'user_access_token refresh_token ',
      revoke_reason: 'restriction action',
    })),
}

type PersonIds = { open_id: string; union_id: string | undefined; user_id: string | undefined }

function newer(event_type: string, { app, user, token, nowMs }: About, content: (person: PersonIds) => object) {
  if (!user) return undefined
  const { openId: open_id, unionId: union_id, userId: user_id, tenantKey } = user
  return {
    schema: '2.0',
    header: {
      event_id: randomUUID(),
      token,
      create_time: String(nowMs),
      event_type,
      tenant_key: tenantKey ?? app.tenants?.[0] ?? 'sandbox-tenant',
      app_id: app.appId,
    },
    event: content({ open_id, union_id, user_id }),
  }
}

function pushOfDingtalk({ dingtalk }: World, { event, appId, user = '', rotate }: PushOrder, nowMs: number): Sent {
  const isTicket = event === 'suite_ticket'
  const app = dingtalk.apps.find((one) =>
    appId === undefined ? one.callback && (!isTicket || one.type === 'third_party_enterprise') : one.clientId === appId,
  )
  if (!app?.callback) throw new Error('no such app with a callback')
  if (isTicket && (rotate || app.suiteTicket === undefined)) app.suiteTicket = secret('ticket-')
  const content = contentOfDingtalk(event, app, user, nowMs)
  if (event === 'user_leave_org') {
    const found = dingtalk.users.find(({ userId }) => userId === user)
    if (!found) throw new Error('user must be the userId of a user')
    found.hasLeft = true
  }
  const ownerKey = app.clientId
  return { path: '/dingtalk/callback', ...sealForDingtalk(content, { ...app.callback, ownerKey }, nowMs) }
}

function contentOfDingtalk(
  event: string,
  { type, suiteTicket, corpIds: [corp = ''] }: DingtalkApp,
  user: string,
  nowMs: number,
) {
  if (event === 'check_url') return { EventType: 'check_url' }
  const eventId = randomUUID()
  if (event === 'suite_ticket')
    return synchronized('HIGH', 2, { eventId, syncAction: event, suiteTicket }, { corp, nowMs })
  if (type !== 'internal') return synchronized('MEDIUM', 13, { syncAction: event }, { corp, nowMs, bizId: user })
  return { EventType: event, EventTime: nowMs, CorpId: corp, BizId: eventId, eventId, timeStamp: nowMs, userId: [user] }
}

/** As SyncHTTP pushes it: what happened is a text inside. */
const synchronized = (
  priority: 'HIGH' | 'MEDIUM',
  biz_type: number,
  biz_data: object,
  { corp, nowMs, bizId = randomUUID() }: { corp: string; nowMs: number; bizId?: string },
) => ({
  EventType: `SYNC_HTTP_PUSH_${priority}`,
  bizData: [
    {
      id: Math.floor(nowMs),
      biz_type,
      biz_id: bizId,
      corp_id: corp,
      status: 0,
      gmt_create: nowMs,
      gmt_modified: nowMs,
      biz_data: JSON.stringify(biz_data),
    },
  ],
})
