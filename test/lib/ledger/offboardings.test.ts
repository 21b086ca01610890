/** Sendings, targets and completions in a DynamoDB of their own. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { getItem, type Item, queryItems } from '../../../lib/aws/dynamodb.ts'
import {
  completeSending,
  endSending,
  listOpen,
  listOpenTargets,
  listSendings,
  recordPublished,
} from '../../../lib/ledger/completion.ts'
import {
  getPartition,
  getSendingKey,
  getSummaryKey,
  openSending,
  recordPlanned,
  type Sending,
} from '../../../lib/ledger/offboardings.ts'
import { recordRejection } from '../../../lib/ledger/rejections.ts'
import {
  type Outcome,
  queueTargets,
  readTarget,
  recordAnnounced,
  recordFailure,
  recordOutcome,
  type Target,
} from '../../../lib/ledger/targets.ts'
import { type QuickLedger, startLedgerHere } from '../../ledger.ts'

vi.mock('@aws-sdk/client-dynamodb', () => import('../../../local/simulation/dynamodb.ts'))

const AT = '2026-11-27T10:00:00.000Z'
const ORIGIN = { source: 'hr.offboarding', sentAt: AT }

let service: QuickLedger
beforeAll(async () => {
  service = await startLedgerHere()
  vi.stubEnv('OPERATIONS', 'one,two')
  vi.stubEnv('LEDGER_RETENTION_DAYS', '400')
})
afterAll(() => service.close())

let count = 0
const newSending = (more: Partial<Sending> = {}): Sending => ({
  offboardingId: `hr-${++count}`,
  eventId: 'event-1',
  redrive: 0,
  dryRun: false,
  ...more,
})
const targetOf = (sending: Sending, file = 'a', operation = 'one'): Target => ({
  ...sending,
  operation,
  input: { file_token: file },
})
const ended = (outcome: Outcome['outcome'], finishedAt = AT): Outcome => ({ outcome, attempts: 1, finishedAt })

/** Opens the sending, queues its targets and has all operations plan. */
async function plan(sending: Sending, targets: Target[] = [], operations = ['one', 'two']): Promise<void> {
  await openSending(sending, ORIGIN)
  await queueTargets(targets, AT)
  for (const operation of operations) await recordPlanned(sending, operation)
}

async function itemsOf({ offboardingId }: Sending, prefix = ''): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of queryItems({ partition: getPartition(offboardingId), sort: { beginsWith: prefix } }))
    items.push(item)
  return items
}
const summaryOf = async (sending: Sending) => (await getItem(getSummaryKey(sending))).item
const headerOf = async (sending: Sending) => (await getItem(getSendingKey(sending))).item

describe('a target', () => {
  test('planned twice is there once', async () => {
    const sending = newSending()
    await plan(sending, [targetOf(sending)])
    await plan(sending, [targetOf(sending)])
    expect(await itemsOf(sending, 'target#')).toHaveLength(1)
    expect(await itemsOf(sending, 'sending#')).toHaveLength(1)
  })

  test.each(['changed', 'unchanged', 'gone', 'planned', 'parked'] as const)(
    'that is %s is not opened by planning',
    async (outcome) => {
      const sending = newSending()
      await recordOutcome(targetOf(sending), ended(outcome))
      await plan(sending, [targetOf(sending)])
      expect((await readTarget(targetOf(sending)))?.outcome).toMatchObject({ outcome })
      expect(await completeSending(sending)).toMatchObject({ counts: { [outcome]: 1 } })
    },
  )

  test('that was never written is unknown', async () => {
    expect(await readTarget(targetOf(newSending()))).toBeUndefined()
  })

  test('that is done never changes', async () => {
    const target = targetOf(newSending())
    expect(await recordOutcome(target, ended('changed'))).toMatchObject({ outcome: 'changed' })
    expect(await recordOutcome(target, ended('parked', '2026-11-27T11:00:00.000Z'))).toEqual(ended('changed'))
    await recordFailure(target, { kind: 'timeout' })
    expect(await readTarget(target)).toEqual({ outcome: ended('changed'), isDone: true })
  })

  test('that is parked is not called again until its event is published, and may then become done', async () => {
    const target = targetOf(newSending())
    await recordOutcome(target, ended('parked'))
    expect(await readTarget(target)).toMatchObject({ isDone: true, outcome: { outcome: 'parked' } })
    await recordAnnounced(target)
    expect(await readTarget(target)).toMatchObject({ isDone: false, outcome: { outcome: 'parked' } })
    await recordOutcome(target, ended('changed', '2026-11-27T11:00:00.000Z'))
    expect(await readTarget(target)).toMatchObject({ isDone: true, outcome: { outcome: 'changed' } })
    // Its history keeps both.
    expect((await itemsOf(target, 'history#')).map(({ outcome }) => outcome)).toEqual(['parked', 'changed'])
  })

  test('that fails keeps since when, until it ends', async () => {
    const target = targetOf(newSending())
    const fail = (atMs?: number) => recordFailure(target, { kind: 'unavailable', code: '500' }, atMs)
    expect(await fail()).toBeUndefined()
    expect(await fail(1_000)).toBe(1_000)
    expect(await fail(2_000)).toBe(1_000)
    expect(await readTarget(target)).toEqual({ isDone: false, firstFailedAtMs: 1_000 })
    await recordOutcome(target, ended('parked'))
    await recordAnnounced(target)
    expect(await fail(3_000)).toBe(3_000)
  })
})

