/** `offboarding report`: what the audit log says of an offboarding, in every format, whatever the log holds. */
import { createServer } from 'node:http'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Io } from '../../cli/io.ts'
import { close, listen } from '../../cli/loopback.ts'
import type { LoggedLine } from '../../cli/progress/audit-log.ts'
import { Ledger } from '../../cli/progress/ledger.ts'
import { Progress } from '../../cli/progress/progress.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { operationNames } from '../../infra/operations.ts'
import { type CloudWatchLogs, startCloudWatchLogs } from '../../local/aws/cloudwatch-logs.ts'
import { run } from './operator.ts'

const DRIVE = 'feishu-drive-unsubscribe'
const APPROVAL = 'feishu-approval-unsubscribe'
const groupOf = (operation: string) => `/aws/lambda/local-${operation}`
const namesOf = (operation: string) => ({
  functionName: `local-${operation}`,
  queue: `local-${operation}.fifo`,
  logGroup: groupOf(operation),
})

let logs: CloudWatchLogs
let url: string
const server = createServer((request, response) => {
  if (request.url !== STACK_PATH) return void response.writeHead(404).end()
  const { url } = logs
  const description: StackDescription = {
    names: {
      bus: 'bus',
      source: 'hr.offboarding',
      deadLetterQueue: 'dead-letter.fifo',
      undeliveredEventsQueue: 'undelivered-events',
      operations: { [DRIVE]: namesOf(DRIVE), [APPROVAL]: namesOf(APPROVAL) },
    },
    region: 'ap-southeast-1',
    endpoints: { sqs: url, eventbridge: url, secretsmanager: url, logs: url, dynamodb: url },
    variables: {},
    speed: 1,
  }
  response.end(JSON.stringify(description))
})

beforeAll(async () => {
  url = await listen(server)
})
afterAll(() => close(server))
beforeEach(async () => {
  logs = await startCloudWatchLogs()
  for (const operation of [DRIVE, APPROVAL]) logs.createGroup(groupOf(operation))
})
afterEach(async () => {
  await logs.close()
})

const START_MS = Date.now() - 3_600_000
let seconds = 0
const lineOf = (line: Partial<LoggedLine>): LoggedLine => ({
  message: 'finished',
  operation: DRIVE,
  offboardingId: 'hr-1',
  eventId: 'event-1',
  ...(line.message !== 'planned' && { outcome: line.message === 'parked' ? 'parked' : 'changed' }),
  time: new Date(START_MS + 1_000 * seconds++).toISOString(),
  ...line,
})
const write = (line: Partial<LoggedLine>, atMs?: number) =>
  logs.write(groupOf(line.operation ?? DRIVE), JSON.stringify(lineOf(line)), atMs)
const file = (file_token: string) => ({ file_token, file_type: 'docx' })

