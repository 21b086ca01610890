/** DingTalk's operations, what only reads, and its gateway. */

import { expect, test } from 'vitest'
import { bearer, call, ding, dingCalendar, dingToken, pass, sandbox, start } from './caller.ts'

test.each([
  ['permissionDenied', 'The user is not within the subscription scope', 'sandboxCalendarClosed='],
  ['invalidParameter', 'forwardErrorMessage', 'unknown'],
  ['invalidParameter', 'calendarId cannot be blank', ' '],
  ['invalidParameter', 'calendar type invalid', 'sandboxCalendarPrimary='],
])('DingTalk %s: %s', async (code, message, calendar) => {
  await start()
  const reply = await call('POST', dingCalendar(calendar), ding(await dingToken()))
  expect([reply.status, reply.json]).toEqual([
    400,
    { code, message, requestid: expect.stringMatching(/^[0-9A-F]{32}$/) },
  ])
})

test("a DingTalk user's calendars of every type, to an app that has either permission", async () => {
  await start()
  const path = (user: string) => `/v1.0/calendar/users/${user}/calendars`
  const app = ding(await dingToken())
  const { json } = await call('GET', path('sandboxUnionId01iE'), app)
  const { calendars: listed } = json.response as { calendars: Record<string, unknown>[] }
  expect(listed.map(({ id, type, privilege }) => [id, type, privilege])).toEqual([
    ['sandboxCalendar01=', 'subscribed', 'reader'],
    ['sandboxCalendar02=', 'subscribed', 'owner'],
    ['sandboxCalendarPrimary=', 'primary', 'owner'],
  ])
  const refused = await call('GET', path('nobody'), app)
  expect([refused.status, refused.json.code]).toEqual([400, 'paramIllegal'])
  const other = await call('GET', path('sandboxUnionId02iE'), ding('sandbox-ding-leaver'))
  expect(other.json.code).toBe('paramIllegal')
  Object.assign(sandbox.state.world.dingtalk.apps[0] ?? {}, { scopes: ['Calendar.Calendar.Write'] })
  expect((await call('GET', path('sandboxUnionId01iE'), app)).json.accessdenieddetail).toEqual({
    requiredScopes: ['Calendar.Event.Read', 'Calendar.Calendar.Read'],
  })
})

test.each([
  [400, 'AuthenticationFailed.MissingParameter', {}, ''],
  [400, 'InvalidAuthentication', {}, 'fake'],
  [403, 'Forbidden.AccessDenied.IpNotInWhiteList', { ipRefused: true }, 'sandbox-ding-leaver'],
  [403, 'Forbidden.AccessDenied.AccessTokenPermissionDenied', { scopes: ['x'] }, 'sandbox-ding-leaver'],
  [403, 'Forbidden.AccessDenied.ApiCountLimitForOrg', { quotaExhausted: true }, 'sandbox-ding-leaver'],
])('DingTalk %i %s', async (status, code, change, token) => {
  await start((world) => Object.assign(world.dingtalk.apps[2] ?? {}, change))
  const headers = token === '' ? bearer('sandbox-ding-leaver') : ding(token)
  const reply = await call('POST', dingCalendar('sandboxCalendar01='), headers)
  expect([reply.status, reply.json.code]).toEqual([status, code])
  if ('scopes' in change) {
    expect(reply.json.accessdenieddetail).toEqual({ requiredScopes: ['Calendar.Calendar.Write'] })
  }
})

test('an expired DingTalk token is InvalidAuthentication, or what the world chooses', async () => {
  await start()
  pass(7200)
  const path = dingCalendar('sandboxCalendar01=')
  expect((await call('POST', path, ding('sandbox-ding-leaver'))).json.code).toBe('InvalidAuthentication')
  sandbox.state.world.unconfirmed = { dingtalkExpiredUserToken: 'accesstoken.expired' }
  expect((await call('POST', path, ding('sandbox-ding-leaver'))).json.code).toBe('accesstoken.expired')
})
