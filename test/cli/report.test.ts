/** `offboarding report`: what the ledger has of an offboarding, in every format, whatever it contains. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Io } from '../../cli/io.ts'
import { Progress } from '../../cli/progress/progress.ts'
import { updateItem } from '../../lib/aws/dynamodb.ts'
import { recordReport } from '../../lib/ledger/buckets.ts'
import { endLeaving, openLeaving, recordTry } from '../../lib/ledger/leavings.ts'
import { getSendingKey } from '../../lib/ledger/offboardings.ts'
import { recordFailure } from '../../lib/ledger/targets.ts'
import type { Wait } from '../../lib/report/hold.ts'
import type { Row } from '../../lib/report/rows.ts'
import type { Report } from '../../lib/report/summary.ts'
import type { Input } from '../../lib/schema.ts'
import { STAGE_ARGS } from '../deployed-stage.ts'
import { APPROVAL, DRIVE, startLedgerStack } from './ledger-stack.ts'
import { run, startCommand } from './operator.ts'

let stack: Awaited<ReturnType<typeof startLedgerStack>>
beforeAll(async () => {
  stack = await startLedgerStack()
})
afterAll(() => stack.stop())

/** Each test has an offboarding of its own. */
let id = ''
let count = 0
beforeEach(() => {
  id = `hr-${++count}`
  stack.ledger.heal()
  // What one test holds is no other's.
  stack.ledger.items.delete(`bucket#${DRIVE}#feishu:default`)
})

/** A hold that only an operator can end, as the functions write it. */
const hold = () =>
  recordReport(
    DRIVE,
    'feishu:default',
    {
      answered: false,
      recovered: false,
      isRepeat: false,
      failure: {
        ...{ kind: 'misconfigured', scope: 'bucket', isCertain: true, code: '99991672', requestId: 'request-9' },
        ...{ hint: 'Grant drive:drive.\u001b', calls: 1, askedMs: 600_000 },
      },
    },
    [],
  )

const file = (file_token: string) => ({ file_token, file_type: 'docx' })
const plan = (inputs: Input[], one: { eventId?: string; dryRun?: boolean } = {}) =>
  stack.plan({ offboardingId: id, ...one }, { [DRIVE]: inputs })

