/** What exists at the two vendors, as data: apps, people, their tokens, and what is subscribed to what. */

import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { amount, flag, object, read, text } from './shape.ts'

/** A pair of user tokens that exists when the sandbox starts. Times are seconds from then; a past one is negative. */
const userTokens = object(
  { accessToken: text, expiresIn: amount },
  {
    appId: text,
    scope: text,
    refreshToken: text,
    refreshExpiresIn: amount,
    refreshStatus: v.picklist(['live', 'used', 'revoked', 'v1']),
    authorizedAgo: amount,
  },
)

/** Who presses "agree" on the consent page, and whether they do. */
const consent = object({ userId: text }, { denied: flag })

/** What an app's developer console and the receiver of its events share. */
const feishuCallback = object({ verificationToken: text }, { encryptKey: text })
const dingtalkCallback = object({ token: text, aesKey: text })

const feishuApp = object(
  { type: v.picklist(['self_built', 'store']), appId: text, appSecret: text },
  {
    appTicket: text,
    callback: feishuCallback,
    tenants: v.array(text),
    scopes: v.array(text),
    disabled: flag,
    ipRefused: flag,
    quotaExhausted: flag,
    withoutBot: flag,
    refreshForbidden: flag,
  },
)

const feishuUser = object(
  { openId: text, status: v.picklist(['present', 'frozen', 'resigned', 'deleted']), calendarSubscribed: flag },
  {
    tenantKey: text,
    unionId: text,
    userId: text,
    email: text,
    enterpriseEmail: text,
    mobile: text,
    employeeNumber: text,
    outOfScope: flag,
    appForbidden: flag,
    tokens: v.array(userTokens),
  },
)

const feishuCalendar = object(
  {
    calendarId: text,
    type: v.picklist(['unknown', 'primary', 'shared', 'google', 'resource', 'exchange']),
    access: v.array(text),
    aclSubscribers: v.array(text),
  },
  { summary: text, owner: text, deleted: flag },
)

const approval = object({ code: text, subscribed: flag }, { tenantKey: text, deleted: flag })

/** The kinds of cloud document that `file_type` may name (contract: feishu-drive-unsubscribe). */
export const documentTypes = ['doc', 'docx', 'sheet', 'bitable', 'file', 'folder', 'slides'] as const

const document = object(
  { token: text, type: v.picklist(documentTypes), subscribed: flag, appManages: flag },
  { tenantKey: text, managers: v.array(text), locked: flag },
)

/** A robot of a group chat, by the token in its URL. One with a key checks signatures. */
const robot = object({ token: text }, { signingKey: text })

const feishuLifetimes = object({
  tenantToken: amount,
  appToken: amount,
  reusedAbove: amount,
  userToken: amount,
  refreshToken: amount,
  grace: amount,
  consent: amount,
  code: amount,
})

const dingtalkApp = object(
  {
    type: v.picklist(['internal', 'third_party_enterprise', 'third_party_personal']),
    clientId: text,
    clientSecret: text,
    corpIds: v.array(text),
  },
  { suiteTicket: text, callback: dingtalkCallback, scopes: v.array(text), ipRefused: flag, quotaExhausted: flag },
)

const dingtalkUser = object(
  { unionId: text },
  {
    corpId: text,
    userId: text,
    email: text,
    orgEmail: text,
    mobile: text,
    employeeNumber: text,
    departments: v.array(amount),
    hasLeft: flag,
    outOfScope: flag,
    tokens: v.array(userTokens),
  },
)

const dingtalkDepartment = object({ id: amount, parentId: amount, name: text })

const dingtalkCalendar = object(
  {
    calendarId: text,
    type: v.picklist(['unknown', 'primary', 'subscribed', 'shared']),
    scope: v.array(text),
    subscribers: v.array(text),
  },
  { summary: text, owner: text },
)

const dingtalkLifetimes = object({ accessToken: amount, refreshToken: amount, code: amount })

/**
 * What no official page settles. Each switch picks one of the plausible behaviours; the first value is the default,
 * and none of them may be relied on as a fact about the vendor.
 */
