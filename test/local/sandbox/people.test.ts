/** How both vendors find a person: by what HR knows, within scopes, with the quirks of their pages. */

import { describe, expect, test } from 'vitest'
import { bearer, call, dingToken, pass, post, sandbox, start, tenantToken } from './caller.ts'

const json = (path: string, headers: Record<string, string>, body: object) =>
  call('POST', path, { ...headers, 'Content-Type': 'application/json' }, JSON.stringify(body))

describe('Feishu', () => {
  const tenant = async () => bearer(await tenantToken())
  const batch = async (body: object, type = 'open_id', headers?: Record<string, string>) =>
    json(`/open-apis/contact/v3/users/batch_get_id?user_id_type=${type}`, headers ?? (await tenant()), body)
  const users = (reply: { json: Record<string, unknown> }) =>
    (reply.json.data as { user_list: Record<string, unknown>[] }).user_list

  test('finds ids of the wanted type by e-mail and mobile, with or without the country code', async () => {
    await start()
    const asked = { emails: ['Leaver@corp.example'], mobiles: ['13800000000', '+8613800000001'] }
    const status = { is_frozen: false, is_resigned: false, is_activated: true, is_exited: false, is_unjoin: false }
    expect(users(await batch(asked))).toEqual([
      { user_id: 'ou_leaver', email: 'Leaver@corp.example', status },
      { user_id: 'ou_leaver', mobile: '13800000000', status },
      { user_id: 'ou_custodian', mobile: '+8613800000001', status },
    ])
    expect(users(await batch(asked, 'union_id')).map(({ user_id }) => user_id)).toEqual([
      'on_leaver',
      'on_leaver',
      'on_custodian',
    ])
    expect(users(await batch({ emails: ['leaver@corp.example'] }, 'user_id'))[0]?.user_id).toBe('leaver01')
  })

  test('answers alike for the unknown, those out of scope, the resigned, and an enterprise mailbox', async () => {
    await start()
    const emails = ['none@corp.example', 'outside@corp.example', 'resigned@corp.example', 'leaver@mail.corp.example']
    const reply = await batch({ emails })
    expect([reply.status, reply.json.code, users(reply)]).toEqual([200, 0, emails.map((email) => ({ email }))])
    const [, , resigned] = users(await batch({ emails, include_resigned: true }))
    expect(resigned).toMatchObject({ user_id: 'ou_resigned', status: { is_resigned: true } })
  })

  test('leads two ways of one person to two', async () => {
    await start()
    const found = users(await batch({ emails: ['twin@corp.example'], mobiles: ['+8613800000005'] }))
    expect(found.map(({ user_id }) => user_id)).toEqual(['ou_twin', 'ou_namesake'])
  })

  test.each([
    [99992402, { emails: Array.from({ length: 51 }, (_, n) => `p${n}@corp.example`) }, 'open_id'],
    [99992402, { emails: 'leaver@corp.example' }, 'open_id'],
    [99992402, { emails: [] }, 'email'],
  ])('refuses with %i', async (code, body, type) => {
    await start()
    expect((await batch(body, type)).json.code).toBe(code)
  })

  test('asks for the scope of the lookup, and gives status and user_id within theirs', async () => {
    await start((world) => Object.assign(world.feishu.apps[0] ?? {}, { scopes: ['contact:user.id:readonly'] }))
    const emails = ['leaver@corp.example']
    expect(users(await batch({ emails }))).toEqual([{ user_id: 'ou_leaver', email: 'leaver@corp.example' }])
    expect(users(await batch({ emails }, 'user_id'))).toEqual([{ email: 'leaver@corp.example' }])
    Object.assign(sandbox.state.world.feishu.apps[0] ?? {}, { scopes: [] })
    const refused = await batch({ emails })
    expect(refused.json).toMatchObject({
      code: 99991672,
      error: { permission_violations: [{ subject: 'contact:user.id:readonly' }] },
    })
    expect((await batch({ emails }, 'open_id', bearer('u-sandbox-leaver'))).json.code).toBe(99991668)
  })

  test('gives one person by id of any type, leavers too', async () => {
    await start()
    const headers = await tenant()
    const get = async (id: string, type = 'open_id') =>
      (await call('GET', `/open-apis/contact/v3/users/${id}?user_id_type=${type}`, headers)).json
    const user = {
      open_id: 'ou_leaver',
      union_id: 'on_leaver',
      user_id: 'leaver01',
      employee_no: '10023',
      email: 'leaver@corp.example',
      enterprise_email: 'leaver@mail.corp.example',
      mobile: '+8613800000000',
      status: { is_resigned: false },
    }
    expect(await get('ou_leaver')).toMatchObject({ code: 0, data: { user } })
    expect(await get('on_leaver', 'union_id')).toMatchObject({ data: { user } })
    expect(await get('leaver01', 'user_id')).toMatchObject({ data: { user } })
    expect(await get('ou_resigned')).toMatchObject({ data: { user: { status: { is_resigned: true } } } })
    expect((await get('10023')).code).toBe(41012)
    expect((await get('ou_leaver', 'user_id')).code).toBe(41012)
    expect((await get('ou_outside')).code).toBe(41050)
    expect((await get('ou_leaver', 'employee_no')).code).toBe(40001)
    Object.assign(sandbox.state.world.feishu.apps[0] ?? {}, { scopes: ['contact:contact.base:readonly'] })
    expect((await get('ou_leaver')).data).toEqual({ user: { open_id: 'ou_leaver', union_id: 'on_leaver' } })
  })

  type Found = {
    employees: { base_info: Record<string, unknown>; work_info: Record<string, unknown> }[]
    page_response: { has_more: boolean; page_token: string }
    abnormals: object[]
  }
  const byNumber = (value: unknown, operator = 'eq') => ({
    filter: { conditions: [{ field: 'work_info.job_number', operator, value }] },
    required_fields: [
      'base_info.employee_id',
      'base_info.is_resigned',
      'work_info.job_number',
      'work_info.staff_status',
    ],
    page_request: { page_size: 10 },
  })
  const filter = async (body: object, type = 'open_id') => {
    const path = `/open-apis/directory/v1/employees/filter?employee_id_type=${type}`
    const { json: answer } = await json(path, await tenant(), body)
    return { code: answer.code, data: answer.data as Found }
  }
  const ids = ({ data }: { data: Found }) => data.employees.map(({ base_info }) => base_info.employee_id)

  test('finds by employee number, whose value is JSON inside a string', async () => {
    await start()
    const { data } = await filter(byNumber('"10023"'))
    expect(data.employees).toEqual([
      {
        base_info: { employee_id: 'ou_leaver', is_resigned: false },
        work_info: { job_number: '10023', staff_status: 1 },
      },
    ])
    expect(data.page_response).toEqual({ has_more: false, page_token: '' })
    expect(ids(await filter(byNumber('["10023","10024"]', 'in'), 'union_id'))).toEqual(['on_leaver', 'on_custodian'])
    expect(ids(await filter(byNumber('"10030"')))).toEqual(['ou_twin', 'ou_namesake'])
    expect(ids(await filter(byNumber('"10026"')))).toEqual([])
    expect(ids(await filter({ ...byNumber('"10023"'), required_fields: [] }))).toEqual(['not-required'])
  })

  test('goes on page by page, and names the fields it may not show', async () => {
    await start()
    const numbers = byNumber('["10023","10024"]', 'in')
    const first = await filter({ ...numbers, page_request: { page_size: 1 } })
    expect([ids(first), first.data.page_response.has_more]).toEqual([['ou_leaver'], true])
    const { page_token } = first.data.page_response
    const second = await filter({ ...numbers, page_request: { page_size: 1, page_token } })
    expect([ids(second), second.data.page_response.has_more]).toEqual([['ou_custodian'], false])
    Object.assign(sandbox.state.world.feishu.apps[0] ?? {}, { scopes: ['directory:employee:list'] })
    expect((await filter(byNumber('"10023"'))).data.abnormals).toEqual([
      { id: 'ou_leaver', row_error: 0, field_errors: { 'work_info.job_number': '1000' } },
    ])
  })

  test('finds the resigned by number only where the world says so', async () => {
    await start()
    expect(ids(await filter(byNumber('"10025"')))).toEqual([])
    sandbox.state.world.unconfirmed = { feishuDirectoryResigned: 'listed' }
    const { data } = await filter(byNumber('"10025"'))
    expect(data.employees[0]).toMatchObject({ base_info: { is_resigned: true }, work_info: { staff_status: 2 } })
  })

  test.each([
    [2220014, byNumber('10023')],
    [2220014, byNumber('E123')],
    [2220014, byNumber('"10023"', 'in')],
    [2220013, byNumber('"10023"', 'gt')],
    [2220012, { ...byNumber(''), filter: { conditions: [{ field: 'base_info.name', operator: 'eq', value: '"x"' }] } }],
    [2220010, { ...byNumber('"10023"'), page_request: { page_size: 101 } }],
    [2221005, { ...byNumber('"10023"'), page_request: undefined }],
    [2221004, { ...byNumber('"10023"'), page_request: { page_token: 'made-up' } }],
    [2220001, { ...byNumber('"10023"'), filter: undefined }],
  ])('the filter refuses with %i', async (code, body) => {
    await start()
    expect((await filter(body)).code).toBe(code)
  })
})

