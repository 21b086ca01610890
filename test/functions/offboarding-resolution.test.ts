/** Who leaves, as HR knows them, becomes an offboarding event with ids: every way to find them, and what bad input gets. */
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { unmarshalAll } from '../../lib/aws/attributes.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { issuesOf } from '../../lib/schema.ts'
import { sampleWorld } from '../../local/sandbox/sandbox.ts'
import { type Harness, offboardingEvent, startHarness } from '../harness.ts'

const name = 'offboarding-resolution'
const IDS = '/open-apis/contact/v3/users/batch_get_id'
const EMPLOYEES = '/open-apis/directory/v1/employees/filter'
const USER = /\/open-apis\/contact\/v3\/users\/(ou_|on_|fu)/
const BY_MOBILE = '/topapi/v2/user/getbymobile'
const DINGTALK_USER = '/topapi/v2/user/get'
const BY_UNION_ID = '/topapi/user/getbyunionid'
const DINGTALK_CALENDARS = /\/v1.0\/calendar\/users\/.+\/calendars$/
const UNION_ID = 'sandboxUnionId01iE'
const EMAIL = 'leaver@corp.example'
const MOBILE = '+8613800000000'
const NUMBER = 'E-10023'
const HOUR_MS = 60 * 60_000

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

type Detail = Record<string, unknown>
const leaving = (detail: Detail, id = 'leaving-1') => ({
  ...offboardingEvent({ offboardingId: 'hr-1', ...detail }),
  id,
  'detail-type': 'User Leaving',
})

/** A vendor's answer to a path, as often as it is asked. */
const answers = (path: string | RegExp, body: object, times = 1_000) =>
  harness.sandbox.answer({ path }, { status: 200, body }, times)
const feishuFinds = (...ids: (string | undefined)[]) =>
  answers(IDS, { code: 0, data: { user_list: ids.map((user_id) => ({ ...(user_id && { user_id }) })) } })
const feishuKnows = (openId: string, more: object = {}) =>
  answers(USER, { code: 0, data: { user: { open_id: openId, union_id: 'on_1', user_id: 'fu1', ...more } } })
const dingtalkFinds = (path = BY_MOBILE) => {
  answers(path, { errcode: 0, result: { userid: 'staff1', unionid: UNION_ID } })
  if (path !== DINGTALK_USER) answers(DINGTALK_USER, { errcode: 0, result: { userid: 'staff1', unionid: UNION_ID } })
}

/** Hands the event to the function as the bus does, and then what it queued as SQS does. */
async function resolve(detail: Detail, { tries = 1, ageMs = 0, id = 'leaving-1' } = {}) {
  await harness.invoke(name, leaving(detail, id))
  return deliver({ tries, ageMs })
}
async function deliver({ tries = 1, ageMs = 0 } = {}) {
  const bodies = (await harness.aside(name)).map(({ body }) => body)
  const attributes = { ApproximateReceiveCount: String(tries) }
  return harness.queue(name, bodies, { isRepeat: true, sentMsAgo: ageMs, attributes, remainingMs: 300_000 })
}

const sent = () => harness.bus.events.filter(({ event }) => event['detail-type'] === 'User Offboarding')
const details = () => sent().map(({ event }) => event.detail as Detail & { feishu?: Detail; dingtalk?: Detail })
/** The newest record of the offboarding. */
const record = () => {
  const items = [...(harness.dynamoDb.items.get('offboarding#hr-1')?.values() ?? [])].map(unmarshalAll)
  return items.findLast(({ sk }) => String(sk).startsWith('leaving#'))
}
const asked = (path: string | RegExp) =>
  harness.sandbox.requests.filter((request) =>
    typeof path === 'string' ? request.path.split('?')[0] === path : path.test(request.path.split('?')[0] ?? ''),
  )
const reasons = () => harness.outcomes().flatMap(({ type, hint }) => (type.endsWith('Rejected') ? [String(hint)] : []))

