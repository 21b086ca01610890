/** The EventBridge entrance: what becomes an item, what is refused, what a repetition adds. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isSendable } from '../../../lib/handlers/letter.ts'
import { type Harness, offboardingEvent, startHarness } from '../../harness.ts'

const approval = 'feishu-approval-unsubscribe' as const
const codes = (count: number) => Array.from({ length: count }, (_, index) => `CODE-${index}`)
const event = (targets: number) =>
  offboardingEvent({
    offboardingId: 'hr-1',
    feishu: { openId: 'ou_leaver', calendar: true, approvalCodes: codes(targets - 1) },
  })

let harness: Harness
beforeEach(async () => {
  harness = await startHarness({ env: { MAX_TARGETS_PER_EVENT: '50' } })
})
afterEach(() => harness.close())

describe('an event', () => {
  test('with as many targets as allowed is planned', async () => {
    expect(await harness.invoke(approval, event(50))).toEqual({ planned: 49 })
    expect(await harness.waiting(approval)).toHaveLength(49)
  })

  test('with one more is rejected whole, saying how many it may be', async () => {
    expect(await harness.invoke(approval, event(51))).toEqual({ planned: 0 })
    expect(await harness.waiting(approval)).toEqual([])
    const [letter] = await harness.deadLetters()
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'invalid_request' },
      hint: { StringValue: expect.stringContaining('names 51 targets; at most 50 are taken at once') },
    })
  })

  test('planned half, and then again from its beginning, adds only what is missing', async () => {
    const half = event(20)
    const whole = { ...half, detail: event(50).detail }
    await harness.invoke(approval, half)
    await harness.invoke(approval, whole)
    expect(await harness.waiting(approval)).toHaveLength(49)
  })
})

test('a large event is planned in time while the ledger is slow, and entered later', async () => {
  await harness.close()
  harness = await startHarness()
  const { requests } = harness.dynamoDb
  const killedAtMs = Date.now() + 29_000
  const slow = vi.spyOn(requests, 'push').mockImplementation(() => {
    harness.clock.pass(100)
    return requests.length
  })
  expect(await harness.invoke(approval, event(300))).toEqual({ planned: 299 })
  expect(Date.now()).toBeLessThan(killedAtMs)
  slow.mockRestore()
  const groups = (await harness.waiting(approval)).map(({ messageGroupId }) => messageGroupId)
  expect(groups).toEqual([...Array(299).fill('feishu:default'), 'ledger'])
})

describe('the letter of an invalid event of almost 1 MB', () => {
  const LIMIT = 1_048_576
  /** An invalid event whose JSON has this many bytes; letters of three bytes each, for SQS counts bytes. */
  const eventOf = (bytes: number) => {
    const empty = Buffer.byteLength(JSON.stringify(offboardingEvent({ offboardingId: 'hr-1', note: '' })))
    const fill = bytes - empty
    return offboardingEvent({ offboardingId: 'hr-1', note: '离'.repeat(Math.floor(fill / 3)) + 'x'.repeat(fill % 3) })
  }
  const letter = async () => (await harness.deadLetters()).map(({ body }) => JSON.parse(body))

  test.each([LIMIT, LIMIT - 100])('leaves the detail out where it would be too long (%i bytes)', async (bytes) => {
    expect(await harness.invoke(approval, eventOf(bytes))).toEqual({ planned: 0 })
    expect(await letter()).toMatchObject([{ id: 'event-1', 'detail-type': 'User Offboarding', detail: null }])
    expect(harness.outcomes()).toMatchObject([{ offboardingId: 'hr-1', outcome: 'rejected' }])
  })

  test('has the detail where it fits', async () => {
    const event = eventOf(LIMIT - 400)
    await harness.invoke(approval, event)
    expect(await letter()).toEqual([event])
  })

  test('has it up to the last byte that SQS takes', async () => {
    const reason = { kind: 'invalid_request', hint: 'é' }
    const attributes =
      'kindcodehintrequestId'.length + 4 * 'String'.length + 'invalid_request'.length + 2 + 2 * 'none'.length
    expect(isSendable('x'.repeat(LIMIT - attributes), reason)).toBe(true)
    expect(isSendable('x'.repeat(LIMIT - attributes + 1), reason)).toBe(false)
  })
})
