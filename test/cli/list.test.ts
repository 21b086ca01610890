/** `offboarding list` and `offboarding export`: all offboardings, by state and by period. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { updateItem } from '../../lib/aws/dynamodb.ts'
import { recordCall } from '../../lib/ledger/calls.ts'
import { endSending } from '../../lib/ledger/completion.ts'
import { endLeaving, openLeaving, recordTry } from '../../lib/ledger/leavings.ts'

import { getSummaryKey } from '../../lib/ledger/offboardings.ts'
import type { Outcome } from '../../lib/ledger/targets.ts'
import { APPROVAL, DRIVE, type LedgerStack, settle, startLedgerStack } from './ledger-stack.ts'
import { run } from './operator.ts'

const file = (file_token: string) => ({ file_token, file_type: 'docx' })
const command = async (stack: LedgerStack, ...args: string[]) => {
  const { code, stdout, stderr } = await run([...args, '--local', stack.url])
  return { code, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}
const jsonOf = async (stack: LedgerStack, ...args: string[]) =>
  JSON.parse((await command(stack, ...args, '--json')).stdout)

test('lists what needs an operator, then what is open, then what has finished; dry runs apart', async () => {
  const stack = await startLedgerStack()
  onTestFinished(() => stack.stop())
  await settle(stack, { offboardingId: 'done' })
  await settle(stack, { offboardingId: 'stuck' }, { outcome: 'parked' })
  await stack.plan({ offboardingId: 'going' }, { [DRIVE]: [file('a')] })
  await settle(stack, { offboardingId: 'tried', dryRun: true }, { outcome: 'planned' })
  await settle(stack, { offboardingId: 'done', dryRun: true }, { outcome: 'parked' })
  await stack.reject('wrong', 'event-7', 'x is not a \u001b[2Jknown field')
  await stack.reject(null, 'event-8', 'offboardingId is required')
  await stack.reject('corrected', 'event-9', 'x is not a known field')
  await settle(stack, { offboardingId: 'corrected', eventId: 'event-10' })
  await stack.reject(
    'long-ago',
    'event-11',
    'x is not a known field',
    new Date(Date.now() - 15 * 86_400_000).toISOString(),
  )

  const { code, lines, stderr } = await command(stack, 'list')
  expect(code).toBe(0)
  expect(lines.slice(2).map((line) => line.replace(/\d{4}-\S+Z/, 'TIME'))).toEqual([
    expect.stringMatching(/^wrong +needs an operator +TIME +rejected event: x is not a \[2Jknown field$/),
    expect.stringMatching(/^- +needs an operator +TIME +rejected event: offboardingId is required$/),
    expect.stringMatching(/^stuck +needs an operator +TIME +something is parked or failed$/),
    expect.stringMatching(/^going +open +TIME$/),
    expect.stringMatching(/^corrected +finished +TIME$/),
    expect.stringMatching(/^done +finished +TIME$/),
  ])
  expect(stderr).toBe('3 need an operator, 1 open, 2 finished.\n')

  const isJson = await jsonOf(stack, 'list', '--state', 'attention')
  expect(isJson).toMatchObject([
    { offboardingId: 'wrong', state: 'attention', rejected: { eventId: 'event-7', kind: 'invalid_request' } },
    { offboardingId: null, rejected: { eventId: 'event-8' } },
    { offboardingId: 'stuck', isDryRun: false, rejected: null },
  ])
  const dry = await command(stack, 'list', '--dry-run')
  expect(dry.lines.slice(2).map((line) => line.split(' ')[0])).toEqual(['done', 'tried'])
  expect(dry.stderr).toBe('Dry runs: 1 needs an operator, 0 open, 1 finished.\n')
})

test('says how many ids the vendor does not know', async () => {
  const stack = await startLedgerStack()
  onTestFinished(() => stack.stop())
  await settle(stack, { offboardingId: 'typo' }, { outcome: 'gone' })
  await settle(stack, { offboardingId: 'again' })
  await settle(stack, { offboardingId: 'again', eventId: 'event-2' }, { outcome: 'gone' })
  const two = await stack.plan({ offboardingId: 'two' }, { [DRIVE]: [file('a'), file('b'), file('c')] })
  for (const name of ['a', 'b']) await stack.end(two, file(name), { outcome: 'gone' })
  await stack.end(two, file('c'), { outcome: 'parked' })
  await stack.write(() => endSending(two, new Date().toISOString()))

  const { code, lines } = await command(stack, 'list')
  expect([
    code,
    lines.slice(2).map((line) =>
      line
        .replace(/\d{4}-\S+Z/, 'TIME')
        .replace(/ +/g, ' ')
        .trim(),
    ),
  ]).toEqual([
    0,
    [
      'two needs an operator TIME something is parked or failed; 2 gone: check the ids',
      expect.stringMatching(/^again finished TIME$/),
      'typo finished TIME 1 gone: check the id',
    ],
  ])
  expect(await jsonOf(stack, 'list', '--state', 'finished')).toMatchObject([{ gone: 0 }, { gone: 1 }])
})

test('what has expired is not listed, though it is still there', async () => {
  const stack = await startLedgerStack()
  onTestFinished(() => stack.stop())
  const sending = await settle(stack, { offboardingId: 'old' })
  await stack.write(() =>
    updateItem(getSummaryKey(sending), { set: { expiresAt: Math.floor(Date.now() / 1_000) - 1 } }),
  )
  expect(await jsonOf(stack, 'list')).toEqual([])
})

const HINT = 'Make the app a manager, "please"'
let stack: LedgerStack
beforeAll(async () => {
  stack = await startLedgerStack()
  const times = (day: string, sentBy?: string) => ({
    sentAt: `${day}T08:00:00Z`,
    source: 'hr.offboarding',
    ...(sentBy && { sentBy }),
  })
  const at = (day: string, outcome: Partial<Outcome> = {}) => ({ finishedAt: `${day}T09:00:00.000Z`, ...outcome })
  // Ended before the period, in it, and after it; sent again; open; only in a dry run; rejected.
  const before = await stack.plan({ offboardingId: 'before' }, { [DRIVE]: [file('a')] }, times('2026-09-30'))
  await stack.end(before, file('a'), at('2026-09-30'))
  const again = { offboardingId: 'again' }
  const first = await stack.plan(again, { [DRIVE]: [file('a'), file('b')] }, times('2026-10-01', 'arn:aws:sts::1:hr'))
  await stack.end(first, file('a'), at('2026-10-01'))
  await stack.end(
    first,
    file('b'),
    at('2026-10-01', { outcome: 'parked', kind: 'forbidden', code: '1069603', hint: HINT }),
  )
  const second = await stack.plan({ ...again, eventId: 'event-2' }, { [DRIVE]: [file('a')] }, times('2026-11-01'))
  await stack.end(second, file('a'), at('2026-11-01', { outcome: 'unchanged' }))
  await stack.plan({ offboardingId: '=open' }, { [APPROVAL]: [{ approval_code: 'A' }] }, times('2026-10-15'))
  // Open since before the period, in which one of its targets ended.
  const long = await stack.plan({ offboardingId: 'long' }, { [DRIVE]: [file('a'), file('b')] }, times('2026-09-15'))
  await stack.end(long, file('a'), at('2026-10-31'))
  const call = {
    offboardingId: 'called',
    eventId: 'request-1',
    redrive: 0,
    dryRun: false,
    operation: DRIVE,
    input: file('c'),
  }
  const origin = { source: 'http', sentAt: '2026-10-10T08:00:00.000Z', sentBy: '=caller' }
  const failed = { outcome: 'failed', kind: 'forbidden', attempts: 1, finishedAt: '2026-10-10T08:00:01.000Z' } as const
  await stack.write(() => recordCall(call, origin, failed))
  const dry = await stack.plan({ offboardingId: 'dry', dryRun: true }, { [DRIVE]: [file('a')] }, times('2026-10-02'))
  await stack.end(dry, file('a'), at('2026-10-02', { outcome: 'planned' }))
  await stack.reject('wrong', 'event-3', 'x is not a known field', '2026-10-20T10:00:00.000Z')
})
afterAll(() => stack.stop())

const PERIOD = ['--from', '2026-10-01', '--to', '2026-11-01']

test('exports every outcome of a period with who asked for it', async () => {
  const { code, lines, stderr } = await command(stack, 'export', ...PERIOD)
  expect([code, stderr]).toEqual([0, '6 lines.\n'])
  expect(
    lines
      .map((line) => line.trimEnd())
      .slice(1)
      .sort(),
  ).toEqual([
    `'=open,${APPROVAL},A,open,,,,2026-10-15T08:00:00Z,,hr.offboarding,event-1,0,2026-10-15T08:00:00Z,,`,
    `again,${DRIVE},a docx,changed,,,,2026-10-01T09:00:00.000Z,,hr.offboarding,event-1,0,2026-10-01T08:00:00Z,arn:aws:sts::1:hr,`,
    `again,${DRIVE},b docx,parked,forbidden,1069603,,2026-10-01T09:00:00.000Z,"Make the app a manager, ""please""",hr.offboarding,event-1,0,2026-10-01T08:00:00Z,arn:aws:sts::1:hr,`,
    `called,${DRIVE},c docx,failed,forbidden,,,2026-10-10T08:00:01.000Z,,http,request-1,0,2026-10-10T08:00:00.000Z,'=caller,`,
    `long,${DRIVE},a docx,changed,,,,2026-10-31T09:00:00.000Z,,hr.offboarding,event-1,0,2026-09-15T08:00:00Z,,`,
    `wrong,,,rejected,invalid_request,,,2026-10-20T10:00:00.000Z,x is not a known field,hr.offboarding,event-3,0,2026-10-20T10:00:00.000Z,,`,
  ])
  expect(lines[0]).toMatch(
    /^offboardingId,operation,target,outcome,kind,code,requestId,time,hint,source,eventId,redrive,sentAt,sentBy,expected\r$/,
  )
})

test('exports as JSON, dry runs apart, and nothing as an empty array', async () => {
  const lines = await jsonOf(stack, 'export', ...PERIOD)
  expect(lines).toHaveLength(6)
  expect(lines).toContainEqual(
    expect.objectContaining({ offboardingId: '=open', input: { approval_code: 'A' }, outcome: 'open', sentBy: null }),
  )
  expect(await jsonOf(stack, 'export', ...PERIOD, '--dry-run')).toMatchObject([{ offboardingId: 'dry' }])
  expect(await jsonOf(stack, 'export', '--from', '2025-01-01', '--to', '2025-01-02T00:00:00Z')).toEqual([])
})

test.each([
  [['export'], "required option '--from <time>' not specified"],
  [['export', '--from', 'yesterday'], 'It must be a date or time, as in 2026-11-27'],
  [['export', '--from', '2026-13-01'], 'It must be a date or time'],
  [['export', '--from', '2026-11-02', '--to', '2026-11-01'], '--from must be before --to'],
  [['list', '--state', 'closed'], 'Allowed choices are attention, open, finished'],
  [['list', 'hr-1'], 'too many arguments'],
])('%j is one clear line and exit code 2', async (args, told) => {
  const { code, stderr } = await command(stack, ...args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(told)])
})

test('a leaver who is still to be found is open, with why', async () => {
  const stack = await startLedgerStack()
  onTestFinished(() => stack.stop())
  const name = { offboardingId: 'new', eventId: 'leaving-1', dryRun: false }
  await stack.write(async () => {
    await openLeaving(name, { source: 'hr.offboarding', sentAt: new Date().toISOString() })
    await recordTry(name, { kind: 'misconfigured', code: '99991672', hint: 'Enable the scope.\u001b' })
  })
  const { lines } = await command(stack, 'list')
  expect(lines.at(-1)).toMatch(/^new +open +\S+ +finding the leaver: misconfigured: Enable the scope\.$/)
  expect(await jsonOf(stack, 'list')).toMatchObject([
    { offboardingId: 'new', state: 'open', resolving: { kind: 'misconfigured', hint: 'Enable the scope.' } },
  ])
  await stack.write(() => endLeaving(name, { stage: 'rejected' }))
  expect(await jsonOf(stack, 'list')).toEqual([])
})