const unconfirmed = object(
  {},
  {
    feishuUnsubscribeAgain: v.picklist(['success', 'refused']),
    feishuAclSubscribeAgain: v.picklist(['success', 'refused']),
    feishuResignedUserToken: v.picklist(['accepted', 'rejected']),
    feishuResignedRefresh: v.picklist([20066, 20021]),
    feishuRefreshReuse: v.picklist(['refused', 'revokes-successors']),
    feishuRefreshWithoutSuccessor: v.picklist(['spent', 'kept']),
    feishuUnsubscribedStatus: v.picklist(['false', 'refused']),
    feishuDirectoryResigned: v.picklist(['absent', 'listed']),
    dingtalkUnsubscribeAgain: v.picklist(['success', 'result-false', 'refused']),
    dingtalkExpiredUserToken: v.picklist(['InvalidAuthentication', 'accesstoken.expired']),
    dingtalkUnifiedTokenFailure: v.picklist(['documented', 'observed']),
    dingtalkRefreshReuse: v.picklist(['refused', 'accepted']),
    dingtalkOlderCorpToken: v.picklist(['valid', 'replaced']),
    dingtalkLeftUser: v.picklist([60121, 33012]),
    dingtalkOapiNumbers: v.picklist(['numbers', 'texts']),
    dingtalkOapiRefusal: v.picklist(['errcode', 'sub_code']),
  },
)

const world = object(
  {
    feishu: object(
      {
        tenants: v.array(text),
        apps: v.array(feishuApp),
        lifetimes: feishuLifetimes,
        users: v.array(feishuUser),
        calendars: v.array(feishuCalendar),
        approvals: v.array(approval),
        documents: v.array(document),
      },
      { consent, robots: v.array(robot) },
    ),
    dingtalk: object(
      {
        apps: v.array(dingtalkApp),
        lifetimes: dingtalkLifetimes,
        users: v.array(dingtalkUser),
        calendars: v.array(dingtalkCalendar),
      },
      { consent, departments: v.array(dingtalkDepartment), robots: v.array(robot) },
    ),
  },
  { unconfirmed },
)

/**
 * Everything the sandbox knows of. Without a `tenantKey` a person, an approval or a document is of the first tenant;
 * an app without `tenants` is installed there alone, one without `scopes` has been granted all of them. Tokens without
 * an `appId` are of the vendor's first app (DingTalk: of the first personal one). Lifetimes are in seconds. A person with
 * `outOfScope` works there, outside the contact scope of every app. DingTalk's department 1 is the root; a person without
 * `departments` is in it.
 */
export type World = v.InferOutput<typeof world>
export type FeishuApp = v.InferOutput<typeof feishuApp>
export type FeishuUser = v.InferOutput<typeof feishuUser>
export type DingtalkApp = v.InferOutput<typeof dingtalkApp>
export type DingtalkUser = v.InferOutput<typeof dingtalkUser>
export type UserTokens = v.InferOutput<typeof userTokens>
export type Unconfirmed = Required<v.InferOutput<typeof unconfirmed>>

const defaults: Unconfirmed = {
  feishuUnsubscribeAgain: 'success',
  feishuAclSubscribeAgain: 'success',
  feishuResignedUserToken: 'accepted',
  feishuResignedRefresh: 20066,
  feishuRefreshReuse: 'refused',
  feishuRefreshWithoutSuccessor: 'spent',
  feishuUnsubscribedStatus: 'false',
  feishuDirectoryResigned: 'absent',
  dingtalkUnsubscribeAgain: 'success',
  dingtalkExpiredUserToken: 'InvalidAuthentication',
  dingtalkUnifiedTokenFailure: 'documented',
  dingtalkRefreshReuse: 'refused',
  dingtalkOlderCorpToken: 'valid',
  dingtalkLeftUser: 60121,
  dingtalkOapiNumbers: 'numbers',
  dingtalkOapiRefusal: 'errcode',
}

/** The chosen behaviour where the documents are silent, defaults filled in. */
export const choices = (from: World): Unconfirmed => ({ ...defaults, ...from.unconfirmed })

/** Checks JSON and returns it as a world of its own (a deep copy), or throws naming the first field that is wrong. */
export const readWorld = (json: unknown): World => read(world, json)

/** One document, checked as those of a world are. */
export const readDocument = (json: unknown): World['feishu']['documents'][number] => read(document, json)

let sample: World | undefined

/** The sample world of `local/world.json`, a copy of its own: what the sample offboarding event meets. */
export function sampleWorld(): World {
  sample ??= readWorld(JSON.parse(readFileSync(new URL('../world.json', import.meta.url), 'utf8')))
  return structuredClone(sample)
}

/** The sample world with its users in a store app and a third-party enterprise app, whose tickets have not been pushed yet. */
export function soldWorld(): World {
  const { feishu, dingtalk, ...rest } = sampleWorld()
  const isSold = ({ type }: { type: string }) => type === 'store' || type === 'third_party_enterprise'
  const first = <App extends { type: string }>(apps: App[]) =>
    apps.toSorted((a, b) => Number(isSold(b)) - Number(isSold(a)))
  return {
    ...rest,
    feishu: { ...feishu, apps: first(feishu.apps).map(({ appTicket: _, ...app }) => app) },
    dingtalk: { ...dingtalk, apps: first(dingtalk.apps).map(({ suiteTicket: _, ...app }) => app) },
  }
}