describe('a leaver is found', () => {
  test('by address and mobile, at both vendors, with what they have', async () => {
    feishuFinds('ou_leaver', 'ou_leaver')
    feishuKnows('ou_leaver')
    dingtalkFinds()
    expect(await resolve({ leaver: { email: EMAIL, mobile: MOBILE } })).toEqual({ failed: [] })
    expect(details()).toEqual([
      {
        offboardingId: 'hr-1',
        dryRun: false,
        feishu: { openId: 'ou_leaver', calendar: true },
        dingtalk: { unionId: UNION_ID, calendarIds: ['sandboxCalendar01=', 'sandboxCalendar02='] },
      },
    ])
    expect(sent()[0]?.event.source).toBe('hr.offboarding')
    expect(record()).toMatchObject({
      stage: 'sent',
      targets: 3,
      sentEventIds: [sent()[0]?.event.id],
      found: {
        feishu: { state: 'found', openId: 'ou_leaver', unionId: 'on_1', userId: 'fu1' },
        dingtalk: { state: 'found', unionId: UNION_ID, userId: 'staff1' },
      },
    })
    expect(record()).not.toHaveProperty('state')
    expect(record()).toHaveProperty('expiresAt')
  })

  test.each([
    ['mobile', { mobile: MOBILE }, [{ mobiles: ['13800000000'] }]],
    ['mobile abroad', { mobile: '+6591234567' }, [{ mobiles: ['+6591234567'] }]],
    ['address', { email: EMAIL }, [{ emails: [EMAIL] }]],
  ])('at Feishu by %s', async (_, leaver, wanted) => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    answers(BY_MOBILE, { errcode: 60121, errmsg: 'not found' })
    await resolve({ leaver })
    expect(asked(IDS).map(({ body }) => JSON.parse(body))).toEqual(wanted)
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver', calendar: true } }])
  })

  test('at Feishu by employee number, when the address is not known there', async () => {
    feishuFinds(undefined)
    answers(EMPLOYEES, {
      code: 0,
      data: { employees: [{ base_info: { employee_id: 'ou_leaver', is_resigned: false } }] },
    })
    feishuKnows('ou_leaver')
    await resolve({ leaver: { email: EMAIL, employeeNumber: NUMBER } })
    expect(asked(EMPLOYEES).map(({ body }) => JSON.parse(body).filter.conditions)).toEqual([
      [{ field: 'work_info.job_number', operator: 'eq', value: '"E-10023"' }],
    ])
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
  })

  test.each([
    ['is also theirs', { code: 0, data: { employees: [{ base_info: { employee_id: 'ou_leaver' } }] } }],
    ['is nobody’s', { code: 0, data: { employees: [] } }],
    ['the app may not look up', { code: 99991672, msg: 'Access denied' }],
    ['Feishu refuses', { code: 2220001, msg: 'invalid' }],
  ])('at Feishu by address, with an employee number that %s', async (_, body) => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    answers(EMPLOYEES, body)
    await resolve({ leaver: { email: EMAIL, employeeNumber: NUMBER } })
    expect(asked(EMPLOYEES)).toHaveLength(1)
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
  })

  test('at Feishu by address, once it can be said whose the employee number is', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    answers(EMPLOYEES, { code: 5000, msg: 'down' })
    const { failed } = await resolve({ leaver: { email: EMAIL, employeeNumber: NUMBER } })
    expect([failed.length, sent()]).toEqual([1, []])
  })

  test('by an id, which wins over everything else', async () => {
    feishuKnows('ou_leaver')
    await resolve({ leaver: { email: 'another@corp.example', feishu: { openId: 'ou_leaver' } } })
    expect(asked(IDS)).toEqual([])
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
  })

  test.each([
    ['userId', { userId: 'fu1' }, 'user_id_type=user_id'],
    ['unionId', { unionId: 'on_1' }, 'user_id_type=union_id'],
  ])('at Feishu by %s', async (_, feishu, query) => {
    feishuKnows('ou_leaver')
    await resolve({ leaver: { feishu } })
    expect(asked(USER)[0]?.path).toContain(query)
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
  })

  test.each([
    ['userId', { userId: 'staff1' }, DINGTALK_USER],
    ['unionId', { unionId: UNION_ID }, BY_UNION_ID],
  ])('at DingTalk by %s', async (_, dingtalk, path) => {
    dingtalkFinds(path)
    await resolve({ leaver: { dingtalk } })
    expect(details()).toMatchObject([{ dingtalk: { unionId: UNION_ID } }])
    expect(record()?.found).toEqual({
      feishu: { state: 'not_asked', reason: expect.anything() },
      dingtalk: { state: 'found', unionId: UNION_ID, userId: 'staff1' },
    })
  })

  test('by an open_id of which the app may see no more', async () => {
    harness.sandbox.answer({ path: USER }, { status: 400, body: { code: 41050, msg: 'no user authority' } })
    await resolve({ leaver: { feishu: { openId: 'ou_leaver' } } })
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
  })

  test('and each id is kept, to find the others by', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    dingtalkFinds()
    await resolve({ leaver: { email: EMAIL, mobile: MOBILE } })
    const kept = [...harness.dynamoDb.items.keys()].filter((pk) => pk.startsWith('person#'))
    expect(kept.sort()).toEqual([
      `person#dingtalk#unionId#${UNION_ID}`,
      'person#dingtalk#userId#staff1',
      'person#feishu#ou_leaver',
      'person#feishu#unionId#on_1',
      'person#feishu#userId#fu1',
    ])
  })

  test('at one vendor alone: that goes on, and the ledger says so', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    answers(BY_MOBILE, { errcode: 60121, errmsg: 'not found' })
    await resolve({ leaver: { email: EMAIL, mobile: MOBILE } })
    expect(details()).toEqual([
      { offboardingId: 'hr-1', dryRun: false, feishu: { openId: 'ou_leaver', calendar: true } },
    ])
    expect(record()?.found).toMatchObject({ dingtalk: { state: 'not_found', reason: { en: expect.any(String) } } })
    expect(harness.outcomes()).toEqual([])
  })

  test('in a dry run, which goes on as one', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    await resolve({ dryRun: true, leaver: { email: EMAIL } })
    expect(details()).toMatchObject([{ offboardingId: 'hr-1', dryRun: true }])
    expect(record()).toMatchObject({ sk: 'leaving#dry-run#leaving-1', dryRun: true, stage: 'sent' })
  })

  test('and no id that holds a secret, as it is or encoded, goes into an event or the ledger', async () => {
    dingtalkFinds(DINGTALK_USER)
    const secret = 'sandbox-app-secret'
    const ids = [`${secret}=`, Buffer.from(secret).toString('base64'), 'good=']
    answers(DINGTALK_CALENDARS, { response: { calendars: ids.map((id) => ({ id, type: 'subscribed' })) } })
    await resolve({ leaver: { dingtalk: { userId: 'staff1' } } })
    expect(details()).toMatchObject([{ dingtalk: { calendarIds: ['good='] } }])
    answers(BY_MOBILE, { errcode: 0, result: { userid: secret } })
    answers(IDS, { code: 0, data: { user_list: [{ user_id: secret }] } })
    for (const [at, leaver] of [{ email: EMAIL }, { mobile: MOBILE }].entries())
      await resolve({ offboardingId: `hr-${at + 2}`, leaver }, { id: `leaving-${at + 2}` })
    expect(sent()).toHaveLength(1)
    expect(
      JSON.stringify([[...harness.dynamoDb.items].map(([key, items]) => [key, [...items]]), harness.log]),
    ).not.toContain(secret)
  })

  test('and has nothing: the offboarding is completed with no outcome', async () => {
    dingtalkFinds(DINGTALK_USER)
    answers(DINGTALK_CALENDARS, { response: { calendars: [] } })
    await resolve({ leaver: { dingtalk: { userId: 'staff1' } } })
    expect(details()).toEqual([])
    expect(harness.outcomes()).toMatchObject([
      { type: 'Subscription Offboarding Completed', offboardingId: 'hr-1', eventId: 'leaving-1', counts: {} },
    ])
    expect(record()).toMatchObject({ stage: 'sent', targets: 0 })
  })

  test('and what they have is asked anew for the event that follows', async () => {
    dingtalkFinds(DINGTALK_USER)
    const leaver = { dingtalk: { userId: 'staff1' } }
    await resolve({ leaver }, { id: 'first' })
    const { calendars } = harness.sandbox.state.world.dingtalk
    for (const calendar of calendars) if (calendar.calendarId !== 'sandboxCalendar02=') calendar.subscribers.length = 0
    await resolve({ leaver, offboardingId: 'hr-2' }, { id: 'second' })
    expect(details().map(({ dingtalk }) => dingtalk?.calendarIds)).toEqual([
      ['sandboxCalendar01=', 'sandboxCalendar02='],
      ['sandboxCalendar02='],
    ])
  })

  test('with more than one event may hold: several events of one offboarding', async () => {
    await harness.close()
    harness = await startHarness({ env: { MAX_TARGETS_PER_EVENT: '2' } })
    dingtalkFinds(DINGTALK_USER)
    const calendars = Array.from({ length: 5 }, (_, index) => ({ id: `calendar${index}=`, type: 'subscribed' }))
    answers(DINGTALK_CALENDARS, { response: { calendars } })
    await resolve({ leaver: { dingtalk: { userId: 'staff1' } } })
    expect(details().map(({ dingtalk }) => dingtalk?.calendarIds)).toEqual([
      ['calendar0=', 'calendar1='],
      ['calendar2=', 'calendar3='],
      ['calendar4='],
    ])
    for (const detail of details()) expect(issuesOf(offboarding, detail)).toEqual([])
    expect(record()).toMatchObject({ sentEventIds: sent().map(({ event }) => event.id), targets: 5 })
  })
})

