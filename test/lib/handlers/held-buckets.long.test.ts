/** What is about a bucket holds the bucket: nothing is parked for it, few calls are made, and all go on when it ends. */
import { describe, expect, test } from 'vitest'
import type { AwsFault, VendorFault } from '../../../local/simulation/conditions.ts'
import { type BucketOptions, HOUR_MS, MINUTE_MS, OPERATIONS, runBucket, specOf } from './simulated-bucket.ts'

const DAY_MS = 24 * HOUR_MS
/** Items that have stepped aside come by their own clock, and users' tokens are asked for every ten minutes at least. */
const ALL_RESUME_MS = 15 * MINUTE_MS
const RESUMES_MS = 5 * MINUTE_MS
const acl = 'feishu-calendar-acl-subscribe'
const approval = 'feishu-approval-unsubscribe'
const ding = 'dingtalk-calendar-unsubscribe'

/** The most of these moments within an hour. */
const mostAnHour = (times: number[]) =>
  Math.max(0, ...times.map((fromMs) => times.filter((atMs) => atMs >= fromMs && atMs < fromMs + HOUR_MS).length))

describe('25 items, throttled without a stated wait: all done, 100 calls refused an hour at most', () => {
  test.each(OPERATIONS.flatMap((operation) => [1, 17, 60].map((minutes) => ({ operation, minutes }))))(
    '$operation for $minutes minutes',
    async ({ operation, minutes }) => {
      const endsMs = minutes * MINUTE_MS
      const refused: number[] = []
      const run = await runBucket({
        operation,
        items: 25,
        vendor({ item, atMs }) {
          if (item === undefined || atMs >= endsMs) return undefined
          refused.push(atMs)
          return specOf(operation).throttle
        },
      })
      expect(run.parked).toEqual([])
      expect(mostAnHour(refused)).toBeLessThanOrEqual(100)
      expect(run.lastMs()).toBeLessThan(endsMs + ALL_RESUME_MS + specOf(operation).floorMs(25) * 1.2)
    },
  )
})

describe('answers without a vendor code, 1,000 items: none is parked, and work resumes within five minutes', () => {
  const answers: [string, VendorFault, string][] = [
    ['HTML', { fault: 'html' }, acl],
    ['cut JSON', { fault: 'truncated' }, ding],
    ['nothing', { fault: 'answer', status: 200, body: undefined }, acl],
    ['302', { fault: 'answer', status: 302, headers: { location: 'https://sso.example/' }, body: undefined }, ding],
    ['403', { fault: 'html', status: 403 }, acl],
    ['408', { fault: 'answer', status: 408, body: undefined }, ding],
  ]
  const durations: [string, number][] = [
    ['10 s', 10_000],
    ['30 min', 30 * MINUTE_MS],
    ['6 h', 6 * HOUR_MS],
  ]
  test.each(
    answers.flatMap(([answer, fault, operation]) =>
      durations.map(([duration, ms]) => ({ answer, fault, operation, duration, ms })),
    ),
  )('$answer for $duration ($operation)', async ({ fault, operation, ms }) => {
    const fromMs = 4_000
    const endsMs = fromMs + ms
    const run = await runBucket({
      operation,
      items: 1_000,
      vendor: ({ atMs }) => (atMs >= fromMs && atMs < endsMs ? fault : undefined),
    })
    expect(run.parked).toEqual([])
    const after = run.outcomes.map(({ atMs }) => atMs).filter((atMs) => atMs > endsMs)
    expect(Math.min(...after) - endsMs).toBeLessThan(RESUMES_MS)
    expect(run.lastMs()).toBeLessThan(endsMs + ALL_RESUME_MS + specOf(operation).floorMs(1_000) * 1.2)
    expect(run.holds).toHaveLength(ms > HOUR_MS ? 1 : 0)
  })
})

