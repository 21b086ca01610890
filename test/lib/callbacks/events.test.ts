import { describe, expect, test } from 'vitest'
import { readDingtalkEvents } from '../../../lib/callbacks/dingtalk-events.ts'
import { readFeishuEvent } from '../../../lib/callbacks/feishu-events.ts'

const NOW_MS = Date.parse('2026-11-28T00:00:00Z')
const refused = (status: number, reason: string) => expect.objectContaining({ status, reason })

describe('a Feishu event', () => {
  const readEvent = (sent: object, appId = 'cli_a') => readFeishuEvent(sent as Record<string, unknown>, appId, NOW_MS)
  const ticket = (change: object = {}) => ({
    uuid: 'uuid-1',
    ts: '1502199207.5',
    token: 'vtoken',
    type: 'event_callback',
    event: { type: 'app_ticket', app_id: 'cli_a', app_ticket: 'ticket-1', ...change },
  })
  const newer = (event_type: string, event: object, header: object = {}) => ({
    schema: '2.0',
    header: {
      event_id: 'e-1',
      event_type,
      create_time: '1608725989000',
      tenant_key: 'tenant',
      app_id: 'cli_a',
      ...header,
    },
    event,
  })
  const user = { open_id: 'ou_leaver', union_id: 'on_1', user_id: '4f1a', status: { is_resigned: false } }
  const person = { openId: 'ou_leaver', unionId: 'on_1', userId: '4f1a' }

  test('brings a ticket, with the time of its push', () => {
    expect(readEvent(ticket())).toEqual([
      { id: 'uuid-1', atMs: 1_502_199_207_500, type: 'ticket', field: 'appTicket', ticket: 'ticket-1' },
    ])
  })

  test('without a time that can be read is of now', () => {
    expect(readEvent({ ...ticket(), ts: 'soon' })).toMatchObject([{ atMs: NOW_MS }])
    expect(readEvent({ ...ticket(), ts: undefined })).toMatchObject([{ atMs: NOW_MS }])
    for (const ts of ['', 0, '-1e300', '1e300'])
      expect(readEvent({ ...ticket(), ts })).toMatchObject([{ atMs: NOW_MS }])
  })

  test.each([
    { app_ticket: undefined },
    { app_ticket: 'two words' },
    { app_ticket: 7 },
    { app_ticket: 'x'.repeat(4_097) },
  ])('with the ticket %j is refused', (change) => {
    expect(() => readEvent(ticket(change))).toThrow(refused(400, 'shape'))
  })

  test('of another app is refused', () => {
    expect(() => readEvent(ticket(), 'cli_b')).toThrow(refused(401, 'app'))
    expect(() => readEvent(newer('contact.user.deleted_v3', { object: user }), 'cli_b')).toThrow(refused(401, 'app'))
  })

  test('that a user was deleted says so by its type, whatever its flag', () => {
    expect(readEvent(newer('contact.user.deleted_v3', { object: user }))).toEqual([
      { id: 'e-1', atMs: 1_608_725_989_000, type: 'departure', departure: 'left', tenant: 'tenant', person },
    ])
  })

  test('of an app that may not see every id has those that it may', () => {
    const object = { ...user, union_id: '', user_id: '' }
    expect(readEvent(newer('contact.user.deleted_v3', { object }))).toMatchObject([{ person: { openId: 'ou_leaver' } }])
  })

  test.each([
    [{ is_frozen: true }, { is_frozen: false }, 'frozen'],
    [{ is_resigned: true, is_frozen: true }, { is_resigned: false }, 'left'],
    [{ is_frozen: true }, {}, 'frozen'],
  ])('that a status became %j, after %j, says %s', (status, before, departure) => {
    const event = newer('contact.user.updated_v3', { object: { ...user, status }, old_object: { status: before } })
    expect(readEvent(event)).toMatchObject([{ departure, person }])
  })

  test.each([
    [{ is_frozen: true }, undefined],
    [{ is_frozen: false }, { status: { is_frozen: true } }],
    [{ is_frozen: true }, { name: 'before' }],
    [{ is_frozen: true }, { status: { is_frozen: true } }],
  ])('with the status %j, after %j, is no departure', (status, old_object) => {
    expect(readEvent(newer('contact.user.updated_v3', { object: { ...user, status }, old_object }))).toEqual([])
  })

  test("says that a user's tokens were revoked", () => {
    const event = { revoke_token_type: 'user_access_token refresh_token ', revoke_reason: '2', open_id: 'ou_leaver' }
    expect(readEvent(newer('auth.user_access_token.revoked_v4', event))).toMatchObject([
      { type: 'revoked', person: { openId: 'ou_leaver' } },
    ])
  })

  test.each([
    ['no id', undefined],
    ['an empty id', ''],
    ['an endless id', 'e'.repeat(257)],
  ])('with %s is refused', (_, event_id) => {
    expect(() => readEvent(newer('contact.user.deleted_v3', { object: user }, { event_id }))).toThrow(
      refused(400, 'shape'),
    )
    expect(() => readEvent({ ...ticket(), uuid: event_id })).toThrow(refused(400, 'shape'))
  })

  test('has the tenant that it names, if that is one', () => {
    const read = (tenant_key: unknown) => readEvent(newer('contact.user.deleted_v3', { object: user }, { tenant_key }))
    for (const none of ['', null, undefined]) expect(read(none)[0]).not.toHaveProperty('tenant')
    for (const odd of ['a b', 'x'.repeat(101)]) expect(() => read(odd)).toThrow(refused(400, 'shape'))
  })

  test('of another type says nothing', () => {
    expect(readEvent(newer('constructor', {}))).toEqual([])
    expect(readEvent(newer('im.message.receive_v1', {}))).toEqual([])
  })
})