describe('what is registered for a leaver', () => {
  const APPROVAL = 'feishu-approval-unsubscribe'
  const DRIVE = 'feishu-drive-unsubscribe'
  const person = { feishu: { openId: 'ou_leaver' } }
  const register = (operation: string, input: object, whose: object = person) =>
    harness.invoke('subscription-register', {
      ...offboardingEvent({ person: whose, operation, input }),
      'detail-type': 'Subscription Registered',
    })
  beforeEach(async () => {
    feishuKnows('ou_leaver')
    await register(DRIVE, { file_token: 'doxcnA', file_type: 'docx' })
  })
  const resolveLeaver = () => resolve({ leaver: { feishu: { openId: 'ou_leaver' } } })

  test('documents are taken, of the app and their own; of others nothing', async () => {
    const folder = { file_token: 'fldcnB', file_type: 'folder', event_type: 'file.created_in_folder_v1' }
    await register(DRIVE, { ...folder, open_id: 'ou_leaver' })
    await register(DRIVE, { file_token: 'doxcnC', file_type: 'docx' }, { feishu: { openId: 'ou_other' } })
    await resolveLeaver()
    expect(details()).toEqual([
      {
        offboardingId: 'hr-1',
        dryRun: false,
        feishu: {
          openId: 'ou_leaver',
          calendar: true,
          files: expect.arrayContaining([
            { fileToken: 'doxcnA', fileType: 'docx' },
            {
              fileToken: 'fldcnB',
              fileType: 'folder',
              eventType: 'file.created_in_folder_v1',
              openId: 'ou_leaver',
            },
          ]),
        },
      },
    ])
    expect(details()[0]?.feishu?.files).toHaveLength(2)
    expect(issuesOf(offboarding, details()[0])).toEqual([])
    expect(record()).toMatchObject({ targets: 3 })
    expect(record()).not.toHaveProperty('approvalCodes')
  })

  test('approvals belong to the app: they are offered, and not taken', async () => {
    await register(APPROVAL, { approval_code: 'CODE-1' })
    await resolveLeaver()
    expect(details()).toMatchObject([{ feishu: { files: [{ fileToken: 'doxcnA' }] } }])
    expect(details()[0]?.feishu).not.toHaveProperty('approvalCodes')
    expect(record()).toMatchObject({ targets: 2, approvalCodes: ['CODE-1'] })
  })

  test('what has ended is left out', async () => {
    await harness.invoke('subscription-register', {
      ...offboardingEvent({ person, operation: DRIVE, input: { file_token: 'doxcnA', file_type: 'docx' } }),
      'detail-type': 'Subscription Ended',
    })
    await resolveLeaver()
    expect(details()[0]?.feishu).not.toHaveProperty('files')
  })

  test('is waited for while the ledger cannot be read', async () => {
    const call = harness.dynamoDb.call.bind(harness.dynamoDb)
    const query = vi
      .spyOn(harness.dynamoDb, 'call')
      .mockImplementation((operation, ...rest) =>
        operation === 'Query' ? Promise.reject(new Error('the table is down')) : call(operation, ...rest),
      )
    expect(await resolveLeaver()).toEqual({ failed: [0] })
    expect(details()).toEqual([])
    query.mockRestore()
    expect(await deliver({ tries: 2 })).toEqual({ failed: [] })
    expect(details()).toMatchObject([{ feishu: { files: [{ fileToken: 'doxcnA' }] } }])
  })
})

