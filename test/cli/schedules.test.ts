/** `offboarding offboard --at`, `list` and `cancel`, on a stack of which bus, ledger and scheduler alone answer. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readTime } from '../../cli/leavers/schedules.ts'
import { close, listen } from '../../cli/loopback.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { type EventBus, startEventBus } from '../../local/aws/event-bus.ts'
import { type Scheduler, startScheduler } from '../../local/aws/scheduler.ts'
import { type LedgerStack, startLedgerStack } from './ledger-stack.ts'
import { run } from './operator.ts'

let stack: LedgerStack
let bus: EventBus
let scheduler: Scheduler
let url = ''
/** By time in epoch milliseconds, what ends the wait for it. */
const waits = new Map<number, () => void>()
const server = createServer(async (request, response) => {
  if (request.url !== STACK_PATH) return void response.writeHead(404).end()
  const description = (await (await fetch(new URL(STACK_PATH, stack.url))).json()) as StackDescription
  const endpoints = { ...description.endpoints, eventbridge: bus.url, scheduler: scheduler.url }
  const names = { ...description.names, schedules: { group: 'group', role: '/service/stage/role' } }
  response.end(
    JSON.stringify({
      ...description,
      variables: { ...description.variables, MAX_TARGETS_PER_EVENT: '9' },
      endpoints,
      names,
    }),
  )
})
beforeAll(async () => {
  stack = await startLedgerStack()
  bus = await startEventBus({ buses: ['bus'] })
  scheduler = await startScheduler({
    groups: ['group'],
    putEvent: (event) => void bus.putEvents([event]),
    waitUntil: (atMs) => new Promise((resolve) => waits.set(atMs, resolve)),
  })
  url = await listen(server)
})
afterAll(() => Promise.all([stack.stop(), bus.close(), scheduler.close(), close(server)]))
beforeEach(() => void bus.events.splice(0))

const command = (...args: string[]) => run([...args, '--local', url])
const sent = () => bus.events.map(({ event }) => [event.source, event['detail-type'], event.detail])
/** The first of a month that is at most a year ahead. */
const AHEAD = new Date(Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth() + 3, 1, 10)).toISOString()
const AT = AHEAD.replace('T10:00:00.000Z', 'T18:00+08:00')
const IN_UTC = AHEAD.replace('.000Z', 'Z')

test('a leaver is scheduled, listed, and sent when the time has come', async () => {
  const done = await command('offboard', 'a@corp.example', '--custodian', 'ou_c', '--id', 'hr-1', '--at', AT, '--yes')
  expect(done).toMatchObject({
    code: 0,
    stderr: `Scheduled hr-1 for ${IN_UTC}. To remove it: npx offboarding cancel hr-1 --local ${url}\n`,
  })
  expect(sent()).toEqual([])
  const { stdout, stderr } = await command('list')
  expect(stdout).toContain(`hr-1         scheduled  ${IN_UTC}`)
  expect(stderr).toBe('0 need an operator, 0 open, 0 finished, 1 scheduled.\n')
  expect(JSON.parse((await command('list', '--state', 'scheduled', '--json')).stdout)).toMatchObject([
    { offboardingId: 'hr-1', state: 'scheduled', since: IN_UTC },
  ])
  const again = await command('offboard', 'a@corp.example', '--id', 'hr-1', '--at', AT, '--yes')
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('this offboarding is scheduled already')])

  waits.get(Date.parse(AHEAD))?.()
  await expect.poll(sent).toHaveLength(1)
  const detail = {
    offboardingId: 'hr-1',
    dryRun: false,
    leaver: { email: 'a@corp.example' },
    custodian: { feishu: { openId: 'ou_c' } },
  }
  expect(sent()).toEqual([['hr.offboarding', 'User Leaving', detail]])
  expect((await command('list')).stderr).not.toContain('scheduled')
})

test('an event with ids is scheduled without a question, and cancelled', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'schedules-')), 'event.json')
  writeFileSync(file, JSON.stringify({ offboardingId: 'spaced_id', feishu: { approvalCodes: ['A'] } }))
  expect((await command('offboard', file, '--at', AT)).code).toBe(0)
  expect((await command('list')).stderr).toContain('1 scheduled')
  expect(await command('cancel', 'spaced_id')).toMatchObject({ code: 0, stderr: 'Cancelled spaced_id.\n' })
  expect((await command('list')).stderr).not.toContain('scheduled')
  const { code, stderr } = await command('cancel', 'spaced_id')
  expect([code, stderr]).toEqual([1, expect.stringContaining('nothing is scheduled under this id')])
  waits.get(Date.parse(AHEAD))?.()
  await new Promise(setImmediate)
  expect(sent()).toEqual([])
})

const NOW = Date.parse('2026-12-01T00:00:00Z')

test.each([
  ['2026-12-04T18:00+08:00', '2026-12-04T10:00:00.000Z'],
  ['2026-12-04T18:00:30-03:30', '2026-12-04T21:30:30.000Z'],
  ['2027-11-30T00:00Z', '2027-11-30T00:00:00.000Z'],
])('%s is %s', (text, expected) => {
  expect(new Date(readTime(text, NOW)).toISOString()).toBe(expected)
})

test.each([
  ['2026-12-04T18:00', 'needs the time zone'],
  ['2026-12-04', 'must be a time with its zone'],
  ['tomorrow', 'must be a time with its zone'],
  ['2026-12-32T00:00Z', 'no date that exists'],
  ['2027-02-30T00:00Z', 'no date that exists'],
  ['2026-12-04T25:00Z', 'no date that exists'],
  ['2026-12-04T18:00+99:00', 'no date that exists'],
  ['2026-11-30T23:59Z', 'in the past'],
  ['2026-12-01T07:00+08:00', 'in the past'],
  ['2028-01-01T00:00Z', 'more than a year ahead'],
])('%s is refused: %s', (text, problem) => {
  expect(() => readTime(text, NOW)).toThrow(problem)
})

test.each([
  [['offboard', 'a@corp.example', '--yes', '--at', '2020-01-01T00:00Z'], '--at is in the past. Nothing was scheduled.'],
  [['offboard', 'a@corp.example', '--dry-run', '--at', AT], '--at has no effect on a dry run'],
  [['offboard', '--csv', 'f', '--at', AT], "option '--csv <file>' cannot be used with option '--at'"],
  [['offboard', '--at', AT], 'expected a leaver'],
  [['cancel'], "missing required argument 'offboarding-id'"],
])('%j is wrong usage', async (args, problem) => {
  const { code, stderr } = await command(...args)
  expect([code, stderr]).toEqual([2, expect.stringContaining(problem)])
})