describe('a DingTalk push', () => {
  const readAll = (sent: object) => readDingtalkEvents(sent as Record<string, unknown>, 'suite1', NOW_MS)
  const readPush = (sent: object) => {
    const { news, refusal } = readAll(sent)
    if (refusal) throw refusal
    return news
  }
  const synced = (biz_data: unknown, around: object = {}) => ({
    EventType: 'SYNC_HTTP_PUSH_MEDIUM',
    bizData: [
      { id: 7, biz_type: 13, biz_id: 'user1', corp_id: 'corp1', gmt_modified: 1_608_725_989_000, biz_data, ...around },
    ],
  })
  const left = { type: 'departure', departure: 'left', tenant: 'corp1' }

  test.each([
    ['as text', JSON.stringify({ syncAction: 'suite_ticket', suiteTicket: 'ticket-1' })],
    ['as an object', { syncAction: 'suite_ticket', suiteTicket: 'ticket-1' }],
  ])('brings a ticket, its data %s', (_, data) => {
    expect(readPush(synced(data))).toEqual([
      { id: '7', atMs: 1_608_725_989_000, type: 'ticket', field: 'suiteTicket', ticket: 'ticket-1' },
    ])
  })

  test('brings a ticket in the older shape', () => {
    expect(
      readPush({ SuiteKey: 'suite1', EventType: 'suite_ticket', TimeStamp: '1234456', SuiteTicket: 'ticket-1' }),
    ).toMatchObject([{ atMs: 1_234_456_000, ticket: 'ticket-1' }])
  })

  test.each([{ SuiteTicket: undefined }, { SuiteTicket: {} }, { SuiteTicket: 'two words' }])(
    'with the ticket %j is refused',
    (change) => {
      expect(() => readPush({ SuiteKey: 'suite1', EventType: 'suite_ticket', ...change })).toThrow(
        refused(400, 'shape'),
      )
    },
  )

  test('of another suite is refused', () => {
    const other = { SuiteKey: 'suite2', EventType: 'suite_ticket', SuiteTicket: 'ticket-1' }
    expect(() => readPush(other)).toThrow(refused(401, 'app'))
  })

  test.each([
    [
      'with both ids',
      { syncAction: 'user_leave_org', unionid: 'union1', userId: 'user2' },
      { userId: 'user2', unionId: 'union1' },
    ],
    ['with the id in the envelope', { syncAction: 'user_leave_org' }, { userId: 'user1' }],
    ['with the id in small letters', { syncAction: 'user_leave_org', userid: 'user2' }, { userId: 'user2' }],
  ])('says who has left, %s', (_, data, person) => {
    expect(readPush(synced(JSON.stringify(data)))).toMatchObject([{ ...left, person }])
    expect(readPush(synced(data))).toMatchObject([{ ...left, person }])
  })

  test('says of an internal app who have left, each an event of its own', () => {
    const sent = {
      EventType: 'user_leave_org',
      CorpId: 'corp1',
      eventId: 'e-1',
      timeStamp: '1608725989000',
      userId: ['user1', 'user2'],
    }
    expect(readPush(sent)).toEqual(
      ['user1', 'user2'].map((userId) => ({
        ...left,
        id: `e-1:${userId}`,
        atMs: 1_608_725_989_000,
        person: { userId },
      })),
    )
  })

  test('without an id has one by what it says', () => {
    const of = (userId: string) => readPush({ EventType: 'user_leave_org', userId }).map(({ id }) => id)
    expect(of('user1')).toEqual(of('user1'))
    expect(of('user1')).not.toEqual(of('user2'))
  })

  test('with an id that is empty has one by what it says', () => {
    const of = (userId: string) => readPush({ EventType: 'user_leave_org', eventId: '', userId })[0]?.id
    expect([of('user1'), of('user2')]).toEqual([
      expect.stringMatching(/^\w+:user1$/),
      expect.stringMatching(/^\w+:user2$/),
    ])
  })

  test.each([
    ['an endless id', { eventId: 'e'.repeat(257) }, { id: 'e'.repeat(257) }],
    ['an endless organization', { CorpId: 'x'.repeat(101) }, { corp_id: 'x'.repeat(101) }],
    ['an odd organization', { CorpId: 'a b' }, { corp_id: 'a b' }],
  ])('with %s is refused', (_, odd, around) => {
    expect(() => readPush({ EventType: 'user_leave_org', userId: 'user1', ...odd })).toThrow(refused(400, 'shape'))
    expect(() => readPush(synced({ syncAction: 'user_leave_org' }, around))).toThrow(refused(400, 'shape'))
  })

  test('with an organization that is empty names none', () => {
    expect(readPush({ EventType: 'user_leave_org', CorpId: '', userId: 'user1' })[0]).not.toHaveProperty('tenant')
  })

  test.each(['check_url', 'check_update_suite_url', 'org_suite_auth', 'constructor'])(
    'of the type %s says nothing',
    (type) => {
      expect(readPush({ EventType: type })).toEqual([])
      expect(readPush(synced({ syncAction: type }))).toEqual([])
    },
  )

  test.each([{ userId: '' }, { userid: ['张三'] }, { unionid: {} }, { eventId: [] }, { CorpId: 7 }])(
    'of another type says nothing, whatever its fields, as %j',
    (odd) => {
      expect(readPush({ EventType: 'bpms_task_change', ...odd })).toEqual([])
      expect(readPush(synced({ syncAction: 'org_update', ...odd }))).toEqual([])
    },
  )

  test.each([
    { biz_data: '[' },
    { biz_data: 7 },
    { corp_id: 7, biz_data: {} },
    { biz_data: { SuiteKey: 'suite2' } },
    { biz_data: { syncAction: 'user_leave_org', userId: 'a/b' } },
  ])('of several keeps the others where one is %j', (odd) => {
    const ticket = { id: 1, biz_data: { syncAction: 'suite_ticket', suiteTicket: 'ticket-1' } }
    const leaver = { id: 2, biz_id: 'user1', biz_data: { syncAction: 'user_leave_org' } }
    const { news, refusal } = readAll({ EventType: 'SYNC_HTTP_PUSH_HIGH', bizData: [odd, ticket, odd, leaver] })
    expect(news).toMatchObject([{ ticket: 'ticket-1' }, { person: { userId: 'user1' } }])
    expect(refusal).toMatchObject({
      reason: odd.biz_data instanceof Object && 'SuiteKey' in odd.biz_data ? 'app' : 'shape',
    })
  })

  test.each(['', ' ', '0', -1, '1e300', '-1e300', 'soon'])('with the time %j is of now', (timeStamp) => {
    const sent = { EventType: 'suite_ticket', SuiteTicket: 'ticket-1', timeStamp }
    expect(readPush(sent)).toMatchObject([{ atMs: NOW_MS }])
  })

  test.each(['1608725989', 1_608_725_989_000, '1608725989000000'])('with the time %j is of then', (timeStamp) => {
    const sent = { EventType: 'suite_ticket', SuiteTicket: 'ticket-1', timeStamp }
    expect(readPush(sent)).toMatchObject([{ atMs: 1_608_725_989_000 }])
  })

  test.each([[''], [[]]])('whose userId is %j is about the one whom the envelope names, or refused', (userId) => {
    const data = { syncAction: 'user_leave_org', userId }
    const bizData = [{ id: 7, biz_id: 'user1', biz_data: data }]
    expect(readPush({ EventType: 'SYNC_HTTP_PUSH_MEDIUM', bizData })).toMatchObject([{ person: { userId: 'user1' } }])
    expect(() => readPush({ EventType: 'user_leave_org', userId })).toThrow(refused(400, 'shape'))
  })

  test('with a unionId that is empty has none', () => {
    const sent = { EventType: 'user_leave_org', userId: 'user1', unionid: '' }
    expect(readPush(sent)).toMatchObject([{ person: { userId: 'user1' } }])
  })

  test.each([{ bizData: {} }, { EventType: 'x', bizData: [{ biz_data: 7 }] }, synced('[')])(
    'that is %j is refused',
    (sent) => {
      expect(() => readPush(sent)).toThrow(refused(400, 'shape'))
    },
  )
})
