/** `offboarding register`, as an operator uses it: beside the local stack. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { run as call, startLocalStack } from './operator.ts'

const DRIVE = 'feishu-drive-unsubscribe'
const LEAVER = ['--open-id', 'ou_leaver']
const DOCUMENT = ['--input', 'file_token=doxcnSandbox01', '--input', 'file_type=docx']

let local = ''
beforeAll(async () => {
  const stack = await startLocalStack('--no-event')
  local = stack.local
  return stack.stop
})

const run = (...args: string[]) => call([...args, '--local', local])
const list = async (...person: string[]) =>
  JSON.parse((await run('register', 'list', ...person, '--json')).stdout) as { input: object; person: object }[]

/** The person's entries, once there are so many. */
async function listOnce(count: number, ...person: string[]) {
  for (;;) {
    const entries = await list(...person)
    if (entries.length === count) return entries
  }
}

test('an entry is there from add to remove', async () => {
  const added = await run('register', 'add', DRIVE, ...LEAVER, ...DOCUMENT)
  expect(added).toMatchObject({ code: 0, stdout: '', stderr: `Sent "Subscription Registered" of ${DRIVE}.\n` })
  expect(await listOnce(1, ...LEAVER)).toMatchObject([
    {
      person: { feishu: { openId: 'ou_leaver' } },
      operation: DRIVE,
      input: { file_token: 'doxcnSandbox01', file_type: 'docx' },
      source: 'hr.offboarding',
    },
  ])
  const { stdout, stderr } = await run('register', 'list', ...LEAVER)
  expect(stdout).toMatch(/^feishu-drive-unsubscribe {2}file_token=doxcnSandbox01 file_type=docx {2}20\S+Z$/m)
  expect(stderr).toBe('1 registered.\n')
  expect((await run('register', 'remove', DRIVE, ...LEAVER, ...DOCUMENT)).code).toBe(0)
  expect(await listOnce(0, ...LEAVER)).toEqual([])
})

test('an offboarding takes out what it ends, and what the vendor does not know', async () => {
  const row = (token: string) => `feishu,ou_leaver,${DRIVE},${token},docx,,,`
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'register-')), 'subscriptions.csv')
  const head = 'vendor,person,operation,file_token,file_type,approval_code,userId,calendarId'
  writeFileSync(file, [head, row('doxcnSandbox04'), row('doxcnSandbox07'), row('doxcnSandboxMissing')].join('\n'))
  expect((await run('register', 'import', file)).code).toBe(0)
  await listOnce(3, ...LEAVER)
  const files = ['--file', 'doxcnSandbox04:docx', '--file', 'doxcnSandboxMissing:docx']
  expect((await run('offboard', ...files, '--gone-is-fine')).code).toBe(0)
  expect(await listOnce(1, ...LEAVER)).toMatchObject([{ input: { file_token: 'doxcnSandbox07' } }])
})