describe('what an operator must put right: one Held, none parked, all done after it without an operator', () => {
  type Cause = Pick<BucketOptions, 'change' | 'vendor' | 'aws'>
  type Reason = { operation: string; name: string; items?: number; kind: string; cause: (endsMs: number) => Cause }
  const reasons: Reason[] = [
    {
      operation: approval,
      name: 'wrong secret',
      kind: 'misconfigured',
      cause(endsMs) {
        let right: string | undefined
        return {
          change({ feishu: { apps } }, atMs) {
            const [app] = apps
            if (!app) return
            right ??= app.appSecret
            app.appSecret = atMs < endsMs ? 'rotated at the vendor' : right
          },
        }
      },
    },
    {
      operation: ding,
      name: 'wrong secret',
      items: 100,
      kind: 'misconfigured',
      cause: (endsMs) => ({
        vendor: ({ path, atMs }) =>
          path.includes('oken') && atMs < endsMs ? { fault: 'code', code: 'invalidClientIdOrSecret' } : undefined,
      }),
    },
    ...[acl, approval, ding].map(
      (operation): Reason => ({
        operation,
        name: 'IAM denial',
        ...(operation !== acl && { items: 100 }),
        kind: 'misconfigured',
        cause: (endsMs) => ({
          aws: (name, atMs): AwsFault | undefined =>
            name === 'GetSecretValue' && atMs < endsMs ? 'denied' : undefined,
        }),
      }),
    ),
    {
      operation: acl,
      name: 'allow-list',
      items: 100,
      kind: 'misconfigured',
      cause: (endsMs) => ({
        change({ feishu: { apps } }, atMs) {
          for (const app of apps) app.ipRefused = atMs < endsMs
        },
      }),
    },
    {
      operation: ding,
      name: 'allow-list',
      kind: 'misconfigured',
      cause: (endsMs) => ({
        change({ dingtalk: { apps } }, atMs) {
          for (const app of apps) app.ipRefused = atMs < endsMs
        },
      }),
    },
  ]
  const durations: [string, number][] = [
    ['1 min', MINUTE_MS],
    ['2 h', 2 * HOUR_MS],
  ]
  test.each(reasons.flatMap((reason) => durations.map(([duration, endsMs]) => ({ ...reason, duration, endsMs }))))(
    '$name for $duration ($operation)',
    async ({ name, operation, items = 1_000, cause, kind, endsMs }) => {
      const run = await runBucket({ operation, items, ...cause(endsMs) })
      expect(run.parked).toEqual([])
      // What is denied first is a user's secret there: others are tried before it is taken for all.
      const isAsked = name === 'IAM denial' && operation === acl
      const announcedMs = run.holds.map(({ atMs }) => atMs - run.simulation.startedAtMs)
      expect(announcedMs).toEqual(isAsked && endsMs === MINUTE_MS ? [] : [expect.any(Number)])
      expect(Math.max(0, ...announcedMs)).toBeLessThan(isAsked ? 5 * MINUTE_MS : MINUTE_MS)
      for (const held of run.holds) expect(held).toMatchObject({ operation, kind, hint: expect.any(String) })
      expect(run.lastMs()).toBeLessThan(endsMs + ALL_RESUME_MS + specOf(operation).floorMs(items) * 1.2)
    },
  )

  test('a quota that is used up for three days is asked for every six hours, and announced once', async () => {
    const endsMs = 3 * DAY_MS
    const refused: number[] = []
    const run = await runBucket({
      operation: ding,
      items: 100,
      vendor({ item, atMs }) {
        if (item === undefined || atMs >= endsMs) return undefined
        refused.push(atMs)
        return { fault: 'code', code: 'Forbidden.AccessDenied.ApiCountLimitForOrg' }
      },
    })
    expect(run.parked).toEqual([])
    expect(run.holds.map(({ kind }) => kind)).toEqual(['quota_exhausted'])
    expect(refused.length).toBeLessThanOrEqual(20 + endsMs / (6 * HOUR_MS))
    expect(run.lastMs()).toBeLessThan(endsMs + 7 * HOUR_MS)
  })

  test('an address that is refused every second time is announced once an hour at most', async () => {
    let calls = 0
    const run = await runBucket({
      operation: ding,
      items: 300,
      vendor: ({ item }) =>
        item !== undefined && ++calls % 2 === 0
          ? { fault: 'code', code: 'Forbidden.AccessDenied.IpNotInWhiteList' }
          : undefined,
    })
    expect(run.parked).toEqual([])
    expect(run.holds).toHaveLength(1)
  })

  test('a quota is announced within minutes though the event could not be published at first', async () => {
    const run = await runBucket({
      operation: ding,
      items: 5,
      vendor: ({ item, atMs }) =>
        item !== undefined && atMs < 7 * HOUR_MS
          ? { fault: 'code', code: 'Forbidden.AccessDenied.ApiCountLimitForOrg' }
          : undefined,
      aws: (name, atMs) => (name === 'PutEvents' && atMs < 10 * MINUTE_MS ? 'failed' : undefined),
    })
    expect(run.parked).toEqual([])
    expect(run.holds).toHaveLength(1)
    expect(Number(run.holds[0]?.atMs) - run.simulation.startedAtMs).toBeLessThan(20 * MINUTE_MS)
    expect(run.calls.length).toBeLessThan(20)
  })

  test('a quota that stays used up parks after 13 days, before SQS would delete', async () => {
    const run = await runBucket({
      operation: ding,
      items: 12,
      vendor: ({ item }) =>
        item === undefined ? undefined : { fault: 'code', code: 'Forbidden.AccessDenied.ApiCountLimitForOrg' },
    })
    expect(run.parked).toHaveLength(12)
    for (const item of run.parked) {
      expect(run.ending(item)).toMatchObject({ kind: 'quota_exhausted', scope: 'bucket' })
      expect(run.ending(item).atMs).toBeGreaterThanOrEqual(13 * DAY_MS)
      expect(run.ending(item).atMs).toBeLessThan(14 * DAY_MS)
    }
  })
})

