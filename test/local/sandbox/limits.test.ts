/** The vendors' limits: windows, buckets, and what a refusal announces. */

import { expect, test } from 'vitest'
import { subscriptions } from '../../../local/sandbox/state.ts'
import {
  approval,
  approvalCode,
  bearer,
  call,
  ding,
  dingCalendar,
  dingToken,
  drive,
  leaver,
  pass,
  post,
  type Reply,
  sandbox,
  start,
  tenantToken,
  unsubscription,
} from './caller.ts'

const limited = (reply: Reply) => [
  reply.status,
  reply.json.code,
  reply.headers.get('x-ogw-ratelimit-limit'),
  reply.headers.get('x-ogw-ratelimit-reset'),
]

test('drive allows 10 a minute, announces the rest of the window, and changes nothing meanwhile', async () => {
  await start()
  const tenant = bearer(await tenantToken())
  const types = ['docx', 'sheet', 'bitable']
  const unsubscribe = (index: number) =>
    call(
      'DELETE',
      drive(`doxcnSandbox${String(index).padStart(2, '0')}`, `file_type=${types[(index - 1) % 3]}`),
      tenant,
    )
  for (let index = 1; index <= 10; index++) expect((await unsubscribe(index)).status).not.toBe(429)
  pass(1.5)
  const before = subscriptions(sandbox.state)
  expect(limited(await unsubscribe(11))).toEqual([429, 99991400, '10', '59'])
  expect(subscriptions(sandbox.state)).toEqual(before)
  pass(58)
  expect(limited(await unsubscribe(11))).toEqual([429, 99991400, '10', '1'])
  pass(0.5)
  expect((await unsubscribe(11)).json.code).toBe(0)
})

test('limits are per API, app and tenant; a call refused before the limit is not counted', async () => {
  await start()
  const store = { app_id: 'cli_sandbox_store', app_secret: 'sandbox-store-secret', app_ticket: 'sandbox-app-ticket' }
  const { app_access_token } = (await post('/open-apis/auth/v3/app_access_token', store)).json
  const of = async (tenant_key: string) =>
    bearer(
      String(
        (await post('/open-apis/auth/v3/tenant_access_token', { app_access_token, tenant_key })).json
          .tenant_access_token,
      ),
    )
  const [own, first, second] = [bearer(await tenantToken()), await of('sandbox-tenant'), await of('sandbox-tenant-2')]
  for (let n = 0; n < 11; n++) await call('DELETE', drive('x'), bearer('t-fake'))
  for (let n = 0; n < 10; n++) expect((await call('DELETE', drive('x'), first)).json.code).toBe(1069604)
  expect((await call('DELETE', drive('x'), first)).status).toBe(429)
  expect((await call('DELETE', drive('x'), second)).json.code).toBe(1069604)
  expect((await call('DELETE', drive('x'), own)).json.code).toBe(1069604)
  expect((await call('POST', approval(approvalCode), first)).json.code).toBe(0)
})

test.each([
  ['approval: 100 a minute', 100, 60, () => call('POST', approval(approvalCode), tenant)],
  ['calendar: 50 a second', 50, 1, () => call('POST', unsubscription, leaver)],
  ['OAuth: 50 a second', 50, 1, () => post('/oauth/v3/token', { client_id: 'cli_sandbox' })],
])('%s', async (_name, cap, seconds, attempt) => {
  await start()
  tenant = bearer(await tenantToken())
  for (let n = 0; n < cap; n++) expect((await attempt()).status).not.toBe(429)
  expect(limited(await attempt())).toEqual([429, 99991400, String(cap), String(seconds)])
  pass(seconds)
  expect((await attempt()).status).not.toBe(429)
})
let tenant: Record<string, string>

test('calendar: also 1000 a minute, and the longer wait is the one announced', async () => {
  await start()
  for (let second = 0; second < 20; second++) {
    await Promise.all(Array.from({ length: 50 }, () => call('POST', unsubscription, leaver)))
    pass(1)
  }
  expect(limited(await call('POST', unsubscription, leaver))).toEqual([429, 99991400, '1000', '40'])
})

test('windows run faster, the reset stays a whole second at least', async () => {
  await start(() => {}, { speed: 60 })
  const tenant = bearer(await tenantToken())
  for (let n = 0; n < 10; n++) await call('DELETE', drive('x'), tenant)
  expect(limited(await call('DELETE', drive('x'), tenant))).toEqual([429, 99991400, '10', '1'])
  pass(1)
  expect((await call('DELETE', drive('x'), tenant)).status).toBe(400)
})

test('DingTalk: 20 a second is a 403 that tells no wait, named after the kind of app', async () => {
  await start()
  const suite = {
    suiteKey: 'sandbox-suite-key',
    suiteSecret: 'sandbox-suite-secret',
    suiteTicket: 'sandbox-suite-ticket',
    authCorpId: 'sandbox-corp',
  }
  const corp = String((await post('/v1.0/oauth2/corpAccessToken', suite)).json.accessToken)
  for (const [token, name] of [
    [await dingToken(), 'AppkeyAndApi'],
    [corp, 'SuitekeyAndOrgAndApi'],
  ] as const) {
    for (let n = 0; n < 20; n++) await call('POST', dingCalendar('sandboxCalendar01='), ding(token))
    const reply = await call('POST', dingCalendar('sandboxCalendar02='), ding(token))
    expect([reply.status, reply.json.code]).toEqual([403, `Forbidden.AccessDenied.QpsLimitFor${name}`])
  }
  expect(subscriptions(sandbox.state).dingtalk.calendars).toContainEqual({
    calendarId: 'sandboxCalendar02=',
    unionId: 'sandboxUnionId01iE',
  })
  pass(1)
  expect((await call('POST', dingCalendar('sandboxCalendar02='), ding(corp))).json).toEqual({ result: true })
})