describe('a custodian', () => {
  const leaver = { feishu: { openId: 'ou_leaver' } }
  const knowsEach = () => {
    for (const openId of ['ou_leaver', 'ou_custodian'])
      answers(new RegExp(`/users/${openId}`), { code: 0, data: { user: { open_id: openId } } })
  }

  test('will watch the calendars that the leaver owns', async () => {
    knowsEach()
    feishuFinds('ou_custodian')
    await resolve({ leaver, custodian: { email: 'custodian@corp.example' } })
    expect(details()).toMatchObject([
      {
        feishu: {
          calendarAcls: {
            openId: 'ou_custodian',
            calendarIds: expect.arrayContaining(['feishu.cn_team@group.calendar.feishu.cn']),
          },
        },
      },
    ])
    expect(record()?.custodian).toEqual({ state: 'found', openId: 'ou_custodian' })
  })

  test('who is not found has the event rejected, before anything is listed', async () => {
    knowsEach()
    feishuFinds(undefined)
    await resolve({ leaver, custodian: { email: 'custodian@corp.example' } })
    expect(details()).toEqual([])
    expect(reasons()).toEqual([expect.stringMatching(/^The custodian was not found\. Feishu: unknown/)])
    expect(asked('/open-apis/calendar/v4/calendars')).toEqual([])
  })

  test('who was found is looked for once a minute; who was not, with every event', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    knowsEach()
    answers(IDS, { code: 0, data: { user_list: [{}] } }, 1)
    feishuFinds('ou_custodian')
    const lookups: number[] = []
    for (const [index, waitMs] of [0, 0, 0, 59_000, 1_000].entries()) {
      vi.advanceTimersByTime(waitMs)
      const event = { leaver, custodian: { email: 'custodian@corp.example' }, offboardingId: `hr-${index}` }
      await resolve(event, { id: `event-${index}` })
      lookups.push(asked(IDS).length)
    }
    // The first is asked for among those who have resigned, too.
    expect(lookups).toEqual([2, 3, 3, 3, 4])
    expect(sent()).toHaveLength(4)
  })

  test('who is the leaver has it rejected', async () => {
    knowsEach()
    feishuFinds('ou_leaver')
    await resolve({ leaver, custodian: { email: EMAIL } })
    expect(details()).toEqual([])
    expect(reasons()).toEqual([expect.stringContaining('The custodian is the leaver')])
  })

  test('is not looked for where the leaver is not', async () => {
    dingtalkFinds(DINGTALK_USER)
    await resolve({ leaver: { dingtalk: { userId: 'staff1' } }, custodian: { email: 'custodian@corp.example' } })
    expect(asked(IDS)).toEqual([])
    expect(details()).toHaveLength(1)
  })
})