async function report(...args: string[]) {
  const { code, stdout, stderr } = await run(['report', ...args, '--local', stack.url])
  return { code, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}
const summary = async (...args: string[]) => {
  const { code, lines } = await report(id, ...args)
  return [code, lines.find((line) => /^\d+ targets?/.test(line))]
}
const rowsOf = async (): Promise<Row[]> => JSON.parse((await report(id, '--json')).stdout).targets

describe('counts a target once', () => {
  test('though its event was planned twice, by the newest outcome', async () => {
    const sending = await plan([file('a'), file('b')])
    await plan([file('a'), file('b')])
    await stack.end(sending, file('a'), { outcome: 'unchanged' })
    await stack.end(sending, file('b'), { outcome: 'gone' })
    expect(await summary()).toEqual([3, '2 targets: 1 unchanged. 1 gone: unknown to the vendor, check the id'])
  })

  test('as finished when it was parked and redriven', async () => {
    const sending = await plan([file('a')])
    await stack.end(sending, file('a'), { outcome: 'parked', kind: 'forbidden' })
    const again = await stack.plan({ ...sending, redrive: 1 }, { [DRIVE]: [file('a')] })
    expect(await summary()).toEqual([1, '1 target: 1 open'])
    await stack.end(again, file('a'))
    expect(await summary()).toEqual([0, '1 target: 1 changed'])
    expect(await rowsOf()).toMatchObject([
      {
        history: [
          { outcome: 'parked', kind: 'forbidden', redrive: 0 },
          { outcome: 'changed', redrive: 1 },
        ],
      },
    ])
  })

  test('as changed though a later event found it unchanged or gone', async () => {
    const first = await plan([file('a'), file('b'), file('c')])
    for (const name of ['a', 'b', 'c']) await stack.end(first, file(name), { requestId: `first-${name}` })
    const second = await plan([file('a'), file('b'), file('c')], { eventId: 'event-2' })
    await stack.end(second, file('a'), { outcome: 'unchanged' })
    await stack.end(second, file('b'), { outcome: 'gone' })
    await stack.end(second, file('c'), { outcome: 'parked' })
    expect(await summary()).toEqual([1, '3 targets: 2 changed, 1 parked'])
    const { stdout } = await report(id, '--csv')
    expect(stdout).toMatch(/,a docx,changed,,,first-a,\S+Z,,"changed \S+Z, unchanged \S+Z",\r\n/)
  })

  test('by the real event, not by a dry run before or after, which are shown apart', async () => {
    for (const [eventId, dryRun] of [
      ['dry-1', true],
      ['real', false],
      ['dry-2', true],
    ] as const) {
      const sending = await plan([file('a')], { eventId, dryRun })
      await stack.end(sending, file('a'), { outcome: dryRun ? 'planned' : 'changed' })
    }
    expect(await summary()).toEqual([0, '1 target: 1 changed. Its dry runs: --dry-run'])
    expect(await summary('--dry-run')).toEqual([0, '1 target of a dry run: 1 planned'])
    expect(await rowsOf()).toMatchObject([{ history: [{ outcome: 'changed', eventId: 'real' }] }])
  })
})

test('a dry run alone is shown as one', async () => {
  const sending = await plan([file('a')], { dryRun: true })
  await stack.end(sending, file('a'), { outcome: 'planned' })
  expect(await summary()).toEqual([0, '1 target of a dry run: 1 planned'])
})

test('a dry run is summed up by what a real run would do, and exits as that would', async () => {
  const kinds = ['change', 'change', 'unchanged', 'unchecked', 'gone', 'parked'] as const
  const sending = await plan(
    kinds.map((_, index) => file(`file-${index}`)),
    { dryRun: true },
  )
  const end = (index: number, more = {}) =>
    stack.end(sending, file(`file-${index}`), { outcome: 'planned', expected: kinds[index], ...more })
  for (const index of [0, 1, 2]) await end(index)
  await end(3, { hint: 'Nobody answered.' })
  await Promise.all([
    end(4, { kind: 'not_found' }),
    stack.end(sending, file('file-5'), { outcome: 'planned', expected: 'unchanged' }),
  ])
  const gone = '1 would be gone: unknown to the vendor, check the id'
  expect(await summary()).toEqual([3, `6 targets of a dry run: 2 would change, 2 unchanged, 1 unchecked. ${gone}`])
  expect((await report(id, '--gone-is-fine')).code).toBe(0)

  const again = await plan([file('file-5')], { dryRun: true, eventId: 'event-2' })
  await stack.end(again, file('file-5'), {
    outcome: 'planned',
    expected: 'parked',
    kind: 'forbidden',
    hint: 'Share it.',
  })
  const { code, stdout } = await report(id)
  expect(code).toBe(1)
  expect(stdout).toContain('would be parked: feishu-drive-unsubscribe file-5 docx\n  forbidden: Share it.')
  expect(stdout).toContain('unchecked: feishu-drive-unsubscribe file-3 docx\n  Nobody answered.')
  expect(JSON.parse((await report(id, '--json')).stdout)).toMatchObject({
    counts: { planned: 6 },
    expected: { change: 2, unchanged: 1, parked: 1, gone: 1, unchecked: 1 },
  })
  expect((await report(id, '--csv')).stdout).toMatch(/,parked\r?\n/)
  expect((await report(id, '--markdown')).stdout).toContain('would be parked')
})

test('what has not ended is exit code 1: open targets, and operations that have not planned', async () => {
  const sending = await stack.plan({ offboardingId: id }, { [DRIVE]: [file('a'), file('b')] }, { planned: [DRIVE] })
  await stack.end(sending, file('a'))
  const target = { ...sending, operation: DRIVE, input: file('b') }
  await stack.write(() => recordFailure(target, { kind: 'unavailable', code: '500' }, Date.now()))
  const { code, lines } = await report(id)
  expect([code, lines.at(-1)]).toEqual([1, `2 targets: 1 changed, 1 open. Not queued yet: ${APPROVAL}`])
  expect(lines[2]).toMatch(/ b docx +open \(unavailable\) +500 +\S+Z +-$/)
  await stack.end(sending, file('b'))
  expect((await summary())[0]).toBe(1)
  await stack.plan({ offboardingId: id }, {}, { planned: [APPROVAL] })
  expect((await summary())[0]).toBe(0)
})

test('a later event counts in place of one that a function did not plan; an HTTP call does not', async () => {
  const first = await stack.plan({ offboardingId: id }, { [DRIVE]: [file('a')] }, { planned: [DRIVE] })
  await stack.end(first, file('a'))
  await stack.plan({ offboardingId: id, eventId: 'call' }, {}, { source: 'http' })
  expect(await summary()).toEqual([1, `1 target: 1 changed. Not queued yet: ${APPROVAL}`])
  await stack.plan({ offboardingId: id, eventId: 'redriven' }, { [DRIVE]: [file('a')] }, { planned: [DRIVE] })
  expect((await summary())[0]).toBe(1)
  await stack.plan({ offboardingId: id, eventId: 'again' }, {})
  expect((await summary())[1]).not.toContain('Not queued yet')
})

test('an operation that the stack did not have when the sending ended is not missing', async () => {
  const sending = await stack.plan({ offboardingId: id }, { [DRIVE]: [file('a')] }, { planned: [DRIVE] })
  await stack.end(sending, file('a'))
  await stack.write(() => updateItem(getSendingKey(sending), { set: { completedAt: '2026-11-27T10:00:00.000Z' } }))
  expect(await summary()).toEqual([0, '1 target: 1 changed'])
})

test('a rejected event counts until a corrected one is planned', async () => {
  await stack.reject(id, 'bad', 'x is not a known field')
  const { code, stdout } = await report(id)
  expect([code, stdout]).toEqual([
    1,
    expect.stringContaining('rejected: event -\n  invalid_request: x is not a known field'),
  ])
  const sending = await plan([file('a')], { eventId: 'good' })
  await stack.end(sending, file('a'))
  expect(await summary()).toEqual([0, '1 target: 1 changed'])
})

describe('formats', () => {
  const hint = 'Make the app a manager of | the `document` <b>now</b>, "please"'
  beforeEach(async () => {
    const inputs = [file('=HYPERLINK("x")'), file('b|`c`_d')] as const
    const sending = await stack.plan(
      { offboardingId: id },
      { [DRIVE]: [...inputs], [APPROVAL]: [{ approval_code: 'A' }] },
    )
    await stack.end(sending, { approval_code: 'A' }, { operation: APPROVAL, outcome: 'unchanged' })
    await stack.end(sending, inputs[0], { code: '0', requestId: 'request-1' })
    const parked = { outcome: 'parked', kind: 'forbidden', code: '1069603', requestId: 'request-2', hint } as const
    await stack.end(sending, inputs[1], parked)
  })

  test('a table with what needs an operator first, a sum of each operation, and what is parked and why', async () => {
    const { code, lines } = await report(id)
    expect(code).toBe(1)
    expect(lines[2]).toMatch(/^feishu-drive-unsubscribe +b\|`c`_d docx +parked +1069603 +\S+Z$/)
    expect(lines[4]).toMatch(/^feishu-drive-unsubscribe +=HYPERLINK\("x"\) docx +changed +0 +\S+Z$/)
    expect(lines.slice(6)).toEqual([
      '3 targets: 1 changed, 1 unchanged, 1 parked',
      `  ${APPROVAL}  1: 1 unchanged`,
      `  ${DRIVE}     2: 1 changed, 1 parked`,
      `parked: ${DRIVE} b|\`c\`_d docx`,
      `  forbidden: ${hint} (request request-2)`,
      'Left out to fit: vendor request id. "report" with --json or --csv has everything.',
    ])
  })

  test('--only shows some of the rows; the sums are those of all', async () => {
    const { code, lines } = await report(id, '--only', 'unchanged')
    expect([code, lines.length]).toEqual([1, 7])
    expect(lines[2]).toMatch(/^feishu-approval-unsubscribe +A +unchanged/)
    expect(lines[4]).toBe('3 targets: 1 changed, 1 unchanged, 1 parked')
    const { stdout } = await report(id, '--csv', '--only', 'parked', '--only', 'open')
    expect(stdout.trimEnd().split('\n').slice(1)).toEqual([expect.stringContaining(',parked,forbidden,1069603,')])
  })

  test('--json', async () => {
    const { stdout } = await report(id, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      offboardingId: id,
      isDryRun: false,
      counts: { changed: 1, unchanged: 1, parked: 1 },
      operations: { [DRIVE]: { changed: 1, parked: 1 }, [APPROVAL]: { unchanged: 1 } },
      notFinished: {},
      notPlanned: [],
      targets: [
        { input: file('b|`c`_d'), outcome: 'parked', kind: 'forbidden', code: '1069603', hint },
        { operation: APPROVAL, outcome: 'unchanged' },
        {
          operation: DRIVE,
          input: file('=HYPERLINK("x")'),
          outcome: 'changed',
          requestId: 'request-1',
          history: [{ outcome: 'changed', eventId: 'event-1' }],
        },
      ],
    })
  })

  test('--csv, of which nothing is a formula', async () => {
    const { lines } = await report(id, '--csv')
    expect(lines[0]).toBe('offboardingId,operation,target,outcome,kind,code,requestId,time,hint,history,expected\r')
    expect(lines[1]).toContain('"Make the app a manager of | the `document` <b>now</b>, ""please"""')
    expect(lines[3]).toMatch(
      /^hr-\d+,feishu-drive-unsubscribe,"'=HYPERLINK\(""x""\) docx",changed,,0,request-1,\S+Z,,changed \S+Z,\r?$/,
    )
    await plan([...'＝＋－＠'].map((sign) => file(sign)))
    const targets = (await report(id, '--csv')).lines.map((line) => line.split(',')[2] ?? '')
    expect(targets.filter((target) => target.startsWith("'"))).toHaveLength(4)
  })

  test('--markdown, in which no value is markup', async () => {
    const { lines } = await report(id, '--markdown')
    expect(lines[0]).toBe(`### Offboarding ${id}`)
    const reason = 'forbidden: Make the app a manager of \\| the \\`document\\` &#60;b&#62;now&#60;/b&#62;, "please"'
    expect(lines.slice(4, 7)).toEqual([
      `- ${APPROVAL} 1: 1 unchanged`,
      `- ${DRIVE} 2: 1 changed, 1 parked`,
      `- **parked: ${DRIVE} b\\|\\\`c\\\`\\_d docx** ${reason}`,
    ])
    const cells = lines.slice(8).map((line) => line.replaceAll(/\\./g, '').split('|').length)
    expect(cells).toEqual([8, 8, 8, 8, 8])
    await plan([file('www.example.com'), file('https://example.com')])
    expect((await report(id, '--markdown')).stdout).not.toMatch(/www\.|:\/\//)
  })
})

describe('what the vendor does not know', () => {
  beforeEach(async () => {
    const sending = await plan([file('typo'), file('a')])
    await stack.end(sending, file('typo'), { outcome: 'gone', kind: 'not_found', code: '1069604', hint: 'Anything.' })
    await stack.end(sending, file('a'))
  })
  const REASON = 'not_found: The vendor knows no such id: check it.'

  test('is shown apart, with what to do, and has an exit code of its own', async () => {
    const { code, lines } = await report(id)
    expect([code, lines.slice(-3)]).toEqual([
      3,
      ['2 targets: 1 changed. 1 gone: unknown to the vendor, check the id', `gone: ${DRIVE} typo docx`, `  ${REASON}`],
    ])
    expect(lines[2]).toContain(' typo docx')
    const { stdout } = await report(id, '--json')
    const { counts, gone, operations, targets } = JSON.parse(stdout)
    expect({ counts, gone, operations }).toEqual({
      counts: { changed: 1 },
      gone: { [DRIVE]: 1 },
      operations: { [DRIVE]: { changed: 1, gone: 1 } },
    })
    expect(targets[0]).toMatchObject({ outcome: 'gone', hint: 'The vendor knows no such id: check it.' })
    expect((await report(id, '--csv')).stdout).toContain(',gone,not_found,1069604,,')
    expect((await report(id, '--csv')).stdout).toContain(',The vendor knows no such id: check it.,')
    expect((await report(id, '--markdown')).lines).toContain(
      `- **gone: ${DRIVE} typo docx** ${REASON.replace('_', '\\_')}`,
    )
    expect((await report(id, '--csv', '--only', 'gone')).lines).toHaveLength(2)
  })

  test('is well with --gone-is-fine', async () => {
    expect((await report(id, '--gone-is-fine')).code).toBe(0)
  })

  test('matters less than what is parked or open', async () => {
    const sending = await plan([file('b')], { eventId: 'event-2' })
    expect((await report(id, '--gone-is-fine')).code).toBe(1)
    await stack.end(sending, file('b'), { outcome: 'parked', kind: 'forbidden', hint: 'Ask.' })
    const { code, lines } = await report(id)
    expect([code, lines.slice(-5).map((line) => line.trim())]).toEqual([
      1,
      [
        '3 targets: 1 changed, 1 parked. 1 gone: unknown to the vendor, check the id',
        `parked: ${DRIVE} b docx`,
        'forbidden: Ask.',
        `gone: ${DRIVE} typo docx`,
        REASON,
      ],
    ])
  })

  test('has several ids', async () => {
    const sending = await plan([file('typo-2')], { eventId: 'event-2' })
    await stack.end(sending, file('typo-2'), { outcome: 'gone' })
    expect(await summary()).toEqual([3, '3 targets: 1 changed. 2 gone: unknown to the vendor, check the ids'])
  })
})

test('an operation that is held says since when, why, and when it is tried next', async () => {
  await plan([file('a')])
  await stack.write(() => hold())
  const { code, lines } = await report(id)
  expect([code, lines.slice(-2)]).toEqual([
    1,
    [
      expect.stringMatching(new RegExp(`^held: ${DRIVE} since \\S+Z, next try at \\S+Z$`)),
      '  misconfigured 99991672: Grant drive:drive.',
    ],
  ])
  const { held } = JSON.parse((await report(id, '--json')).stdout)
  expect(held).toEqual({
    [DRIVE]: {
      ...{ since: expect.stringMatching(/Z$/), nextTryAt: expect.stringMatching(/Z$/) },
      ...{ kind: 'misconfigured', code: '99991672', requestId: 'request-9', hint: 'Grant drive:drive.' },
    },
  })
  expect((await report(id, '--csv')).stdout).toContain('held: misconfigured 99991672: Grant drive:drive.')
  expect((await report(id, '--markdown')).stdout).toMatch(
    /- \*\*held: .+\*\* misconfigured 99991672: Grant drive:drive\./,
  )
})

test.each([['--json'], ['--csv'], ['--markdown'], []])(
  'prints no control character of the ledger: %s',
  async (...format) => {
    const hostile = '\u001b[2J\u0007\u009b1m\u202eevil'
    const sending = await plan([file(`a${hostile}`)])
    const parked = { outcome: 'parked', kind: 'forbidden', code: hostile, requestId: hostile, hint: hostile } as const
    await stack.end(sending, file(`a${hostile}`), parked)
    const { stdout } = await report(id, ...format)
    expect(stdout).toContain('evil')
    expect(stdout.replace(/[\r\n]/g, '')).not.toMatch(/\p{C}/u)
  },
)

test.each(['o"1#', 'hr-1', '离职-1', '*', '-x'])('finds the id %j and no other', async (name) => {
  for (const offboardingId of [`${name}+`, `${name}+2`, 'other']) {
    const sending = await stack.plan({ offboardingId }, { [DRIVE]: [file(offboardingId)] })
    await stack.end(sending, file(offboardingId))
  }
  const { code, stdout } = await run(['report', '--json', '--local', stack.url, '--', `${name}+`])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).targets.map(({ input }: Row) => input)).toEqual([file(`${name}+`)])
})