test('an item that comes while a quota is used up has its own 13 days', async () => {
  const endsMs = 16 * DAY_MS
  const at = (items: number[], atMs: number) =>
    specOf(ding)
      .events(items)
      .map((detail) => ({ atMs, detail: { ...detail, offboardingId: `leaver-${atMs}` } }))
  const run = await runBucket({
    operation: ding,
    items: 3,
    events: [...at([0], 0), ...at([1], 8 * DAY_MS), ...at([2], 14 * DAY_MS)],
    vendor: ({ item, atMs }) =>
      item === undefined || atMs >= endsMs
        ? undefined
        : { fault: 'code', code: 'Forbidden.AccessDenied.ApiCountLimitForOrg' },
  })
  expect(run.parked).toEqual([0])
  expect(run.lastMs([1, 2])).toBeLessThan(endsMs + 7 * HOUR_MS)
})

describe('EventBridge denied for three hours', () => {
  test.each(OPERATIONS)('%s: ten items, ten calls; their outcomes are published afterwards', async (operation) => {
    const endsMs = 3 * HOUR_MS
    const run = await runBucket({
      operation,
      items: 10,
      aws: (name, atMs) => (name === 'PutEvents' && atMs < endsMs ? 'denied' : undefined),
    })
    expect(run.calls).toHaveLength(10)
    expect(run.parked).toEqual([])
    expect(run.outcomes).toHaveLength(10)
    expect(Math.min(...run.outcomes.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(endsMs)
    expect(run.lastMs()).toBeLessThan(endsMs + RESUMES_MS)
  })
})

describe('a long outage of the vendor', () => {
  const down: VendorFault = { fault: 'answer', status: 503, body: undefined }
  /** How often the head of a bucket that waits 5 s, 10 s, … 4 min is seen until then. */
  const visits = (endsMs: number): number => {
    let count = 0
    for (let atMs = 0; atMs < endsMs; count++) atMs += Math.min(4 * MINUTE_MS, Math.max(5_000, atMs))
    return count + 1
  }

  test.each([acl, ding])('%s, 23 h: ten items are done, with few invocations', async (operation) => {
    const endsMs = 23 * HOUR_MS
    const run = await runBucket({
      operation,
      items: 10,
      vendor: ({ atMs }) => (atMs < endsMs ? down : undefined),
    })
    expect(run.parked).toEqual([])
    // A token that ended meanwhile is asked for again every ten minutes.
    const resumesMs = operation === acl ? 11 * MINUTE_MS : RESUMES_MS
    expect(Math.min(...run.outcomes.map(({ atMs }) => atMs))).toBeLessThan(endsMs + resumesMs)
    expect(run.lastMs()).toBeLessThan(endsMs + HOUR_MS)
    expect(run.counts.invocations).toBeLessThanOrEqual((operation === acl ? 1.4 : 1.2) * visits(endsMs))
    expect(run.holds).toHaveLength(1)
  })

  test.each([
    [ding, 10, 4],
    [ding, 100, 13],
    ['feishu-drive-unsubscribe', 50, 15],
  ])(
    '%s, 6 h, that begins among calls sent together: none of %i items is parked',
    async (operation, items, answered) => {
      let calls = 0
      const run = await runBucket({
        operation,
        items,
        vendor: ({ item, atMs }) => (item !== undefined && atMs < 6 * HOUR_MS && ++calls > answered ? down : undefined),
      })
      expect(run.parked).toEqual([])
      expect(run.lastMs()).toBeLessThan(6 * HOUR_MS + ALL_RESUME_MS + specOf(operation).floorMs(items) * 1.2)
    },
  )

  test.each([acl, ding])('%s, 30 h: only what is older than 24 h is parked, with its reason', async (operation) => {
    const endsMs = 30 * HOUR_MS
    const laterMs = 8 * HOUR_MS
    const events = specOf(operation).events
    const [early] = events([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    const [late] = events([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    const run = await runBucket({
      operation,
      items: 20,
      vendor: ({ atMs }) => (atMs < endsMs ? down : undefined),
      events: [
        { atMs: 0, detail: early ?? {} },
        { atMs: laterMs, detail: { ...late, offboardingId: 'leaver-1' } },
      ],
    })
    expect(run.parked.filter((item) => item >= 10)).toEqual([])
    for (const item of run.parked) {
      // A custodian's token ends meanwhile, and cannot be renewed.
      const scope = operation === acl ? expect.stringMatching(/^(bucket|user)$/) : 'bucket'
      expect(run.ending(item)).toMatchObject({ kind: 'unavailable', scope, hint: expect.any(String) })
      expect(run.ending(item).atMs).toBeGreaterThanOrEqual(24 * HOUR_MS)
    }
    expect(run.lastMs()).toBeLessThan(endsMs + HOUR_MS)
    expect(run.holds).toHaveLength(1)
  })
})
