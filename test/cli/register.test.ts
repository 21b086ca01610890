/** `offboarding register`: what it sends, and what is refused before anything is sent. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { type EventBus, startEventBus } from '../../local/aws/event-bus.ts'
import { run as call, startCommand } from './operator.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'register-'))
function write(text: string): string {
  const file = path.join(folder, 'subscriptions.csv')
  writeFileSync(file, text)
  return file
}

const DRIVE = 'feishu-drive-unsubscribe'
const APPROVAL = 'feishu-approval-unsubscribe'
const LEAVER = ['--open-id', 'ou_leaver']
const DOCUMENT = ['--input', 'file_token=doxcnSandbox01', '--input', 'file_type=docx']
const HEAD = 'vendor,person,operation,file_token,file_type,approval_code,userId,calendarId'

describe('a command', () => {
  let bus: EventBus
  let url = ''
  const server = createServer((request, response) => {
    response.writeHead(request.url === STACK_PATH ? 200 : 404).end(JSON.stringify(description))
  })
  const description: Partial<StackDescription> = { region: 'ap-southeast-1', variables: {}, speed: 1 }
  beforeAll(async () => {
    bus = await startEventBus({ buses: ['bus'] })
    const endpoints = { sqs: bus.url, eventbridge: bus.url, secretsmanager: bus.url, dynamodb: bus.url }
    Object.assign(description, { endpoints, names: { bus: 'bus', source: 'hr.offboarding' } })
    url = await listen(server)
  })
  afterAll(() => Promise.all([bus.close(), close(server)]))
  beforeEach(() => void bus.events.splice(0))

  const run = (...args: string[]) => call(['register', ...args, '--local', url])
  const sent = () => bus.events.map(({ event }) => [event['detail-type'], event.detail])
  const imported = (...lines: string[]) => run('import', write(lines.join('\r\n')))

  test('sends a row of each vendor: quoted, after a BOM, with empty lines and cells', async () => {
    const result = await imported(
      `\ufeff${HEAD}`,
      `feishu,ou_a,${APPROVAL},,,"A",,`,
      '',
      `dingtalk,u1,dingtalk-calendar-unsubscribe,,,,u1,"c,""1"""`,
      `feishu,ou_a,${APPROVAL},,,A,,`,
    )
    expect(result).toMatchObject({ code: 0, stderr: 'Sent 3 of 3.\n' })
    const approval = { person: { feishu: { openId: 'ou_a' } }, operation: APPROVAL, input: { approval_code: 'A' } }
    expect(sent()).toEqual([
      ['Subscription Registered', approval],
      [
        'Subscription Registered',
        {
          person: { dingtalk: { unionId: 'u1' } },
          operation: 'dingtalk-calendar-unsubscribe',
          input: { userId: 'u1', calendarId: 'c,"1"' },
        },
      ],
      ['Subscription Registered', approval],
    ])
  })

  test("a document's address stands for its token and its type", async () => {
    const address = 'https://corp.feishu.cn/sheets/shtcn01?sheet=a'
    expect((await run('add', DRIVE, ...LEAVER, '--input', `file_token=${address}`)).code).toBe(0)
    const folder = 'https://corp.feishu.cn/drive/folder/fldcn01'
    expect((await imported(HEAD, `feishu,ou_a,${DRIVE},${folder},,,,`)).code).toBe(0)
    expect(sent().map(([, detail]) => (detail as { input: object }).input)).toEqual([
      { file_token: 'shtcn01', file_type: 'sheet' },
      { file_token: 'fldcn01', file_type: 'folder', event_type: 'file.created_in_folder_v1' },
    ])
  })

  const rows = (count: number) => Array.from({ length: count }, (_, n) => `feishu,ou_a,${APPROVAL},,,A${n},,`)

  test('sends 1,234 rows ten at a time, again those that the bus refused, and shows how far it is', async () => {
    bus.fail('partial')
    const { code, stderr } = await imported(HEAD, ...rows(1_234))
    expect([code, stderr]).toEqual([0, '500 of 1234 sent\n1000 of 1234 sent\nSent 1234 of 1234.\n'])
    expect(new Set(sent().map(([, detail]) => JSON.stringify(detail))).size).toBe(1_234)
  })

  test('takes 5,000 rows and no more', async () => {
    expect((await imported(HEAD, ...rows(5_000))).code).toBe(0)
    bus.events.splice(0)
    const { code, stderr } = await imported(HEAD, ...rows(5_001))
    expect([code, stderr]).toEqual([2, expect.stringContaining('has 5001 rows; at most 5000 are taken at once')])
    expect(sent()).toEqual([])
  })

  test.each([
    [
      'a wrong column',
      [`${HEAD},fileToken`, `feishu,ou_a,${APPROVAL},,,A,,,`],
      'line 1: "fileToken" is not a known column',
    ],
    ['a missing column', ['vendor,person,approval_code', 'feishu,ou_a,A'], 'line 1: the column operation is missing'],
    [
      'a column twice',
      [`${HEAD},vendor`, `feishu,ou_a,${APPROVAL},,,A,,,`],
      'line 1: the column vendor is there twice',
    ],
    ['no rows', [HEAD], 'has no rows below its columns'],
    ['nothing', [''], 'line 1: the column vendor is missing'],
    ['a cell too few', [HEAD, `feishu,ou_a,${APPROVAL},,,A,`], 'line 2: it has not as many cells as there are columns'],
    ['an open quote', [HEAD, `feishu,ou_a,${APPROVAL},,,"A,,`], 'it is no CSV (CSV_QUOTE_NOT_CLOSED)'],
    ['a missing field', [HEAD, ...rows(1), `feishu,ou_a,${DRIVE},a,,,,`], '  line 3: file_type is required\n'],
    ['a wrong field', [HEAD, `feishu,ou_a,${DRIVE},a,odt,,,`], '  line 2: file_type must be one of doc, '],
    [
      'a field of another operation',
      [HEAD, `feishu,ou_a,${APPROVAL},a,,A,,`],
      '  line 2: file_token is not a known field',
    ],
    [
      'an unknown operation',
      [HEAD, 'feishu,ou_a,delete,a,docx,,,'],
      '  line 2: operation must be one of feishu-calendar',
    ],
    [
      'an unknown vendor',
      [HEAD, `slack,ou_a,${APPROVAL},,,A,,`],
      '  line 2: vendor is not a known field; known are feishu',
    ],
    [
      'the other vendor',
      [HEAD, `dingtalk,u1,${APPROVAL},,,A,,`],
      '  line 2: vendor is not a known field; known are feishu',
    ],
    ['an address', [HEAD, `feishu,a@corp.example,${APPROVAL},,,A,,`], '  line 2: person must be an open_id'],
    ['a wiki node', [HEAD, `feishu,ou_a,${DRIVE},https://a.feishu.cn/wiki/wikcn,docx,,,`], '  line 2: file_token '],
    ['no person', [HEAD, `feishu,,${APPROVAL},,,A,,`], '  line 2: person is required'],
    [
      'another person',
      [HEAD, 'dingtalk,u1,dingtalk-calendar-unsubscribe,,,,u2,c'],
      '  line 2: person must be the person',
    ],
  ])('import names %s and sends nothing', async (_, lines, problem) => {
    const { code, stderr } = await imported(...lines)
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)])
    expect(sent()).toEqual([])
  })

  test('shows the first twenty of many wrong rows', async () => {
    const { code, stderr } = await imported(HEAD, ...Array(50).fill(`feishu,ou_a,${DRIVE},a,,,,`))
    expect([code, stderr.match(/^ {2}line /gm)?.length]).toEqual([2, 20])
    expect(stderr).toContain('… and 30 more')
  })

  test('says that it may be run again where the bus fails', async () => {
    // As often as AWS's client tries.
    bus.fail('error', 6)
    const { code, stderr } = await imported(HEAD, ...rows(20))
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^Sent 0 of 20\. Run the same command again: what was sent twice does no harm\.\n/),
    ])
  })

  test('an interruption ends it with 130 and says how far it came', async () => {
    const command = startCommand(['register', 'import', write([HEAD, ...rows(2_000)].join('\n')), '--local', url])
    await command.until('stderr', /500 of 2000/)
    command.interrupt()
    const { code, stderr } = await command.ended
    expect([code, stderr]).toEqual([130, expect.stringMatching(/Sent \d+ of 2000\. Run the same command again/)])
    expect(sent().length).toBeLessThan(2_000)
  })

  test.each([
    [['add', DRIVE, ...DOCUMENT], 'name the person: --open-id OPEN_ID, or --union-id UNION_ID'],
    [['list'], 'name the person'],
    [
      ['list', ...LEAVER, '--union-id', 'u'],
      "option '--open-id <open-id>' cannot be used with option '--union-id <union-id>'",
    ],
    [['add', DRIVE, ...LEAVER, '--input', 'file_token'], 'It must be NAME=VALUE.'],
    [['add', DRIVE, ...LEAVER, ...DOCUMENT, '--input', 'file_type=doc'], 'file_type was given before'],
    [['add', DRIVE, ...LEAVER, '--input', 'file_token=a'], '  input.file_type  is required\n'],
    [['add', DRIVE, ...LEAVER, '--input', 'file_token=https://a.feishu.cn/wiki/wikcn'], 'address of a wiki node'],
    [['remove', 'made-up', ...LEAVER], '  operation  must be one of feishu-calendar-unsubscribe, '],
    [['import', '/none.csv'], '/none.csv could not be read (ENOENT)'],
  ])('%j is wrong usage and sends nothing', async (args, problem) => {
    const { code, stderr } = await run(...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)])
    expect(sent()).toEqual([])
  })
})