test('reads 2,000 targets through throttling, one page after another and nothing else', async () => {
  const sending = await plan([file('T')])
  await stack.end(sending, file('T'), { hint: 'h'.repeat(200) })
  stack.copy(id, 1_999, (item, index) =>
    item.replaceAll(/[0-9a-f]{60}(?=[0-9a-f]{4})/g, String(index).padStart(60, '0')).replaceAll('T\\"', `t${index}\\"`),
  )
  // The client tries again at once.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  onTestFinished(() => void vi.restoreAllMocks())
  stack.ledger.fail('Query', { type: 'ThrottlingException' }, 2)
  const before = stack.ledger.requests.length
  const { code, lines } = await report(id)
  expect([code, lines.at(-1)]).toEqual([0, '2000 targets: 2000 changed'])
  const operations = stack.ledger.requests.slice(before).map(({ operation }) => operation)
  expect(new Set(operations)).toEqual(new Set(['Query']))
  // Two of them were throttled.
  expect(operations.length - 2).toBeLessThanOrEqual(4)
})

test('of a deployed stage asks its table, and says which one is not there', async () => {
  const env = { AWS_ENDPOINT_URL: stack.ledger.url, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' }
  const { code, stderr } = await run(['report', 'hr-1', ...STAGE_ARGS], { env })
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/there is no table production-ledger here: check stage, region and account\n$/),
  ])
  expect(stack.ledger.requests.at(-1)?.input).toMatchObject({ TableName: 'production-ledger' })
})

