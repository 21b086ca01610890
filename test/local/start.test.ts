/** `npm start`, called. The bundles are those that `npm test` has built. */
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { STACK_PATH } from '../../cli/stack/connection.ts'
import { start as startIn } from '../../local/start.ts'
import { startHere, startLocalStack } from '../cli/operator.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'start-'))

function write(name: string, content: unknown): string {
  const file = path.join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const start = (...args: string[]) => startHere((io) => startIn(args, io)).ended

test('exits 0 when every item finished; a dry run changes nothing; a taken port is no obstacle', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const event = write('event.json', {
    offboardingId: 'o',
    feishu: { approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'] },
  })
  const { code, stdout, stderr } = await start('--once', '--dry-run', '--event', event, '--port', String(port))
  taken.close()
  expect(code, stderr).toBe(0)
  expect(stdout).toContain('1 target of a dry run: 1 would change')
})

test('an invalid event is reported as rejected, with the reason', async () => {
  const event = write('invalid.json', { offboardingId: 'o', feishu: { approvalCode: 'x' } })
  const { code, stdout, stderr } = await start('--once', '--event', event)
  expect([code, stdout], stderr).toEqual([1, expect.stringContaining('feishu.approvalCode is not a known field')])
})

test.each([
  [['--bogus'], "Unknown option '--bogus'"],
  [['--speed', 'fast'], '--speed must be a number'],
  [['--event', 'nowhere.json'], 'nowhere.json could not be read (ENOENT)'],
  [['--event', write('bad.json', '[1]')], 'must contain a JSON object'],
  [['--live'], '--live needs --event'],
])('%j is one clear line and exit code 2', async (args, message) => {
  const { code, stderr } = await start('--once', ...args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(message)])
})

test('the key of its secrets is in a file of its owner, not in what it says', async () => {
  const { local, ended, stop } = await startLocalStack('--no-event')
  const file = `node_modules/.cache/local-stack/${new URL(local).port}.token`
  const token = readFileSync(file, 'utf8')
  expect([token, statSync(file).mode & 0o777]).toEqual([expect.stringMatching(/^[\w-]{43}$/), 0o600])
  const described = await (await fetch(local + STACK_PATH)).text()
  await stop()
  const { stdout, stderr } = await ended
  expect(described + stdout + stderr).not.toContain(token)
  expect(existsSync(file)).toBe(false)
})

test('--help shows the options and starts nothing', async () => {
  const { code, stdout, stderr } = await start('--help')
  expect([code, stdout], stderr).toEqual([0, expect.stringContaining('--once')])
})
