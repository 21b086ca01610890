/** The sandbox behaves as the vendors' pages say: the contracts, tokens, limits, and answers on demand. */

import { createHash, randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { dingtalkCodes, feishuCodes, feishuOAuthCodes } from '../../../local/sandbox/codes.ts'
import {
  readWorld,
  type Sandbox,
  type SandboxOptions,
  sampleWorld,
  startSandbox,
  type World,
} from '../../../local/sandbox/sandbox.ts'
import { subscriptions } from '../../../local/sandbox/state.ts'

let sandbox: Sandbox
let clock: number

afterEach(async () => sandbox?.close())

const start = async (change: (world: World) => void = () => {}, options: SandboxOptions = {}) => {
  clock = 1_700_000_000_000
  const world = sampleWorld()
  change(world)
  sandbox = await startSandbox({ world, now: () => clock, ...options })
}

const pass = (seconds: number) => {
  clock += seconds * 1000
}

interface Reply {
  status: number
  headers: Headers
  text: string
  json: Record<string, unknown>
}

async function call(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Reply> {
  const response = await fetch(sandbox.url + path, {
    method,
    headers,
    redirect: 'manual',
    ...(body !== undefined && { body }),
  })
  const text = await response.text()
  let json = {}
  try {
    json = JSON.parse(text)
  } catch {}
  return { status: response.status, headers: response.headers, text, json }
}

const post = (path: string, body: object) =>
  call('POST', path, { 'Content-Type': 'application/json' }, JSON.stringify(body))
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const ding = (token: string) => ({ 'x-acs-dingtalk-access-token': token })

const selfBuilt = { app_id: 'cli_sandbox', app_secret: 'sandbox-app-secret' }
const tenantTokenPath = '/open-apis/auth/v3/tenant_access_token/internal'
const tenantToken = async () => String((await post(tenantTokenPath, selfBuilt)).json.tenant_access_token)
const internal = { appKey: 'sandbox-app-key', appSecret: 'sandbox-app-secret' }
const dingToken = async () => String((await post('/v1.0/oauth2/accessToken', internal)).json.accessToken)

const unsubscription = '/open-apis/calendar/v4/calendars/unsubscription'
const calendars = '/open-apis/calendar/v4/calendars'
const acl = (name: string) => `${calendars}/${encodeURIComponent(name)}/acls/subscription`
const sharedCalendar = 'feishu.cn_project@group.calendar.feishu.cn'
const approval = (code: string) => `/open-apis/approval/v4/approvals/${code}/unsubscribe`
const approvalCode = '7C468A54-8745-2245-9675-08B7C63E7A85'
const drive = (token: string, query = 'file_type=docx') =>
  `/open-apis/drive/v1/files/${token}/delete_subscribe?${query}`
const dingCalendar = (calendar: string, user = 'sandboxUnionId01iE') =>
  `/v1.0/calendar/users/${user}/calendars/${encodeURIComponent(calendar)}/unsubscribe`
const leaver = bearer('u-sandbox-leaver')
const custodian = bearer('u-sandbox-custodian')

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

  type Row = [
    code: number,
    name: string,
    method: string,
    path: string,
    as: 'tenant' | Record<string, string>,
    change?: (world: World) => void,
  ]
  const resign = (world: World) => {
    for (const user of world.feishu.users) user.status = 'resigned'
  }
  const rows: Row[] = [
    [
      190007,
      'the app has no bot',
      'POST',
      unsubscription,
      leaver,
      (w) => Object.assign(w.feishu.apps[0] ?? {}, { withoutBot: true }),
    ],
    [195100, 'the user has resigned', 'POST', unsubscription, leaver, resign],
    [195100, 'the custodian has resigned', 'POST', acl(sharedCalendar), custodian, resign],
    [191000, 'an unknown calendar', 'POST', acl('feishu.cn_x@group.calendar.feishu.cn'), custodian],
    [191001, 'no calendar id', 'POST', acl('nonsense'), custodian],
    [191002, 'a calendar without access', 'POST', acl('feishu.cn_private@group.calendar.feishu.cn'), custodian],
    [191003, 'a deleted calendar', 'POST', acl('feishu.cn_deleted@group.calendar.feishu.cn'), custodian],
    [191004, 'a meeting room', 'POST', acl('feishu.cn_room@group.calendar.feishu.cn'), custodian],
    [1390001, 'a malformed approval code', 'POST', approval('a%20b'), 'tenant'],
    [1390002, 'an unknown approval code', 'POST', approval('00000000-0000-0000-0000-000000000000'), 'tenant'],
    [1390007, 'an approval already unsubscribed', 'POST', approval('7C468A54-8745-2245-9675-08B7C63E7A86'), 'tenant'],
    [1069602, 'no file_type', 'DELETE', drive('doxcnSandbox01', ''), 'tenant'],
    [1069602, 'an unknown file_type', 'DELETE', drive('doxcnSandbox01', 'file_type=mindnote'), 'tenant'],
    [1069602, 'a folder without its event', 'DELETE', drive('fldcnSandbox01', 'file_type=folder'), 'tenant'],
    [1069603, 'a document the app does not manage', 'DELETE', drive('doxcnSandboxForbidden'), 'tenant'],
    [1069603, 'a document the user does not manage', 'DELETE', drive('doxcnSandboxForbidden'), leaver],
    [1069604, 'an unknown document', 'DELETE', drive('doxcnSandboxMissing'), 'tenant'],
    [1069604, 'a document of another type', 'DELETE', drive('doxcnSandbox01', 'file_type=sheet'), 'tenant'],
    [1069605, 'a document already unsubscribed', 'DELETE', drive('doxcnSandbox25'), 'tenant'],
    [
      1064230,
      'a document under migration',
      'DELETE',
      drive('doxcnSandbox01'),
      'tenant',
      (w) => Object.assign(w.feishu.documents[0] ?? {}, { locked: true }),
    ],
  ]
  test.each(rows)('%i: %s', async (code, _name, method, path, as, change) => {
    await start(change)
    const before = subscriptions(sandbox.state)
    const reply = await call(method, path, as === 'tenant' ? bearer(await tenantToken()) : as)
    const [status, msg] = feishuCodes[code as keyof typeof feishuCodes]
    expect([reply.status, reply.json.code, reply.json.msg]).toEqual([status, code, msg])
    expect(reply.json.error).toEqual({ log_id: reply.headers.get('x-tt-logid') })
    expect(subscriptions(sandbox.state)).toEqual(before)
  })

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

describe('what only reads', () => {
  type Listed = { has_more: boolean; page_token: string; calendar_list: { calendar_id: string; role: string }[] }
  const list = async (query = '', headers = leaver) => {
    const reply = await call('GET', `${calendars}${query}`, headers)
    return { status: reply.status, code: reply.json.code, data: reply.json.data as Listed }
  }
  const status = (token: string, query = 'file_type=docx') =>
    `/open-apis/drive/v1/files/${token}/get_subscribe?${query}`

  test("a user's calendars, page by page, with the user's role in each", async () => {
    await start(({ feishu }) => {
      const more = Array.from({ length: 120 }, (_, index) => ({
        calendarId: `c${index}@x`,
        type: 'shared' as const,
        access: ['ou_leaver'],
        aclSubscribers: [],
      }))
      feishu.calendars.push(...more)
    })
    const first = await list('?page_size=50')
    expect([first.data.has_more, first.data.calendar_list.length]).toEqual([true, 50])
    expect(first.data.calendar_list[0]).toEqual({
      calendar_id: sharedCalendar,
      summary: 'Project',
      description: '',
      permissions: 'private',
      color: -1,
      type: 'shared',
      summary_alias: '',
      is_deleted: false,
      is_third_party: false,
      role: 'owner',
    })
    const second = await list(`?page_size=50&page_token=${first.data.page_token}`)
    const third = await list(`?page_size=50&page_token=${second.data.page_token}`)
    expect([third.data.has_more, third.data.page_token, 'sync_token' in third.data]).toEqual([false, '', true])
    const all = [first, second, third].flatMap(({ data }) => data.calendar_list)
    expect(new Set(all.map(({ calendar_id }) => calendar_id)).size).toBe(126)
    const roleOf = (name: string) => all.find(({ calendar_id }) => calendar_id.startsWith(`feishu.cn_${name}`))?.role
    expect([roleOf('deleted'), roleOf('holidays'), roleOf('room')]).toEqual(['owner', 'reader', undefined])
    expect((await list('', bearer(await tenantToken()))).data.calendar_list).toEqual([])
  })

  test.each([
    [400, 190002, '?page_size=49', 'u-sandbox-leaver'],
    [400, 190002, '?page_size=1001', 'u-sandbox-leaver'],
    [400, 190008, '?page_token=made-up', 'u-sandbox-leaver'],
    [404, 195100, '', 'u-sandbox-resigned'],
  ])('the list of calendars answers %i %i for %j', async (httpStatus, code, query, token) => {
    await start()
    expect(await list(query, bearer(token))).toMatchObject({ status: httpStatus, code })
  })

  test('whether a document is subscribed, to those who may manage it, ten times a minute', async () => {
    await start()
    const tenant = bearer(await tenantToken())
    const ask = async (path: string, headers = tenant) => {
      const { json } = await call('GET', path, headers)
      return [json.code, json.data]
    }
    expect(await ask(status('doxcnSandbox01'))).toEqual([0, { is_subscribe: true }])
    expect(await ask(status('doxcnSandbox09', 'file_type=bitable'))).toEqual([0, { is_subscribe: false }])
    expect(await ask(status('doxcnSandboxForbidden'))).toEqual([1069603, {}])
    expect(await ask(status('doxcnSandboxForbidden'), custodian)).toEqual([0, { is_subscribe: true }])
    expect(await ask(status('doxcnNone'))).toEqual([1069604, {}])
    expect(await ask(status('fldcnSandbox01', 'file_type=folder'))).toEqual([1069602, {}])
    sandbox.state.world.unconfirmed = { feishuUnsubscribedStatus: 'refused' }
    expect(await ask(status('doxcnSandbox09', 'file_type=bitable'))).toEqual([1069605, {}])
    for (let calls = 0; calls < 3; calls++) expect((await ask(status('doxcnSandbox01')))[0]).toBe(0)
    expect((await ask(status('doxcnSandbox01')))[0]).toBe(99991400)
    expect(subscriptions(sandbox.state).feishu.documents).toContain('doxcnSandbox01')
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
})

describe('the gateways', () => {
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

  test('unknown paths: plain text from Feishu, HTTP 200 from DingTalk; ids cannot alter the path', async () => {
    await start()
    for (const [method, path] of [
      ['POST', '/open-apis/nothing'],
      ['GET', unsubscription],
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
})

describe('rate limits', () => {
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
})

describe('Feishu app and tenant tokens', () => {
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
})

describe('Feishu user tokens', () => {
  const client = { client_id: 'cli_sandbox', client_secret: 'sandbox-app-secret' }
  const request = { ...client, grant_type: 'refresh_token', refresh_token: 'ur-sandbox-leaver' }
  const refresh = (change: object = {}, path = '/oauth/v3/token') => post(path, { ...request, ...change })

  test('a refresh token works once; the old access token lives a minute more', async () => {
    await start()
    const { json } = await refresh()
    expect(json).toEqual({
      code: 0,
      access_token: expect.stringMatching(/^u-/),
      expires_in: 7200,
      refresh_token: expect.any(String),
      refresh_token_expires_in: 604_800,
      token_type: 'Bearer',
      scope: expect.stringContaining('offline_access'),
    })
    expect(await refresh()).toMatchObject({ status: 400, json: { code: 20073, error: 'invalid_grant' } })
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
    expect((await call('POST', unsubscription, bearer(String(json.access_token)))).json.code).toBe(0)
    pass(60)
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(99991677)
    expect((await refresh({ refresh_token: json.refresh_token })).json.code).toBe(0)
    expect(sandbox.state.tokenCalls).toEqual({ '/oauth/v3/token refresh_token': 3 })
  })

  test('of many at once exactly one wins', async () => {
    await start()
    const codes = (await Promise.all(Array.from({ length: 20 }, () => refresh()))).map(({ json }) => json.code)
    expect(codes.filter((code) => code === 0)).toHaveLength(1)
    expect(codes.filter((code) => code === 20073)).toHaveLength(19)
  })

  test('v2 and form bodies work too, and narrowing without offline_access ends the chain', async () => {
    await start()
    const form = new URLSearchParams({ ...request, scope: 'calendar:calendar' }).toString()
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const { json } = await call('POST', '/open-apis/authen/v2/oauth/token', headers, form)
    expect(json).toMatchObject({ code: 0, scope: 'calendar:calendar' })
    expect(json).not.toHaveProperty('refresh_token')
  })

  const tokenOf = (change: object) => (world: World) => Object.assign(world.feishu.users[0]?.tokens?.[0] ?? {}, change)
  const appIs = (change: object) => (world: World) => Object.assign(world.feishu.apps[0] ?? {}, change)
  const userIs = (change: object) => (world: World) => Object.assign(world.feishu.users[0] ?? {}, change)
  const rows: [number, string, object, ((world: World) => void)?][] = [
    [20001, 'no refresh token', { refresh_token: '' }],
    [20001, 'no grant type', { grant_type: '' }],
    [20002, 'a wrong secret', { client_secret: 'wrong' }],
    [20008, 'a deleted user', {}, userIs({ status: 'deleted' })],
    [20009, 'an app not installed', {}, appIs({ tenants: [] })],
    [20010, 'a user who may not use the app', {}, userIs({ appForbidden: true })],
    [
      20021,
      'a resigned user, other reading',
      {},
      (world) => {
        userIs({ status: 'resigned' })(world)
        world.unconfirmed = { feishuResignedRefresh: 20021 }
      },
    ],
    [20024, 'another client', { client_id: 'cli_sandbox_store', client_secret: 'sandbox-store-secret' }],
    [20026, 'an unknown token', { refresh_token: 'ur-unknown' }],
    [20026, 'a token of v1', {}, tokenOf({ refreshStatus: 'v1' })],
    [20036, 'another grant type', { grant_type: 'password' }],
    [20037, 'an expired token', {}, tokenOf({ refreshExpiresIn: -1 })],
    [20037, 'consent of a year ago', {}, tokenOf({ authorizedAgo: 31_536_000 })],
    [20048, 'an unknown client', { client_id: 'cli_unknown' }],
    [20064, 'a revoked token', {}, tokenOf({ refreshStatus: 'revoked' })],
    [20066, 'a frozen user', {}, userIs({ status: 'frozen' })],
    [20066, 'a resigned user', {}, userIs({ status: 'resigned' })],
    [20067, 'a scope twice', { scope: 'drive:drive drive:drive' }],
    [20068, 'a scope not granted', { scope: 'im:message' }],
    [20069, 'a disabled app', {}, appIs({ disabled: true })],
    [20073, 'a used token', {}, tokenOf({ refreshStatus: 'used' })],
    [20074, 'an app that may not refresh', {}, appIs({ refreshForbidden: true })],
  ]
  test.each(rows)('%i: %s', async (code, _name, change, world) => {
    await start(world)
    const reply = await refresh(change)
    expect(reply).toMatchObject({
      status: 400,
      json: { code, error: expect.any(String), error_description: expect.any(String) },
    })
    expect(reply.json).not.toHaveProperty('msg')
    const status = sandbox.state.tokens.feishu.refresh.get('ur-sandbox-leaver')?.status
    if (world === undefined) expect(status).toBe('live')
  })

  test('20063 for a malformed body, 20070 for two ways of client authentication', async () => {
    await start()
    expect((await call('POST', '/oauth/v3/token', {}, '{')).json.code).toBe(20063)
    const basic = `Basic ${Buffer.from('cli_sandbox:sandbox-app-secret').toString('base64')}`
    const headers = { Authorization: basic, 'Content-Type': 'application/json' }
    expect((await call('POST', '/oauth/v3/token', headers, JSON.stringify(request))).json.code).toBe(20070)
  })

  test('reuse may revoke the successors, if the world says so', async () => {
    await start((world) => {
      world.unconfirmed = { feishuRefreshReuse: 'revokes-successors' }
    })
    const { refresh_token } = (await refresh()).json
    expect((await refresh()).json.code).toBe(20073)
    expect((await refresh({ refresh_token })).json.code).toBe(20064)
  })

  const redirect_uri = 'http://127.0.0.1:3999/callback'
  const consent = async (more: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      client_id: 'cli_sandbox',
      response_type: 'code',
      redirect_uri,
      state: 'xyz',
      ...more,
    })
    const reply = await call('GET', `/open-apis/authen/v1/authorize?${query}`)
    expect(reply.status).toBe(302)
    return new URL(reply.headers.get('location') ?? '')
  }

  test('consent with PKCE gives a code that is exchanged once, for the user it was given by', async () => {
    await start()
    const code_verifier = randomBytes(32).toString('base64url')
    const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
    const to = await consent({
      code_challenge,
      code_challenge_method: 'S256',
      scope: 'offline_access calendar:calendar',
    })
    expect([to.origin + to.pathname, to.searchParams.get('state')]).toEqual([redirect_uri, 'xyz'])
    const exchange = { ...client, grant_type: 'authorization_code', code: to.searchParams.get('code'), redirect_uri }
    const attempt = async (change: object) => (await post('/oauth/v3/token', { ...exchange, ...change })).json
    expect((await attempt({})).code).toBe(20049)
    expect((await attempt({ code_verifier: 'wrong' })).code).toBe(20049)
    expect((await attempt({ code_verifier, redirect_uri: 'http://127.0.0.1:1/' })).code).toBe(20071)
    expect((await attempt({ code_verifier, code: 'unknown' })).code).toBe(20003)
    const pair = await attempt({ code_verifier })
    expect(pair).toMatchObject({
      code: 0,
      scope: 'offline_access calendar:calendar',
      refresh_token: expect.any(String),
    })
    expect((await attempt({ code_verifier })).code).toBe(20065)
    const { json } = await call('GET', '/open-apis/authen/v1/user_info', bearer(String(pair.access_token)))
    expect(json.data).toMatchObject({ open_id: 'ou_leaver' })
  })

  test('a code ends after five minutes; a user may decline', async () => {
    await start()
    const code = (await consent()).searchParams.get('code')
    pass(300)
    const exchange = { ...client, grant_type: 'authorization_code', code, redirect_uri }
    expect((await post('/oauth/v3/token', exchange)).json.code).toBe(20004)
    sandbox.state.world.feishu.consent = { userId: 'ou_leaver', denied: true }
    const declined = (await consent()).searchParams
    expect([declined.get('error'), declined.get('state'), declined.has('code')]).toEqual([
      'access_denied',
      'xyz',
      false,
    ])
  })
})

describe('DingTalk tokens', () => {
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
    expect((await call('POST', dingCalendar('sandboxCalendar01='), ding(older))).json.code).toBe(
      'InvalidAuthentication',
    )
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
})

describe('answers on demand', () => {
  const subscribed = () => subscriptions(sandbox.state).feishu.calendar.includes('ou_leaver')

  test('exactly the given answer, so many times, then the vendor’s own; other calls are left alone', async () => {
    await start()
    sandbox.answer(
      { method: 'POST', path: unsubscription },
      { status: 503, headers: { 'Retry-After': '7' }, body: { busy: true } },
      2,
    )
    expect((await post('/v1.0/oauth2/accessToken', internal)).status).toBe(200)
    for (let n = 0; n < 2; n++) {
      const reply = await call('POST', unsubscription, leaver)
      expect([reply.status, reply.headers.get('retry-after'), reply.json]).toEqual([503, '7', { busy: true }])
      expect(reply.headers.get('x-tt-logid')).not.toBeNull()
    }
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
    sandbox.answer({ path: /delete_subscribe\?file_type=docx$/ }, { code: 1069601, message: 'again' })
    expect((await call('DELETE', drive('x'))).json).toMatchObject({ code: 1069601, msg: 'again' })
    sandbox.answer({ path: '/open-apis/drive/v1/files/:file_token/delete_subscribe' }, { status: 200, body: 'plain' })
    expect((await call('DELETE', drive('y'))).text).toBe('plain')
  })

  test.each([
    ['before', false, true],
    ['before', true, false],
    ['after-headers', false, false],
  ] as const)('reset %s (handled: %s) breaks the call; still subscribed: %s', async (reset, handled, stays) => {
    await start()
    sandbox.answer({ path: unsubscription }, { reset, handled })
    await expect(call('POST', unsubscription, leaver)).rejects.toThrow()
    expect(subscribed()).toBe(stays)
    expect(sandbox.requests.at(-1)?.status).toBe(0)
  })

  test.each(['headers', 'body'] as const)('stalled %s never end, until the sandbox closes', async (stall) => {
    await start()
    sandbox.answer({ path: unsubscription }, { stall })
    const pending = call('POST', unsubscription, leaver).catch(() => 'ended')
    const waited = new Promise((resolve) => setTimeout(resolve, 50, 'waiting'))
    expect(await Promise.race([pending, waited])).toBe('waiting')
    await sandbox.close()
    expect(await pending).toBe('ended')
  })

  test('truncated, HTML, oversized and slow', async () => {
    await start()
    sandbox.answer({ path: unsubscription }, { truncated: true })
    const truncated = await call('POST', unsubscription, leaver)
    expect([truncated.status, truncated.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
    expect(() => JSON.parse(truncated.text)).toThrow()
    sandbox.answer({ path: unsubscription }, { html: true, status: 502 })
    expect(await call('POST', unsubscription, leaver)).toMatchObject({
      status: 502,
      text: expect.stringMatching(/^<!doctype html>/),
    })
    sandbox.answer({ path: unsubscription }, { oversized: 3_000_000 })
    const { text, json } = await call('POST', unsubscription, leaver)
    expect(text.length).toBeGreaterThan(3_000_000)
    expect(json).toMatchObject({ code: 0, result: true })
    sandbox.answer({ path: unsubscription }, { slowMs: 60 })
    const begun = performance.now()
    expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
    expect(performance.now() - begun).toBeGreaterThan(55)
  })

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
})

describe('the world', () => {
  test('the sample has what the sample event needs', () => {
    const { feishu, dingtalk } = sampleWorld()
    const numbered = feishu.documents.filter(({ token }) => /^doxcnSandbox\d\d$/.test(token))
    expect(numbered).toHaveLength(28)
    expect(numbered.filter(({ subscribed }) => !subscribed)).toHaveLength(3)
    expect(feishu.documents.find(({ token }) => token === 'doxcnSandboxMissing')).toBeUndefined()
    const followed = dingtalk.calendars.filter(({ calendarId }) => /^sandboxCalendar\d\d=$/.test(calendarId))
    expect(followed.map(({ subscribers }) => subscribers.includes('sandboxUnionId01iE'))).toEqual([true, true, false])
  })

  test.each([
    ['feishu.users[0].status', (world: World) => Object.assign(world.feishu.users[0] ?? {}, { status: 'gone' })],
    ['feishu.apps[0].secret', (world: World) => Object.assign(world.feishu.apps[0] ?? {}, { secret: 'x' })],
    ['dingtalk.calendars', (world: World) => Object.assign(world.dingtalk, { calendars: undefined })],
    ['feishu.lifetimes.grace', (world: World) => Object.assign(world.feishu.lifetimes, { grace: '60' })],
  ])('a wrong %s is named', (path, change) => {
    const world = sampleWorld()
    change(world)
    expect(() => readWorld(world)).toThrow(`${path} must be`)
  })

  test('the given world is not changed', async () => {
    const world = sampleWorld()
    sandbox = await startSandbox({ world })
    await call('POST', unsubscription, leaver)
    expect(world).toEqual(sampleWorld())
  })
})
