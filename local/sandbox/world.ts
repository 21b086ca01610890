/** What exists at the two vendors, as data: apps, people, their tokens, and what is subscribed to what. */

import { readFileSync } from 'node:fs'
import { amount, flag, list, object, oneOf, type Shape, text } from './shape.ts'

/** A pair of user tokens that exists when the sandbox starts. Times are seconds from then; a past one is negative. */
const userTokens = object(
  { accessToken: text, expiresIn: amount },
  {
    appId: text,
    scope: text,
    refreshToken: text,
    refreshExpiresIn: amount,
    refreshStatus: oneOf('live', 'used', 'revoked', 'v1'),
    authorizedAgo: amount,
  },
)

/** Who presses "agree" on the consent page, and whether they do. */
const consent = object({ userId: text }, { denied: flag })

/** What an app's developer console and the receiver of its events share. */
const feishuCallback = object({ verificationToken: text }, { encryptKey: text })
const dingtalkCallback = object({ token: text, aesKey: text })

const feishuApp = object(
  { type: oneOf('self_built', 'store'), appId: text, appSecret: text },
  {
    appTicket: text,
    callback: feishuCallback,
    tenants: list(text),
    scopes: list(text),
    disabled: flag,
    ipRefused: flag,
    quotaExhausted: flag,
    withoutBot: flag,
    refreshForbidden: flag,
  },
)

const feishuUser = object(
  { openId: text, status: oneOf('present', 'frozen', 'resigned', 'deleted'), calendarSubscribed: flag },
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
    tokens: list(userTokens),
  },
)

const feishuCalendar = object(
  {
    calendarId: text,
    type: oneOf('unknown', 'primary', 'shared', 'google', 'resource', 'exchange'),
    access: list(text),
    aclSubscribers: list(text),
  },
  { summary: text, owner: text, deleted: flag },
)

const approval = object({ code: text, subscribed: flag }, { tenantKey: text, deleted: flag })

/** The kinds of cloud document that `file_type` may name (contract: feishu-drive-unsubscribe). */
export const documentTypes = ['doc', 'docx', 'sheet', 'bitable', 'file', 'folder', 'slides'] as const

const document = object(
  { token: text, type: oneOf(...documentTypes), subscribed: flag, appManages: flag },
  { tenantKey: text, managers: list(text), locked: flag },
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
    type: oneOf('internal', 'third_party_enterprise', 'third_party_personal'),
    clientId: text,
    clientSecret: text,
    corpIds: list(text),
  },
  { suiteTicket: text, callback: dingtalkCallback, scopes: list(text), ipRefused: flag, quotaExhausted: flag },
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
    departments: list(amount),
    hasLeft: flag,
    outOfScope: flag,
    tokens: list(userTokens),
  },
)

const dingtalkDepartment = object({ id: amount, parentId: amount, name: text })

const dingtalkCalendar = object(
  {
    calendarId: text,
    type: oneOf('unknown', 'primary', 'subscribed', 'shared'),
    scope: list(text),
    subscribers: list(text),
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
    feishuUnsubscribeAgain: oneOf('success', 'refused'),
    feishuAclSubscribeAgain: oneOf('success', 'refused'),
    feishuResignedUserToken: oneOf('accepted', 'rejected'),
    feishuResignedRefresh: oneOf(20066, 20021),
    feishuRefreshReuse: oneOf('refused', 'revokes-successors'),
    feishuRefreshWithoutSuccessor: oneOf('spent', 'kept'),
    feishuUnsubscribedStatus: oneOf('false', 'refused'),
    feishuDirectoryResigned: oneOf('absent', 'listed'),
    dingtalkUnsubscribeAgain: oneOf('success', 'result-false', 'refused'),
    dingtalkExpiredUserToken: oneOf('InvalidAuthentication', 'accesstoken.expired'),
    dingtalkUnifiedTokenFailure: oneOf('documented', 'observed'),
    dingtalkRefreshReuse: oneOf('refused', 'accepted'),
    dingtalkOlderCorpToken: oneOf('valid', 'replaced'),
    dingtalkLeftUser: oneOf(60121, 33012),
    dingtalkOapiNumbers: oneOf('numbers', 'texts'),
    dingtalkOapiRefusal: oneOf('errcode', 'sub_code'),
  },
)

const world = object(
  {
    feishu: object(
      {
        tenants: list(text),
        apps: list(feishuApp),
        lifetimes: feishuLifetimes,
        users: list(feishuUser),
        calendars: list(feishuCalendar),
        approvals: list(approval),
        documents: list(document),
      },
      { consent, robots: list(robot) },
    ),
    dingtalk: object(
      {
        apps: list(dingtalkApp),
        lifetimes: dingtalkLifetimes,
        users: list(dingtalkUser),
        calendars: list(dingtalkCalendar),
      },
      { consent, departments: list(dingtalkDepartment), robots: list(robot) },
    ),
  },
  { unconfirmed },
)

type Shaped<S> = S extends Shape<infer T> ? T : never

/**
 * Everything the sandbox knows of. Without a `tenantKey` a person, an approval or a document is of the first tenant;
 * an app without `tenants` is installed there alone, one without `scopes` has been granted all of them. Tokens without
 * an `appId` are of the vendor's first app (DingTalk: of the first personal one). Lifetimes are in seconds. A person with
 * `outOfScope` works there, outside the contact scope of every app. DingTalk's department 1 is the root; a person without
 * `departments` is in it.
 */
export type World = Shaped<typeof world>
export type FeishuApp = Shaped<typeof feishuApp>
export type FeishuUser = Shaped<typeof feishuUser>
export type DingtalkApp = Shaped<typeof dingtalkApp>
export type DingtalkUser = Shaped<typeof dingtalkUser>
export type UserTokens = Shaped<typeof userTokens>
export type Unconfirmed = Required<Shaped<typeof unconfirmed>>

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
export const readWorld = (json: unknown): World => world(structuredClone(json), '')

/** One document, checked as those of a world are. */
export const readDocument = (json: unknown): World['feishu']['documents'][number] => document(json, '')

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
