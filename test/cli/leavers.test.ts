/** `offboarding offboard` of leavers as HR knows them, one by name and many from a CSV file. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { type EventBus, startEventBus } from '../../local/aws/event-bus.ts'
import { type LedgerStack, startLedgerStack } from './ledger-stack.ts'
import { run as call, startCommand, startProcess } from './operator.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'leavers-'))
function write(name: string, content: string | Buffer | object): string {
  const file = path.join(folder, name)
  const isWhole = typeof content === 'string' || Buffer.isBuffer(content)
  writeFileSync(file, isWhole ? content : JSON.stringify(content))
  return file
}

describe('where nothing answers for the functions', () => {
  let stack: LedgerStack
  let bus: EventBus
  let url = ''
  const server = createServer(async (request, response) => {
    if (request.url !== STACK_PATH) return void response.writeHead(404).end()
    const description = (await (await fetch(new URL(STACK_PATH, stack.url))).json()) as StackDescription
    const endpoints = { ...description.endpoints, eventbridge: bus.url }
    response.end(JSON.stringify({ ...description, endpoints }))
  })
  beforeAll(async () => {
    stack = await startLedgerStack()
    bus = await startEventBus({ buses: ['bus'] })
    url = await listen(server)
  })
  afterAll(() => Promise.all([stack.stop(), bus.close(), close(server)]))
  beforeEach(() => void bus.events.splice(0))

  const offboard = (...args: string[]) => call(['offboard', ...args, '--local', url])
  const sent = () => bus.events.map(({ event }) => [event['detail-type'], event.detail])

  test('--no-follow sends who leaves by all that is given, and shows how to follow', async () => {
    const { code, stderr } = await offboard(
      ...[
        '+8613800000000',
        '--email',
        'a@corp.example',
        '--employee-number',
        '7',
        '--open-id',
        'ou_a',
        '--union-id',
        'u',
      ],
      ...['--tenant-key', 't', '--custodian', 'ou_c', '--id', 'hr-1', '--yes', '--no-follow'],
    )
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`To follow it: npx offboarding follow hr-1 --local ${url}\n`),
    ])
    const leaver = {
      email: 'a@corp.example',
      mobile: '+8613800000000',
      employeeNumber: '7',
      feishu: { openId: 'ou_a', tenantKey: 't' },
      dingtalk: { unionId: 'u' },
    }
    const detail = { offboardingId: 'hr-1', dryRun: false, leaver, custodian: { feishu: { openId: 'ou_c' } } }
    expect(sent()).toEqual([['User Leaving', detail]])
  })

  test('a row of a CSV file has the fields of the event', async () => {
    const file = write(
      'fields.csv',
      `\ufeffemail,employeeNumber,feishu.tenantKey,dingtalk.userId,custodian.mobile,custodian.feishu.openId,offboardingId
a@corp.example,007,t,,,ou_c,hr-1
,,,"u1",13800000000,,
`,
    )
    expect((await offboard('--csv', file, '--yes', '--no-follow')).code).toBe(0)
    expect(sent().map(([, detail]) => detail)).toEqual([
      {
        offboardingId: 'hr-1',
        dryRun: false,
        leaver: { email: 'a@corp.example', employeeNumber: '007', feishu: { tenantKey: 't' } },
        custodian: { feishu: { openId: 'ou_c' } },
      },
      {
        offboardingId: expect.stringMatching(/^fields-[0-9a-f]{12}-3$/),
        dryRun: false,
        leaver: { dingtalk: { userId: 'u1' } },
        custodian: { mobile: '13800000000' },
      },
    ])
  })

  test('rows of different lists have different ids, also out of a pipe, and no id begins as an option does', async () => {
    for (const email of ['a@corp.example', 'b@corp.example']) {
      const command = `printf 'email\\n${email}\\n' | "$0" cli/offboarding.js "$@"`
      const args = ['offboard', '--csv', '/dev/stdin', '--yes', '--no-follow', '--local', url]
      const { code } = await startProcess('sh', ['-c', command, process.execPath, ...args]).ended
      expect(code).toBe(0)
    }
    await offboard('--csv', write('离职名单.csv', 'email\na@corp.example'), '--yes', '--no-follow')
    const ids = bus.events.map(({ event }) => (event.detail as { offboardingId: string }).offboardingId)
    expect(new Set(ids).size).toBe(3)
    expect(ids).toEqual([/^stdin-/, /^stdin-/, /^leavers-/].map((pattern) => expect.stringMatching(pattern)))
  })

  test('Ctrl-C while many are followed shows how to go on', async () => {
    const waiting = Promise.withResolvers<void>()
    const sleep = (_: number, signal?: AbortSignal) => {
      waiting.resolve()
      return new Promise<void>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    }
    const file = write('two.csv', 'mobile\n13800000000\n13800000001\n')
    const command = startCommand(['offboard', '--csv', file, '--yes', '--local', url], { sleep })
    await waiting.promise
    command.interrupt()
    const { code, stderr } = await command.ended
    expect([code, stderr]).toEqual([
      130,
      expect.stringContaining(`To go on: npx offboarding offboard --csv ${file} --yes --local ${url}\n`),
    ])
  })

  test('without a terminal it asks for --yes, and sends not even the dry run', async () => {
    for (const args of [['a@corp.example'], ['--csv', write('one.csv', 'mobile\n13800000000\n')]]) {
      const { code, stderr } = await offboard(...args)
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/pass --dry-run .* --yes to offboard\. Nothing was sent/),
      ])
    }
    expect(sent()).toEqual([])
  })

  let files = 0
  const csv = (text: string | Buffer) => ['--csv', write(`wrong-${files++}.csv`, text), '--yes']

  test.each<[string[], string]>([
    [csv('mail\na@corp.example\n'), 'line 1: "mail" is not a known column. Known are offboardingId, email, mobile,'],
    [csv('email,email\na@b,c@d\n'), 'line 1: the column email is there twice'],
    // As a spreadsheet saves a Chinese number in GBK, and a table in UTF-16.
    [csv(Buffer.from('employeeNumber\n\xb9\xa4\xba\xc51\n', 'latin1')), 'is not in UTF-8: save it in that encoding'],
    [csv(Buffer.from('\ufeffemail\na@b\n', 'utf16le')), 'is not in UTF-8'],
    [csv('email\n'), 'has no rows below its columns'],
    [
      csv(`mobile\n${'13800000000\n'.repeat(5_001)}`),
      'has 5001 rows; at most 5000 are taken at once. Nothing was sent.',
    ],
    [
      csv('email,mobile\na@b,\nplanted,planted\n'),
      '  line 3: email must be an e-mail address\n  line 3: mobile must be a',
    ],
    [csv('email,custodian.feishu.openId\na@b,planted\n'), '  line 2: custodian.feishu.openId must be an open_id'],
    [csv('feishu.tenantKey\nt\n'), '  line 2: the leaver names no person'],
    [csv('email,offboardingId\na@b,x\nc@d,y\ne@f,x\n'), '  line 4: offboardingId is the same as on line 2'],
    [['a@b', '--csv', 'f'], "argument 'event.json' cannot be used with option '--csv'"],
    [['--csv', 'f', '--id', 'x'], "option '--csv <file>' cannot be used with option '--id'"],
    [['a@b', '--approval-code', 'x'], "a leaver cannot be used with option '--approval-code'"],
    [['--approval-code', 'x', '--custodian', 'a@b'], '--custodian has no effect without a leaver'],
    [['a@b', '--custodian', 'planted'], '--custodian must be an e-mail address, a mobile with its country code, or an'],
    [['+86', '--yes'], '  leaver.mobile  must be a number with its country code'],
    [['--follow', 'x', '--yes'], "option '--follow <offboarding-id>' cannot be used with option '--yes'"],
    [[write('wrong.json', { offboardingId: 'x', leaver: {} })], '  leaver  names no person'],
  ])('%j is wrong usage and sends nothing', async (args, problem) => {
    const { code, stderr } = await offboard(...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)])
    expect(stderr).not.toContain('planted')
    expect(sent()).toEqual([])
  })
})
