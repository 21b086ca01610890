/** Leavers, what they are subscribed to, and the secrets that go with them: made by number, for as many as wanted. */
import type { Operation } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { parse } from '../../lib/schema.ts'
import { sampleWorld, type World } from '../sandbox/sandbox.ts'

/** Each leaver's targets: what one event asks for. */
export const PER_LEAVER = { calendars: 1, acls: 2, approvals: 2, files: 20, dingtalk: 3 }
export const TARGETS_PER_LEAVER = Object.values(PER_LEAVER).reduce((sum, count) => sum + count, 0)

export const ENV = {
  AWS_REGION: 'simulated-1',
  FEISHU_APP_SECRET_ID: 'app/feishu',
  FEISHU_USER_SECRET_PREFIX: 'user/feishu/',
  DINGTALK_APP_SECRET_ID: 'app/dingtalk',
  DINGTALK_USER_SECRET_PREFIX: 'user/dingtalk/',
  FEISHU_BASE_URL: 'http://127.0.0.1:1',
  FEISHU_OAUTH_TOKEN_URL: 'http://127.0.0.1:1/oauth/v3/token',
  DINGTALK_BASE_URL: 'http://127.0.0.1:1',
  DINGTALK_OAPI_BASE_URL: 'http://127.0.0.1:1',
  MAX_TARGETS_PER_EVENT: '2000',
  LEDGER_RETENTION_DAYS: '400',
}

type Company = {
  world: World
  secrets: (nowMs: number) => Record<string, unknown>
  /** The event that offboards leaver `index`, with or without documents. */
  event: (
    index: number,
    options?: { hasFiles?: boolean },
  ) => { offboardingId: string; feishu: { approvalCodes: string[] }; dingtalk: object }
  /** The event that names leaver `index` as HR knows them, and their custodian by open_id. */
  leaving: (index: number) => { offboardingId: string }
}

/**
 * `people` distinct leavers over `tenants` tenants; a leaver beyond them is one of them again, with the same targets.
 * One tenant has a self-built app, several share a store app.
 */
