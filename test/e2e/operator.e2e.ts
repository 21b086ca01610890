import { PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { beforeAll, expect, inject, it, vi } from 'vitest'
import { discoveryPolicy, operatorPolicy } from '../docs/policies.ts'
import { clientsOf, createUser, type Keys } from './aws.ts'
import { tryNpmRun } from './npm.ts'
import { STAGE } from './setup.ts'
import { changeDocument } from './vendors.ts'

// What an operator does to a deployed stage from a terminal, as a user who has docs/operator-policy.json and nothing else.

const cloud = inject('cloud')
/** A document that the app may not manage until it is mended. */
const CLOSED = 'doxcnSandbox05'
let operator: Keys
beforeAll(async () => {
  operator = await createUser(cloud, 'operator', await operatorPolicy(STAGE))
})
const run = (command: string, ...args: string[]) => tryNpmRun({ ...cloud, deployer: operator }, command, args)

it('sends an event, follows it to the report, and has the report again', async () => {
  await changeDocument(cloud.sandboxUrl, { token: CLOSED, appManages: false })
  const files = ['doxcnSandbox02:sheet', `${CLOSED}:sheet`, 'doxcnSandboxMissing:docx']
  const targets = files.flatMap((file) => ['--file', file])
  const offboarded = await run('offboard', '--id', 'hr-e2e-cli', ...targets, '--stage', STAGE)
  expect(offboarded.output).toMatch(/^3 targets: 1 changed, 1 parked\. 1 gone: unknown to the vendor, check the id$/m)
  expect(offboarded.code).toBe(1)

  const reported = await run('report', 'hr-e2e-cli', '--csv', '--stage', STAGE)
  expect(reported.code).toBe(1)
  expect(reported.output).toMatch(
    /^hr-e2e-cli,feishu-drive-unsubscribe,doxcnSandbox02 sheet,changed,,0,\w+,\S+Z,,changed \S+Z,\r?$/m,
  )
  expect(reported.output).toMatch(
    /^hr-e2e-cli,feishu-drive-unsubscribe,doxcnSandbox05 sheet,parked,forbidden,1069603,/m,
  )
}, 120_000)

it('sees what is parked and sends it back once the cause is mended, and then all has ended', async () => {
  const letters = (command: string, ...args: string[]) =>
    run('dead-letters', command, '--offboarding', 'hr-e2e-cli', ...args, '--stage', STAGE)
  const listed = await letters('list')
  expect(listed.output).toMatch(/^forbidden 1069603: 1 letter$/m)
  expect(listed.output).toContain(`feishu-drive-unsubscribe ${CLOSED} sheet`)

  await changeDocument(cloud.sandboxUrl, { token: CLOSED, appManages: true })
  const redriven = await letters('redrive', '--yes')
  expect([redriven.code, redriven.output]).toEqual([0, expect.stringContaining('Redriven: 1.')])
  await vi.waitFor(async () => {
    const { code, output } = await run('report', 'hr-e2e-cli', '--stage', STAGE)
    expect([code, output]).toEqual([
      3,
      expect.stringContaining('3 targets: 2 changed. 1 gone: unknown to the vendor, check the id'),
    ])
  }, 60_000)
}, 180_000)

it('puts no other events, and reaches no other stage', async () => {
  const { events } = clientsOf(cloud, operator)
  const order = {
    EventBusName: `subscription-offboarding-${STAGE}`,
    Source: 'hr.offboarding',
    DetailType: 'User Offboarding',
    Detail: '{}',
  }
  const name = expect.stringMatching(/AccessDenied/)
  for (const other of [
    { EventBusName: 'default' },
    { Source: 'subscription-offboarding' },
    { DetailType: 'Subscription Offboarding Finished' },
  ]) {
    const Entries = [order, { ...order, ...other }]
    await expect(events.send(new PutEventsCommand({ Entries }))).rejects.toMatchObject({ name })
  }
  const { code, output } = await run('report', 'hr-e2e-cli', '--stage', 'prod')
  expect([code, output]).toEqual([1, expect.stringContaining('you need dynamodb:Query')])
}, 120_000)

it('discovers as a user who has docs/discovery-policy.json and nothing else; the policy above does not do', async () => {
  const args = [
    '--feishu-open-id',
    'ou_leaver',
    '--dingtalk-union-id',
    'sandboxUnionId01iE',
    '--file',
    'doxcnSandbox20:sheet',
  ]
  const stage = ['--stage', STAGE, ...cloud.deployArguments]
  const discoverer = await createUser(cloud, 'discoverer', await discoveryPolicy(STAGE))
  const found = await tryNpmRun({ ...cloud, deployer: discoverer }, 'discover', [...args, ...stage])
  expect(found.output).toContain('- sandboxCalendarPrimary=  primary  owner')
  expect(found.output).toContain('- feishu.cn_project@group.calendar.feishu.cn  shared  owner')
  expect(found.output).toContain('+ doxcnSandbox20 sheet, the app: subscribed')
  expect(found.code).toBe(0)
  const refused = await run('discover', ...args, ...stage)
  expect([refused.code, refused.output]).toEqual([1, expect.stringContaining('could not be read (AccessDenied')])
}, 120_000)