describe('is rejected whole, with the reason of each vendor and a letter that can be redriven:', () => {
  const expectRejected = async (reason: RegExp, kind: string) => {
    expect(details()).toEqual([])
    expect(reasons()).toEqual([expect.stringMatching(reason)])
    const letters = await harness.deadLetters()
    expect(letters.map(({ body }) => JSON.parse(body).id)).toEqual(['leaving-1'])
    expect(letters[0]?.messageAttributes).toMatchObject({ kind: { StringValue: kind } })
    expect(record()).toMatchObject({ stage: 'rejected', lastKind: kind })
    expect(record()).not.toHaveProperty('state')
  }

  test('somebody unknown', async () => {
    feishuFinds(undefined, undefined)
    answers(BY_MOBILE, { errcode: 40104, errmsg: 'invalid mobile' })
    await resolve({ leaver: { email: EMAIL, mobile: MOBILE } })
    await expectRejected(
      /^The leaver was found nowhere\. Feishu: unknown, outside the app's contact scope, or resigned: .* DingTalk: unknown, /,
      'not_found',
    )
    expect(harness.outcomes()).toMatchObject([{ offboardingId: 'hr-1', eventId: 'leaving-1', outcome: 'rejected' }])
  })

  test('two different people', async () => {
    feishuFinds('ou_leaver', 'ou_other')
    dingtalkFinds()
    await resolve({ leaver: { email: EMAIL, mobile: MOBILE } })
    await expectRejected(/^It is not clear who leaves\. Feishu: two different people/, 'invalid_request')
  })

  test.each([
    ['Feishu', { feishu: { openId: 'ou_leaver', unionId: 'on_other' } }],
    ['Feishu', { feishu: { openId: 'ou_leaver', userId: 'other' } }],
    ['DingTalk', { dingtalk: { unionId: UNION_ID, userId: 'other' } }],
  ])('ids of two people at %s', async (vendor, leaver) => {
    feishuKnows('ou_leaver')
    dingtalkFinds(BY_UNION_ID)
    await resolve({ leaver })
    await expectRejected(new RegExp(`${vendor}: two different people`), 'invalid_request')
    expect([...harness.dynamoDb.items.keys()].filter((pk) => pk.startsWith('person#'))).toEqual([])
  })

  test('a unionId that DingTalk does not know', async () => {
    answers(BY_UNION_ID, { errcode: 60121, errmsg: 'no such user' })
    await resolve({ leaver: { dingtalk: { unionId: 'unknown' } } })
    await expectRejected(/^The leaver was found nowhere\..* DingTalk: unknown, /, 'not_found')
  })

  test.each([
    ['mobile', { mobile: '+8613800000001' }],
    ['number', { employeeNumber: '10024' }],
  ])('the address of someone who has resigned with the %s of someone who has not', async (_, other) => {
    await resolve({ leaver: { email: 'resigned@corp.example', ...other } })
    await expectRejected(/Feishu: two different people/, 'invalid_request')
  })

  test.each([
    ['somebody who is there', false],
    ['somebody who has resigned', true],
  ])('the address of one person with the employee number of %s', async (_, is_resigned) => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    answers(EMPLOYEES, { code: 0, data: { employees: [{ base_info: { employee_id: 'ou_other', is_resigned } }] } })
    await resolve({ leaver: { email: EMAIL, employeeNumber: NUMBER } })
    expect(reasons()).toEqual([expect.stringMatching(/It is not clear who leaves.+Feishu: two different people/)])
    expect(sent()).toEqual([])
  })

  test('two people with one employee number', async () => {
    const employees = ['ou_leaver', 'ou_other'].map((employee_id) => ({ base_info: { employee_id } }))
    answers(EMPLOYEES, { code: 0, data: { employees } })
    await resolve({ leaver: { employeeNumber: NUMBER } })
    await expectRejected(/two different people/, 'invalid_request')
  })

  test('somebody who has resigned, by their status', async () => {
    feishuKnows('ou_resigned', { status: { is_resigned: true } })
    await resolve({ leaver: { feishu: { userId: 'fu1' } } })
    await expectRejected(/Feishu: has resigned/, 'not_found')
  })

  test('somebody who has resigned, by their address', async () => {
    answers(IDS, { code: 0, data: { user_list: [{}] } }, 1)
    feishuFinds('ou_resigned')
    await resolve({ leaver: { email: EMAIL } })
    expect(asked(IDS).map(({ body }) => JSON.parse(body).include_resigned)).toEqual([undefined, true])
    await expectRejected(/Feishu: has resigned/, 'not_found')
  })

  test('somebody whom no vendor has a way to find', async () => {
    await harness.close()
    harness = await startHarness({ env: { VENDORS: 'dingtalk' } })
    await resolve({ leaver: { email: EMAIL } })
    await expectRejected(/DingTalk: not asked: DingTalk finds people by mobile or id/, 'not_found')
  })

  test('an event with an address or a number in the place of a field, which is not repeated', async () => {
    await harness.invoke(name, leaving({ leaver: { email: EMAIL, [EMAIL]: 1, [MOBILE]: 2, 'E-10023': 3 } }))
    expect(reasons()).toEqual([expect.stringMatching(/^leaver\.… is not a known field; .*; leaver\.… is not a known/)])
    const written = JSON.stringify([harness.log, [...harness.dynamoDb.items.values()].map((items) => [...items])])
    for (const text of [EMAIL, MOBILE, 'E-10023']) expect(written).not.toContain(text)
  })

  test('an event that is invalid', async () => {
    await harness.invoke(name, leaving({ leaver: { email: 'no address' } }))
    expect(await harness.aside(name)).toEqual([])
    expect(reasons()).toEqual(['leaver.email must be an e-mail address.'])
    expect(await harness.deadLetters()).toHaveLength(1)
  })
})