describe('a sending', () => {
  test('ends when all operations have planned and no target is open', async () => {
    const sending = newSending()
    const targets = ['a', 'b'].map((file) => targetOf(sending, file))
    await plan(sending, targets, ['one'])
    await recordOutcome(targets[0] as Target, ended('changed'))
    expect(await completeSending(sending)).toBeUndefined()
    await recordOutcome(targets[1] as Target, ended('gone'))
    expect(await completeSending(sending)).toBeUndefined()
    await recordPlanned(sending, 'two')
    expect(await completeSending(sending)).toMatchObject({ ...sending, counts: { changed: 1, gone: 1 } })
  })

  test('without targets ends as soon as all have planned', async () => {
    const sending = newSending()
    await plan(sending)
    expect(await completeSending(sending)).toMatchObject({ counts: {} })
  })

  test('is claimed by one of many; repeated, it has the same completionId, until it is published', async () => {
    const sending = newSending()
    await plan(sending)
    const claims = await Promise.all(Array.from({ length: 20 }, () => completeSending(sending)))
    const [claim, ...others] = claims.flatMap((one) => one ?? [])
    expect(others).toEqual([])
    expect(await completeSending(sending)).toBeUndefined()
    expect(await completeSending(sending, { repeat: true })).toEqual(claim)
    if (claim) await recordPublished(claim)
    expect(await completeSending(sending, { repeat: true })).toBeUndefined()
  })

  test('that is a redrive ends apart from the first', async () => {
    const first = newSending()
    await plan(first, [targetOf(first)])
    await recordOutcome(targetOf(first), ended('parked'))
    const again = { ...first, redrive: 1 }
    await plan(again, [targetOf(again)])
    const claim = await completeSending(first)
    expect(claim).toMatchObject({ counts: { parked: 1 } })
    expect(await completeSending(again)).toBeUndefined()
    await recordOutcome(targetOf(again), ended('changed'))
    const second = await completeSending(again)
    expect(second).toMatchObject({ redrive: 1, counts: { changed: 1 } })
    expect(second?.completionId).not.toBe(claim?.completionId)
  })
})