test('says which permission is missing, and nothing of what AWS said', async () => {
  stack.ledger.fail('Query', { type: 'AccessDeniedException', message: 'planted' }, 1)
  const { code, stderr } = await report('hr-1')
  expect([code, stderr]).toEqual([1, expect.stringContaining('you need dynamodb:Query')])
  expect(stderr).not.toContain('planted')
})

test.each([
  [[], 2, "missing required argument 'offboarding-id'"],
  [['a', 'b'], 2, 'too many arguments'],
  [['a', '--json', '--csv'], 2, "option '--json' cannot be used with option '--csv'"],
  [['a', '--only', 'done'], 2, 'Allowed choices are changed, unchanged'],
  [['a', '--bogus'], 2, "unknown option '--bogus'"],
  [['unknown'], 1, 'nothing is known of this offboarding'],
  [['unknown', '--dry-run'], 1, 'nothing is known of a dry run of this offboarding'],
])('%j is one clear line and exit code %i', async (args, exitCode, told) => {
  const { code, stderr } = await report(...args)
  expect([code, stderr.split('\n')[0]]).toEqual([exitCode, expect.stringContaining(told)])
})

test('--help shows the options and an example', async () => {
  const { code, stdout } = await report('--help')
  expect([code, stdout]).toEqual([0, expect.stringContaining('npx offboarding report hr-2026-000123')])
})

