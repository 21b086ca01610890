import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  deleteItem,
  getItem,
  putNewItem,
  type Query,
  queryItems,
  queryPage,
  updateItem,
} from '../../../lib/aws/dynamodb.ts'
import type { DynamoDb } from '../../../local/aws/dynamodb.ts'
import { startLedger } from '../../ledger.ts'

let ledger: DynamoDb
let pk: string
let tests = 0

beforeAll(async () => {
  ledger = await startLedger()
})
beforeEach(() => {
  pk = `test#${tests++}`
  // The client waits a random part of what it may before it tries again.
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  ledger.heal()
  vi.useRealTimers()
  vi.restoreAllMocks()
})
afterAll(() => ledger.close())

const key = (sk = 'a') => ({ pk, sk })

describe('items', () => {
  test('come back as they were put: texts, numbers, truths, nothing, lists, objects and sets', async () => {
    const item = {
      ...key(),
      text: '离职 "quoted" \u{1F600}',
      none: '',
      number: -1.5,
      large: 1_795_797_059_227,
      flag: false,
      nothing: null,
      calls: [
        [1, 10],
        [2, 5],
      ],
      nested: { list: [], deeper: { text: 'x' } },
      planned: new Set(['feishu-drive-unsubscribe', 'dingtalk-calendar-unsubscribe']),
    }
    expect(await putNewItem({ ...item, left: undefined })).toMatchObject({ ok: true, item })
    expect((await getItem(key())).item).toEqual(item)
    expect((await getItem(key('b'))).item).toBeUndefined()
  })

  test('are put once; the second put gets what is there', async () => {
    await putNewItem({ ...key(), by: 'first' })
    expect(await putNewItem({ ...key(), by: 'second' })).toMatchObject({ ok: false, item: { by: 'first' } })
  })

  test('are deleted, also twice, unless a condition forbids it', async () => {
    await putNewItem({ ...key(), owner: 'me' })
    expect(await deleteItem(key(), { owner: 'you' })).toMatchObject({ ok: false, item: { owner: 'me' } })
    expect(await deleteItem(key(), { owner: 'me' })).toMatchObject({ ok: true })
    expect(await deleteItem(key())).toMatchObject({ ok: true })
    expect(await deleteItem(key(), { owner: 'me' })).toMatchObject({ ok: false, item: undefined })
    expect((await getItem(key())).item).toBeUndefined()
  })

  test('are updated attribute by attribute, reserved words too', async () => {
    await putNewItem({ ...key(), name: 'old', status: 'x', count: 2, firstFailedAt: 'then', planned: new Set(['a']) })
    const { item } = await updateItem(key(), {
      set: { name: 'new', size: 1, left: undefined },
      setOnce: { firstFailedAt: 'now', begunAt: 'now' },
      remove: ['status', 'never'],
      add: { count: 3, total: 1, planned: new Set(['a', 'b']) },
    })
    const expected = { name: 'new', size: 1, firstFailedAt: 'then', begunAt: 'now', count: 5, total: 1 }
    expect(item).toEqual({ ...key(), ...expected, planned: new Set(['a', 'b']) })
    expect((await getItem(key())).item).toEqual(item)
  })

  test('are made by an update where there is none and the condition holds', async () => {
    expect(await updateItem(key(), { set: { n: 1 }, when: { pk: { exists: true } } })).toMatchObject({
      ok: false,
      item: undefined,
    })
    expect(await updateItem(key(), { set: { n: 1 }, when: { pk: { exists: false } } })).toMatchObject({
      ok: true,
      item: { ...key(), n: 1 },
    })
  })
})

test.each([
  [{ version: 7 }, true],
  [{ version: 8 }, false],
  [{ version: '7' }, false],
  [{ isOpen: true }, true],
  [{ owner: { exists: true } }, false],
  [{ owner: { exists: false }, version: 7 }, true],
  [{ owner: { exists: false }, version: 8 }, false],
  [{ lockedUntilMs: { below: 101 } }, true],
  [{ lockedUntilMs: { below: 100 } }, false],
  [{ lockedUntilMs: { above: 99 } }, true],
  [{ lockedUntilMs: { above: 100 } }, false],
  [{ since: { below: '2027' } }, true],
  [{ nothing: { below: 1 } }, false],
  [[{ version: 8 }, { lockedUntilMs: { below: 101 }, version: 7 }], true],
  [[{ version: 8 }, { lockedUntilMs: { below: 101 }, version: 9 }], false],
])('of an update when %j: %s', async (when, ok) => {
  const item = { ...key(), version: 7, isOpen: true, lockedUntilMs: 100, since: '2026-11-27' }
  await putNewItem(item)
  const result = await updateItem(key(), { set: { done: true }, when })
  expect(result).toMatchObject({ ok, item: ok ? { ...item, done: true } : item })
  expect((await getItem(key())).item).toEqual(ok ? { ...item, done: true } : item)
})

test('of a hundred who want the same version of an item, one gets it', async () => {
  await putNewItem({ ...key(), version: 1 })
  const tries = Array.from({ length: 100 }, (_, owner) =>
    updateItem(key(), { set: { owner, version: 2 }, when: { version: 1 } }),
  )
  const results = await Promise.all(tries)
  const [winner, ...others] = results.filter(({ ok }) => ok)
  expect(others).toEqual([])
  for (const { item } of results) expect(item).toEqual(winner?.item)
})

