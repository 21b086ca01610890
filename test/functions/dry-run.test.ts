/** A dry run that says what a real run would do: over HTTP, through the queue, and at its own pace. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { feishuApp } from '../../local/sandbox/feishu-gateway.ts'
import type { Script } from '../../local/sandbox/script.ts'
import { type Harness, itemOf, offboardingEvent, sampleOf, startHarness } from '../harness.ts'

const MINUTE_MS = 60_000
const calendar = 'feishu-calendar-unsubscribe'
const acl = 'feishu-calendar-acl-subscribe'
const approval = 'feishu-approval-unsubscribe'
const drive = 'feishu-drive-unsubscribe'
const ding = 'dingtalk-calendar-unsubscribe'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

type Change = { [field: string]: string }

const inputOf = (name: string, change: Change = {}) => ({ ...sampleOf(name).path, ...sampleOf(name).query, ...change })
const item = (name: string, change: Change = {}) =>
  JSON.stringify({ ...JSON.parse(itemOf(name, inputOf(name, change))), dryRun: true })
const outcomes = () => harness.outcomes().filter(({ outcome }) => outcome)
/** The vendor's requests by what they ask, tokens aside. */
const asked = () => harness.sandbox.requests.filter(({ path }) => !/token|oauth/i.test(path))
const deferred = () => harness.log.filter(({ message }) => message === 'deferred')

async function byHttp(name: string, change: Change = {}, language = 'en') {
  const { path, query } = sampleOf(name)
  const given = (fields: Record<string, string>) =>
    Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, change[field] ?? value]))
  return harness.http(name, {
    headers: { 'accept-language': language },
    pathParameters: given(path),
    queryStringParameters: { ...given(query), dry_run: 'true' },
  })
}

const answered = (path: RegExp, script: Script) => () => harness.sandbox.answer({ path }, script, 10)
const says = (path: RegExp, data: object) => answered(path, { status: 200, body: { code: 0, msg: 'success', data } })
const fails = (path: RegExp) => answered(path, { status: 500, body: { code: 5000, message: 'down' } })
const leaverIs = (status: 'resigned' | 'frozen') => () => {
  const [leaver] = harness.sandbox.state.world.feishu.users
  if (leaver) leaver.status = status
}

type Case = [name: string, what: string, expected: string, why: object, change: Change, prepare: () => void]
const CALENDAR = /\/calendars\/[^/]+$/
const DEFINITION = /\/approvals\/[^/]+$/
const none = () => {}
const cases: Case[] = [
  [calendar, 'of somebody who is there', 'change', {}, {}, none],
  [calendar, 'of somebody who has left', 'gone', { kind: 'not_found', scope: 'user' }, {}, leaverIs('resigned')],
  [calendar, 'of somebody frozen', 'parked', { kind: 'forbidden', scope: 'user' }, {}, leaverIs('frozen')],
  [acl, 'of a calendar that is shared', 'change', {}, {}, none],
  [
    acl,
    'of one that is not shared',
    'parked',
    { kind: 'forbidden', hint: 'Share the calendar with the custodian, then repeat.' },
    { calendar_id: 'feishu.cn_closed@group.calendar.feishu.cn' },
    none,
  ],
  [
    acl,
    'of a deleted one',
    'parked',
    { kind: 'not_found' },
    { calendar_id: 'feishu.cn_deleted@group.calendar.feishu.cn' },
    none,
  ],
  [
    acl,
    'of one that its answer calls deleted',
    'parked',
    { kind: 'not_found' },
    {},
    says(CALENDAR, { type: 'shared', role: 'owner', is_deleted: true }),
  ],
  [
    acl,
    'with a role that may not be enough',
    'unchecked',
    { hint: expect.stringContaining('Feishu does not say') },
    {},
    says(CALENDAR, { type: 'shared', role: 'free_busy_reader' }),
  ],
  [
    acl,
    'of a type that may not be watched',
    'unchecked',
    { hint: expect.stringContaining('Feishu does not say') },
    { calendar_id: 'feishu.cn_room@group.calendar.feishu.cn' },
    none,
  ],
  [approval, 'of a definition', 'change', {}, {}, none],
  [approval, 'of none', 'gone', { kind: 'not_found' }, { approval_code: 'NOBODY-KNOWS-IT' }, none],
  [
    approval,
    'of a deleted one, by its status',
    'gone',
    { kind: 'not_found' },
    {},
    says(DEFINITION, { status: 'DELETED' }),
  ],
  [
    approval,
    'of a deleted one, by a code',
    'gone',
    { kind: 'not_found' },
    {},
    () => {
      const [definition] = harness.sandbox.state.world.feishu.approvals
      if (definition) definition.deleted = true
    },
  ],
  [approval, 'of a wrong code', 'parked', { kind: 'invalid_request' }, { approval_code: 'a~b' }, none],
  [
    approval,
    'without the scope of the question alone',
    'unchecked',
    { kind: 'misconfigured', scope: 'bucket' },
    {},
    () => {
      const app = feishuApp(harness.sandbox.state.world, 'cli_sandbox')
      if (app) app.scopes = ['docs:doc']
    },
  ],
  [drive, 'of a document', 'change', {}, {}, none],
  [drive, 'of one that is not subscribed', 'unchanged', {}, { file_token: 'doxcnSandbox25' }, none],
  [
    drive,
    'of one that is not subscribed, by a code',
    'unchanged',
    {},
    { file_token: 'doxcnSandbox25' },
    () => {
      harness.sandbox.state.world.unconfirmed = { feishuUnsubscribedStatus: 'refused' }
    },
  ],
  [drive, 'of none', 'gone', { kind: 'not_found' }, { file_token: 'doxcnSandboxMissing' }, none],
  [drive, 'of one that is not managed', 'parked', { kind: 'forbidden' }, { file_token: 'doxcnSandboxForbidden' }, none],
  [ding, 'of a calendar in the list', 'change', {}, {}, none],
  [
    ding,
    'of one that is not in it',
    'unchecked',
    { hint: expect.stringContaining("not in the person's list") },
    { calendarId: 'unknown' },
    none,
  ],
  [
    ding,
    'of one of another type',
    'parked',
    { kind: 'invalid_request' },
    {},
    answered(/\/calendars$/, {
      status: 200,
      body: { response: { calendars: [{ id: 'sandboxCalendar01=', type: 'shared', privilege: 'reader' }] } },
    }),
  ],
  [ding, 'of somebody unknown', 'parked', { kind: 'invalid_request' }, { userId: 'nobody' }, none],
]

