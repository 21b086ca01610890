import { createServer, type Server } from 'node:http'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { close, listen, readBody } from '../../cli/loopback.ts'
import { type Sandbox, startSandbox } from '../../local/sandbox/sandbox.ts'
import { deployerPolicy } from '../docs/policies.ts'
import { expectVerification, shortTokenWorld } from '../sold-apps.ts'
import { clientsOf, createUser, outputsOf, send } from './aws.ts'
import { printedBy, tryOsls, tryRun } from './npm.ts'
import { openStage } from './queues.ts'
import { SPEED, speedUp, storeSecrets, vendorParameters } from './setup.ts'

// A stage of a store app and a third-party enterprise app, from nothing but app id and secret. Both vendors push it tickets and
// departures, on its public routes, with its roles' permissions enforced.

const cloud = inject('cloud')
const SOLD = 'sold'
const APPROVAL = '/feishu/approvals/7C468A54-8745-2245-9675-08B7C63E7A86/unsubscribe?tenant_key=sandbox-tenant'

let sandbox: Sandbox
/** What vendors reach by its DNS name on AWS. */
let gateway: Server
let deployer: Awaited<ReturnType<typeof createUser>>
let stage: Awaited<ReturnType<typeof openStage>>

beforeAll(async () => {
  sandbox = await startSandbox({ world: shortTokenWorld(), speed: SPEED })
  deployer = await createUser(cloud, 'deployer-of-sold', await deployerPolicy(SOLD))
  await storeSecrets(cloud, SOLD, { isSold: true })
  const params = ['vendorCallbacks=on', 'onDeparture=offboard', 'dingtalkPeopleIndex=on']
  const stageArguments = [
    '--stage',
    SOLD,
    ...vendorParameters(sandbox.url),
    ...params.map((param) => `--param=${param}`),
  ]
  await printedBy(tryOsls({ ...cloud, deployer }, 'deploy', stageArguments))
  await speedUp(cloud, SOLD)
  stage = await openStage(cloud, SOLD)
  const { HttpApiId } = await outputsOf(cloud, `offboarding-${SOLD}`)
  const host = `${HttpApiId}.execute-api.${new URL(cloud.url).host}`
  gateway = createServer(async (request, response) => {
    const { method = '', url: path = '' } = request
    const signed = Object.entries(request.headers).filter(([name]) => /^(x-lark-|content-type$)/.test(name))
    const headers = Object.fromEntries(signed.map(([name, value]) => [name, String(value)]))
    const body = String(await readBody(request))
    const { status, text } = await send(cloud, { method, path, host, headers, body, service: 'execute-api' })
    response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  })
  sandbox.pushTo(await listen(gateway, 0))
}, 300_000)

afterAll(async () => {
  await close(gateway)
  await sandbox.close()
  const { code, output } = await tryRun('npx', ['osls', 'remove', '--stage', SOLD], {
    AWS_ENDPOINT_URL: cloud.url,
    AWS_ACCESS_KEY_ID: deployer.accessKeyId,
    AWS_SECRET_ACCESS_KEY: deployer.secretAccessKey,
  })
  expect([code, output]).toEqual([0, expect.stringMatching(/successfully removed/)])
}, 120_000)

const read = async (name: string) => {
  const { secrets } = clientsOf(cloud)
  const SecretId = `subscription-offboarding/${SOLD}/${name}`
  return JSON.parse((await secrets.send(new GetSecretValueCommand({ SecretId }))).SecretString ?? '')
}

it('both URLs are verified, as the consoles do', () => expectVerification(sandbox))

describe('from nothing but app id and secret', () => {
  it('asks Feishu for a ticket that it has not pushed yet, and waits for it', async () => {
    const approvalCodes = ['7C468A54-8745-2245-9675-08B7C63E7A86']
    const eventId = await stage.offboard({
      offboardingId: 'hr-first',
      feishu: { tenantKey: 'sandbox-tenant', approvalCodes },
    })
    expect(await stage.waitForOutcomes(eventId, 1)).toMatchObject([{ outcome: 'unchanged' }])
    expect(sandbox.state.tokenCalls['/open-apis/auth/v3/app_ticket/resend']).toBeGreaterThan(0)
  })

  it('all operations complete, though tickets change while they run', async () => {
    await sandbox.push({ event: 'suite_ticket' })
    const eventId = await stage.offboard({
      offboardingId: 'hr-sold',
      feishu: {
        tenantKey: 'sandbox-tenant',
        openId: 'ou_leaver',
        calendar: true,
        calendarAcls: { openId: 'ou_custodian', calendarIds: ['feishu.cn_team@group.calendar.feishu.cn'] },
        approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'],
        files: [1, 4, 7, 10, 13, 16, 19, 22, 28].map((n) => ({
          fileToken: `doxcnSandbox${String(n).padStart(2, '0')}`,
          fileType: 'docx',
        })),
      },
      dingtalk: { unionId: 'sandboxUnionId01iE', calendarIds: ['sandboxCalendar01=', 'sandboxCalendar02='] },
    })
    const outcomes = stage.waitForOutcomes(eventId, 14, 60_000)
    for (let rotation = 0; rotation < 5; rotation++)
      for (const event of ['app_ticket', 'suite_ticket'] as const)
        expect((await sandbox.push({ event, rotate: true })).status).toBe(200)
    const done = (await outcomes).map(({ operation, outcome }) => `${operation} ${outcome}`)
    expect(done.filter((one) => /parked|gone/.test(one))).toEqual([])
    expect(await stage.waitForCompletion(eventId)).toEqual({ changed: 14 })
    const [app] = sandbox.state.world.feishu.apps
    const [suite] = sandbox.state.world.dingtalk.apps
    expect(await read('feishu/app-ticket')).toMatchObject({ appTicket: app?.appTicket })
    expect(await read('dingtalk/suite-ticket')).toMatchObject({ suiteTicket: suite?.suiteTicket })
  }, 120_000)

  it('the secrets of the apps stay as they were stored', async () => {
    expect(Object.keys(await read('feishu/app'))).toEqual(['type', 'appId', 'appSecret'])
    expect(Object.keys(await read('dingtalk/app'))).toEqual(['type', 'suiteKey', 'suiteSecret', 'authCorpId'])
  })
})

it('a departure orders the offboarding, once', async () => {
  const push = () => sandbox.push({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })
  expect((await push()).status).toBe(200)
  await stage.waitForHeard(({ type }) => type === 'User Departed')
  await stage.waitForHeard(
    ({ operation, outcome }) => operation === 'feishu-calendar-unsubscribe' && outcome === 'gone',
  )
}, 60_000)

it.each([
  ['not signed', '/feishu/callback', '{}'],
  ['HTML', '/dingtalk/callback?signature=0&timestamp=0&nonce=0', '<html></html>'],
])('what is %s is refused, and says no more', async (_, path, body) => {
  const { HttpApiId } = await outputsOf(cloud, `offboarding-${SOLD}`)
  const host = `${HttpApiId}.execute-api.${new URL(cloud.url).host}`
  const answer = await send(cloud, { method: 'POST', path, service: 'execute-api', host, body })
  expect(answer).toMatchObject({ status: 400, text: '{"status":400}' })
})

it('the routes of operations still ask who calls', async () => {
  const { HttpApiId } = await outputsOf(cloud, `offboarding-${SOLD}`)
  const host = `${HttpApiId}.execute-api.${new URL(cloud.url).host}`
  const { status } = await send(cloud, { method: 'POST', path: APPROVAL, service: 'execute-api', host })
  expect(status).toBe(403)
})
