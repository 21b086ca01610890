/** Sendings of one offboarding that end while others are planned, claimed or redriven. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { getItem } from '../../../lib/aws/dynamodb.ts'
import { completeSending, recordPublished } from '../../../lib/ledger/completion.ts'
import { getSummaryKey, openSending, recordPlanned, type Sending } from '../../../lib/ledger/offboardings.ts'
import { openRedrive } from '../../../lib/ledger/redrives.ts'
import { queueTargets, recordOutcome, type Target } from '../../../lib/ledger/targets.ts'
import { type QuickLedger, startLedgerHere } from '../../ledger.ts'

vi.mock('@aws-sdk/client-dynamodb', () => import('../../../local/simulation/dynamodb.ts'))

/** What others do directly before the n-th read or write. */
let meanwhile: { before: number; act: () => Promise<void> } | undefined
vi.mock('../../../lib/aws/dynamodb.ts', async (original) => {
  const real = await original<typeof import('../../../lib/aws/dynamodb.ts')>()
  const interrupted =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args) => {
      if (meanwhile && meanwhile.before-- === 0) {
        const { act } = meanwhile
        meanwhile = undefined
        await act()
      }
      return call(...args)
    }
  return {
    ...real,
    getItem: interrupted(real.getItem),
    queryPage: interrupted(real.queryPage),
    updateItem: interrupted(real.updateItem),
  }
})

const AT = '2026-11-27T10:00:00.000Z'
const LATER = '2026-11-27T11:00:00.000Z'
const OPERATIONS = ['one', 'two']

let service: QuickLedger
beforeAll(async () => {
  service = await startLedgerHere()
  vi.stubEnv('LEDGER_RETENTION_DAYS', '400')
})
afterAll(() => service.close())

let first: Sending
let count = 0
beforeEach(() => {
  vi.stubEnv('OPERATIONS', OPERATIONS.join())
  first = { offboardingId: `hr-${++count}`, eventId: 'event-1', redrive: 0, dryRun: false }
})

const targetOf = (sending: Sending, operation: string, file = 'a'): Target => ({
  ...sending,
  operation,
  input: { file_token: file },
})
const open = (sending: Sending, { source = 'hr.offboarding', sentAt = AT } = {}) =>
  openSending(sending, { source, sentAt })
async function planAll(sending: Sending): Promise<void> {
  await open(sending)
  for (const operation of OPERATIONS) await recordPlanned(sending, operation)
}
const end = (target: Target, outcome: 'changed' | 'parked' = 'changed') =>
  recordOutcome(target, { outcome, attempts: 1, finishedAt: AT })
async function publish(sending: Sending): Promise<void> {
  const completion = await completeSending(sending)
  expect(completion).toMatchObject(sending)
  if (completion) await recordPublished(completion)
}
const stateOf = async (sending: Sending) => (await getItem(getSummaryKey(sending))).item?.state

describe('a sending is not ended while a target is open', () => {
  test.each([0, 1, 2, 3])('when an operation plans before step %i of the check', async (before) => {
    await open(first)
    await recordPlanned(first, 'one')
    const act = async () => {
      await queueTargets([targetOf(first, 'two')], AT)
      await recordPlanned(first, 'two')
    }
    meanwhile = { before, act }
    expect(await completeSending(first)).toBeUndefined()
    meanwhile = undefined
  })
})

test('a sending ends without an operation that was deployed after it was opened', async () => {
  await openSending(first, { source: 'hr.offboarding', sentAt: AT, operations: new Set(OPERATIONS) })
  await recordPlanned(first, 'one')
  vi.stubEnv('OPERATIONS', 'one,two,three')
  expect(await completeSending(first)).toBeUndefined()
  await recordPlanned(first, 'two')
  expect(await completeSending(first)).toMatchObject(first)
})

describe('an offboarding stays open', () => {
  test('while the end of one of its sendings is claimed and not announced', async () => {
    await planAll(first)
    expect(await completeSending(first)).toMatchObject(first)
    const second = { ...first, eventId: 'event-2' }
    await planAll(second)
    await publish(second)
    expect(await stateOf(first)).toBe('open')
    const repeated = await completeSending(first, { repeat: true })
    if (repeated) await recordPublished(repeated)
    expect(await stateOf(first)).toBe('finished')
  })

  test('while one of its sendings is opened and has no target yet', async () => {
    await planAll(first)
    const second = { ...first, eventId: 'event-2' }
    await open(second, { sentAt: LATER })
    await publish(first)
    expect(await stateOf(first)).toBe('open')
  })

  test('not for an event that was never planned, once a later one has ended', async () => {
    await open(first)
    const second = { ...first, eventId: 'event-2' }
    await open(second, { sentAt: LATER })
    for (const operation of OPERATIONS) await recordPlanned(second, operation)
    await publish(second)
    expect(await stateOf(first)).toBe('finished')
  })
})

test.each([0, 1, 2, 3, 4])(
  'a redrive that joins another ends with it or after it, ended before step %i',
  async (before) => {
    await planAll(first)
    const letters = ['a', 'b'].map((file) => targetOf(first, 'one', file))
    const [letterA, letterB] = letters as [Target, Target]
    for (const letter of letters) await end(letter, 'parked')
    await publish(first)
    const redrive = (await openRedrive(first, [letterA], OPERATIONS)) ?? 0
    const again = { ...first, redrive }
    const act = async () => {
      await end({ ...letterA, redrive })
      const completion = await completeSending(again)
      if (completion) await recordPublished(completion)
    }
    meanwhile = { before, act }
    const joined = (await openRedrive(first, [letterB], OPERATIONS)) ?? 0
    meanwhile = undefined
    await end({ ...letterB, redrive: joined })
    expect(await completeSending({ ...first, redrive: joined })).toMatchObject({ redrive: joined })
  },
)