describe.each(cases)('%s %s is expected to be: %s', (name, _, expected, why, change, prepare) => {
  test('over HTTP', async () => {
    prepare()
    const { status, body } = await byHttp(name, change)
    expect([status, body]).toEqual([200, expect.objectContaining({ outcome: 'planned', expected, ...why })])
  })

  test('through the queue, where it leaves no letter', async () => {
    prepare()
    expect((await harness.queue(name, [item(name, change)])).failed).toEqual([])
    expect(outcomes()).toMatchObject([{ outcome: 'planned', expected, ...why, input: inputOf(name, change) }])
    expect(harness.log.at(-1)).toMatchObject({ message: 'finished', outcome: 'planned', expected })
    expect(await harness.deadLetters()).toEqual([])
    expect(asked().filter(({ method }) => method !== 'GET')).toEqual([])
  })
})

test.each(operationNames)('%s asks nothing in a real run', async (name) => {
  await harness.http(name)
  await harness.queue(name, [itemOf(name)])
  const { request } = sampleOf(name)
  expect(asked().map(({ method, path }) => `${method} ${path}`)).toEqual([request, request])
})

test('the reason is told in the language of the caller', async () => {
  const { body } = await byHttp(acl, { calendar_id: 'feishu.cn_closed@group.calendar.feishu.cn' }, 'zh')
  expect(body.hint).toBe('请先将该日历共享给接管人，然后重试。')
})

const questions: [string, RegExp][] = [
  [calendar, /user_info/],
  [acl, CALENDAR],
  [approval, DEFINITION],
  [drive, /get_subscribe/],
  [ding, /\/calendars$/],
]

describe.each(questions)('%s, while the vendor does not answer', (name, path) => {
  test('is unchecked over HTTP, after quick retries', async () => {
    fails(path)()
    expect((await byHttp(name)).body).toMatchObject({ outcome: 'planned', expected: 'unchecked', kind: 'unavailable' })
    expect(asked().filter((call) => path.test(call.path.split('?', 1)[0] ?? ''))).toHaveLength(3)
  })

  test('is tried again on the queue, and unchecked after half an hour', async () => {
    harness.sandbox.answer({ path }, { status: 500, body: { code: 5000, message: 'down' } }, 1_000)
    await harness.queue(name, [item(name)])
    expect(outcomes()).toEqual([])
    expect(await harness.aside(name)).toHaveLength(1)
    for (let minutes = 0; minutes < 40 && outcomes().length === 0; minutes += 5) {
      harness.clock.pass(5 * MINUTE_MS)
      await harness.queue(name, [item(name)], { isRepeat: true, sentMsAgo: minutes * MINUTE_MS })
    }
    expect(outcomes()).toMatchObject([{ outcome: 'planned', expected: 'unchecked', kind: 'unavailable' }])
    expect(harness.outcomes()).toHaveLength(1)
  })
})

