/** The sandbox as a whole: what both vendors do, what the pages leave open, and its own endpoints. */

import { describe, expect, onTestFinished, test } from 'vitest'
import { dingtalkCodes, feishuCodes, feishuOAuthCodes } from '../../../local/sandbox/codes.ts'
import { sampleWorld, startSandbox } from '../../../local/sandbox/sandbox.ts'
import { subscriptions } from '../../../local/sandbox/state.ts'
import { statusOf } from '../aws/clients.ts'
import {
  acl,
  approval,
  approvalCode,
  bearer,
  call,
  clock,
  custodian,
  ding,
  dingCalendar,
  dingToken,
  drive,
  leaver,
  post,
  sandbox,
  sharedCalendar,
  start,
  tenantToken,
  unsubscription,
} from './caller.ts'

describe('the operations', () => {
  test('each ends or starts its subscription and answers with its vendor’s success', async () => {
    await start()
    const tenant = bearer(await tenantToken())
    const calls: [string, string, Record<string, string>][] = [
      ['POST', unsubscription, leaver],
      ['POST', acl(sharedCalendar), custodian],
      ['POST', approval(approvalCode), tenant],
      ['DELETE', drive('doxcnSandbox01'), tenant],
      ['DELETE', drive('fldcnSandbox01', 'file_type=folder&event_type=file.created_in_folder_v1'), tenant],
    ]
    for (const [method, path, headers] of calls) {
      const reply = await call(method, path, headers)
      expect(reply.json).toEqual({ code: 0, msg: 'success', data: {} })
      expect(reply.headers.get('x-tt-logid')).toMatch(/^\w+$/)
    }
    const reply = await call('POST', dingCalendar('sandboxCalendar01='), ding(await dingToken()))
    expect([reply.status, reply.json]).toEqual([200, { result: true }])

    const left = subscriptions(sandbox.state)
    expect(left.feishu.calendar).not.toContain('ou_leaver')
    expect(left.feishu.calendarAcls).toEqual([{ calendarId: sharedCalendar, openId: 'ou_custodian' }])
    expect(left.feishu.approvals).toEqual([])
    expect(left.feishu.documents).not.toContain('doxcnSandbox01')
    expect(left.feishu.documents).not.toContain('fldcnSandbox01')
    expect(left.dingtalk.calendars).not.toContainEqual({
      calendarId: 'sandboxCalendar01=',
      unionId: 'sandboxUnionId01iE',
    })
  })

  test('a user who manages a document may act on it, and a personal app only for its own user', async () => {
    await start()
    expect((await call('DELETE', drive('doxcnSandboxForbidden'), custodian)).json.code).toBe(0)
    const token = ding('sandbox-ding-leaver')
    expect((await call('POST', dingCalendar('sandboxCalendar01='), token)).json).toEqual({ result: true })
    const other = await call('POST', dingCalendar('sandboxCalendar01=', 'sandboxUnionId02iE'), token)
    expect(other.json.code).toBe('permissionDenied')
  })

  test('what the pages leave open is a choice of the world', async () => {
    await start()
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
    const token = ding(await dingToken())
    expect((await call('POST', dingCalendar('sandboxCalendar03='), token)).json).toEqual({ result: true })
    sandbox.state.world.unconfirmed = {
      feishuUnsubscribeAgain: 'refused',
      feishuAclSubscribeAgain: 'refused',
      dingtalkUnsubscribeAgain: 'result-false',
    }
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(190002)
    expect((await call('POST', acl(sharedCalendar), custodian)).json.code).toBe(0)
    expect((await call('POST', acl(sharedCalendar), custodian)).json.code).toBe(190002)
    expect((await call('POST', dingCalendar('sandboxCalendar03='), token)).json).toEqual({ result: false })
    sandbox.state.world.unconfirmed.dingtalkUnsubscribeAgain = 'refused'
    expect((await call('POST', dingCalendar('sandboxCalendar03='), token)).json.code).toBe('invalidParameter')
  })

  test('every documented code can be had from a script by its code alone', async () => {
    await start()
    for (const [path, table] of [
      [unsubscription, feishuCodes],
      ['/oauth/v3/token', feishuOAuthCodes],
      [dingCalendar('x'), dingtalkCodes],
    ] as const) {
      for (const [code, [status]] of Object.entries(table)) {
        sandbox.answer({ path }, { code })
        const reply = await call('POST', path)
        expect([reply.status, String(reply.json.code)]).toEqual([status, code])
      }
    }
  })
})