describe('tried again', () => {
  const email = { leaver: { email: EMAIL } }
  const refused = (code: number, error: object = {}) =>
    harness.sandbox.answer(
      { path: IDS },
      { status: 400, body: { code, msg: `no such thing for ${EMAIL}`, error } },
      1_000,
    )
  const recovers = () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
  }

  test('without a scope for the lookup, which is named at once', async () => {
    harness.sandbox.answer(
      { path: IDS },
      {
        status: 400,
        body: {
          code: 99991672,
          msg: 'Access denied.',
          error: { permission_violations: [{ subject: 'contact:user.id:readonly' }] },
        },
      },
    )
    expect(await resolve(email)).toEqual({ failed: [0] })
    expect(record()).toMatchObject({
      stage: 'resolving',
      state: 'open',
      lastKind: 'misconfigured',
      lastCode: '99991672',
      lastHint: expect.stringContaining('contact:user.id:readonly'),
    })
    expect(harness.outcomes()).toEqual([])
    recovers()
    expect(await deliver({ tries: 2 })).toEqual({ failed: [] })
    expect(details()).toHaveLength(1)
  })

  test('without a permission of DingTalk, which is named', async () => {
    answers(BY_MOBILE, { errcode: 88, sub_code: '60011', sub_msg: 'needs [qyapi_get_member_by_mobile]' })
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    expect(await resolve({ leaver: { mobile: MOBILE } })).toEqual({ failed: [0] })
    expect(record()).toMatchObject({
      lastKind: 'misconfigured',
      lastHint: expect.stringContaining('qyapi_get_member_by_mobile'),
    })
    expect(details()).toEqual([])
  })

  test('while a vendor is down, for hours, and then goes on', async () => {
    harness.sandbox.answer({ path: IDS }, { status: 502, body: 'bad gateway' }, 6)
    expect(await resolve(email)).toEqual({ failed: [0] })
    expect(record()).toMatchObject({ lastKind: 'unavailable' })
    harness.clock.pass(23 * HOUR_MS)
    expect(await deliver({ tries: 95, ageMs: 23 * HOUR_MS })).toEqual({ failed: [0] })
    recovers()
    expect(await deliver({ tries: 96, ageMs: 23 * HOUR_MS })).toEqual({ failed: [] })
    expect(details()).toHaveLength(1)
    expect(harness.outcomes()).toEqual([])
  })

  test('for 24 hours: then it is rejected with that reason', async () => {
    refused(99991672)
    await resolve(email)
    expect(await deliver({ tries: 100, ageMs: 24 * HOUR_MS })).toEqual({ failed: [] })
    expect(reasons()).toEqual([expect.stringContaining('feishu answered 99991672')])
    expect(record()).toMatchObject({ stage: 'rejected', lastKind: 'misconfigured' })
  })

  test('after the bus refuses what is sent on', async () => {
    recovers()
    const put = vi.spyOn(harness.bus, 'call').mockRejectedValueOnce(new Error('the bus is down'))
    expect(await resolve(email)).toEqual({ failed: [0] })
    put.mockRestore()
    expect(record()).toMatchObject({ stage: 'resolving' })
    harness.clock.pass(61_000)
    expect(await deliver({ tries: 2 })).toEqual({ failed: [] })
    expect(sent()).toHaveLength(1)
  })

  test.each([
    ['another address', { email: 'other@corp.example', user_id: 'ou_other' }],
    ['another mobile', { mobile: '+8613800000009', user_id: 'ou_other' }],
    ['an id that is none', { email: EMAIL, user_id: 'ou_a b' }],
    ['an id of another kind', { email: EMAIL, user_id: 'on_leaver' }],
  ])('where Feishu answers with %s', async (_, entry) => {
    answers(IDS, { code: 0, data: { user_list: [entry] } })
    feishuKnows('ou_other')
    expect(await resolve({ leaver: { email: EMAIL, mobile: MOBILE } })).toEqual({ failed: [0] })
    expect(details()).toEqual([])
    expect(record()).toMatchObject({ stage: 'resolving', lastKind: 'protocol' })
  })

  test('where DingTalk answers with a unionId that no event can hold', async () => {
    answers(DINGTALK_USER, { errcode: 0, result: { userid: 'staff1', unionid: 'union id' } })
    expect(await resolve({ leaver: { dingtalk: { userId: 'staff1' } } })).toEqual({ failed: [0] })
    expect(record()).toMatchObject({ stage: 'resolving', lastKind: 'protocol' })
  })

  test('but not where it answers with the same address in other letters and with a country code', async () => {
    const [first, second] = [{ email: EMAIL.toUpperCase() }, { mobile: MOBILE }]
    answers(IDS, { code: 0, data: { user_list: [first, second].map((one) => ({ ...one, user_id: 'ou_leaver' })) } })
    feishuKnows('ou_leaver')
    dingtalkFinds()
    await resolve({ leaver: { email: EMAIL, mobile: '13800000000' } })
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
  })

  test('and what one list refuses for the user alone does not hold the rest', async () => {
    feishuFinds('ou_without_tokens')
    feishuKnows('ou_without_tokens')
    expect(await resolve(email)).toEqual({ failed: [] })
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_without_tokens', calendar: true } }])
    expect(record()?.found).toMatchObject({
      feishu: { state: 'found', reason: { en: expect.stringMatching(/^not all that they have could be listed: /) } },
    })
  })

  test('and where a list is refused and nothing else is found, it is rejected: nothing was seen to have ended', async () => {
    dingtalkFinds(DINGTALK_USER)
    harness.sandbox.answer({ path: DINGTALK_CALENDARS }, { status: 400, body: { code: 'paramIllegal' } }, 5)
    await resolve({ leaver: { dingtalk: { userId: 'staff1' } } })
    expect(harness.outcomes()).toMatchObject([{ type: 'Subscription Offboarding Rejected', kind: 'invalid_request' }])
    expect(record()).toMatchObject({ stage: 'rejected', lastCode: 'paramIllegal' })
  })

  test('a token of theirs that cannot be renewed now is waited for: nothing is sent half', async () => {
    await harness.close()
    const world = sampleWorld()
    for (const tokens of world.feishu.users[0]?.tokens ?? []) tokens.expiresIn = 1
    harness = await startHarness({ world })
    recovers()
    harness.sandbox.answer({ path: '/oauth/v3/token' }, { status: 503, body: 'down' }, 5)
    expect(await resolve(email)).toEqual({ failed: [0] })
    expect([details(), record()?.lastKind]).toEqual([[], 'unavailable'])
  })

  test('a list that the vendor cannot give now is waited for: nothing is sent half', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    harness.sandbox.answer({ path: '/open-apis/calendar/v4/calendars' }, { code: 190003 }, 3)
    expect(await resolve(email)).toEqual({ failed: [0] })
    expect(details()).toEqual([])
    expect(await deliver({ tries: 2 })).toEqual({ failed: [] })
    expect(details()).toHaveLength(1)
  })
})