describe('--follow', () => {
  /** Waits as long as a test wants. */
  const follow = (next: () => Promise<unknown>, ...args: string[]) =>
    startCommand(['report', id, '--follow', ...args, '--local', stack.url], {
      sleep: async (_, signal) => {
        await next()
        signal?.throwIfAborted()
      },
    })

  test('shows what is planned, what waits and what ends, then the report', async () => {
    const sending = await stack.plan({ offboardingId: id }, { [DRIVE]: [file('a'), file('b')] }, { planned: [DRIVE] })
    await stack.write(() => hold())
    const steps = [
      () => stack.end(sending, file('a')),
      () => stack.plan({ offboardingId: id }, {}, { planned: [APPROVAL] }),
      () => stack.end(sending, file('b'), { outcome: 'unchanged' }),
    ]
    const { code, stdout, stderr } = await follow(async () => steps.shift()?.(), '--csv').ended
    expect(stderr).toMatch(
      new RegExp(
        `^queued {5}${DRIVE}: 2 items\nheld {7}${DRIVE} since \\S+Z: misconfigured 99991672: Grant drive:drive\\.\nwaiting {4}${DRIVE}: 2 items until [\\d:]+ \\(held\\)\n` +
          `changed {4}${DRIVE} a docx\nunchanged {2}${DRIVE} b docx\n$`,
      ),
    )
    expect([code, stdout.split('\r\n')]).toEqual([0, expect.objectContaining({ length: 3 })])
  })

  test('ends with 130 when it is interrupted, and says how to go on', async () => {
    await plan([file('a')])
    const asleep = Promise.withResolvers<void>()
    const command = follow(() => {
      asleep.resolve()
      return new Promise(setImmediate)
    })
    await asleep.promise
    command.interrupt()
    const { code, stderr } = await command.ended
    expect([code, stderr]).toEqual([130, expect.stringContaining(`npx offboarding report ${id} --follow --local`)])
  })
})

