/** `npm start`, as a newcomer runs it. The bundles are those that `npm test` has built. */
import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'

const folder = mkdtempSync(path.join(tmpdir(), 'start-'))

function write(name: string, content: unknown): string {
  const file = path.join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const start = (...args: string[]) =>
  new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, ['local/start.ts', ...args])
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })

test('the sample event finishes within a minute, reports every target and says that one was parked', async () => {
  const { code, stdout, stderr } = await start('--once')
  expect(code).toBe(1)
  expect(stdout).toContain('39 targets: 33 changed, 4 unchanged, 1 parked, 1 gone')
  expect(stdout.split('\n').filter((line) => line.startsWith('feishu-drive-unsubscribe '))).toHaveLength(31)
  expect(stdout).toMatch(/parked: feishu-drive-unsubscribe doxcnSandboxForbidden docx\n {2}\S/)
  expect(stderr).toMatch(/deferred {3}feishu-drive-unsubscribe: .*rate_limited/)
}, 60_000)

test('exits 0 when every item finished; a dry run changes nothing; a taken port is no obstacle', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const { port } = taken.address() as { port: number }
  const event = write('event.json', {
    offboardingId: 'o',
    feishu: { approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'] },
  })
  const { code, stdout } = await start('--once', '--dry-run', '--event', event, '--port', String(port))
  taken.close()
  expect([code, stdout]).toEqual([0, expect.stringContaining('1 target of a dry run: 1 planned')])
}, 60_000)

test('an invalid event is reported as rejected, with the reason', async () => {
  const event = write('invalid.json', { offboardingId: 'o', feishu: { approvalCode: 'x' } })
  const { code, stdout } = await start('--once', '--event', event)
  expect(code).toBe(1)
  expect(stdout).toContain('feishu.approvalCode is not a known field')
}, 60_000)

test.each([
  [['--bogus'], "Unknown option '--bogus'"],
  [['--speed', 'fast'], '--speed must be a number'],
  [['--event', 'nowhere.json'], 'nowhere.json could not be read (ENOENT)'],
  [['--event', write('bad.json', '[1]')], 'must hold a JSON object'],
  [['--live'], '--live needs --event'],
])('%j is one clear line and exit code 2', async (args, message) => {
  const { code, stderr } = await start('--once', ...args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(message)])
})

test('--help tells the options and starts nothing', async () => {
  const { code, stdout } = await start('--help')
  expect([code, stdout]).toEqual([0, expect.stringContaining('--once')])
})
