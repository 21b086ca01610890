/** A store app and a third-party enterprise app on the local stack, from nothing but app id and secret: the sandbox pushes the rest. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compileTemplate } from '../../infra/compile.ts'
import { readTemplate } from '../../infra/wiring.ts'
import { sampleSecrets } from '../../local/sample-secrets.ts'
import { type Sandbox, startSandbox } from '../../local/sandbox/sandbox.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { expectVerification, shortTokenWorld } from '../sold-apps.ts'

type Outcome = { operation: string; outcome: string; kind?: string }

let sandbox: Sandbox
let stack: Stack
const outcomes: Outcome[] = []
const lines: Record<string, unknown>[] = []
let onOutcome = () => {}

beforeAll(async () => {
  const world = shortTokenWorld()
  sandbox = await startSandbox({ world, speed: 1_000 })
  const template = await compileTemplate({ stage: 'local', params: { vendorCallbacks: 'on', onDeparture: 'offboard' } })
  const { functions } = readTemplate(template, { queueUrl: (name) => name })
  const variables = Object.assign({}, ...functions.map(({ env }) => env))
  stack = await startStack({
    template,
    httpPort: 0,
    env: sandbox.variables,
    secrets: sampleSecrets(world, variables, { isSold: true }),
    onLog: ({ line }) => void lines.push(JSON.parse(line)),
    onEvent: (event) => {
      if (!/Finished|Parked|Rejected/.test(event['detail-type'])) return
      outcomes.push(event.detail as Outcome)
      onOutcome()
    },
  })
  sandbox.pushTo(stack.apiUrl)
})
afterAll(async () => {
  await stack.close()
  await sandbox.close()
})

const putEvent = (detail: object, DetailType = 'User Offboarding') =>
  stack.bus.putEvents([
    {
      EventBusName: 'subscription-offboarding-local',
      Source: 'hr.offboarding',
      DetailType,
      Detail: JSON.stringify(detail),
    },
  ])
const stored = (name: string) => {
  for (const { stages, content } of stack.secretsManager.secrets.get(name)?.versions.values() ?? [])
    if (stages.has('AWSCURRENT')) return JSON.parse(content.SecretString ?? '')
}

test('both URLs are verified, as the consoles do', () => expectVerification(sandbox))

test('all operations complete, although tickets change with every outcome', async () => {
  await sandbox.push({ event: 'suite_ticket' })
  let rotations = 0
  const answers: Promise<number>[] = []
  onOutcome = () => {
    rotations++
    for (const event of ['app_ticket', 'suite_ticket'] as const)
      answers.push(sandbox.push({ event, rotate: true }).then(({ status }) => status))
  }
  putEvent({
    offboardingId: 'hr-1',
    feishu: {
      tenantKey: 'sandbox-tenant',
      openId: 'ou_leaver',
      calendar: true,
      calendarAcls: { openId: 'ou_custodian', calendarIds: ['feishu.cn_team@group.calendar.feishu.cn'] },
      approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85', '7C468A54-8745-2245-9675-08B7C63E7A86'],
      files: ['docx', 'sheet', 'bitable', 'docx'].map((fileType, index) => ({
        fileToken: `doxcnSandbox0${index + 1}`,
        fileType,
      })),
    },
    dingtalk: { unionId: 'sandboxUnionId01iE', calendarIds: ['sandboxCalendar01=', 'sandboxCalendar02='] },
  })
  await stack.drained()
  onOutcome = () => {}
  const statuses = await Promise.all(answers)
  expect(new Set(statuses)).toEqual(new Set([200]))
  expect(rotations).toBeGreaterThanOrEqual(10)
  expect(outcomes.map(({ operation, outcome }) => `${operation} ${outcome}`).sort()).toEqual([
    'dingtalk-calendar-unsubscribe changed',
    'dingtalk-calendar-unsubscribe changed',
    'feishu-approval-unsubscribe changed',
    'feishu-approval-unsubscribe unchanged',
    'feishu-calendar-acl-subscribe changed',
    'feishu-calendar-unsubscribe changed',
    'feishu-drive-unsubscribe changed',
    'feishu-drive-unsubscribe changed',
    'feishu-drive-unsubscribe changed',
    'feishu-drive-unsubscribe changed',
  ])
  const { apps } = sandbox.state.world.feishu
  expect(stored('subscription-offboarding/local/feishu/app-ticket').appTicket).toBe(apps[0]?.appTicket)
  // Feishu was asked for the ticket that nobody had pushed yet.
  expect(sandbox.state.tokenCalls['/open-apis/auth/v3/app_ticket/resend']).toBeGreaterThan(0)
  expect(JSON.stringify(lines)).not.toContain('ticket-sandbox')
})

test('an HTTP call waits out a ticket that is on its way', async () => {
  const approval = '/feishu/approvals/7C468A54-8745-2245-9675-08B7C63E7A85/unsubscribe?tenant_key=sandbox-tenant'
  const pushed = sandbox.push({ event: 'app_ticket', rotate: true })
  const response = await fetch(stack.apiUrl + approval, { method: 'POST' })
  expect([response.status, (await pushed).status]).toEqual([200, 200])
})

test('a departure orders the offboarding', async () => {
  outcomes.length = 0
  expect((await sandbox.push({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })).status).toBe(200)
  await stack.drained()
  expect(outcomes.map(({ operation }) => operation)).toContain('feishu-calendar-unsubscribe')
  expect(outcomes.filter(({ outcome }) => outcome === 'rejected')).toEqual([])
  expect(lines.filter(({ message }) => message === 'departed')).toHaveLength(1)
})
