/** What Feishu's gateway refuses before an operation is asked. */

import { expect, test } from 'vitest'
import { approval, approvalCode, bearer, call, leaver, pass, start, tenantToken, unsubscription } from './caller.ts'

test.each([
  [99991661, 'no token', unsubscription, {}],
  [99991661, 'no Bearer', unsubscription, { Authorization: 'u-sandbox-leaver' }],
  [99991663, 'an unknown tenant token', approval(approvalCode), bearer('t-fake')],
  [99991668, 'an unknown user token', unsubscription, bearer('u-fake')],
  [99991668, 'an unknown newer token', approval('bad code'), bearer('eyJfake')],
  [99991671, 'a token of no known form', unsubscription, bearer('fake')],
  [99991668, 'a user token where only tenants act', approval(approvalCode), leaver],
])('%i with 400: %s', async (code, _name, path, headers) => {
  await start()
  const reply = await call('POST', path, headers as Record<string, string>)
  expect([reply.status, reply.json.code]).toEqual([400, code])
  if (headers === leaver) expect(reply.json.msg).toBe('user access token not support')
})

test('a tenant token where only users act is 99991663; expired ones are 99991663 and 99991677', async () => {
  await start()
  const tenant = bearer(await tenantToken())
  expect((await call('POST', unsubscription, tenant)).json.code).toBe(99991663)
  pass(7200)
  expect((await call('POST', approval(approvalCode), tenant)).json.code).toBe(99991663)
  expect((await call('POST', unsubscription, leaver)).json.code).toBe(99991677)
})

test.each([
  [99991662, { disabled: true }],
  [99991673, { tenants: [] }],
  [99991401, { ipRefused: true }],
  [99991403, { quotaExhausted: true }],
  [99991672, { scopes: ['im:message'] }],
])('%i when the app is %j', async (code, change) => {
  await start((world) => Object.assign(world.feishu.apps[0] ?? {}, change))
  const { json } = await call('POST', unsubscription, leaver)
  expect(json.code).toBe(code)
  if (code === 99991672) {
    expect(json.error).toMatchObject({
      permission_violations: [{ subject: 'calendar:calendar' }, {}, {}],
    })
  }
})

test('a user token without the scope is 99991679', async () => {
  await start((world) => Object.assign(world.feishu.users[0]?.tokens?.[0] ?? {}, { scope: 'offline_access' }))
  expect((await call('POST', unsubscription, leaver)).json.code).toBe(99991679)
})