test('unknown paths: plain text from Feishu, HTTP 200 from DingTalk; ids cannot alter the path', async () => {
  await start()
  for (const [method, path] of [
    ['POST', '/open-apis/nothing'],
    ['DELETE', unsubscription],
  ] as const) {
    const reply = await call(method, path)
    expect([reply.status, reply.headers.get('content-type'), reply.text]).toEqual([
      404,
      'text/plain',
      '404 page not found',
    ])
    expect(reply.headers.get('x-tt-logid')).not.toBeNull()
  }
  const unrouted = await call('POST', '/v1.0/calendar/nothing')
  expect([unrouted.status, unrouted.json.errcode]).toEqual([200, 404])
  expect((await call('GET', dingCalendar('x'))).json.code).toBe('InvalidAction.NotFound')
  expect((await call('DELETE', drive('a%2Fb'), bearer(await tenantToken()))).json.code).toBe(1069602)
})

describe('its own endpoints', () => {
  test('over HTTP: order, look, withdraw', async () => {
    await start()
    const order = { match: { pattern: 'unsubscription$' }, script: { code: 190003 }, times: 2 }
    expect((await post('/_sandbox/answers', order)).json).toEqual({ waiting: 1 })
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(190003)
    const state = await call('GET', '/_sandbox/state')
    expect(state.json).toMatchObject({
      answers: 1,
      calls: { 'POST /open-apis/calendar/v4/calendars/unsubscription': 1 },
      subscriptions: { feishu: { calendar: expect.arrayContaining(['ou_leaver']) } },
    })
    expect(state.text).not.toMatch(/secret|u-sandbox/)
    await call('DELETE', '/_sandbox/answers')
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
    for (const wrong of [
      { ...order, match: {} },
      { ...order, script: { what: 1 } },
      { ...order, script: { html: true, slowMs: 1 } },
    ]) {
      expect((await post('/_sandbox/answers', wrong)).status).toBe(400)
    }
    expect((await call('GET', '/_sandbox/nothing')).status).toBe(404)
  })

  test('over HTTP: a document is changed as its owner might', async () => {
    await start()
    const change = { token: 'doxcnSandboxForbidden', appManages: true }
    expect((await post('/_sandbox/documents', change)).json).toMatchObject({
      ...change,
      type: 'docx',
      subscribed: true,
    })
    expect(sandbox.state.world.feishu.documents).toContainEqual(expect.objectContaining(change))
    for (const wrong of [{}, { token: 'nowhere' }, { ...change, appManages: 'yes' }, { ...change, other: 1 }])
      expect((await post('/_sandbox/documents', wrong)).status).toBe(400)
  })
})

test('its own endpoints do not answer a page of another site', async () => {
  await start()
  const { host } = new URL(sandbox.url)
  const documents = `${sandbox.url}/_sandbox/documents`
  expect(await statusOf(documents, { host: 'evil.example' })).toBe(403)
  expect(await statusOf(documents, { host, origin: 'http://evil.example' })).toBe(403)
  expect(await statusOf(documents, { host })).toBe(400)
})

test('requests are recorded as they came', async () => {
  await start()
  await call('DELETE', drive('a%2Fb', 'file_type=docx&x=%20'), { 'X-Custom': 'Value' })
  expect(sandbox.requests).toEqual([
    {
      method: 'DELETE',
      path: '/open-apis/drive/v1/files/a%2Fb/delete_subscribe?file_type=docx&x=%20',
      headers: expect.objectContaining({ 'x-custom': 'Value' }),
      body: '',
      status: 400,
      time: clock,
    },
  ])
})

test('the given world is not changed', async () => {
  const world = sampleWorld()
  const other = await startSandbox({ world })
  onTestFinished(() => other.close())
  await fetch(other.url + unsubscription, { method: 'POST', headers: leaver })
  expect(world).toEqual(sampleWorld())
})
