/** What a vendor repeats of a secret, by whatever way a text leaves the functions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHarness } from '../harness.ts'
import { assertNothingLeaves } from './redaction.ts'

let harness: Awaited<ReturnType<typeof startHarness>>
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())

test.each(['feishu-approval-unsubscribe', 'feishu-calendar-unsubscribe', 'dingtalk-calendar-unsubscribe'])(
  '%s: no twelve characters get out in an answer, a log line, an event or a letter',
  async (name) => {
    const told = await assertNothingLeaves(harness, name, 25)
    expect(told.some((text) => text.includes('[redacted]'))).toBe(true)
  },
)