async function report(...args: string[]) {
  const { code, stdout, stderr } = await run(['report', ...args, '--local', url])
  return { code, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}
const summary = async (id = 'hr-1') => {
  const { code, lines } = await report(id)
  return [code, lines.find((line) => /^\d+ targets?/.test(line))]
}

describe('counts a target once', () => {
  test('though its event was planned twice, by the newest outcome', async () => {
    write({ message: 'planned', items: 2 })
    write({ input: file('a') })
    write({ input: file('b') })
    write({ message: 'planned', items: 2 })
    write({ input: file('a'), outcome: 'unchanged' })
    write({ input: file('b'), outcome: 'gone' })
    expect(await summary()).toEqual([0, '2 targets: 1 unchanged, 1 gone'])
  })

  test('as finished when it was parked and redriven', async () => {
    const parked = lineOf({ message: 'parked', input: file('a'), kind: 'forbidden' })
    write({ message: 'planned', items: 1 })
    write({ input: file('a') })
    logs.write(groupOf(DRIVE), JSON.stringify(parked))
    expect(await summary()).toEqual([0, '1 target: 1 changed'])
  })

  test('by the newest outcome even when an older line is read last', () => {
    const ledger = new Ledger()
    const parked = lineOf({ message: 'parked', input: file('a') })
    ledger.add(lineOf({ input: file('a') }))
    ledger.add(parked)
    expect(ledger.results.map(({ outcome }) => outcome)).toEqual(['changed'])
  })

  test('by the real event, not by a dry run before or after', async () => {
    for (const [eventId, dryRun] of [
      ['dry-1', true],
      ['real', false],
      ['dry-2', true],
    ] as const) {
      write({ message: 'planned', items: 1, eventId, dryRun })
      write({ input: file('a'), eventId, outcome: dryRun ? 'planned' : 'changed' })
    }
    expect(await summary()).toEqual([0, '1 target: 1 changed'])
  })
})

test('a dry run alone is told as one', async () => {
  write({ message: 'planned', items: 1, dryRun: true })
  write({ input: file('a'), outcome: 'planned' })
  expect(await summary()).toEqual([0, '1 target of a dry run: 1 planned'])
})

test('what has not ended is told, and is exit code 1', async () => {
  write({ message: 'planned', items: 3 })
  write({ input: file('a') })
  expect(await summary()).toEqual([1, '1 target: 1 changed. Not finished yet: 2 of feishu-drive-unsubscribe'])
})

test('a rejected event counts until a corrected one is planned', async () => {
  write({ message: 'rejected', eventId: 'bad', outcome: 'rejected', hint: 'x is not a known field' })
  const { code, stdout } = await report('hr-1')
  expect([code, stdout]).toEqual([1, expect.stringContaining('rejected: event -\n  x is not a known field')])
  write({ message: 'planned', items: 1, eventId: 'good' })
  write({ input: file('a'), eventId: 'good' })
  expect(await summary()).toEqual([0, '1 target: 1 changed'])
})

describe('formats', () => {
  const hint = 'Make the app a manager of | the `document` <b>now</b>, "please"'
  beforeEach(() => {
    write({ message: 'planned', items: 2 })
    write({ message: 'planned', items: 0, operation: APPROVAL })
    write({ input: file('=HYPERLINK("x")'), code: '0', requestId: 'request-1' })
    write({
      message: 'parked',
      input: file('b|`c`_d'),
      kind: 'forbidden',
      code: '1069603',
      requestId: 'request-2',
      hint,
    })
  })

  test('a table, and what is parked and why', async () => {
    const { code, lines } = await report('hr-1')
    expect(code).toBe(1)
    expect(lines).toHaveLength(8)
    expect(lines[2]).toMatch(/^feishu-drive-unsubscribe +=HYPERLINK\("x"\) docx +changed +0 +\S+Z +request-1$/)
    expect(lines.slice(6)).toEqual([`parked: ${DRIVE} b|\`c\`_d docx`, `  forbidden: ${hint}`])
  })

  test('--json', async () => {
    const { stdout } = await report('hr-1', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      offboardingId: 'hr-1',
      isDryRun: false,
      counts: { changed: 1, parked: 1 },
      notFinished: {},
      targets: [
        { operation: DRIVE, input: file('=HYPERLINK("x")'), outcome: 'changed', requestId: 'request-1' },
        { input: file('b|`c`_d'), outcome: 'parked', kind: 'forbidden', code: '1069603', hint },
      ],
    })
  })

  test('--csv, of which nothing is a formula', async () => {
    const { lines } = await report('hr-1', '--csv')
    expect(lines[0]).toBe('offboardingId,operation,target,outcome,kind,code,requestId,time,hint\r')
    expect(lines[1]).toMatch(/^hr-1,feishu-drive-unsubscribe,"'=HYPERLINK\(""x""\) docx",changed,,0,request-1,\S+Z,\r$/)
    expect(lines[2]).toContain('"Make the app a manager of | the `document` <b>now</b>, ""please"""')
    for (const sign of '＝＋－＠') write({ input: file(sign) })
    const targets = (await report('hr-1', '--csv')).lines.map((line) => line.split(',')[2] ?? '')
    expect(targets.filter((target) => target.startsWith("'"))).toHaveLength(4)
  })

  test('--markdown, in which no value is markup', async () => {
    const { lines } = await report('hr-1', '--markdown')
    expect(lines[0]).toBe('### Offboarding hr-1')
    const reason = 'forbidden: Make the app a manager of \\| the \\`document\\` &#60;b&#62;now&#60;/b&#62;, "please"'
    expect(lines[4]).toBe(`- **parked: ${DRIVE} b\\|\\\`c\\\`\\_d docx** ${reason}`)
    const cells = lines.slice(6).map((line) => line.replaceAll(/\\./g, '').split('|').length)
    expect(cells).toEqual([8, 8, 8, 8])
    write({ input: file('www.example.com') })
    write({ input: file('https://example.com') })
    expect((await report('hr-1', '--markdown')).stdout).not.toMatch(/www\.|:\/\//)
  })
})

test.each(['--json', '--csv', '--markdown', '--days=30'])(
  'prints no control character of the log: %s',
  async (format) => {
    const hostile = '\u001b[2J\u0007\u009b1m\u202eevil'
    write({ message: 'planned', items: 1 })
    write({ message: 'parked', input: file(`a${hostile}`), code: hostile, requestId: hostile, hint: hostile })
    const { stdout } = await report('hr-1', format)
    expect(stdout).toContain('evil')
    expect(stdout.replace(/[\r\n]/g, '')).not.toMatch(/\p{C}/u)
  },
)

test.each(['o"1*', 'o") || ($.offboardingId = "*', '离职-1', '*', '-x'])('finds the id %j and no other', async (id) => {
  for (const offboardingId of [id, `${id}2`, 'other']) {
    write({ message: 'planned', items: 1, offboardingId, eventId: `of-${offboardingId}` })
    write({ input: file(offboardingId), offboardingId, eventId: `of-${offboardingId}` })
  }
  const { code, stdout } = await run(['report', '--json', '--local', url, '--', id])
  expect(code).toBe(0)
  expect(JSON.parse(stdout).targets.map(({ input }: LoggedLine) => input)).toEqual([file(id)])
})

test('reads 5,000 targets among others through empty pages and throttling, in one window', async () => {
  write({ message: 'planned', items: 5_000 })
  for (let index = 0; index < 2_500; index++) write({ input: file(`of-others-${index}`), offboardingId: 'hr-2' })
  for (let index = 0; index < 5_000; index++) write({ input: file(`file-${index}`) })
  write({ input: file('long-ago') }, Date.now() - 31 * 86_400_000)
  logs.fail('FilterLogEvents', { type: 'ThrottlingException' }, 2)
  const { code, lines } = await report('hr-1')
  expect([code, lines.at(-1)]).toEqual([0, '5000 targets: 5000 changed'])
  expect((await report('hr-1', '--days', '32')).lines.at(-1)).toBe('5001 targets: 5001 changed')
}, 60_000)

test('a deployed stage is read with the same code', async () => {
  const env = { AWS_ENDPOINT_URL: logs.url, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' }
  const other = await run(['report', 'hr-1', '--stage', 'production'], { env })
  expect([other.code, other.stderr]).toEqual([
    1,
    expect.stringMatching(/there is no log group \S+production-\S+ here: check stage, region and account\n$/),
  ])
  for (const name of operationNames) logs.createGroup(`/aws/lambda/production-${name}`)
  logs.write('/aws/lambda/production-feishu-drive-unsubscribe', JSON.stringify(lineOf({ input: file('a') })))
  const { code, stdout } = await run(['report', 'hr-1', '--stage', 'production'], { env })
  expect([code, stdout]).toEqual([0, expect.stringContaining('1 target: 1 changed')])
}, 60_000)

test('says which permission is missing, and nothing of what AWS said', async () => {
  logs.fail('FilterLogEvents', { type: 'AccessDeniedException', message: 'planted' }, 2)
  const { code, stderr } = await report('hr-1')
  expect([code, stderr]).toEqual([1, expect.stringContaining('you need logs:FilterLogEvents')])
  expect(stderr).not.toContain('planted')
})

test.each([
  [[], 2, "missing required argument 'offboarding-id'"],
  [['a', 'b'], 2, 'too many arguments'],
  [['a', '--json', '--csv'], 2, "option '--json' cannot be used with option '--csv'"],
  [['a', '--days', '0'], 2, 'It must be a whole number from 1 to 3653'],
  [['a', '--bogus'], 2, "unknown option '--bogus'"],
  [['unknown'], 1, 'no record of this offboarding in the last 30 days'],
])('%j is one clear line and exit code %i', async (args, exitCode, told) => {
  const { code, stderr } = await report(...args)
  expect([code, stderr.split('\n')[0]]).toEqual([exitCode, expect.stringContaining(told)])
})

test('--help shows the options and an example', async () => {
  const { code, stdout } = await report('--help')
  expect([code, stdout]).toEqual([0, expect.stringContaining('npx offboarding report hr-2026-000123')])
})

test('the bar of a terminal: what has ended, until when the rest waits, and how long the limits make it last', () => {
  const written: string[] = []
  const stream = {
    isTTY: true,
    columns: 200,
    write: (text: string) => written.push(text),
  } as unknown as Io['stderr']
  const ledger = new Ledger()
  const progress = new Progress(stream, ledger, { paces: { [DRIVE]: { perMinute: 10 } }, speed: 1 })
  const time = new Date().toISOString()
  const lines = [
    { message: 'planned', items: 40, bucket: 'feishu:default', time },
    ...Array.from({ length: 10 }, (_, index) => ({ input: file(`file-${index}`), time })),
    { message: 'deferred', items: 5, bucket: 'feishu:default', waitMs: 300_000, time },
    { message: 'deferred', items: 5, bucket: 'feishu:other', waitMs: 9_000_000, time },
  ] as Partial<LoggedLine>[]
  for (const line of lines) {
    ledger.add(lineOf(line))
    progress.told(lineOf(line))
  }
  progress.draw()
  const until = new Date(Date.parse(time) + 300_000).toTimeString().slice(0, 5)
  // 30 items are three windows: two of a minute, after the five until the first.
  expect(written).toEqual([
    `\r\u001b[K[███·········] 10/40  about 7 min left  deferred until ${until}: ${DRIVE}  10 changed`,
  ])

  // What somebody waits for comes first, where the terminal is narrow.
  const parked = lineOf({ message: 'parked', input: file('file-11'), time })
  ledger.add(parked)
  Object.assign(stream, { columns: 80 })
  progress.draw()
  const line = `\r\u001b[K[███·········] 11/40  1 parked  about 7 min left  deferred until ${until}`
  expect(written[1]).toContain(line)
})

test('without a terminal each thing is a line: what was planned, what waits and why, what ended', () => {
  const written: string[] = []
  const stream = { write: (text: string) => written.push(text) } as unknown as Io['stderr']
  const ledger = new Ledger()
  const progress = new Progress(stream, ledger, { paces: {}, speed: 1 })
  const time = new Date().toISOString()
  for (const line of [
    { message: 'planned', items: 2, bucket: 'feishu:default', time },
    { message: 'deferred', items: 1, bucket: 'feishu:default', waitMs: 300_000, kind: 'rate_limited', time },
    { message: 'deferred', items: 1, bucket: 'feishu:other', waitMs: 300_000, time },
    { input: file('a'), time },
  ] as Partial<LoggedLine>[]) {
    ledger.add(lineOf(line))
    progress.told(lineOf(line))
  }
  const until = new Date(Date.parse(time) + 300_000).toTimeString().slice(0, 5)
  expect(written).toEqual([
    `planned    ${DRIVE}: 2 items\n`,
    `deferred   ${DRIVE}: 1 item until ${until} (rate_limited)\n`,
    `changed    ${DRIVE} a docx\n`,
  ])
})
