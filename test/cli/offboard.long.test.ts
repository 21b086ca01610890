/** `offboarding offboard`, as an operator uses it: beside the stack that `npm start` runs in another terminal. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { run as call, startLocalStack } from './operator.ts'

let local = ''
beforeAll(async () => {
  const stack = await startLocalStack('--no-event')
  ;({ local } = stack)
  return stack.stop
})

const run = (...args: string[]) => call([...args, '--local', local])

test('more targets than the stack takes at once are not sent', async () => {
  const approvalCodes = Array.from({ length: 20_000 }, (_, index) => `code-${index}`)
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'offboard-')), 'many.json')
  writeFileSync(file, JSON.stringify({ offboardingId: 'many', feishu: { approvalCodes } }))
  const { code, stderr } = await run('offboard', file)
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/names 20000 targets; at most \d+ are .* Nothing was sent\.\n/),
  ])
  expect((await run('report', 'many')).stderr).toContain('nothing is known of this offboarding')
})

test('flags stand for a file in small cases, and the command names the offboarding itself', async () => {
  const { code, stdout, stderr } = await run(
    'offboard',
    ...['--feishu-open-id', 'ou_leaver', '--approval-code', '7C468A54-8745-2245-9675-08B7C63E7A85'],
    ...['--file', 'doxcnSandbox01:docx', '--file', 'fldcnSandbox01:folder'],
    ...['--acl-calendar-id', 'feishu.cn_team@group.calendar.feishu.cn', '--custodian-open-id', 'ou_custodian'],
    ...['--dingtalk-union-id', 'sandboxUnionId01iE', '--dingtalk-calendar-id', 'sandboxCalendar01='],
    // The sandbox stays as the other tests expect it, in whatever order they run.
    '--dry-run',
  )
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^6 targets of a dry run: 6 would change/m)])
  expect(stdout).toMatch(/ fldcnSandbox01 f\S*…\S* +would change/)
  const id = /^Sent (offboarding-\d{14}-[0-9a-f]{6}) as/.exec(stderr)?.[1] ?? ''
  const { stdout: json } = await run('report', id, '--json')
  expect(JSON.parse(json).targets).toHaveLength(6)
})
