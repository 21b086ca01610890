/** Feishu's app and tenant tokens. */

import { expect, test } from 'vitest'
import {
  approval,
  approvalCode,
  bearer,
  call,
  drive,
  pass,
  post,
  sandbox,
  selfBuilt,
  start,
  tenantTokenPath,
} from './caller.ts'

test('the same token while 30 minutes remain, then a second one beside it', async () => {
  await start()
  const first = (await post(tenantTokenPath, selfBuilt)).json
  expect(first).toEqual({ code: 0, msg: 'ok', tenant_access_token: expect.stringMatching(/^t-/), expire: 7200 })
  pass(5400)
  expect((await post(tenantTokenPath, selfBuilt)).json).toEqual({ ...first, expire: 1800 })
  pass(1)
  const second = (await post(tenantTokenPath, selfBuilt)).json
  expect(second.tenant_access_token).not.toBe(first.tenant_access_token)
  for (const { tenant_access_token } of [first, second]) {
    expect((await call('DELETE', drive('x'), bearer(String(tenant_access_token)))).json.code).toBe(1069604)
  }
  expect(sandbox.state.tokenCalls).toEqual({ [tenantTokenPath]: 3 })
})

test.each([
  [10003, { app_id: 'cli_unknown', app_secret: 'x' }],
  [10003, { app_id: 'cli_sandbox' }],
  [10015, { ...selfBuilt, app_secret: 'wrong' }],
  [10005, { app_id: 'cli_sandbox_store', app_secret: 'sandbox-store-secret' }],
])('failures are HTTP 200 with code %i', async (code, body) => {
  await start()
  const reply = await post(tenantTokenPath, body)
  expect([reply.status, reply.json.code]).toEqual([200, code])
})

test('the store chain, with its failures', async () => {
  await start()
  const app = { app_id: 'cli_sandbox_store', app_secret: 'sandbox-store-secret' }
  expect((await post('/open-apis/auth/v3/app_ticket/resend', app)).json).toEqual({ code: 0, msg: 'ok' })
  expect((await post('/open-apis/auth/v3/app_ticket/resend', selfBuilt)).json.code).toBe(10016)
  expect((await post('/open-apis/auth/v3/app_access_token', { ...app, app_ticket: 'old' })).json.code).toBe(10012)
  const { app_access_token } = (
    await post('/open-apis/auth/v3/app_access_token', { ...app, app_ticket: 'sandbox-app-ticket' })
  ).json
  const tenant = (body: object) => post('/open-apis/auth/v3/tenant_access_token', body)
  expect((await tenant({ app_access_token: 'a-fake', tenant_key: 'sandbox-tenant' })).json.code).toBe(99991664)
  expect((await tenant({ app_access_token, tenant_key: 'elsewhere' })).json.code).toBe(10013)
  const { tenant_access_token } = (await tenant({ app_access_token, tenant_key: 'sandbox-tenant-2' })).json
  expect((await call('POST', approval(approvalCode), bearer(String(tenant_access_token)))).json.code).toBe(1390002)
  const both = (await post('/open-apis/auth/v3/app_access_token/internal', selfBuilt)).json
  expect(both).toMatchObject({
    code: 0,
    app_access_token: expect.any(String),
    tenant_access_token: expect.any(String),
  })
})
