/** Who may renew a user's tokens and when. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Renewal } from '../../../lib/ledger/renewals.ts'
import { backoffMs, standingOf } from '../../../lib/ledger/renewals.ts'
import { type QuickLedger, startLedgerHere } from '../../ledger.ts'

vi.mock('@aws-sdk/client-dynamodb', () => import('../../../local/simulation/dynamodb.ts'))

const NOW = Date.parse('2026-11-23T01:00:00Z')
const MINUTE_MS = 60_000

describe('what is known of a version', () => {
  const known = (fields: Partial<Renewal>): Renewal => ({ revision: 1, version: 'v1', ...fields })
  const locked = { owner: 'other', lockedUntilMs: NOW }
  const failed = { kind: 'unavailable', code: '20050', failures: 1, retryAtMs: NOW + 1 } as const
  const refused = { kind: 'forbidden', code: '20066', checkAtMs: NOW + 1 } as const

  test.each<[string, Partial<Renewal> | undefined, number, object]>([
    ['nothing', undefined, 0, { is: 'free' }],
    ['a lock until five seconds after its end', locked, 4_999, { is: 'locked', waitMs: 1 }],
    ['a lock taken over then', locked, 5_000, { is: 'free' }],
    ['a lock for another version', { ...locked, version: 'v0' }, 0, { is: 'locked', waitMs: 5_000 }],
    ['a failure', failed, 0, { is: 'failing', waitMs: 1, kind: 'unavailable', code: '20050' }],
    ['a failure whose wait is over', failed, 1, { is: 'free' }],
    ['a failure of another version', { ...failed, version: 'v0' }, 0, { is: 'free' }],
    ['a last word', refused, 0, { is: 'refused', kind: 'forbidden', code: '20066' }],
    ['a last word to be checked', refused, 1, { is: 'free' }],
    ['a last word on another version', { ...refused, version: 'v0' }, 0, { is: 'free' }],
  ])('%s', (_, fields, laterMs, standing) => {
    expect(standingOf(fields && known(fields), 'v1', false, NOW + laterMs)).toEqual(standing)
  })

  test.each([
    [0, 15 * MINUTE_MS],
    [1, 60 * MINUTE_MS],
    [5, 60 * MINUTE_MS],
  ])('after %i new tokens that were rejected, the next is replaced after %i ms', (rejections, waitMs) => {
    const renewal = known({ renewedAtMs: NOW, rejections })
    expect(standingOf(renewal, 'v1', true, NOW)).toEqual({ is: 'rejected', waitMs })
    expect(standingOf(renewal, 'v1', true, NOW + waitMs)).toEqual({ is: 'free' })
    expect(standingOf(renewal, 'v1', false, NOW)).toEqual({ is: 'free' })
  })

  test('waits double from five seconds to ten minutes, and are no shorter than the vendor asks', () => {
    expect([1, 2, 3, 7, 8, 2_000].map((failures) => backoffMs(failures))).toEqual([
      5_000, 10_000, 20_000, 320_000, 600_000, 600_000,
    ])
    expect(backoffMs(1, 30_000)).toBe(30_000)
  })
})

describe('in the ledger', () => {
  let ledger: QuickLedger
  beforeAll(async () => {
    ledger = await startLedgerHere()
  })
  afterAll(() => ledger.close())

  /** The code as another container has it. */
  async function startContainer(): Promise<typeof import('../../../lib/ledger/renewals.ts')> {
    vi.resetModules()
    return import('../../../lib/ledger/renewals.ts')
  }

  test('of a hundred that see a free version one gets the lock', async () => {
    const { look } = await startContainer()
    const seen = await Promise.all(Array.from({ length: 100 }, () => look('many', 'v1', false)))
    const locks = await Promise.all(seen.map(({ take }) => take()))
    expect(locks.filter(Boolean)).toHaveLength(1)
    expect((await look('many', 'v1', false)).standing).toMatchObject({ is: 'locked' })
  })

  test('the lock is had although the answer to its write was lost', async () => {
    const { look } = await startContainer()
    const { take } = await look('lost', 'v1', false)
    ledger.fail('UpdateItem', 'lose')
    expect(await take()).toMatchObject({ failures: 0 })
  })

  test('who looked before another ended a renewal does not get the lock', async () => {
    const [one, other] = [await startContainer(), await startContainer()]
    const late = await other.look('late', 'v1', false)
    const lock = await (await one.look('late', 'v1', false)).take()
    if (!lock) throw new Error('no lock')
    await one.failUntilRetry(lock, { kind: 'unavailable', code: '1', askedMs: undefined })
    expect(await late.take()).toBeUndefined()
    expect((await other.look('late', 'v1', false)).standing).toMatchObject({ is: 'failing', code: '1' })
  })

  test('an owner that was overtaken changes nothing', async () => {
    const { look, clear, refuse } = await startContainer()
    const lock = await (await look('overtaken', 'v1', false)).take()
    if (!lock) throw new Error('no lock')
    await clear('overtaken')
    await refuse(lock, 'not_found', '20008')
    expect((await look('overtaken', 'v1', false)).standing).toEqual({ is: 'free' })
  })

  test('failures add up, and new tokens end them', async () => {
    const { look, failUntilRetry, succeed } = await startContainer()
    let lock = await (await look('failures', 'v1', false)).take()
    if (!lock) throw new Error('no lock')
    expect(await failUntilRetry(lock, { kind: 'timeout', code: null, askedMs: undefined })).toBe(5_000)
    await ledger.call('UpdateItem', {
      TableName: 'test-ledger',
      Key: { pk: { S: 'user#failures' }, sk: { S: 'renewal' } },
      UpdateExpression: 'REMOVE retryAtMs',
    })
    lock = await (await look('failures', 'v1', false)).take()
    if (!lock) throw new Error('no lock')
    expect(lock.failures).toBe(1)
    await succeed(lock, 'v2')
    expect((await look('failures', 'v2', false)).standing).toEqual({ is: 'free' })
    expect((await look('failures', 'v2', true)).standing).toMatchObject({ is: 'rejected' })
  })
})
