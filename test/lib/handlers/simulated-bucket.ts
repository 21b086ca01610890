/** One operation with many items in one bucket, on the virtual clock, with faults by item and time. */
import { expect } from 'vitest'
import type { Outcome } from '../../../local/simulation/aws-calls.ts'
import type { AwsFault, Faults, Latencies, VendorFault } from '../../../local/simulation/conditions.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany } from '../../../local/simulation/world.ts'

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
/** Nothing waits for longer: SQS keeps messages for 14 days. */
const LONGEST_MS = 15 * 24 * HOUR_MS
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 0.5 }

const pad = (item: number) => String(item).padStart(4, '0')
const openId = (item: number) => `ou_${pad(item)}`
const unionId = 'union0'
const custodian = 'ou_custodian'
const fileToken = (item: number) => `doxcn${'0'.repeat(18)}${pad(item)}`
const calendarId = (item: number) => `feishu.cn_${pad(item)}@group.calendar.feishu.cn`
const approvalCode = (item: number) => `APPROVAL-${pad(item)}`
const dingCalendarId = (item: number) => `ding-${pad(item)}=`
const event = (detail: object) => ({ offboardingId: 'leaver-0', ...detail })
const coded = (status: number, code: number): VendorFault => ({
  fault: 'answer',
  status,
  body: { code, msg: 'refused' },
})

type Spec = {
  /** The vendor's limit, and how long it takes to try so many items once. */
  floorMs: (items: number) => number
  /** The events that ask for these items. */
  events: (items: number[]) => object[]
  itemOf: (input: Record<string, string>) => string | undefined
  /** What the vendor answers for an item that it never manages. */
  failure: VendorFault
  /** A throttle that does not say for how long. */
  throttle: VendorFault
}

const perMinute = (calls: number) => (items: number) => (Math.ceil(items / calls) - 1) * MINUTE_MS
const perSecond = (calls: number) => (items: number) => (items / calls) * 1_000

/** Each operation, its items by number. */
const SPECS: Record<string, Spec> = {
  'feishu-calendar-unsubscribe': {
    floorMs: perSecond(50),
    events: (items) =>
      items.map((item) => ({ offboardingId: `leaver-${item}`, feishu: { openId: openId(item), calendar: true } })),
    itemOf: ({ open_id }) => open_id,
    failure: coded(500, 190003),
    throttle: coded(400, 190010),
  },
  'feishu-calendar-acl-subscribe': {
    floorMs: perSecond(50),
    events: (items) => [event({ feishu: { calendarAcls: { openId: custodian, calendarIds: items.map(calendarId) } } })],
    itemOf: ({ calendar_id }) => calendar_id,
    failure: coded(500, 190003),
    throttle: { fault: 'answer', status: 429, body: { code: 99991400, msg: 'request trigger frequency limit' } },
  },
  'feishu-approval-unsubscribe': {
    floorMs: perMinute(100),
    events: (items) => [event({ feishu: { approvalCodes: items.map(approvalCode) } })],
    itemOf: ({ approval_code }) => approval_code,
    failure: coded(500, 1395001),
    throttle: { fault: 'answer', status: 400, body: { code: 99991400, msg: 'request trigger frequency limit' } },
  },
  'feishu-drive-unsubscribe': {
    floorMs: perMinute(10),
    events: (items) => [
      event({ feishu: { files: items.map((item) => ({ fileToken: fileToken(item), fileType: 'docx' })) } }),
    ],
    itemOf: ({ file_token }) => file_token,
    failure: coded(500, 1069601),
    throttle: { fault: 'answer', status: 429, body: undefined },
  },
  'dingtalk-calendar-unsubscribe': {
    floorMs: perSecond(20),
    events: (items) => [event({ dingtalk: { unionId, calendarIds: items.map(dingCalendarId) } })],
    itemOf: ({ calendarId }) => calendarId,
    failure: { fault: 'code', code: 'systemError' },
    throttle: { fault: 'code', code: 'Forbidden.AccessDenied.QpsLimitForApi' },
  },
}
export const OPERATIONS = Object.keys(SPECS)
export const specOf = (operation: string): Spec => SPECS[operation] as Spec

/** All that `items` of all operations are about, as the vendors have it, and the secrets of everyone in it. */
function makeWorld(items: number[]) {
  const company = makeCompany(1, 1)
  const { world } = company
  const { feishu, dingtalk } = world
  const [user] = feishu.users
  const [calendar] = feishu.calendars
  if (!user || !calendar) throw new Error('a company has users and calendars')
  const [pair] = user.tokens ?? []
  feishu.users = [...items.map(openId), custodian].map((id) => ({
    ...user,
    openId: id,
    tokens: [{ expiresIn: 7_200, ...pair, accessToken: `u-${id}`, refreshToken: `ur-${id}` }],
  }))
  feishu.calendars = items.map((item) => ({
    ...calendar,
    calendarId: calendarId(item),
    access: [custodian],
    aclSubscribers: [],
  }))
  feishu.approvals = items.map((item) => ({ code: approvalCode(item), subscribed: true }))
  feishu.documents = items.map((item) => ({
    token: fileToken(item),
    type: 'docx',
    subscribed: true,
    appManages: true,
    managers: [openId(item)],
  }))
  dingtalk.calendars = items.map((item) => ({
    calendarId: dingCalendarId(item),
    type: 'subscribed',
    scope: [unionId],
    subscribers: [unionId],
  }))
  return company
}

