/** An item that fails steps aside: it holds up nothing else, and is given up with its reason, by its own clock. */
import { describe, expect, test } from 'vitest'
import type { VendorFault } from '../../../local/simulation/conditions.ts'
import { HOUR_MS, MINUTE_MS, numbers, OPERATIONS, runBucket, specOf } from './simulated-bucket.ts'

const drive = 'feishu-drive-unsubscribe'
const approval = 'feishu-approval-unsubscribe'

describe('50 healthy behind always failing items: done within 10 minutes of the floor; the others are parked', () => {
  const HEALTHY = 50
  const heads = OPERATIONS.flatMap((operation) =>
    [10, 200].map((failing) => ({
      operation,
      failing,
      fault: specOf(operation).failure,
      parkedMs: (operation === drive && failing === 200 ? 80 : 45) * MINUTE_MS,
    })),
  )
  const others: [string, VendorFault][] = [
    ['pages of HTML', { fault: 'html', status: 403 }],
    ['no answers', { fault: 'stall', handled: false }],
  ]
  const unanswered = others.map(([name, fault]) => ({
    operation: approval,
    failing: 10,
    fault,
    parkedMs: 45 * MINUTE_MS,
    name,
  }))
  test.each<(typeof heads)[number] & { name?: string }>([
    ...heads.map((one) => ({ ...one, name: 'failures' })),
    ...unanswered,
  ])('$operation, $failing with $name', async ({ operation, failing, fault, parkedMs }) => {
    const run = await runBucket({
      operation,
      items: failing + HEALTHY,
      vendor: ({ item = Number.POSITIVE_INFINITY }) => (item < failing ? fault : undefined),
    })
    expect(run.parked).toEqual(numbers(failing))
    expect(run.lastMs(numbers(HEALTHY, failing))).toBeLessThan(
      specOf(operation).floorMs(failing + HEALTHY) + 10 * MINUTE_MS,
    )
    expect(run.lastMs(run.parked)).toBeLessThan(parkedMs)
    const reason = { kind: expect.any(String), scope: expect.any(String), hint: expect.any(String) }
    for (const item of run.parked) expect(run.ending(item)).toMatchObject(reason)
    if (operation !== approval || failing === 200) expect(run.ending(0).code).toEqual(expect.any(String))
    expect(run.holds).toEqual([])
  })
})

describe('50 healthy that come when 10 always failing ones have stepped aside: done within 10 minutes of their floor', () => {
  test.each([
    [drive, 5 * HOUR_MS],
    [approval, 20 * MINUTE_MS],
    [approval, 5 * HOUR_MS],
  ])('%s, after %i ms', async (operation, laterMs) => {
    const [failing, healthy] = [numbers(10), numbers(50, 10)]
    const { events, failure, floorMs } = specOf(operation)
    const at = (items: number[], atMs: number) =>
      events(items).map((detail) => ({ atMs, detail: { ...detail, offboardingId: `leaver-${atMs}` } }))
    const run = await runBucket({
      operation,
      items: 60,
      vendor: ({ item = Number.POSITIVE_INFINITY }) => (item < 10 ? failure : undefined),
      events: [...at(failing, 0), ...at(healthy, laterMs)],
    })
    expect(run.parked).toEqual(failing)
    expect(run.lastMs(healthy)).toBeLessThan(laterMs + floorMs(50) + 10 * MINUTE_MS)
  })
})

test('50 healthy behind 330 always failing ones, more than are tried in turn, are done within hours', async () => {
  const run = await runBucket({
    operation: approval,
    items: 380,
    vendor: ({ item = Number.POSITIVE_INFINITY }) => (item < 330 ? specOf(approval).failure : undefined),
  })
  expect(run.parked).toEqual(numbers(330))
  expect(run.lastMs(numbers(50, 330))).toBeLessThan(3 * HOUR_MS)
})

test('1,000 documents with 7 that fail and 20 that are locked for 20 hours', async () => {
  const failing = numbers(7).map((index) => 5 + index * 140)
  const locked = numbers(20).map((index) => 12 + index * 49)
  const unlockedMs = 20 * HOUR_MS
  const run = await runBucket({
    operation: drive,
    items: 1_000,
    vendor({ item = -1, atMs }) {
      if (failing.includes(item)) return { fault: 'answer', status: 500, body: { code: 1069601, msg: 'fail' } }
      if (locked.includes(item) && atMs < unlockedMs)
        return { fault: 'answer', status: 400, body: { code: 1064230, msg: 'locked' } }
      return undefined
    },
  })
  const healthy = numbers(1_000).filter((item) => !failing.includes(item) && !locked.includes(item))
  expect(run.lastMs(healthy)).toBeLessThan(1.1 * specOf(drive).floorMs(1_000))
  expect(run.parked).toEqual(failing)
  expect(run.lastMs(failing)).toBeLessThan(1.1 * specOf(drive).floorMs(1_000) + 45 * MINUTE_MS)
  expect(run.lastMs(locked)).toBeLessThan(24 * HOUR_MS)
  expect(run.holds).toEqual([])
})

