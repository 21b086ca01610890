/** The sample on a local stack, step by step as docs/operate.md and docs/find.md have it; test/local/start.long.test.ts has it in one. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { LEAVER_SUM, TARGETS } from '../sample-event.ts'
import { run as call, startLocalStack } from './operator.ts'

test('the way back as docs/operate.md has it: found, fixed, redriven, done', async () => {
  const { local, sandbox, stop } = await startLocalStack()
  onTestFinished(stop)
  const page = readFileSync('docs/operate.md', 'utf8')
  const [, fix = ''] = /curl "\$SANDBOX\/_sandbox\/documents" -d '(.+?)'/.exec(page) ?? []
  const here = (...args: string[]) => call([...args, '--local', local])

  const found = await here('letters', 'list')
  expect(found.stdout).toMatch(/^forbidden 1069603: 1 letter\n.+\n.+doxcnSandboxForbidden/)
  const notFixed = await here('letters', 'redrive', '--kind', 'forbidden', '--yes')
  expect(notFixed.code).toBe(0)
  for (let listed = ''; !listed.includes('doxcnSandboxForbidden'); ) listed = (await here('letters', 'list')).stdout

  await fetch(`${sandbox}/_sandbox/documents`, { method: 'POST', body: fix })
  expect((await here('letters', 'redrive', '--kind', 'forbidden', '--yes')).code).toBe(0)
  expect(await here('report', 'hr-2026-000123', '--follow')).toMatchObject({
    code: 3,
    stdout: expect.stringContaining(LEAVER_SUM.replace('33 changed', '34 changed').replace(', 1 parked', '')),
  })
  expect((await here('letters', 'list')).stderr).toBe('No letters.\n')
})

test('the robots of the sandbox are told what the sample leaves to an operator, by the rule and the queues of the stack', async () => {
  const { sandbox, stop } = await startLocalStack()
  onTestFinished(stop)
  const read = async () => {
    const { messages } = (await (await fetch(`${sandbox}/_sandbox/state`)).json()) as {
      messages: { robot: string; text: string }[]
    }
    return Object.fromEntries(
      Object.entries(Object.groupBy(messages, ({ robot }) => robot)).map(([robot, some = []]) => [
        robot,
        some.map(({ text }) => text).join(),
      ]),
    )
  }
  const told = expect.stringContaining(
    'Needs an operator now\nParked targets: 1 (forbidden 1)\nOffboardings: 1 (hr-2026-000123)\nDetails: npx offboarding letters list --local',
  )
  await vi.waitFor(async () => expect(await read()).toEqual({ feishu: told, dingtalk: told }), {
    timeout: 200_000,
    interval: 500,
  })
})

const linesOf = (stdout: string) => stdout.split('\n').filter((line) => /^ {2}[-+?] /.test(line))

test('the sample as docs/find.md has it: found, reviewed, sent, done', async () => {
  const { local, stop } = await startLocalStack('--no-event')
  onTestFinished(stop)
  const page = readFileSync('docs/find.md', 'utf8')
  const [, line = ''] = /^npx offboarding discover (.+?) --output event\.json/m.exec(page) ?? []
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'sample-')), 'event.json')
  const here = (...args: string[]) => call([...args, '--local', local])

  const found = await here('discover', ...line.split(' '), '--output', file)
  expect(found.stderr).toContain(`npx offboarding offboard ${file} --local ${local}\n`)
  expect(found.code).toBe(0)
  const sent = await here('offboard', file)
  expect(sent.stdout).toMatch(/\d+ targets: \d+ changed/)
  const again = await here('discover', '--dingtalk-union-id', 'sandboxUnionId01iE')
  expect(linesOf(again.stdout)).toEqual(['  - sandboxCalendarPrimary=  primary  owner  My calendar'])
})

describe('beside a local stack', () => {
  let local = ''
  let sandbox = ''
  beforeAll(async () => {
    const stack = await startLocalStack('--no-event')
    ;({ local, sandbox } = stack)
    return stack.stop
  })

  const run = (...args: string[]) => call([...args, '--local', local])
  const subscriptions = async () => {
    const { subscriptions } = (await fetch(`${sandbox}/_sandbox/state`).then((response) => response.json())) as {
      subscriptions: object
    }
    return subscriptions
  }

  test('a dry run checks every target and changes nothing', async () => {
    const before = await subscriptions()
    const { code, stdout, stderr } = await run('offboard', 'local/events/offboarding.json', '--dry-run')
    const sum = `${TARGETS} targets of a dry run: ${TARGETS - 6} would change, 3 unchanged, 1 would be parked, 1 unchecked. 1 would be gone: unknown to the vendor, check the id`
    expect([code, stdout]).toEqual([1, expect.stringContaining(sum)])
    expect(stdout).toMatch(/would be parked: feishu-drive-unsubscribe doxcnSandboxForbidden docx\n {2}forbidden: \S/)
    expect(stdout).toMatch(
      /unchecked: dingtalk-calendar-unsubscribe sandboxUnionId01iE sandboxCalendar03=\n {2}The calendar/,
    )
    expect(stderr).toMatch(/^Sent hr-2026-000123 as event \S+\. Ctrl-C stops following it/)
    expect(await subscriptions()).toEqual(before)
  })

  test('a run is followed to its end, reported, and can be reported and followed again', async () => {
    const { code, stdout, stderr } = await run('offboard', 'local/events/offboarding.json')
    const sum = `${TARGETS} targets: ${TARGETS - 6} changed, 4 unchanged, 1 parked. 1 gone: unknown to the vendor, check the id`
    expect([code, stdout]).toEqual([1, expect.stringContaining(sum)])
    expect(stdout).toMatch(/parked: feishu-drive-unsubscribe doxcnSandboxForbidden docx\n {2}forbidden: \S/)
    expect(stderr).toMatch(/^queued {5}feishu-drive-unsubscribe: 31 items$/m)
    for (const again of [run('report', 'hr-2026-000123'), run('offboard', '--follow', 'hr-2026-000123')])
      expect(await again).toMatchObject({ code: 1, stdout: expect.stringContaining(sum) })
  })
})