describe('queries', () => {
  test('go through all pages in order, forwards and backwards', async () => {
    const names = ['a1', 'a2', 'a3', 'b1', 'b2']
    for (const sk of names) await putNewItem(key(sk))
    const all = async (query: Partial<Query>) => {
      const found: string[] = []
      for await (const { sk } of queryItems({ partition: pk, ...query })) found.push(sk)
      return found
    }
    expect(await all({ limit: 2 })).toEqual(names)
    expect(await all({ limit: 2, forward: false })).toEqual(names.toReversed())
    expect(await all({ sort: { beginsWith: 'a' }, limit: 1 })).toEqual(['a1', 'a2', 'a3'])
    expect(await all({ sort: { between: ['a3', 'b1'] } })).toEqual(['a3', 'b1'])
    expect(await all({ sort: 'b2' })).toEqual(['b2'])
    expect(await all({ sort: 'none' })).toEqual([])
    expect(ledger.requests.filter(({ operation }) => operation === 'Query').length).toBeGreaterThan(8)
  })

  test('find whether a target of a sending is open, with one consistent read', async () => {
    const open = { index: 'open', partition: pk, sort: 'e1#00', limit: 1, consistent: true } as const
    await putNewItem({ ...key('target#e1#00#x'), openIn: 'e1#00' })
    await putNewItem({ ...key('target#e2#00#x'), openIn: 'e2#00' })
    expect((await queryPage(open)).items).toMatchObject([{ sk: 'target#e1#00#x' }])
    await updateItem(key('target#e1#00#x'), { remove: ['openIn'], set: { outcome: 'changed' } })
    expect((await queryPage(open)).items).toEqual([])
  })

  test('list sendings by state and time', async () => {
    for (const since of ['2026-11-27', '2026-11-25', '2026-11-26'])
      await putNewItem({ ...key(since), state: pk, since, offboardingId: since })
    const { items, next } = await queryPage({ index: 'state', partition: pk, limit: 2, forward: false })
    expect(items.map(({ offboardingId }) => offboardingId)).toEqual(['2026-11-27', '2026-11-26'])
    expect((await queryPage({ index: 'state', partition: pk, forward: false, from: next })).items).toMatchObject([
      { since: '2026-11-25' },
    ])
  })
})

describe('failures', () => {
  const unavailable = { name: 'OperationError', kind: 'unavailable', message: expect.stringContaining('test-ledger') }

  test.each(['ThrottlingException', 'ProvisionedThroughputExceededException', 'RequestLimitExceeded'])(
    '%s passes, or is unavailable after three attempts',
    async (type) => {
      ledger.fail('PutItem', { type }, 2)
      expect(await putNewItem(key())).toMatchObject({ ok: true })
      const before = ledger.requests.length
      ledger.fail('PutItem', { type }, 100)
      await expect(putNewItem(key('b'))).rejects.toMatchObject(unavailable)
      expect(ledger.requests.length - before).toBe(3)
    },
  )

  test('faults and broken connections are unavailable', async () => {
    for (const fault of [{ type: 'InternalServerError', status: 500 }, 'drop'] as const) {
      ledger.fail('*', fault, 100)
      await expect(getItem(key())).rejects.toMatchObject(unavailable)
      await expect(queryPage({ partition: pk })).rejects.toMatchObject(unavailable)
      ledger.heal()
    }
  })

  test.each(['AccessDeniedException', 'ResourceNotFoundException', 'ValidationException'])(
    '%s is misconfigured, names table and action, and is not repeated',
    async (type) => {
      const before = ledger.requests.length
      ledger.fail('UpdateItem', { type, message: 'User: arn:aws:sts::1:assumed-role/x is not authorized' })
      const failed = updateItem(key(), { set: { n: 1 } })
      await expect(failed).rejects.toMatchObject({
        kind: 'misconfigured',
        message: `The ledger table "test-ledger" refused UpdateItem (${type}).`,
        hint: { en: expect.stringContaining('dynamodb:UpdateItem') },
      })
      expect(ledger.requests.length - before).toBe(1)
    },
  )

  test('without a table in the environment it is misconfigured', async () => {
    vi.stubEnv('LEDGER_TABLE', '')
    await expect(getItem(key())).rejects.toMatchObject({ kind: 'misconfigured', message: /LEDGER_TABLE/ })
    vi.stubEnv('LEDGER_TABLE', 'test-ledger')
  })

  test('a write whose answer is lost finds its own item when it is repeated', async () => {
    ledger.fail('PutItem', 'lose')
    expect(await putNewItem({ ...key(), by: 'me' })).toMatchObject({ ok: false, item: { by: 'me' } })
  })

  test('silence ends as unavailable, though nothing ever comes', async () => {
    ledger.fail('GetItem', 'hang', 100)
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] })
    let ended = false
    const failed = getItem(key()).finally(() => {
      ended = true
    })
    failed.catch(() => {})
    let waitedMs = 0
    while (!ended && waitedMs < 20_000) {
      await vi.advanceTimersByTimeAsync(50)
      waitedMs += 50
      await new Promise(setImmediate)
    }
    await expect(failed).rejects.toMatchObject(unavailable)
    expect(waitedMs).toBeLessThanOrEqual(10_000)
  })
})