describe('delivered again', () => {
  const email = { leaver: { email: EMAIL } }

  test('the event adds nothing once it was sent on', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    await resolve(email)
    await harness.invoke(name, leaving(email))
    await deliver()
    expect(sent()).toHaveLength(1)
  })

  test('and nothing more than one rejection once it was rejected', async () => {
    feishuFinds(undefined)
    await resolve(email)
    await resolve(email)
    expect(reasons()).toHaveLength(1)
  })

  test('while another copy is sending it, the event waits; after a kill it is sent once more', async () => {
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    const { items } = harness.dynamoDb
    await resolve(email)
    const partition = items.get('offboarding#hr-1')
    const [sk = '', ended] = [...(partition ?? [])].find(([key]) => key.startsWith('leaving#')) ?? []
    const claimedAt = (atMs: number) =>
      partition?.set(sk, { ...ended, stage: { S: 'resolving' }, claimedAtMs: { N: String(atMs) } })
    claimedAt(Date.now())
    expect((await deliver()).failed).toHaveLength(1)
    expect(sent()).toHaveLength(1)
    claimedAt(Date.now() - HOUR_MS)
    for (const tries of [2, 3]) {
      expect(await deliver({ tries })).toEqual({ failed: [] })
      expect(sent()).toHaveLength(2)
    }
    expect(record()).toMatchObject({ stage: 'sent', sentEventIds: [sent()[1]?.event.id] })
  })

  test('an event is queued while the ledger does not answer', async () => {
    const call = vi.spyOn(harness.dynamoDb, 'call').mockRejectedValue(new Error('down'))
    await harness.invoke(name, leaving(email))
    call.mockRestore()
    expect(await harness.aside(name)).toHaveLength(1)
    feishuFinds('ou_leaver')
    feishuKnows('ou_leaver')
    await deliver()
    expect(record()).toMatchObject({ stage: 'sent' })
  })
})

