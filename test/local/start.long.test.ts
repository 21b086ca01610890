/** `npm start`, as a newcomer runs it. */
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { STACK_PATH } from '../../cli/stack/connection.ts'
import { start as startIn } from '../../local/start.ts'
import { run, startHere, startLocalStack, startProcess, stopProcesses } from '../cli/operator.ts'
import { LEAVER_SUM, TARGETS } from '../sample-event.ts'

afterAll(stopProcesses)

const folder = mkdtempSync(path.join(tmpdir(), 'start-'))

function write(name: string, content: unknown): string {
  const file = path.join(folder, name)
  writeFileSync(file, JSON.stringify(content))
  return file
}

const start = (...args: string[]) => startHere((io) => startIn(args, io)).ended
const drive = (stdout: string) => stdout.split('\n').filter((line) => line.startsWith('feishu-drive-unsubscribe '))
const PARKED = /^parked: feishu-drive-unsubscribe doxcnSandboxForbidden docx.*\n {2}\S/m

test('a leaver by name is found and finishes, with every target reported and the one that was parked', async () => {
  const { code, stdout, stderr } = await startProcess('local/start.ts', ['--once', '--speed', '1000']).ended
  expect([code, stdout], stderr).toEqual([1, expect.stringContaining(LEAVER_SUM)])
  expect(drive(stdout)).toHaveLength(31)
  expect(stdout).toMatch(PARKED)
  expect(stdout).toMatch(/^leaver at dingtalk: found, unionId sandboxUnionId01iE/m)
  expect(stdout.match(/7C468A54-8745-2245-9675-08B7C63E7A8[56]/g)).toHaveLength(2)
  expect(stderr).toMatch(/^queued {5}feishu-drive-unsubscribe: 31 items$/m)
  expect(stdout + stderr).not.toMatch(/corp\.example/)
})

/** Waits until what has ended is taken out of the register, which comes a moment after the report. */
const untilTakenOut = (local: string) =>
  vi.waitFor(
    async () => {
      const { stdout } = await run(['register', 'list', '--open-id', 'ou_leaver', '--json', '--local', local])
      const left = (JSON.parse(stdout) as { input: Record<string, string> }[]).map(({ input }) => input.file_token)
      expect(left.sort()).toEqual(['doxcnSandboxForbidden', undefined, undefined])
    },
    { timeout: 60_000, interval: 200 },
  )

test('so does the leaver of apps that are sold, whom DingTalk lists without an address', async () => {
  const { local, stop } = await startLocalStack('--store-apps')
  onTestFinished(stop)
  const { code, stdout } = await run(['report', 'hr-2026-000123', '--local', local])
  expect([code, stdout]).toEqual([1, expect.stringContaining(LEAVER_SUM)])
  expect(stdout).toMatch(PARKED)
  await untilTakenOut(local)
})

test('an event may name targets by ids', async () => {
  const event = 'local/events/offboarding.json'
  const { code, stdout, stderr } = await start('--once', '--speed', '1000', '--port', '0', '--event', event)
  const sum = `${TARGETS} targets: ${TARGETS - 6} changed, 4 unchanged, 1 parked. 1 gone: unknown to the vendor, check the id`
  expect([code, stdout], stderr).toEqual([1, expect.stringContaining(sum)])
  expect(drive(stdout)).toHaveLength(31)
})

test('then the same leaver from another terminal leaves an operator nothing but the document', async () => {
  const { local, stop } = await startLocalStack()
  onTestFinished(stop)
  await untilTakenOut(local)
  const args = ['leaver@corp.example', '--custodian', 'custodian@corp.example', '--id', 'again', '--yes']
  const { code, stdout } = await run(['offboard', ...args, '--local', local])
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^6 targets: 5 changed, 1 parked$/m)])
  expect(stdout).toMatch(PARKED)
})

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
