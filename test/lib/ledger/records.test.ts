/** What operators read in the ledger. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { updateItem } from '../../../lib/aws/dynamodb.ts'
import { recordReport, reserveCalls } from '../../../lib/ledger/buckets.ts'
import { getSendingKey, openSending, recordPlanned, type Sending } from '../../../lib/ledger/offboardings.ts'
import { NAMELESS } from '../../../lib/ledger/pace.ts'
import { isSuperseded, type RejectionRecord, readRecords, readWait } from '../../../lib/ledger/records.ts'
import { openRedrive } from '../../../lib/ledger/redrives.ts'
import { recordRejection } from '../../../lib/ledger/rejections.ts'
import {
  queueTargets,
  recordAnnounced,
  recordFailure,
  recordOutcome,
  type Target,
} from '../../../lib/ledger/targets.ts'
import { type QuickLedger, startLedgerHere } from '../../ledger.ts'

vi.mock('@aws-sdk/client-dynamodb', () => import('../../../local/simulation/dynamodb.ts'))

const AT = '2026-11-27T10:00:00.000Z'
const ORIGIN = { source: 'hr.offboarding', sentAt: AT, sentBy: 'arn:aws:sts::1:hr' }

let service: QuickLedger
beforeAll(async () => {
  service = await startLedgerHere()
  vi.stubEnv('OPERATIONS', 'one,two')
  vi.stubEnv('LEDGER_RETENTION_DAYS', '400')
})
afterAll(() => service.close())

let count = 0
const newSending = (): Sending => ({ offboardingId: `hr-${++count}`, eventId: 'event-1', redrive: 0, dryRun: false })
const targetOf = (sending: Sending, file = 'a'): Target => ({
  ...sending,
  operation: 'one',
  input: { file_token: file },
})
const ended = (outcome: 'changed' | 'parked', finishedAt = AT) => ({ outcome, attempts: 1, finishedAt })
async function plan(sending: Sending, ...files: string[]): Promise<void> {
  await openSending(sending, ORIGIN)
  await queueTargets(
    files.map((file) => targetOf(sending, file)),
    AT,
  )
  for (const operation of ['one', 'two']) await recordPlanned(sending, operation)
}

describe('records', () => {
  test('are all that is known of an offboarding: who sent it, targets as they are, and every outcome', async () => {
    const sending = newSending()
    await plan(sending, 'a', 'b', 'c')
    await recordOutcome(targetOf(sending, 'a'), ended('parked'))
    await recordAnnounced(targetOf(sending, 'a'))
    await recordOutcome(targetOf(sending, 'a'), ended('changed', '2026-11-27T11:00:00.000Z'))
    await recordFailure(targetOf(sending, 'b'), { kind: 'unavailable', code: '500' })
    const { sendings, targets, history, rejections } = await readRecords(sending.offboardingId)
    expect(sendings).toMatchObject([{ ...sending, ...ORIGIN, planned: new Set(['one', 'two']) }])
    const byFile = Object.fromEntries(targets.map((target) => [target.input.file_token, target]))
    expect(byFile).toMatchObject({
      a: { ...targetOf(sending, 'a'), isOpen: false, outcome: { outcome: 'changed' } },
      b: { isOpen: true, lastKind: 'unavailable', lastCode: '500', queuedAt: AT },
      c: { isOpen: true },
    })
    expect(history.map(({ id, outcome }) => [id, outcome.outcome])).toEqual([
      [byFile.a?.id, 'parked'],
      [byFile.a?.id, 'changed'],
    ])
    expect(rejections).toEqual([])
    expect(await readRecords(sending.offboardingId, { history: false })).toMatchObject({
      sendings,
      targets,
      history: [],
    })
  })

  test('show a parked target that is tried again as open', async () => {
    const sending = newSending()
    await plan(sending, 'a')
    await recordOutcome(targetOf(sending), ended('parked'))
    await recordAnnounced(targetOf(sending))
    await recordFailure(targetOf(sending), { kind: 'unavailable' })
    expect((await readRecords(sending.offboardingId)).targets).toMatchObject([
      { isOpen: true, outcome: { outcome: 'parked' } },
    ])
  })

  test('leave out what has expired, though it is still there', async () => {
    const sending = newSending()
    await plan(sending, 'a')
    await updateItem(getSendingKey(sending), { set: { expiresAt: Math.floor(Date.now() / 1_000) - 1 } })
    const { sendings, targets } = await readRecords(sending.offboardingId)
    expect([sendings, targets.length]).toEqual([[], 1])
  })
})

test.each([
  ['2026-11-27T09:59:59Z', true],
  ['2026-11-27T10:00:00Z', true],
  ['2026-11-27T10:00:01Z', false],
])('an event rejected at %s is superseded by one planned at ten: %s', async (sentAt, expected) => {
  const sending = newSending()
  await plan(sending)
  const rejection = { offboardingId: sending.offboardingId, sentAt } as RejectionRecord
  expect(await isSuperseded(rejection)).toBe(expected)
  expect(await isSuperseded({ ...rejection, offboardingId: null })).toBe(false)
})

test('a redrive or an HTTP call supersedes no rejected event', async () => {
  const sending = newSending()
  await openSending({ ...sending, redrive: 1 }, { ...ORIGIN, source: 'redrive' })
  await openSending({ ...sending, eventId: 'request-1' }, { ...ORIGIN, source: 'http' })
  const rejection = { offboardingId: sending.offboardingId, sentAt: '2026-11-27T09:00:00Z' } as RejectionRecord
  expect(await isSuperseded(rejection)).toBe(false)
})

const wish = (count: number) => ({ names: Array(count).fill(NAMELESS), isRepeat: false })

test('a bucket has a wait when its limit is used up, and while it is held', async () => {
  const pace = { perMinute: 10 }
  expect(await readWait('one', 'feishu:default', pace, 1)).toBeUndefined()
  await reserveCalls('one', 'feishu:default', pace, wish(9))
  expect(await readWait('one', 'feishu:default', pace, 1)).toBeUndefined()
  await reserveCalls('one', 'feishu:default', pace, wish(1))
  expect(await readWait('one', 'feishu:default', pace, 1)).toMatchObject({ hold: undefined })
  const failure = {
    kind: 'quota_exhausted',
    scope: 'bucket',
    isCertain: true,
    code: '1',
    requestId: null,
    hint: 'Wait.',
    calls: 1,
  } as const
  const report = { answered: false, recovered: false, isRepeat: false, failure }
  await recordReport('one', 'feishu:default', report, [])
  const { untilMs = 0, hold } = (await readWait('one', 'feishu:default', pace, 1)) ?? {}
  expect(hold).toMatchObject({ kind: 'quota_exhausted', hint: 'Wait.' })
  expect(untilMs).toBeGreaterThan(Date.now() + 5 * 3_600_000)
})

describe('a redrive', () => {
  const operations = ['one', 'two']
  const numbers = async ({ offboardingId }: Sending) =>
    (await readRecords(offboardingId)).sendings.map(({ redrive }) => redrive)

  test('is the next sending of its event, with its targets open and everything planned', async () => {
    const sending = newSending()
    await plan(sending, 'a', 'b')
    expect(await openRedrive(sending, [targetOf(sending)], operations)).toBe(1)
    const { sendings, targets } = await readRecords(sending.offboardingId)
    expect(sendings.at(-1)).toMatchObject({ redrive: 1, source: 'redrive', planned: new Set(operations) })
    expect(targets.filter(({ redrive }) => redrive === 1)).toMatchObject([{ isOpen: true, input: { file_token: 'a' } }])
  })

  test('repeated, and of other letters of the event, is the same while it is under way', async () => {
    const sending = newSending()
    await plan(sending, 'a', 'b')
    for (const file of ['a', 'a', 'b'])
      expect(await openRedrive(sending, [targetOf(sending, file)], operations)).toBe(1)
    expect(await numbers(sending)).toEqual([0, 1])
    expect((await readRecords(sending.offboardingId)).targets).toHaveLength(4)
  })

  test('of a letter that was parked in the last one, or after that has ended, is a new one', async () => {
    const sending = newSending()
    await plan(sending, 'a')
    await openRedrive(sending, [targetOf(sending)], operations)
    expect(await openRedrive(sending, [{ ...targetOf(sending), redrive: 1 }], operations)).toBe(2)
    await updateItem(getSendingKey({ ...sending, redrive: 2 }), { set: { completedAt: AT } })
    expect(await openRedrive(sending, [targetOf(sending)], operations)).toBe(3)
  })

  test('has a number of two digits', async () => {
    const sending = newSending()
    await openSending({ ...sending, redrive: 99 }, ORIGIN)
    await updateItem(getSendingKey({ ...sending, redrive: 99 }), { set: { completedAt: AT } })
    expect(await openRedrive(sending, [targetOf(sending)], operations)).toBeUndefined()
  })
})

test('events that name no offboarding are in the records of none, whatever its id', async () => {
  const unnamed = { offboardingId: null, eventId: 'unnamed', kind: 'invalid_request', hint: 'h', finishedAt: AT }
  await recordRejection(unnamed, ORIGIN, async () => {})
  expect((await readRecords('-')).rejections).toEqual([])
  expect((await readRecords(null)).rejections).toMatchObject([{ eventId: 'unnamed' }])
})
