/** `npx offboarding` as a program: which Node.js runs it, exit codes, signals, pipes and npm. */
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import zlib from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { marshalAll, type Value } from '../../lib/aws/attributes.ts'
import { startProcess, stopProcesses } from './operator.ts'

/** A stack whose ledger answers when a test lets it. */
const server = createServer((request, response) => {
  if (request.method === 'POST') return void server.emit('query', response)
  const operations = { 'feishu-drive-unsubscribe': { functionName: 'f', queue: 'f.fifo' } }
  const endpoints = { dynamodb: url, eventbridge: url, sqs: url, secretsmanager: url }
  response.end(
    JSON.stringify({
      names: { operations },
      region: 'ap-southeast-1',
      endpoints,
      variables: { LEDGER_TABLE: 'ledger' },
      speed: 1,
    }),
  )
})
let url = ''
beforeAll(async () => {
  url = await listen(server)
})
afterAll(() => close(server))
afterEach(() => {
  server.removeAllListeners('query')
  stopProcesses()
})

const answer = (response: ServerResponse, items: Record<string, Value>[]) => {
  const body = JSON.stringify({ Items: items.map(marshalAll) })
  const crc32 = String(zlib.crc32(body))
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0', 'x-amz-crc32': crc32 }).end(body)
}
const CHANGED = {
  ...{ pk: 'offboarding#hr-1', sk: 'history#feishu-drive-unsubscribe#hash#2026#real#e#00' },
  ...{ operation: 'feishu-drive-unsubscribe', input: '{"file_token":"a"}', eventId: 'e', redrive: 0, dryRun: false },
  ...{ outcome: 'changed', finishedAt: '2026-11-27T10:00:00.000Z' },
}

/** An event that no function has planned. */
const SENDING = {
  ...{
    pk: 'offboarding#hr-1',
    sk: 'sending#real#e#00',
    offboardingId: 'hr-1',
    eventId: 'e',
    redrive: 0,
    dryRun: false,
  },
  ...{ source: 'hr.offboarding', sentAt: '2026-11-27T10:00:00.000Z' },
}

/** Has a program believe that it runs on this version of Node.js. */
const onNode = (version: string) => [
  '--import',
  `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`,
]

describe.each([
  ['this Node.js', []],
  ['an older Node.js, where it starts the one of node_modules', onNode('20.0.0')],
])('on %s', (_, flags) => {
  const offboarding = (...args: string[]) => startProcess(process.execPath, [...flags, 'cli/offboarding.js', ...args])

  test('the exit code and both streams are those of the command', async () => {
    const { code, stdout, stderr } = await offboarding('report').ended
    expect([code, stdout, stderr]).toEqual([
      2,
      '',
      'offboarding report: missing required argument \'offboarding-id\'\nRun "npx offboarding report --help" for usage.\n',
    ])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s is caught by a command that cleans up', async (signal) => {
    const command = offboarding('offboard', '--follow', 'hr-1', '--local', url)
    const [response] = await once(server, 'query')
    command.child.kill(signal)
    answer(response, [SENDING])
    server.on('query', (next) => answer(next, [SENDING]))
    const { code, stderr } = await command.ended
    expect([code, stderr]).toEqual([
      130,
      expect.stringContaining('To go on following it: npx offboarding follow hr-1 --local'),
    ])
  })

  test('SIGTERM ends a command that does not', async () => {
    const command = offboarding('report', 'hr-1', '--local', url)
    await once(server, 'query')
    command.child.kill('SIGTERM')
    await command.ended
    expect(command.child.signalCode).toBe('SIGTERM')
  })
})

test('a reader that closes the pipe ends the command quietly', async () => {
  const command = startProcess('cli/offboarding.js', ['report', 'hr-1', '--json', '--local', url])
  const [response] = await once(server, 'query')
  command.child.stdout.destroy()
  answer(response, [CHANGED, { ...CHANGED, sk: 'target#real#e#00#feishu-drive-unsubscribe#hash' }])
  const { code, stderr } = await command.ended
  expect([code, stderr]).toEqual([0, ''])
})

test('npx finds it in a checkout, with nothing installed and no network', async () => {
  const env = { npm_config_cache: mkdtempSync(path.join(tmpdir(), 'npx-')), npm_config_offline: 'true' }
  const { code, stderr } = await startProcess('npx', ['offboarding', 'report'], env).ended
  expect([code, stderr]).toEqual([2, expect.stringContaining("missing required argument 'offboarding-id'")])
})

test('npm run passes on what it is given', async () => {
  const { code, stderr } = await startProcess('npm', ['run', '--silent', 'dead-letters', '--', 'list', '--bogus']).ended
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^offboarding letters list: unknown option '--bogus'\n/)])
})