describe('an offboarding', () => {
  const finish = async (sending: Sending) => {
    const completion = await completeSending(sending)
    if (completion) await recordPublished(completion)
  }

  test('is open, then finished', async () => {
    const sending = newSending()
    await plan(sending, [targetOf(sending)])
    expect(await summaryOf(sending)).toMatchObject({ state: 'open', since: AT })
    await recordOutcome(targetOf(sending), ended('changed'))
    await finish(sending)
    expect(await summaryOf(sending)).toMatchObject({ state: 'finished' })
  })

  test('needs attention while the newest outcome of a target is parked', async () => {
    const sending = newSending()
    await plan(sending, [targetOf(sending), targetOf(sending, 'b')])
    await recordOutcome(targetOf(sending), ended('parked'))
    await recordOutcome(targetOf(sending, 'b'), ended('changed'))
    await finish(sending)
    expect(await summaryOf(sending)).toMatchObject({ state: 'attention' })
    const again = { ...sending, redrive: 1 }
    await plan(again, [targetOf(again)])
    expect(await summaryOf(sending)).toMatchObject({ state: 'open' })
    await recordOutcome(targetOf(again), ended('changed', '2026-11-27T12:00:00.000Z'))
    await finish(again)
    expect(await summaryOf(sending)).toMatchObject({ state: 'finished' })
  })

  test('keeps its dry runs apart', async () => {
    const dry = newSending({ dryRun: true })
    await plan(dry, [targetOf(dry)])
    const real = { ...dry, eventId: 'event-2', dryRun: false }
    await plan(real)
    await finish(real)
    expect(await summaryOf(dry)).toMatchObject({ state: 'open' })
    expect(await summaryOf(real)).toMatchObject({ state: 'finished' })
  })

  test('expires only in what has ended, also after its event came again', async () => {
    const sending = newSending()
    await plan(sending, [targetOf(sending)])
    expect((await itemsOf(sending)).filter(({ expiresAt }) => expiresAt !== undefined)).toEqual([])
    await recordOutcome(targetOf(sending), ended('changed'))
    await finish(sending)
    expect((await itemsOf(sending)).filter(({ expiresAt }) => expiresAt === undefined)).toEqual([])
    await plan(sending, [targetOf(sending)])
    expect(await summaryOf(sending)).toMatchObject({ state: 'open' })
    expect((await headerOf(sending))?.expiresAt).toBeUndefined()
    await finish(sending)
    expect((await itemsOf(sending)).filter(({ expiresAt }) => expiresAt === undefined)).toEqual([])
    expect(await summaryOf(sending)).toMatchObject({ state: 'finished' })
  })

  test('is open while the end of one of its sendings is not published, whatever ends besides', async () => {
    const sending = newSending()
    await plan(sending)
    const claim = await completeSending(sending)
    const other = { ...sending, eventId: 'event-2' }
    await plan(other)
    await finish(other)
    expect(await summaryOf(sending)).toMatchObject({ state: 'open' })
    if (claim) await recordPublished(claim)
    expect(await summaryOf(sending)).toMatchObject({ state: 'finished' })
  })

  test('is open while a function has not planned it, until a later event has ended in its place', async () => {
    const sending = newSending()
    await plan(sending, [], ['one'])
    const later = { ...sending, eventId: 'event-2' }
    const LATER = '2026-11-27T10:05:00.000Z'
    await openSending(later, { source: 'http', sentAt: LATER, publishedAt: LATER })
    await endSending(later, LATER)
    expect(await summaryOf(sending)).toMatchObject({ state: 'open' })
    const again = { ...sending, eventId: 'event-3' }
    await openSending(again, { ...ORIGIN, sentAt: LATER })
    for (const operation of ['one', 'two']) await recordPlanned(again, operation)
    await finish(again)
    expect(await summaryOf(sending)).toMatchObject({ state: 'finished' })
  })

  test('that is open is found with its sendings and its old targets', async () => {
    const sending = newSending()
    await plan(sending, [targetOf(sending), targetOf(sending, 'b')])
    await recordOutcome(targetOf(sending, 'b'), ended('changed'))
    const found = []
    for await (const { offboardingId } of listOpen(AT)) found.push(offboardingId)
    expect(found).toContain(sending.offboardingId)
    for await (const header of listSendings(sending)) {
      const open = []
      for await (const one of listOpenTargets(header)) open.push(one)
      expect(open).toEqual([{ target: targetOf(sending), queuedAt: AT, sentAt: AT }])
    }
  })
})

test('a rejection is announced once, and again by a later one when the first could not', async () => {
  const rejection = { offboardingId: null, eventId: 'event-9', kind: 'invalid_request', hint: 'h', finishedAt: AT }
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  try {
    const failing = recordRejection(rejection, ORIGIN, () => Promise.reject(new Error('bus')))
    await expect(failing).rejects.toThrow('bus')
    const announced = vi.fn(async () => {})
    await recordRejection(rejection, ORIGIN, announced)
    expect(announced).not.toHaveBeenCalled()
    vi.advanceTimersByTime(61_000)
    await Promise.all(Array.from({ length: 5 }, () => recordRejection(rejection, ORIGIN, announced)))
    expect(announced).toHaveBeenCalledTimes(1)
  } finally {
    vi.useRealTimers()
  }
})