describe('DingTalk', () => {
  const ask = async (name: string, body: object, token?: string) => {
    const { status, json: answer } = await json(
      `/topapi/${name}?access_token=${token ?? (await dingToken())}`,
      {},
      body,
    )
    expect([status, answer.request_id]).toEqual([200, expect.any(String)])
    return answer
  }

  test('finds a userid by mobile or unionId, and a person by userid', async () => {
    await start()
    expect(await ask('v2/user/getbymobile', { mobile: '13800000000' })).toMatchObject({
      errcode: 0,
      errmsg: 'ok',
      result: { userid: 'sandboxUser01' },
    })
    expect((await ask('user/getbyunionid', { unionid: 'sandboxUnionId01iE' })).result).toEqual({
      contact_type: 0,
      userid: 'sandboxUser01',
    })
    expect((await ask('v2/user/get', { userid: 'sandboxUser01' })).result).toMatchObject({
      userid: 'sandboxUser01',
      unionid: 'sandboxUnionId01iE',
      job_number: '10023',
      email: 'leaver@corp.example',
      mobile: '13800000000',
      active: true,
    })
  })

  test.each([
    [400002, 'v2/user/get', {}],
    [33012, 'v2/user/get', { userid: 'none' }],
    [60121, 'v2/user/get', { userid: 'sandboxUser03' }],
    [50002, 'v2/user/get', { userid: 'sandboxUser04' }],
    [400002, 'v2/user/getbymobile', {}],
    [40104, 'v2/user/getbymobile', { mobile: 'leaver' }],
    [60121, 'v2/user/getbymobile', { mobile: '13900000000' }],
    [60121, 'v2/user/getbymobile', { mobile: '13800000002' }],
    [60121, 'user/getbyunionid', { unionid: 'none' }],
    [400002, 'v2/user/list', { cursor: 0, size: 10 }],
    [40035, 'v2/user/list', { dept_id: 1, cursor: 0, size: 101 }],
    [60019, 'v2/user/list', { dept_id: 9, cursor: 0, size: 10 }],
    [60003, 'v2/department/listsub', { dept_id: 9 }],
  ])('%i of %s %j', async (errcode, name, body) => {
    await start()
    expect(await ask(name, body)).toMatchObject({ errcode, errmsg: expect.any(String) })
  })

  test('lists the people of each department, page by page', async () => {
    await start()
    const departments = async (dept_id: number) =>
      ((await ask('v2/department/listsub', { dept_id })).result as { dept_id: number }[]).map((it) => it.dept_id)
    expect([await departments(1), await departments(2), await departments(3)]).toEqual([[2], [3], []])
    type Page = { has_more: boolean; next_cursor?: number; list: { unionid: string; job_number: string }[] }
    const page = async (dept_id: number, cursor: number, size: number) =>
      (await ask('v2/user/list', { dept_id, cursor, size })).result as Page
    const first = await page(3, 0, 1)
    expect([first.has_more, first.next_cursor, first.list.length]).toEqual([true, 1, 1])
    const second = await page(3, 1, 1)
    expect([second.has_more, second.next_cursor]).toEqual([false, undefined])
    expect([...first.list, ...second.list].map((it) => [it.unionid, it.job_number])).toEqual([
      ['sandboxUnionId06iE', '10030'],
      ['sandboxUnionId07iE', '10028'],
    ])
    expect((await page(1, 0, 100)).list.map(({ unionid }) => unionid)).toEqual([
      'sandboxUnionId01iE',
      'sandboxUnionId02iE',
    ])
  })

  test('quotes numbers, and refuses with 88, where the world says so', async () => {
    await start()
    sandbox.state.world.unconfirmed = {
      dingtalkOapiNumbers: 'texts',
      dingtalkOapiRefusal: 'sub_code',
      dingtalkLeftUser: 33012,
    }
    expect(await ask('v2/user/get', { userid: 'sandboxUser01' })).toMatchObject({
      errcode: '0',
      result: { active: 'true' },
    })
    expect((await ask('v2/user/get', { userid: 'sandboxUser03' })).errcode).toBe('33012')
    expect(await ask('v2/user/get', { userid: 'sandboxUser01' }, 'fake')).toMatchObject({
      errcode: '88',
      sub_code: '40014',
    })
  })

  test.each([
    [41001, {}, ''],
    [40014, {}, 'fake'],
    [60020, { ipRefused: true }, undefined],
    [60011, { scopes: ['qyapi_get_department_member'] }, undefined],
    [42001, {}, 'expired'],
  ])('%i from the gateway', async (errcode, change, given) => {
    await start((world) => Object.assign(world.dingtalk.apps[0] ?? {}, change))
    const token = given === 'expired' ? await dingToken() : given
    if (given === 'expired') pass(7200)
    expect((await ask('v2/user/get', { userid: 'sandboxUser01' }, token)).errcode).toBe(errcode)
  })

  test('a third-party app finds nobody by mobile and sees neither mobile nor e-mail', async () => {
    await start()
    const suite = {
      suiteKey: 'sandbox-suite-key',
      suiteSecret: 'sandbox-suite-secret',
      suiteTicket: 'sandbox-suite-ticket',
      authCorpId: 'sandbox-corp',
    }
    const corp = String((await post('/v1.0/oauth2/corpAccessToken', suite)).json.accessToken)
    expect((await ask('v2/user/getbymobile', { mobile: '13800000000' }, corp)).errcode).toBe(60011)
    const { result } = await ask('v2/user/get', { userid: 'sandboxUser01' }, corp)
    expect(result).toMatchObject({ unionid: 'sandboxUnionId01iE', job_number: '10023' })
    expect(result).not.toHaveProperty('mobile')
    expect(result).not.toHaveProperty('email')
  })

  test('20 a second for each question', async () => {
    await start()
    const token = await dingToken()
    for (let n = 0; n < 20; n++) expect((await ask('v2/user/get', { userid: 'sandboxUser01' }, token)).errcode).toBe(0)
    expect((await ask('v2/user/get', { userid: 'sandboxUser01' }, token)).errcode).toBe(90006)
    expect((await ask('v2/user/getbymobile', { mobile: '13800000000' }, token)).errcode).toBe(0)
    pass(1)
    expect((await ask('v2/user/get', { userid: 'sandboxUser01' }, token)).errcode).toBe(0)
  })

  test('a path without a route is HTTP 200 with errcode 404', async () => {
    await start()
    expect((await call('POST', '/topapi/v2/user/none?access_token=x')).json).toMatchObject({ errcode: 404 })
  })
})