const ITEM = /(?:ou_|feishu\.cn_|APPROVAL-|doxcn0{18}|ding-)(\d{4})/
const itemIn = (text = ''): number | undefined => {
  const found = ITEM.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** A call of the vendor, tokens included. `item` is missing where it is about none. */
type Call = { item: number | undefined; path: string; atMs: number }
type World = Awaited<ReturnType<typeof startSimulation>>['vendors']['state']['world']

export type BucketOptions = {
  operation: string
  /** How many items; numbered from 0 in the order of the bucket. */
  items: number
  /** What the vendor answers instead of its own. Times are since the start. */
  vendor?: (call: Call) => VendorFault | undefined
  aws?: (operation: string, atMs: number) => AwsFault | undefined
  /** Changes the vendors as time goes; called before each call. */
  change?: (world: World, atMs: number) => void
  /** Faults at other places. */
  faults?: Pick<Faults, 'batch' | 'delete' | 'skewMs'>
  latencies?: Partial<Latencies>
  /** Called with what the function writes to its log. */
  onLine?: (line: string) => void
  /** Users of these items have no secret. */
  withoutConsent?: number[]
  /** The events, where they are not the operation's own; those of a later `atMs` come then. */
  events?: { atMs: number; detail: object }[]
}

/** What became of an item. Times are since the start. */
export type Ending = Outcome & { item: number }

/**
 * Runs until nothing is under way. Whatever happened: each item has ended, the ledger knows as what, each parked one has a
 * letter, nothing waits any more and SQS has moved nothing.
 */
export async function runBucket(options: BucketOptions) {
  const { operation, items, vendor, aws, change, withoutConsent = [] } = options
  const all = Array.from({ length: items }, (_, item) => item)
  const {
    events = specOf(operation)
      .events(all)
      .map((detail) => ({ atMs: 0, detail })),
  } = options
  const company = makeWorld(all)
  const calls: Call[] = []
  let startedAtMs = Number.POSITIVE_INFINITY
  const sinceStart = (nowMs: number) => Math.max(0, nowMs - startedAtMs)
  const simulation = await startSimulation({
    operations: [operation],
    world: company.world,
    secrets(nowMs) {
      const secrets = company.secrets(nowMs)
      for (const item of withoutConsent) delete secrets[`${ENV.FEISHU_USER_SECRET_PREFIX}${openId(item)}`]
      return secrets
    },
    env: ENV,
    latencies: { ...LATENCIES, ...options.latencies },
    planners: 1,
    ...(options.onLine && { onLine: (_, line) => options.onLine?.(line) }),
    faults: {
      ...options.faults,
      vendor(path, nowMs, _container, user) {
        const atMs = sinceStart(nowMs)
        change?.(simulation.vendors.state.world, atMs)
        const call = { item: itemIn(path) ?? itemIn(user), path, atMs }
        calls.push(call)
        return vendor?.(call)
      },
      aws: (name, nowMs) => aws?.(name, sinceStart(nowMs)),
    },
  })
  startedAtMs = simulation.startedAtMs
  for (const { atMs, detail } of events.filter((one) => one.atMs === 0)) offboard(detail, atMs)
  const later = events.filter(({ atMs }) => atMs > 0)
  for (const { atMs, detail } of later) {
    await simulation.clock.run(simulation.clock.sleep(startedAtMs + atMs - simulation.clock.nowMs))
    offboard(detail, atMs)
  }
  await simulation.finish(LONGEST_MS)

  function offboard(detail: object, atMs: number): void {
    const { offboardingId } = detail as { offboardingId: string }
    simulation.offboard(detail, `event-${offboardingId}-${atMs}`)
  }

  const { itemOf } = specOf(operation)
  const outcomes: Ending[] = simulation.outcomes.map((outcome) => ({
    ...outcome,
    atMs: outcome.atMs - startedAtMs,
    item: itemIn(itemOf(outcome.input ?? {})) ?? -1,
  }))
  const endings = new Map(outcomes.map((outcome) => [outcome.item, outcome]))
  expect(simulation.undelivered).toEqual([])
  expect([...endings.keys()].sort((a, b) => a - b)).toEqual(all)
  const waiting = [...simulation.queues.values(), ...simulation.retries.values()]
  expect(waiting.map(({ size, expired }) => [size, expired])).toEqual(waiting.map(() => [0, 0]))
  expect(simulation.stranded).toEqual([])
  const targets = [...simulation.table.items.values()].flatMap((some) =>
    [...some].flatMap(([key, item]) => (key.startsWith('target#') ? [item] : [])),
  )
  const known = new Map(targets.map(({ input, outcome }) => [itemIn(itemOf(JSON.parse(input?.S ?? '{}'))), outcome?.S]))
  expect(all.filter((item) => known.get(item) !== endings.get(item)?.outcome)).toEqual([])
  const parked = all.filter((item) => endings.get(item)?.outcome === 'parked')
  const letters = [...simulation.deadLetters.groups.values()].flat()
  expect(letters.map(({ body }) => itemIn(itemOf(JSON.parse(body).input))).sort()).toEqual([...parked].sort())
  expect(letters.filter(({ attributes }) => !attributes.kind || !attributes.hint)).toEqual([])

  const isCalled = ({ item }: Call) => item !== undefined
  return {
    simulation,
    outcomes,
    /** The items that were given up. */
    parked,
    ending: (item: number) => endings.get(item) as Ending,
    /** When the last of these items ended. */
    lastMs: (some: number[] = all) => Math.max(...some.map((item) => endings.get(item)?.atMs ?? Number.NaN)),
    /** Calls about items. */
    calls: calls.filter(isCalled),
    holds: simulation.holds,
    counts: simulation.counts.get(operation) as NonNullable<ReturnType<typeof simulation.counts.get>>,
  }
}

/** Numbers from `first`, `count` of them. */
export const numbers = (count: number, first = 0) => Array.from({ length: count }, (_, index) => first + index)
