import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { ACCOUNT_ID, createUser, type Keys, outputsOf, send } from './aws.ts'
import { STAGE } from './setup.ts'
import { vendorState } from './vendors.ts'

// The routes of the deployed HTTP API over plain HTTP, signed as an AWS user's tool signs. The vendors are the sandbox.

const cloud = inject('cloud')
const team = 'feishu.cn_team@group.calendar.feishu.cn'
const closed = 'feishu.cn_private@group.calendar.feishu.cn'

const routes = {
  'feishu-calendar-unsubscribe': {
    succeeds: 'POST /feishu/calendars/unsubscription?open_id=ou_leaver',
    invalid: ['POST /feishu/calendars/unsubscription', 'open_id'],
    refused: ['POST /feishu/calendars/unsubscription?open_id=ou_resigned', 404, 'not_found', '195100'],
  },
  'feishu-calendar-acl-subscribe': {
    succeeds: `POST /feishu/calendars/${team}/acls/subscription?open_id=ou_custodian`,
    invalid: ['POST /feishu/calendars/two%20words/acls/subscription?open_id=ou_custodian', 'calendar_id'],
    refused: [`POST /feishu/calendars/${closed}/acls/subscription?open_id=ou_custodian`, 403, 'forbidden', '191002'],
  },
  'feishu-approval-unsubscribe': {
    succeeds: 'POST /feishu/approvals/7C468A54-8745-2245-9675-08B7C63E7A85/unsubscribe',
    invalid: ['POST /feishu/approvals/7C468A54-8745-2245-9675-08B7C63E7A85/unsubscribe?code=1', 'code'],
    refused: ['POST /feishu/approvals/NOBODY-KNOWS-IT/unsubscribe', 404, 'not_found', '1390002'],
  },
  'feishu-drive-unsubscribe': {
    succeeds: 'DELETE /feishu/files/doxcnSandbox01/delete_subscribe?file_type=docx',
    invalid: ['DELETE /feishu/files/doxcnSandbox01/delete_subscribe?file_type=pdf', 'file_type'],
    refused: [
      'DELETE /feishu/files/doxcnSandboxForbidden/delete_subscribe?file_type=docx',
      403,
      'forbidden',
      '1069603',
    ],
  },
  'dingtalk-calendar-unsubscribe': {
    succeeds: 'POST /dingtalk/users/sandboxUnionId01iE/calendars/sandboxCalendar01=/unsubscribe',
    invalid: ['POST /dingtalk/users/two%20words/calendars/sandboxCalendar01=/unsubscribe', 'userId'],
    refused: [
      'POST /dingtalk/users/sandboxUnionId01iE/calendars/sandboxCalendarClosed=/unsubscribe',
      403,
      'forbidden',
      'permissionDenied',
    ],
  },
} as const

/** What docs/openapi.json says API Gateway answers who may not call. */
const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
const refusalOf = (request: string) => {
  const [method = '', path = ''] = request.split(/[ ?]/)
  const template =
    Object.keys(paths).find((it) => new RegExp(`^${it.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)) ?? ''
  const [[type, { examples }]] = Object.entries(paths[template][method.toLowerCase()].responses[403].content).slice(
    -1,
  ) as [[string, { examples: { gateway: { value: object } } }]]
  return { type, body: examples.gateway.value }
}

let apiId: string
let caller: Keys
let bystander: Keys

beforeAll(async () => {
  apiId = (await outputsOf(cloud, `offboarding-${STAGE}`)).HttpApiId ?? ''
  const Resource = `arn:aws:execute-api:${cloud.region}:${ACCOUNT_ID}:${apiId}/*`
  caller = await createUser(cloud, 'caller', {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource }],
  })
  bystander = await createUser(cloud, 'bystander')
})

async function call(request: string, keys?: Keys, headers: Record<string, string> = {}) {
  const [method = '', path = ''] = request.split(' ')
  const host = `${apiId}.execute-api.${new URL(cloud.url).host}`
  const answer = await send(cloud, { method, path, service: 'execute-api', host, keys, headers })
  return { status: answer.status, type: answer.headers['content-type'], body: JSON.parse(answer.text) }
}

describe.each(Object.entries(routes))('%s over HTTP', (operation, { succeeds, invalid, refused }) => {
  it('is done', async () => {
    expect(await call(succeeds, caller)).toMatchObject({
      status: 200,
      body: { operation, outcome: 'changed' },
    })
  })

  it('names the field of an invalid request', async () => {
    const [request, field] = invalid
    expect(await call(request, caller)).toMatchObject({
      status: 400,
      type: 'application/problem+json',
      body: { operation, kind: 'invalid_request', detail: expect.stringContaining(field), retryable: false },
    })
  })

  it('tells what the vendor refused', async () => {
    const [request, status, kind, code] = refused
    expect(await call(request, caller)).toMatchObject({
      status,
      type: 'application/problem+json',
      body: { operation, kind, upstream: { code, requestId: expect.any(String) }, hint: expect.any(String) },
    })
  })

  it('is closed to who did not sign and to who may not call it', async () => {
    expect(await call(succeeds)).toEqual({ status: 403, ...refusalOf(succeeds) })
    expect(await call(succeeds, bystander)).toMatchObject({ status: 403 })
    const forged = { ...caller, secretAccessKey: `${caller.secretAccessKey}x` }
    expect(await call(succeeds, forged)).toMatchObject({ status: 403 })
  })
})

it('answers in Chinese whoever asks for it', async () => {
  const [request] = routes['feishu-approval-unsubscribe'].refused
  const { body } = await call(request, caller, { 'accept-language': 'zh-CN' })
  expect(body).toMatchObject({ title: '不存在', status: 404 })
})

it('sends nothing to the vendor in a dry run', async () => {
  const files = '/feishu/files/doxcnSandbox02/delete_subscribe?file_type=sheet'
  const { subscriptions: before } = await vendorState(cloud.sandboxUrl)
  expect(await call(`DELETE ${files}&dry_run=true`, caller)).toMatchObject({
    status: 200,
    body: {
      outcome: 'planned',
      request: { method: 'DELETE', url: expect.stringContaining('/drive/v1/files/doxcnSandbox02/') },
    },
  })
  expect((await vendorState(cloud.sandboxUrl)).subscriptions).toEqual(before)
})

it('does not know other routes', async () => {
  expect(await call('GET /feishu/calendars/unsubscription?open_id=ou_leaver', caller)).toMatchObject({ status: 404 })
})
