/** What a vendor repeats of a secret, by whatever way a text leaves the functions. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sampleOf, startHarness } from '../harness.ts'
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

test.each(['feishu-approval-unsubscribe', 'dingtalk-calendar-unsubscribe'])(
  '%s: the token in use and the secret of the app stay known, however many users were seen meanwhile',
  async (name) => {
    await harness.http(name)
    const { headers = {} } = harness.sandbox.requests.findLast(({ path }) => !/token|oauth/i.test(path)) ?? {}
    const token = headers.authorization?.replace('Bearer ', '') || headers['x-acs-dingtalk-access-token'] || ''
    const { registerSecrets } = await harness.load<typeof import('../../lib/redact.ts')>('lib/redact.ts')
    for (let user = 0; user < 1_500; user++) registerSecrets({ accessToken: `token-${'x'.repeat(user % 30)}-${user}` })
    const message = `${token} sandbox-app-secret`
    harness.sandbox.answer({ path: sampleOf(name).route }, { status: 400, body: { code: 4711, msg: message, message } })
    expect((await harness.http(name)).body.upstream).toMatchObject({ message: '[redacted] [redacted]' })
  },
)
