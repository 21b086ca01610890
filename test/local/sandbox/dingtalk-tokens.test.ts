/** DingTalk's tokens of apps and users. */

import { expect, test } from 'vitest'
import { call, ding, dingCalendar, dingToken, internal, pass, post, sandbox, start } from './caller.ts'

test('an internal token is repeated and renewed until it ends; a suite gets a new one each time', async () => {
  await start()
  const first = await post('/v1.0/oauth2/accessToken', internal)
  expect(first.json).toEqual({ accessToken: expect.any(String), expireIn: 7200 })
  pass(7199)
  expect((await post('/v1.0/oauth2/accessToken', internal)).json).toEqual(first.json)
  pass(7199)
  expect((await call('POST', dingCalendar('sandboxCalendar01='), ding(String(first.json.accessToken)))).status).toBe(
    200,
  )
  pass(1)
  expect((await post('/v1.0/oauth2/accessToken', internal)).json).not.toEqual(first.json)
  const unified = { client_id: internal.appKey, client_secret: internal.appSecret, grant_type: 'client_credentials' }
  expect((await post('/v1.0/oauth2/sandbox-corp/token', unified)).json).toEqual({
    access_token: expect.any(String),
    expires_in: 7200,
  })
})

const suite = {
  suiteKey: 'sandbox-suite-key',
  suiteSecret: 'sandbox-suite-secret',
  suiteTicket: 'sandbox-suite-ticket',
  authCorpId: 'sandbox-corp',
}
const unified = {
  client_id: 'sandbox-app-key',
  client_secret: 'sandbox-app-secret',
  grant_type: 'client_credentials',
}
const user = {
  clientId: 'sandbox-client-id',
  clientSecret: 'sandbox-client-secret',
  grantType: 'refresh_token',
  refreshToken: 'sandbox-ding-leaver-refresh',
}
test.each([
  [400, 'invalidClientIdOrSecret', 'accessToken', { ...internal, appSecret: 'wrong' }],
  [400, 'missingParameter', 'accessToken', {}],
  [400, 'invalidSuiteKey', 'corpAccessToken', { ...suite, suiteSecret: 'wrong' }],
  [400, 'invalidSuiteTicket', 'corpAccessToken', { ...suite, suiteTicket: 'old' }],
  [400, 'invalidAuthInfo', 'corpAccessToken', { ...suite, authCorpId: 'elsewhere' }],
  [400, 'invalid.client', 'sandbox-corp/token', { ...unified, client_secret: 'wrong' }],
  [400, 'unsupported.grant.type', 'sandbox-corp/token', { ...unified, grant_type: 'password' }],
  [401, 'unauthorized.client', 'elsewhere/token', unified],
  [400, 'invalidClientIdOrSecret', 'userAccessToken', { ...user, clientSecret: 'wrong' }],
  [400, 'invalidParameter.authCode.notFound', 'userAccessToken', { ...user, refreshToken: 'unknown' }],
])('%i %s from %s', async (status, code, endpoint, body) => {
  await start()
  const reply = await post(`/v1.0/oauth2/${endpoint}`, body)
  expect([reply.status, reply.json.code, typeof reply.json.requestid]).toEqual([status, code, 'string'])
})

test('a form is no body, and a bad client of the unified endpoint may be the observed 500', async () => {
  await start((world) => {
    world.unconfirmed = { dingtalkUnifiedTokenFailure: 'observed', dingtalkOlderCorpToken: 'replaced' }
  })
  const form = new URLSearchParams(internal).toString()
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  expect((await call('POST', '/v1.0/oauth2/accessToken', headers, form)).json.code).toBe('Missingbody')
  const reply = await post('/v1.0/oauth2/elsewhere/token', { ...unified, client_id: 'unknown' })
  expect([reply.status, reply.json.code]).toEqual([500, 'unknownError'])
  const older = String((await post('/v1.0/oauth2/corpAccessToken', suite)).json.accessToken)
  await post('/v1.0/oauth2/corpAccessToken', suite)
  expect((await call('POST', dingCalendar('sandboxCalendar01='), ding(older))).json.code).toBe('InvalidAuthentication')
})

test('a refresh token is rotated; consent gives an authCode that is exchanged once', async () => {
  await start()
  const refreshed = (await post('/v1.0/oauth2/userAccessToken', user)).json
  expect(refreshed).toEqual({
    accessToken: expect.any(String),
    refreshToken: expect.any(String),
    expireIn: 7200,
    corpId: 'sandbox-corp',
  })
  expect((await post('/v1.0/oauth2/userAccessToken', user)).status).toBe(400)
  expect((await post('/v1.0/oauth2/userAccessToken', { ...user, refreshToken: refreshed.refreshToken })).status).toBe(
    200,
  )
  expect(sandbox.state.tokenCalls).toEqual({ '/v1.0/oauth2/userAccessToken refresh_token': 3 })

  const query = new URLSearchParams({
    client_id: user.clientId,
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1:1/cb',
    state: 's',
    scope: 'openid',
  })
  const to = new URL((await call('GET', `/oauth2/auth?${query}`)).headers.get('location') ?? '').searchParams
  expect(to.get('state')).toBe('s')
  const exchange = { ...user, grantType: 'authorization_code', code: to.get('authCode') }
  const { json } = await post('/v1.0/oauth2/userAccessToken', exchange)
  expect((await call('GET', '/v1.0/contact/users/me', ding(String(json.accessToken)))).json).toEqual({
    unionId: 'sandboxUnionId01iE',
  })
  expect((await post('/v1.0/oauth2/userAccessToken', exchange)).json.code).toBe('invalidParameter.authCode.notFound')
  expect((await call('GET', '/v1.0/contact/users/me', ding(await dingToken()))).status).toBe(403)
})