const rowOf = (name: string, outcome = 'changed'): Row => ({
  operation: DRIVE,
  input: file(name),
  history: [],
  ...{
    outcome,
    expected: null,
    kind: null,
    code: null,
    requestId: null,
    hint: null,
    time: '',
    eventId: 'e',
    redrive: 0,
  },
})
const reportOf = (rows: Row[]): Report => ({
  ...{ offboardingId: 'hr', isDryRun: false, hasDryRuns: false, unplanned: [], people: [], approvalCodes: [], rows },
})

test('the bar of a terminal: what has ended, until when the rest waits, and how long the limits make it last', () => {
  const written: string[] = []
  const stream = {
    isTTY: true,
    columns: 200,
    write: (text: string) => written.push(text),
  } as unknown as Io['stderr']
  const progress = new Progress(stream, { paceOf: () => ({ perMinute: 10 }), speed: 1 })
  const rows = Array.from({ length: 40 }, (_, index) => rowOf(`file-${index}`, index < 10 ? 'changed' : 'open'))
  const untilMs = Date.now() + 300_000
  const waits = new Map<string, Wait>([[DRIVE, { untilMs }]])
  progress.show(reportOf(rows), waits)
  const until = new Date(untilMs).toTimeString().slice(0, 5)
  // 30 items are three windows: two of a minute, after the five until the first.
  expect(written).toEqual([
    `\r\u001b[K[███·········] 10/40  about 7 min left  waits until ${until}: ${DRIVE}  10 changed`,
  ])

  // What an operator is needed for comes first, where the terminal is narrow.
  rows[10] = rowOf('file-10', 'parked')
  Object.assign(stream, { columns: 80 })
  progress.show(reportOf(rows), waits)
  const line = `\r\u001b[K[███·········] 11/40  1 parked  about 7 min left  waits until ${until}`
  expect(written[1]).toContain(line)
})