test('a document that is locked for good is parked after 24 hours, and holds nothing', async () => {
  const run = await runBucket({
    operation: drive,
    items: 11,
    vendor: ({ item }) =>
      item === 0 ? { fault: 'answer', status: 400, body: { code: 1064230, msg: 'locked' } } : undefined,
  })
  expect(run.parked).toEqual([0])
  expect(run.lastMs(numbers(10, 1))).toBeLessThan(3 * MINUTE_MS)
  expect(run.ending(0)).toMatchObject({ kind: 'unavailable', code: '1064230', scope: 'item' })
  expect(run.ending(0).atMs).toBeGreaterThanOrEqual(24 * HOUR_MS)
  expect(run.ending(0).atMs).toBeLessThan(25 * HOUR_MS)
})

describe("one user among others, all in the same bucket: only that user's items wait or are parked", () => {
  const OTHERS = 500
  const ONE = 10
  const ITEMS = OTHERS + ONE
  // Ten documents to a user; those of one user are spread among the others'.
  const ofOne = numbers(ONE).map((index) => index * 51)
  const owner = (item: number) => (ofOne.includes(item) ? 0 : 1 + (item % 50))
  const openIdOf = (user: number) => `ou_${String(user).padStart(4, '0')}`
  const detail = {
    offboardingId: 'leaver-0',
    feishu: {
      files: numbers(ITEMS).map((item) => ({
        fileToken: `doxcn${'0'.repeat(18)}${String(item).padStart(4, '0')}`,
        fileType: 'docx',
        openId: openIdOf(owner(item)),
      })),
    },
  }
  const others = numbers(ITEMS).filter((item) => !ofOne.includes(item))
  const floorMs = specOf(drive).floorMs(ITEMS)
  const change = ({ feishu }: { feishu: { documents: { managers?: string[] }[] } }) => {
    for (const document of feishu.documents) document.managers = numbers(51).map(openIdOf)
  }
  const options = { operation: drive, items: ITEMS, events: [{ atMs: 0, detail }], change }

  test("one user's consent is missing", async () => {
    const run = await runBucket({ ...options, withoutConsent: [0] })
    expect(run.parked).toEqual(ofOne)
    for (const item of ofOne)
      expect(run.ending(item)).toMatchObject({
        kind: 'reauthorization_required',
        scope: 'user',
        hint: expect.any(String),
      })
    expect(run.lastMs(others)).toBeLessThan(1.05 * floorMs)
    expect(run.holds).toEqual([])
  })

  test("one user's calls are rejected for 40 minutes", async () => {
    const run = await runBucket({
      ...options,
      vendor: ({ item = -1, path, atMs }) =>
        path.includes('/files/') && ofOne.includes(item) && atMs < 40 * MINUTE_MS
          ? { fault: 'answer', status: 400, body: { code: 99991668, msg: 'invalid access token' } }
          : undefined,
    })
    expect(run.parked).toEqual([])
    // One call in twenty may repeat an earlier one, and each may be made twice, with a new token.
    expect(run.lastMs(others)).toBeLessThan(1.15 * floorMs)
    expect(run.lastMs(ofOne)).toBeLessThan(2 * HOUR_MS)
  })
})

test('items that step aside twice, as their function was killed in between, are parked once', async () => {
  let sendings = 0
  const run = await runBucket({
    operation: approval,
    items: 12,
    vendor: ({ item }) => (item === 1 || item === 4 ? specOf(approval).failure : undefined),
    // The first plans them.
    aws: (name) => (name === 'SendMessageBatch' && ++sendings <= 3 && sendings > 1 ? 'killed-after' : undefined),
  })
  expect(run.parked).toEqual([1, 4])
  expect(run.outcomes).toHaveLength(12)
})

test.each(['killed-before', 'killed-after'] as const)(
  'a parked item has its letter though its function is %s it',
  async (fault) => {
    let letters = 0
    const run = await runBucket({
      operation: approval,
      items: 12,
      vendor: ({ item }) => (item === 1 ? specOf(approval).failure : undefined),
      aws: (name) => (name === 'SendMessage' && ++letters === 1 ? fault : undefined),
    })
    expect(run.parked).toEqual([1])
  },
)

describe('an item that kills its container', () => {
  const NEIGHBOURS = 25
  const KILLER = 12
  test.each(OPERATIONS)(
    '%s: its neighbours are done within 30 minutes, it is parked within 2 hours',
    async (operation) => {
      const run = await runBucket({
        operation,
        items: NEIGHBOURS + 1,
        vendor: ({ item }) => (item === KILLER ? { fault: 'killed', handled: false } : undefined),
      })
      const neighbours = numbers(NEIGHBOURS + 1).filter((item) => item !== KILLER)
      expect(run.parked).toEqual([KILLER])
      expect(run.lastMs(neighbours)).toBeLessThan(30 * MINUTE_MS)
      expect(run.ending(KILLER).atMs).toBeLessThan(2 * HOUR_MS)
      expect(run.ending(KILLER)).toMatchObject({ kind: expect.any(String), scope: 'item', hint: expect.any(String) })
    },
  )
})
