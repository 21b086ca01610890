/** `offboarding offboard` of leavers as HR knows them, beside the local stack. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { run as call, startLocalStack } from './operator.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'leavers-'))
function write(name: string, content: string | object): string {
  const file = path.join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
  return file
}

const PERSON = ['--open-id', 'ou_leaver']
const LEAVER = ['leaver@corp.example', '--mobile', '+8613800000000', '--custodian', 'custodian@corp.example']

let local = ''
let sandbox = ''
beforeAll(async () => {
  const stack = await startLocalStack('--no-event')
  ;({ local, sandbox } = stack)
  const input = ['file_token=doxcnSandboxForbidden', 'file_type=docx'].flatMap((field) => ['--input', field])
  await call(['register', 'add', 'feishu-drive-unsubscribe', ...PERSON, ...input, '--local', local])
  while (!(await call(['register', 'list', ...PERSON, '--local', local])).stdout.includes('doxcnSandboxForbidden'));
  return stack.stop
})

const offboard = (args: string[], typed?: string) =>
  call(['offboard', ...args, '--local', local], typed === undefined ? {} : { typed })
const subscriptions = async () =>
  ((await (await fetch(`${sandbox}/_sandbox/state`)).json()) as { subscriptions: object }).subscriptions

test('a name is enough: it shows what would happen, and does nothing until it is told to', async () => {
  const before = await subscriptions()
  const no = await offboard([...LEAVER, '--id', 'asked'], 'n\n')
  expect(no.code).toBe(1)
  expect(no.stdout).toMatch(/^8 targets of a dry run: 7 would change, 1 would be parked$/m)
  expect(no.stdout).toMatch(/^leaver at dingtalk: found, unionId sandboxUnionId01iE/m)
  expect(no.stdout).toMatch(/^would be parked: feishu-drive-unsubscribe doxcnSandboxForbidden docx$/m)
  expect(no.stderr).toMatch(/Go on\? \[y\/N\] Nothing was done\.\n$/)
  expect(await subscriptions()).toEqual(before)

  const yes = await offboard([...LEAVER, '--id', 'asked'], 'y\n')
  expect([yes.code, yes.stdout]).toEqual([1, expect.stringMatching(/^8 targets: 7 changed, 1 parked$/m)])
  expect(yes.stdout).toMatch(/^8 targets of a dry run: /m)
  expect(await subscriptions()).not.toEqual(before)
  expect(yes.stdout + yes.stderr).not.toMatch(/corp\.example|8613800000000/)
})

test('a leaver who is found nowhere is not asked about', async () => {
  const { code, stdout, stderr } = await offboard(['nobody@corp.example'], 'y\n')
  expect([code, stderr]).toEqual([1, expect.stringMatching(/Nothing was done\.\n$/)])
  expect(stdout).toMatch(/not_found: The leaver was found nowhere\. Feishu: unknown/)
  expect(stderr).not.toContain('Go on')
})

test('a file may say who leaves, and that it is a dry run', async () => {
  const file = write('leaver.json', { offboardingId: 'file', dryRun: true, leaver: { employeeNumber: '10027' } })
  const { code, stdout } = await offboard([file])
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^leaver at feishu: found, openId ou_feishu_only/m)])
  expect(stdout).toMatch(/^1 target of a dry run/m)
})

test('leavers of a file end with one report; the same file again sends nobody twice', async () => {
  const rows = Array.from({ length: 5 }, (_, index) => `hr-${index},,feishu-only@corp.example`)
  const file = write('six.csv', ['offboardingId,dingtalk.unionId,email', ...rows, ',,resigned@corp.example'].join('\n'))
  const first = await offboard(['--csv', file, '--yes'])
  expect(first.stdout).toMatch(/^6 leavers: 0 ended well, 6 with something for an operator$/m)
  expect(first.stdout).toMatch(/^5 targets: 5 parked$/m)
  expect(first.stdout).toMatch(/^six-[0-9a-f]{12}-7 +0 +1 rejected$/m)
  expect([first.code, first.stderr]).toEqual([1, expect.stringContaining('Sent 6 leavers.\n')])

  const again = await offboard(['--csv', file, '--yes'])
  expect(again.stderr).toMatch(/^Sent before, and not sent again: hr-0, hr-1, hr-2, hr-3, hr-4\.\nSent 1 leaver\.\n/)
  expect(again.stdout).toMatch(/^6 leavers: /m)

  const asked = await offboard(['--csv', file], 'n\n')
  expect(asked.stdout).toMatch(/^1 leaver of a dry run: 0 would end well/m)
})
