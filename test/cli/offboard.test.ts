/** `offboarding offboard` of an event: what is wrong with it, and how it is followed. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { startEventBus } from '../../local/aws/event-bus.ts'
import { startQuickLedger } from '../ledger.ts'
import { run as call, startCommand } from './operator.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'offboard-'))
function write(name: string, content: unknown): string {
  const file = path.join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

describe('where nothing answers for the functions', () => {
  let server: Server
  let local = ''
  let put: () => unknown[]
  let stop = async () => {}
  beforeAll(async () => {
    const [ledger, bus] = [await startQuickLedger('ledger'), await startEventBus({ buses: ['bus'] })]
    const operations = { 'feishu-drive-unsubscribe': { functionName: 'f', queue: 'f.fifo' } }
    server = createServer((_, response) => {
      const endpoints = { dynamodb: ledger.url, eventbridge: bus.url }
      const variables = { MAX_TARGETS_PER_EVENT: '10', LEDGER_TABLE: 'ledger' }
      const names = {
        bus: 'bus',
        source: 'hr.offboarding',
        undeliveredEventsQueue: 'undelivered',
        operations,
      }
      response.end(JSON.stringify({ names, region: 'ap-southeast-1', endpoints, variables, speed: 1 }))
    })
    local = await listen(server)
    put = () => bus.events.map(({ event }) => event)
    stop = async () => void (await Promise.all([ledger.close(), bus.close(), close(server)]))
  })
  afterAll(() => stop())

  test('Ctrl-C stops following, shows how to go on, and is exit code 130', async () => {
    // Sent, and then waiting for what the functions will say.
    const waiting = Promise.withResolvers<void>()
    const sleep = (_: number, signal?: AbortSignal) => {
      waiting.resolve()
      return new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const command = startCommand(['offboard', '--file', 'doxcn1:docx', '--id', "it's", '--local', local], { sleep })
    await waiting.promise
    command.interrupt()
    const { code, stderr } = await command.ended
    expect(code).toBe(130)
    expect(stderr).toContain(`To go on following it: npx offboarding follow 'it'\\''s' --local ${local}\n`)
    expect(put()).toMatchObject([{ source: 'hr.offboarding', 'detail-type': 'User Offboarding' }])
  })
})

describe('what is wrong with an event is told field by field, and nothing is sent', () => {
  // Nothing listens there: whatever is sent would be told as a missing stack.
  const offboard = (...args: string[]) => call(['offboard', ...args, '--local', 'http://127.0.0.1:1'])

  test('several at once', async () => {
    const event = {
      offboardingId: 'a b',
      dryRun: 'no',
      feishu: { approvalCode: 'x', calendar: true, files: [{ fileToken: 'planted-token', fileType: 'word' }] },
    }
    const { code, stderr } = await offboard(write('invalid.json', event))
    expect(code).toBe(2)
    expect(stderr.split('\n').slice(0, -3)).toEqual([
      '  offboardingId             may not hold spaces, control characters or any of / \\ ? # %, nor be "." or ".."',
      '  dryRun                    must be true or false',
      '  feishu.files[0].fileType  must be one of doc, docx, sheet, bitable, file, folder, slides',
      expect.stringMatching(
        /^ {2}feishu\.approvalCode +is not a known field; known are tenantKey, openId, .*approvalCodes/,
      ),
      '  feishu.openId             is required when calendar is true',
    ])
    expect(stderr).toMatch(/invalid\.json is not a valid offboarding event, see above\. Nothing was sent\.\n/)
    expect(stderr).not.toContain('planted')
  })

  test.each([
    [['--dingtalk-calendar-id', 'c'], /dingtalk\.unionId +is required/],
    [['--acl-calendar-id', 'c'], /feishu\.calendarAcls\.openId +is required/],
    [['--file', 'doxcn1:word'], /feishu\.files\[0\]\.fileType +must be one of/],
    [['--id', 'o'], /input +selects nothing/],
    [['--approval-code', 'a', '--id', '\u001b[2J'], /offboardingId +may not hold/],
    [[write('empty.json', {})], /offboardingId +is required/],
  ])('%j', async (args, told) => {
    const { code, stderr } = await offboard(...args)
    expect([code, stderr]).toEqual([2, expect.stringMatching(told)])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's commands begin with it
    expect(stderr).not.toMatch(/\u001b/)
  })

  test.each([
    [[], 'expected a leaver, one EVENT.json, targets, --csv FILE or --follow'],
    [['nowhere.json'], 'nowhere.json could not be read (ENOENT)'],
    [[write('broken.json', '{"a": 1,\n planted}')], /broken\.json must contain a JSON object \(line 2 column 2\)$/],
    [[write('list.json', '[1]')], 'must contain a JSON object'],
    [
      [write('other.json', {}), '--approval-code', 'a'],
      "argument 'event.json' cannot be used with option '--approval-code'",
    ],
    [[write('other.json', {}), '--follow', 'a'], "argument 'event.json' cannot be used with option '--follow'"],
    [['--follow', 'a', '--dry-run'], "option '--follow <offboarding-id>' cannot be used with option '--dry-run'"],
    [['--file', 'doxcn1'], '--file must be TOKEN:TYPE'],
    [['--bogus'], "unknown option '--bogus'"],
  ])('%j is one clear line and exit code 2', async (args, told) => {
    const { code, stderr } = await offboard(...args)
    expect([code, stderr.split('\n')[0]]).toEqual([
      2,
      typeof told === 'string' ? expect.stringContaining(told) : expect.stringMatching(told),
    ])
    expect(stderr).not.toContain('planted')
  })
})

test('without a stack it says how to have one', async () => {
  const { code, stderr } = await call(['offboard', '--approval-code', 'a', '--local', 'http://127.0.0.1:1'])
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining('run "npm start" in another terminal, or name a deployed stage'),
  ])
})

test('--help shows the options and an example', async () => {
  const { code, stdout } = await call(['offboard', '--help'])
  expect([code, stdout]).toEqual([
    0,
    expect.stringContaining('npx offboarding offboard local/events/offboarding.json --dry-run'),
  ])
})