describe('60 documents', () => {
  const documents = Array.from({ length: 60 }, (_, index) =>
    item(drive, { file_token: `doxcnMany${String(index).padStart(2, '0')}`, file_type: 'docx' }),
  )
  beforeEach(async () => {
    await harness.close()
    harness = await startHarness({ speed: 1 })
  })

  test('are asked about ten a minute, none is refused, and real work is not held up', async () => {
    for (let minute = 0; minute < 6; minute++) {
      const batch = await harness.receive(drive, documents.slice(10 * minute, 10 * minute + 10), {
        bucket: 'dry-run:feishu:default',
      })
      if (minute > 0) {
        expect((await batch.deliver()).failed).toHaveLength(10)
        const { waitMs, bucket } = deferred().at(-1) as { waitMs: number; bucket: string }
        expect(bucket).toBe('dry-run:feishu:default')
        expect(waitMs).toBeGreaterThan(59_000)
        expect(waitMs).toBeLessThanOrEqual(60_600)
        harness.clock.pass(waitMs)
      }
      expect((await batch.deliver()).failed).toEqual([])
    }
    expect(outcomes()).toHaveLength(60)
    expect(asked().map(({ status }) => status)).not.toContain(429)
    const { readBucket } = await harness.load<typeof import('../../lib/ledger/buckets.ts')>('lib/ledger/buckets.ts')
    expect((await readBucket('feishu-document-status', 'feishu:default')).calls).not.toEqual([])
    expect((await readBucket(drive, 'feishu:default')).calls).toEqual([])
    const real = Array.from({ length: 10 }, (_, index) =>
      itemOf(drive, { file_token: `doxcnReal${index}`, file_type: 'docx' }),
    )
    expect((await harness.queue(drive, real)).failed).toEqual([])
  })

  test('travel in a message group of their own', async () => {
    const detail = (dryRun: boolean) => ({
      offboardingId: 'hr-1',
      dryRun,
      feishu: { files: [{ fileToken: 'doxcnSandbox01', fileType: 'docx' }] },
    })
    await harness.invoke(drive, offboardingEvent(detail(true), 'tried'))
    await harness.invoke(drive, offboardingEvent(detail(false), 'real'))
    const groups = (await harness.waiting(drive)).map(({ messageGroupId }) => messageGroupId)
    expect(groups.sort()).toEqual(['dry-run:feishu:default', 'feishu:default'])
  })
})

test('a throttled question holds the others back as long as the vendor says, and no real work', async () => {
  const throttled = { status: 429, headers: { 'x-ogw-ratelimit-reset': '58' }, body: { code: 99991400, msg: '' } }
  harness.sandbox.answer({ path: /get_subscribe/ }, throttled)
  expect((await harness.queue(drive, [item(drive)])).failed).toEqual([0])
  expect(deferred()).toMatchObject([{ waitMs: 58_000, kind: 'rate_limited' }])
  expect((await harness.queue(drive, [item(drive, { file_token: 'doxcnSandbox04' })])).failed).toEqual([0])
  expect((await harness.queue(drive, [itemOf(drive)])).failed).toEqual([])
  expect(outcomes()).toMatchObject([{ outcome: 'changed' }])
})

test('a call that belongs to an offboarding is recorded with what is expected', async () => {
  const { path, query } = sampleOf(drive)
  await harness.http(drive, {
    pathParameters: { ...path, file_token: 'doxcnSandboxForbidden' },
    queryStringParameters: { ...query, dry_run: 'true', offboarding_id: 'hr-1' },
  })
  const { readRecords } = await harness.load<typeof import('../../lib/ledger/records.ts')>('lib/ledger/records.ts')
  expect((await readRecords('hr-1')).targets).toMatchObject([
    { dryRun: true, outcome: { outcome: 'planned', expected: 'parked', kind: 'forbidden', code: '1069603' } },
  ])
})