export function makeCompany(people: number, tenants: number): Company {
  const tenantKeys = Array.from({ length: tenants }, (_, index) => `tenant-${index}`)
  const world = sampleWorld()
  const isStore = tenants > 1
  const [selfBuilt, store] = world.feishu.apps
  if (!selfBuilt || !store) throw new Error('the sample world has no apps')
  world.feishu.tenants = tenantKeys
  world.feishu.apps = isStore ? [{ ...store, tenants: tenantKeys }] : [selfBuilt]
  const appId = isStore ? store.appId : selfBuilt.appId
  const tenantOf = (index: number) => tenantKeys[index % tenants] ?? ''
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
  const leavers = numbers(people)

  const tokens = (name: string) => [
    { accessToken: `u-${name}`, expiresIn: 7_200, refreshToken: `ur-${name}`, refreshExpiresIn: 604_800, appId },
  ]
  const email = (index: number) => `leaver-${index}@corp.example`
  const mobile = (index: number) => `+86139${String(index).padStart(8, '0')}`
  const user = (openId: string, tenantKey: string, index?: number) => ({
    openId,
    ...(index !== undefined && { email: email(index), mobile: mobile(index) }),
    tenantKey,
    status: 'present' as const,
    calendarSubscribed: true,
    tokens: tokens(openId),
  })
  world.feishu.users = [
    ...leavers.map((index) => user(`ou_${index}`, tenantOf(index), index)),
    ...tenantKeys.map((key) => user(`ou_custodian_${key}`, key)),
  ]
  world.feishu.calendars = leavers.flatMap((index) =>
    numbers(PER_LEAVER.acls).map((n) => ({
      calendarId: `feishu.cn_${index}x${n}@group.calendar.feishu.cn`,
      type: 'shared' as const,
      owner: `ou_${index}`,
      access: [`ou_${index}`, `ou_custodian_${tenantOf(index)}`],
      aclSubscribers: [],
    })),
  )
  world.feishu.approvals = leavers.flatMap((index) =>
    numbers(PER_LEAVER.approvals).map((n) => ({
      code: `APPROVAL-${index}-${n}`,
      subscribed: true,
      tenantKey: tenantOf(index),
    })),
  )
  world.feishu.documents = leavers.flatMap((index) =>
    numbers(PER_LEAVER.files).map((n) => ({
      token: `doxcn${String(index * PER_LEAVER.files + n).padStart(22, '0')}`,
      type: 'docx' as const,
      subscribed: true,
      appManages: true,
      tenantKey: tenantOf(index),
    })),
  )
  world.dingtalk.users = leavers.map((index) => ({
    unionId: `union${index}`,
    userId: `staff${index}`,
    email: email(index),
    mobile: mobile(index),
  }))
  world.dingtalk.calendars = leavers.flatMap((index) =>
    numbers(PER_LEAVER.dingtalk).map((n) => ({
      calendarId: `ding-${index}-${n}=`,
      type: 'subscribed' as const,
      scope: [`union${index}`],
      subscribers: [`union${index}`],
    })),
  )

  const secretOf = (name: string, nowMs: number) => ({
    accessToken: `u-${name}`,
    accessTokenExpiresAt: new Date(nowMs + 7_200_000).toISOString(),
    refreshToken: `ur-${name}`,
    refreshTokenExpiresAt: new Date(nowMs + 604_800_000).toISOString(),
  })
  const internal = world.dingtalk.apps.find(({ type }) => type === 'internal')
  return {
    world,
    secrets: (nowMs) => ({
      [ENV.FEISHU_APP_SECRET_ID]: isStore
        ? { type: 'store', appId, appSecret: store.appSecret, appTicket: store.appTicket }
        : { type: 'self_built', appId, appSecret: selfBuilt.appSecret },
      [ENV.DINGTALK_APP_SECRET_ID]: {
        type: 'internal',
        appKey: internal?.clientId,
        appSecret: internal?.clientSecret,
      },
      ...Object.fromEntries(
        world.feishu.users.map(({ openId }) => [`${ENV.FEISHU_USER_SECRET_PREFIX}${openId}`, secretOf(openId, nowMs)]),
      ),
    }),
    leaving: (index) => ({
      offboardingId: `leaver-${index}`,
      leaver: {
        email: email(index),
        mobile: mobile(index),
        ...(isStore && { feishu: { tenantKey: tenantOf(index) } }),
      },
      custodian: { feishu: { openId: `ou_custodian_${tenantOf(index)}` } },
    }),
    event(index, { hasFiles = true } = {}) {
      const person = index % people
      const tenantKey = tenantOf(person)
      return {
        offboardingId: `leaver-${index}`,
        feishu: {
          ...(isStore && { tenantKey }),
          openId: `ou_${person}`,
          calendar: true,
          calendarAcls: {
            openId: `ou_custodian_${tenantKey}`,
            calendarIds: numbers(PER_LEAVER.acls).map((n) => `feishu.cn_${person}x${n}@group.calendar.feishu.cn`),
          },
          approvalCodes: numbers(PER_LEAVER.approvals).map((n) => `APPROVAL-${person}-${n}`),
          ...(hasFiles && {
            files: numbers(PER_LEAVER.files).map((n) => ({
              fileToken: `doxcn${String(person * PER_LEAVER.files + n).padStart(22, '0')}`,
              fileType: 'docx',
            })),
          }),
        },
        dingtalk: {
          unionId: `union${person}`,
          calendarIds: numbers(PER_LEAVER.dingtalk).map((n) => `ding-${person}-${n}=`),
        },
      }
    },
  }
}

/** The operations that a company's events ask something of. */
export async function simulatedOperations(): Promise<Operation[]> {
  const event = parse(offboarding, makeCompany(1, 1).event(0))
  return (await loadOperations()).filter(({ operation }) => operation.targets(event).length > 0)
}