describe('in one batch with', () => {
  const good = () => JSON.stringify(leaving({ leaver: { feishu: { openId: 'ou_leaver' } } }))
  const batch = (body: string) => harness.queue(name, [body, good()], { isRepeat: true, remainingMs: 300_000 })
  beforeEach(() => feishuKnows('ou_leaver'))

  test.each(['not JSON', 'null', '5', 'undefined', '[]', '{}', '{"id":5,"detail":null}'])(
    'a message that says %s, an event is resolved, and that becomes a letter',
    async (body) => {
      expect(await batch(body)).toEqual({ failed: [] })
      expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
      expect(await harness.deadLetters()).toMatchObject([{ body: expect.stringContaining(body) }])
    },
  )

  test('one that is invalid and that no queue takes as a letter, an event is resolved, and that waits', async () => {
    const nowhere = { deadLetterQueue: 'no-such-queue.fifo', isRepeat: true, remainingMs: 300_000 }
    expect(await harness.queue(name, ['{}', good()], nowhere)).toEqual({ failed: [0] })
    expect(details()).toMatchObject([{ feishu: { openId: 'ou_leaver' } }])
    expect(harness.log).toContainEqual(expect.objectContaining({ message: 'failed', scope: 'us' }))
  })
})

test("no address, mobile or number is in the ledger, the log, an outcome event or a letter's reason", async () => {
  const names = { email: EMAIL, mobile: MOBILE, employeeNumber: NUMBER }
  const echo = `nothing for ${EMAIL} ${MOBILE} 13800000000 ${NUMBER}`
  const written = async () =>
    JSON.stringify([
      [...harness.dynamoDb.items].map(([pk, items]) => [pk, ...items]),
      harness.log,
      harness.outcomes(),
      details(),
      (await harness.deadLetters()).map(({ messageAttributes }) => messageAttributes),
    ])
  dingtalkFinds()
  harness.sandbox.answer({ path: IDS }, { status: 400, body: { code: 40003, msg: echo } }, 3)
  await resolve({ leaver: names, custodian: { email: 'custodian@corp.example' } })
  expect(record()).toMatchObject({ lastKind: 'unavailable' })
  harness.sandbox.answer({ path: IDS }, { status: 400, body: { code: 40001, msg: echo } })
  await deliver({ tries: 2 })
  expect(record()).toMatchObject({ stage: 'rejected' })
  feishuFinds('ou_leaver')
  feishuKnows('ou_leaver')
  await resolve({ leaver: names }, { id: 'leaving-2' })
  expect(sent()).toHaveLength(1)
  for (const secret of [EMAIL, 'custodian@', '13800000000', NUMBER]) expect(await written()).not.toContain(secret)
})