describe('an event that says who leaves as HR knows them', () => {
  const name = () => ({ offboardingId: id, eventId: 'leaving-1', dryRun: false })
  const open = () =>
    stack.write(() => openLeaving(name(), { source: 'hr.offboarding', sentAt: new Date().toISOString() }))

  test('is open while the leaver is being found, with why', async () => {
    await open()
    await stack.write(() =>
      recordTry(name(), { kind: 'misconfigured', code: '99991672', hint: 'Enable contact:user.id:readonly.' }),
    )
    const { code, stdout } = await report(id)
    expect([code, stdout]).toEqual([1, expect.stringContaining('open (misconfigured)')])
    expect(stdout).toContain('open: the leaver is being found\n  misconfigured: Enable contact:user.id:readonly.')
  })

  test('is not done when it was sent on, until every function has taken it; then it says who was found', async () => {
    await open()
    const found = {
      feishu: { state: 'found' as const, openId: 'ou_1' },
      dingtalk: { state: 'not_found' as const, reason: { en: 'unknown', zh: '不存在' } },
    }
    await stack.write(() => endLeaving(name(), { stage: 'sent', found, sentEventIds: ['event-9'], targets: 1 }))
    const { code, stdout } = await report(id)
    expect([code, stdout]).toEqual([1, expect.stringContaining(`Not queued yet: ${DRIVE}, ${APPROVAL}`)])
    await stack.plan({ offboardingId: id, eventId: 'event-9' }, { [DRIVE]: [] })
    const { code: done, stdout: told } = await report(id)
    expect([done, told]).toEqual([0, expect.stringContaining('leaver at feishu: found, openId ou_1\n')])
    expect(told).toContain('leaver at dingtalk: not found: unknown')
    expect(JSON.parse((await report(id, '--json')).stdout).people).toMatchObject([
      { role: 'leaver', vendor: 'feishu', state: 'found', ids: { openId: 'ou_1' }, reason: null },
      { role: 'leaver', vendor: 'dingtalk', state: 'not_found', ids: {}, reason: 'unknown' },
    ])
  })

  test('offers the approvals that are registered for the leaver, until they are ended', async () => {
    await open()
    const end = { stage: 'sent' as const, sentEventIds: ['event-9'], targets: 1, approvalCodes: ['CODE-1', 'CODE-2'] }
    await stack.write(() => endLeaving(name(), end))
    await stack.plan({ offboardingId: id, eventId: 'event-9' }, { [DRIVE]: [] })
    const offer = (code: string) =>
      `approval ${code} is registered; it belongs to the app: add it with --approval-code to end it for everyone`
    for (const format of [[], ['--markdown']])
      expect((await report(id, ...format)).stdout.replaceAll('\\', '')).toContain(offer('CODE-1'))
    expect(JSON.parse((await report(id, '--json')).stdout).approvalCodes).toEqual(['CODE-1', 'CODE-2'])
    await stack.plan({ offboardingId: id, eventId: 'event-10' }, { [APPROVAL]: [{ approval_code: 'CODE-1' }] })
    const { stdout } = await report(id)
    expect(stdout).not.toContain(offer('CODE-1'))
    expect(stdout).toContain(offer('CODE-2'))
  })

  test('is followed through finding and sending on', async () => {
    await open()
    const command = startCommand(['report', id, '--follow', '--local', stack.url])
    await command.until('stderr', /resolving {2}the leaver/)
    await stack.plan({ offboardingId: id, eventId: 'event-9' }, { [DRIVE]: [] })
    const found = { feishu: { state: 'found' as const, openId: 'ou_1' } }
    await stack.write(() => endLeaving(name(), { stage: 'sent', found, sentEventIds: ['event-9'], targets: 1 }))
    expect(await command.ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('found      leaver at feishu: found, openId ou_1'),
    })
  })
})
