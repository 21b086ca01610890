/** `User Leaving` on the bus of the local stack: who is found at which vendor, and what becomes of their subscriptions. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { sendEvent } from '../../cli/event/send-events.ts'
import { processIo } from '../../cli/io.ts'
import { connect } from '../../cli/stack/connection.ts'
import { LEAVING } from '../../lib/leaving-event.ts'
import { run, startLocalStack } from '../cli/operator.ts'

let stack: Awaited<ReturnType<typeof startLocalStack>>
beforeAll(async () => {
  stack = await startLocalStack('--no-event')
})
afterAll(() => stack.stop())

type Person = Record<string, unknown>
type Target = { operation: string | null; outcome: string; hint: string | null }
type Found = { role: string; vendor: string; state: string; ids: Record<string, string> }
let sent = 0

/** Sends the event, follows the offboarding to its end and returns its report. */
async function offboard(leaver: Person, more: { custodian?: Person; dryRun?: true } = {}) {
  const offboardingId = `leaving-${++sent}`
  const connection = await connect(processIo(), { local: stack.local })
  await sendEvent(connection, { offboardingId, leaver, ...more }, LEAVING)
  // The event is on its way.
  await vi.waitFor(
    async () =>
      expect((await run(['report', offboardingId, '--local', stack.local])).stderr).not.toContain('nothing is'),
    { timeout: 60_000, interval: 100 },
  )
  const { code, stdout, stderr } = await run(['report', offboardingId, '--follow', '--json', '--local', stack.local])
  expect(stdout, stderr).toMatch(/^\{/)
  for (const known of Object.values(leaver)) expect(stdout + stderr).not.toContain(known)
  const { people, targets, approvalCodes } = JSON.parse(stdout) as {
    people: Found[]
    targets: Target[]
    approvalCodes: string[]
  }
  const outcomes = Map.groupBy(targets, ({ operation, outcome }) => `${operation} ${outcome}`)
  return {
    code,
    approvalCodes,
    found: people.map(({ role, vendor, state, ids }) => `${role} ${vendor} ${ids.openId ?? ids.unionId ?? state}`),
    outcomes: Object.fromEntries([...outcomes].map(([outcome, some]) => [outcome, some.length])),
    hints: targets.flatMap(({ hint }) => hint ?? []),
  }
}

const corp = (name: string) => `${name}@corp.example`
const APPROVAL = '7C468A54-8745-2245-9675-08B7C63E7A85'
const register = (operation: string, ...input: string[]) => {
  const fields = input.flatMap((one) => ['--input', one])
  return run(['register', 'add', operation, '--open-id', 'ou_leaver', ...fields, '--local', stack.local])
}
/** Waits until these operations, and no others, are registered for the leaver. */
async function untilRegistered(...operations: string[]): Promise<void> {
  for (let found = ''; found !== operations.join(); ) {
    const { stdout } = await run(['register', 'list', '--open-id', 'ou_leaver', '--json', '--local', stack.local])
    found = (JSON.parse(stdout) as { operation: string }[])
      .map(({ operation }) => operation)
      .sort()
      .join()
  }
}

test('what a leaver has at both vendors ends, by their address and mobile alone; a dry run says so before', async () => {
  await register('feishu-drive-unsubscribe', 'file_token=doxcnSandbox01', 'file_type=docx')
  await register('feishu-approval-unsubscribe', `approval_code=${APPROVAL}`)
  await register('feishu-drive-unsubscribe', 'file_token=doxcnSandboxForbidden', 'file_type=docx')
  await untilRegistered('feishu-approval-unsubscribe', 'feishu-drive-unsubscribe', 'feishu-drive-unsubscribe')
  const leaver = { email: corp('leaver'), mobile: '+8613800000000' }
  const custodian = { email: corp('custodian') }
  const found = ['leaver feishu ou_leaver', 'leaver dingtalk sandboxUnionId01iE', 'custodian feishu ou_custodian']
  const rehearsed = await offboard(leaver, { custodian, dryRun: true })
  expect(rehearsed).toMatchObject({ code: 1, found, approvalCodes: [APPROVAL] })
  expect(await offboard(leaver, { custodian })).toEqual({
    code: 1,
    found,
    approvalCodes: [APPROVAL],
    outcomes: {
      'feishu-calendar-unsubscribe changed': 1,
      'feishu-drive-unsubscribe changed': 1,
      'feishu-calendar-acl-subscribe changed': 4,
      // The app may not manage it, so it stays in the register.
      'feishu-drive-unsubscribe parked': 1,
      'dingtalk-calendar-unsubscribe changed': 2,
    },
    hints: rehearsed.hints,
  })
  await untilRegistered('feishu-approval-unsubscribe', 'feishu-drive-unsubscribe')
})

test.each([
  [
    'an employee number of two people',
    { employeeNumber: '10030' },
    /Feishu: two different people.+DingTalk: two different people/,
  ],
  ['an address and a mobile of two people', { email: corp('twin'), mobile: '+8613800000005' }, /two different people/],
  [
    'who has resigned',
    { email: corp('resigned'), mobile: '+8613800000002' },
    /Feishu: has resigned.+DingTalk: unknown/,
  ],
  ['outside the scope', { email: corp('outside'), mobile: '+8613800000003' }, /Feishu: unknown.+DingTalk: unknown/],
  ['nobody knows', { email: corp('nobody') }, /Feishu: unknown.+DingTalk: unknown/],
])(
  '%s: rejected whole, with the reason of each vendor',
  async (_, leaver, reason) => {
    expect(await offboard(leaver)).toEqual({
      code: 1,
      found: [],
      approvalCodes: [],
      outcomes: { 'null rejected': 1 },
      hints: [expect.stringMatching(reason)],
    })
  },
  240_000,
)

test('someone of Feishu alone', async () => {
  expect(await offboard({ email: corp('feishu-only'), mobile: '+8613800000006' })).toMatchObject({
    found: ['leaver feishu ou_feishu_only', 'leaver dingtalk not_found'],
    outcomes: { 'feishu-calendar-unsubscribe parked': 1 },
  })
})

test('someone of DingTalk alone, who has nothing: done at once', async () => {
  expect(await offboard({ email: corp('dingtalk-only'), mobile: '+8613800000007' })).toMatchObject({
    code: 0,
    found: ['leaver feishu not_found', 'leaver dingtalk sandboxUnionId07iE'],
    outcomes: {},
  })
})
