/** Feishu's operations and what only reads, with the codes of their pages. */

import { describe, expect, test } from 'vitest'
import { feishuCodes } from '../../../local/sandbox/codes.ts'
import type { World } from '../../../local/sandbox/sandbox.ts'
import { subscriptions } from '../../../local/sandbox/state.ts'
import {
  acl,
  approval,
  bearer,
  calendars,
  call,
  custodian,
  drive,
  leaver,
  sandbox,
  sharedCalendar,
  start,
  tenantToken,
  unsubscription,
} from './caller.ts'

describe('the operations', () => {
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
    [191002, 'a calendar without access', 'POST', acl('feishu.cn_closed@group.calendar.feishu.cn'), custodian],
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
})
