/** The EventBridge entrance: what becomes an item, what is refused, what a repetition adds. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
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
