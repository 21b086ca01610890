/** HR systems send who leaves over HTTP, once however often they ask, and see what became of it. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { unmarshalAll } from '../../lib/aws/attributes.ts'
import { type Harness, offboardingEvent, startHarness } from '../harness.ts'

const EMAIL = 'leaver@corp.example'
const MOBILE = '+8613800000000'
const LEAVING = { offboardingId: 'hr-1', leaver: { email: EMAIL, mobile: MOBILE, employeeNumber: 'E-10023' } }
const OFFBOARDING = { offboardingId: 'hr-1', feishu: { openId: 'ou_leaver', calendar: true } }

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

type Query = Record<string, string>
const call = (routeKey: string, event: Partial<APIGatewayProxyEventV2> = {}) =>
  harness.http('offboardings', { routeKey, ...event })
const post = (body: unknown, event: Partial<APIGatewayProxyEventV2> = {}) =>
  call('POST /offboardings', { body: typeof body === 'string' ? body : JSON.stringify(body), ...event })
const list = async (query: Query = {}) => {
  const { status, body } = await call('GET /offboardings', { queryStringParameters: query })
  const { offboardings, next } = body as unknown as { offboardings: { offboardingId: string }[]; next?: string }
  return { status, problem: body, offboardings, ids: offboardings?.map((one) => one.offboardingId), next }
}
const show = (offboardingId: string, query: Query = {}) =>
  call('GET /offboardings/{offboardingId}', { pathParameters: { offboardingId }, queryStringParameters: query })

const sent = () => harness.bus.events.map(({ event }) => event)
const record = (run = 'real', id = 'hr-1') => {
  const item = harness.dynamoDb.items.get(`offboarding#${id}`)?.get(`request#${run}`)
  return item && unmarshalAll(item)
}
const ledgerText = () => JSON.stringify([...harness.dynamoDb.items.values()].map((items) => [...items.values()]))
/** Hands what is on the bus to a function, as its rule does. */
const deliver = async (name: string) => {
  for (const event of sent()) await harness.invoke(name, event)
}

describe('a request', () => {
  test.each([
    ['User Leaving', LEAVING],
    ['User Offboarding', OFFBOARDING],
  ])('becomes one %s event', async (type, detail) => {
    const answer = await post(detail)
    expect(answer.status).toBe(202)
    expect(answer.headers).toMatchObject({ location: '/offboardings/hr-1', 'content-type': 'application/json' })
    expect(answer.body).toEqual({ offboardingId: 'hr-1', dryRun: false, eventId: sent()[0]?.id })
    expect(sent()).toMatchObject([
      { 'detail-type': type, source: 'hr.offboarding', detail: { ...detail, dryRun: false } },
    ])
  })

  test('that comes again is answered and not sent again, however its fields are ordered', async () => {
    const first = await post(LEAVING)
    const { leaver, offboardingId } = LEAVING
    const again = await post({
      dryRun: false,
      leaver: Object.fromEntries(Object.entries(leaver).reverse()),
      offboardingId,
    })
    expect(again.status).toBe(200)
    expect(again.headers).toMatchObject({ location: '/offboardings/hr-1' })
    expect(again.body).toEqual(first.body)
    expect(sent()).toHaveLength(1)
  })

  test('that could not be sent says so, and is sent when it comes again', async () => {
    harness.bus.fail('error', 3)
    const failed = await post(LEAVING)
    expect(failed.status).toBe(503)
    expect(failed.headers).toMatchObject({ 'retry-after': '5' })
    expect(record()).not.toHaveProperty('sentAt')
    const again = await post(LEAVING)
    expect([again.status, again.body.offboardingId]).toEqual([202, 'hr-1'])
    expect(sent()).toMatchObject([{ detail: { offboardingId: 'hr-1' } }])
    expect((await post(LEAVING)).status).toBe(200)
  })

  test('whose sending was cut off waits until that has surely ended, and is then sent', async () => {
    await post(LEAVING)
    const items = harness.dynamoDb.items.get('offboarding#hr-1')
    const { sentAt: _, eventId: __, ...killed } = items?.get('request#real') ?? {}
    items?.set('request#real', { ...killed, claimedAtMs: { N: String(Date.now()) } } as never)
    expect((await post(LEAVING)).status).toBe(503)
    expect((await post(OFFBOARDING)).status).toBe(409)
    harness.clock.pass(31_000)
    expect((await post(LEAVING)).status).toBe(202)
    expect(sent()).toHaveLength(2)
  })

  test('that comes ten times at once becomes one event', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(LEAVING)))
    for (const { status } of answers) expect([200, 202, 503]).toContain(status)
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
    expect(sent()).toHaveLength(1)
  })

  test('whose sending cannot be recorded is sent all the same, and the log says so', async () => {
    const { call: put } = harness.bus
    vi.spyOn(harness.bus, 'call').mockImplementationOnce((...given) => {
      harness.dynamoDb.fail('UpdateItem', { type: 'InternalServerError', status: 500 }, 3)
      return put(...given)
    })
    expect((await post(LEAVING)).status).toBe(202)
    expect(harness.log).toMatchObject([{ message: 'unrecorded', offboardingId: 'hr-1' }, { message: 'answered' }])
  })

  test('with another content is refused, and the other kind of event is another content', async () => {
    await post(LEAVING)
    for (const other of [{ ...LEAVING, leaver: { email: 'other@corp.example' } }, OFFBOARDING]) {
      const { status, headers, body } = await post(other, { headers: { 'accept-language': 'zh-CN' } })
      expect(status).toBe(409)
      expect(headers['content-type']).toBe('application/problem+json')
      expect(body).toMatchObject({ status: 409, kind: 'invalid_request', retryable: false, operation: 'offboardings' })
      expect(body.detail).toBe('此离职处理已提交过，且内容不同。')
    }
    expect(sent()).toHaveLength(1)
  })

  test('for a dry run and one for the real run after it are two', async () => {
    const dry = await post({ ...LEAVING, dryRun: true })
    const real = await post(LEAVING)
    expect([dry.status, real.status]).toEqual([202, 202])
    expect(dry.headers).toMatchObject({ location: '/offboardings/hr-1?dry_run=true' })
    expect(sent().map(({ detail }) => (detail as { dryRun: boolean }).dryRun)).toEqual([true, false])
    expect((await post({ ...LEAVING, dryRun: true })).status).toBe(200)
  })
})

describe('a bad request is answered with every wrong field', () => {
  const wrong = async (body: unknown) => {
    const { status, headers, body: problem } = await post(body)
    expect([status, headers['content-type'], problem.kind]).toEqual([
      400,
      'application/problem+json',
      'invalid_request',
    ])
    expect(sent()).toEqual([])
    expect(ledgerText()).toBe('[]')
    return problem.detail
  }
  const fieldsOf = (detail: string) => detail.split('; ').map((part) => part.split(' ')[0])

  test('of who leaves', async () => {
    const detail = await wrong({
      colour: 'red',
      size: 3,
      dryRun: 'yes',
      leaver: { email: 'nobody', mobile: '12', employeeNumber: ' 1', phone: '1', fax: '2', feishu: { openId: 'x' } },
      custodian: {},
    })
    const ofLeaver = ['email', 'mobile', 'employeeNumber', 'phone', 'fax', 'feishu.openId']
    const fields = ['colour', 'size', 'dryRun', 'offboardingId', 'custodian', ...ofLeaver.map((one) => `leaver.${one}`)]
    for (const field of fields) expect(`; ${detail}`).toContain(`; ${field} `)
  })

  test('of an offboarding by ids, forty of them too, and those that depend on others', async () => {
    const files = Array.from({ length: 40 }, () => ({ fileToken: 7, fileType: 'folder' }))
    const detail = await wrong({ offboardingId: 'a b', feishu: { calendar: true, files, approvalCodes: 'x' } })
    expect(fieldsOf(detail).sort()).toEqual(
      [
        ...['offboardingId', 'feishu.openId', 'feishu.approvalCodes'],
        ...files.flatMap((_, index) => [`feishu.files[${index}].fileToken`, `feishu.files[${index}].eventType`]),
      ].sort(),
    )
  })

  test.each([
    ['no JSON', '{"offboardingId":'],
    ['nothing', ''],
    ['a form', 'offboardingId=hr-1'],
    ['a list', []],
    ['null', 'null'],
    ['a text', '"hr-1"'],
    ['nothing to do', { offboardingId: 'hr-1' }],
    ['nobody', { offboardingId: 'hr-1', leaver: {} }],
    ['null for the leaver', { offboardingId: 'hr-1', leaver: null }],
  ])('where it is %s', async (_, body) => {
    await wrong(body)
  })

  test('where it is not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"offboardingId":"'), Buffer.from([0xff]), Buffer.from('"}')])
    const { status } = await post(bytes.toString('base64'), { isBase64Encoded: true })
    expect(status).toBe(400)
    const good = Buffer.from(JSON.stringify(LEAVING)).toString('base64')
    expect((await post(good, { isBase64Encoded: true })).status).toBe(202)
  })

  test('where it is larger than an event may be, or names more than the stack takes at once', async () => {
    const files = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ fileToken: `d${index}`, fileType: 'docx' }))
    expect(await wrong({ offboardingId: 'hr-1', feishu: { files: files(2_001) } })).toContain('2001 targets')
    expect(await wrong({ offboardingId: 'hr-1', feishu: { files: files(9_000) } })).toContain('body is larger')
  })

  test('where something is in the query', async () => {
    const { status, body } = await post(LEAVING, { queryStringParameters: { dry_run: 'true' } })
    expect([status, body.detail]).toEqual([400, 'dry_run must not be in the query: parameters belong in the body.'])
  })
})

describe('what became of an offboarding', () => {
  test('is known as soon as it is asked for, and ends with its targets', async () => {
    await post(OFFBOARDING)
    expect((await show('hr-1')).body).toMatchObject({ state: 'open', isDryRun: false, targets: [] })
    const names = harness.variables('').OPERATIONS.split(',')
    for (const name of names) await deliver(name)
    expect((await show('hr-1')).body).toMatchObject({
      state: 'open',
      notPlanned: [],
      notFinished: { 'feishu-calendar-unsubscribe': 1 },
    })
    const [item] = await harness.waiting('feishu-calendar-unsubscribe')
    await harness.queue('feishu-calendar-unsubscribe', [item?.body ?? ''])
    const { status, body } = await show('hr-1')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      offboardingId: 'hr-1',
      state: 'finished',
      isDryRun: false,
      hasDryRuns: false,
      counts: { changed: 1 },
      operations: { 'feishu-calendar-unsubscribe': { changed: 1 } },
      gone: {},
      notFinished: {},
      notPlanned: [],
      people: [],
      targets: [{ operation: 'feishu-calendar-unsubscribe', input: { open_id: 'ou_leaver' }, outcome: 'changed' }],
      targetsLeftOut: 0,
    })
    expect((await list({ state: 'finished' })).offboardings).toMatchObject([
      { offboardingId: 'hr-1', state: 'finished' },
    ])
  })

  test('of a rejected event needs attention', async () => {
    await post(OFFBOARDING)
    await harness.invoke('feishu-calendar-unsubscribe', {
      ...sent()[0],
      detail: { offboardingId: 'hr-1', feishu: {} },
    })
    expect((await show('hr-1')).body).toMatchObject({ state: 'attention', counts: { rejected: 1 } })
    expect((await list({ state: 'attention' })).offboardings).toMatchObject([
      { offboardingId: 'hr-1', state: 'attention', rejected: { kind: 'invalid_request' } },
    ])
  })

  test('is of real runs where there are any, and of dry runs by the asking', async () => {
    await post({ ...OFFBOARDING, dryRun: true })
    expect((await show('hr-1')).body).toMatchObject({ isDryRun: true })
    expect((await show('hr-1', { dry_run: 'false' })).status).toBe(404)
    await post(OFFBOARDING)
    expect((await show('hr-1')).body).toMatchObject({ isDryRun: false, hasDryRuns: true })
    expect((await show('hr-1', { dry_run: 'true' })).body).toMatchObject({ isDryRun: true })
  })

  test('is not found where nothing is known, and a bad id or query is refused', async () => {
    const { status, body } = await show('hr-2')
    expect([status, body.kind, body.detail]).toEqual([404, 'not_found', 'Nothing is known of this offboarding.'])
    expect((await show('a/b')).status).toBe(400)
    expect((await show('hr-1', { dry_run: 'no', colour: 'red' })).body.detail).toMatch(/^(?=.*dry_run)(?=.*colour)/)
    expect((await show('hr-1', { offboardingId: 'hr-2' })).status).toBe(400)
  })
})

describe('the list', () => {
  /** Opens offboardings as the ledger has them. */
  const open = async (count: number, dryRun = false) => {
    for (let index = 0; index < count; index++)
      await harness.invoke('feishu-calendar-unsubscribe', {
        ...offboardingEvent(
          { ...OFFBOARDING, offboardingId: `hr-${dryRun ? 'dry-' : ''}${index}`, dryRun },
          `e-${dryRun}-${index}`,
        ),
        time: `2026-01-01T00:00:${String(index).padStart(2, '0')}Z`,
      })
  }

  test('is read page by page, dry runs apart', async () => {
    await open(7)
    await open(3, true)
    const first = await list({ state: 'open', limit: '4' })
    expect(first.ids).toEqual(['hr-0', 'hr-1', 'hr-2', 'hr-3'])
    const second = await list({ state: 'open', limit: '4', next: first.next ?? '' })
    expect(second.ids).toEqual(['hr-4', 'hr-5', 'hr-6'])
    expect(second.next).toBeUndefined()
    expect((await list({ dry_run: 'true' })).ids).toEqual(['hr-dry-0', 'hr-dry-1', 'hr-dry-2'])
    expect((await list()).offboardings[0]).toEqual({
      offboardingId: 'hr-0',
      state: 'open',
      since: '2026-01-01T00:00:00Z',
      isDryRun: false,
      gone: 0,
      rejected: null,
      resolving: null,
    })
  })

  test('of all states goes on in the state in which a page ended', async () => {
    await open(3)
    await harness.invoke('feishu-calendar-unsubscribe', offboardingEvent({ offboardingId: 'hr-bad' }, 'bad'))
    const seen: string[] = []
    let next: string | undefined
    do {
      const page = await list({ limit: '1', ...(next && { next }) })
      seen.push(...page.ids)
      next = page.next
    } while (next)
    expect(seen).toEqual(['hr-bad', 'hr-0', 'hr-1', 'hr-2'])
  })

  test('refuses what it does not know, every field of it', async () => {
    const { status, problem } = await list({ state: 'lost', limit: '0', next: 'x', dry_run: '1', colour: 'red' })
    expect(status).toBe(400)
    for (const field of ['state', 'limit', 'next', 'dry_run', 'colour']) expect(problem.detail).toContain(`${field} `)
  })

  test.each(['101', '-1', '1.5', '1e1', ''])('takes no limit of %j', async (limit) => {
    expect((await list({ limit })).status).toBe(400)
  })

  test('takes no token of another list, and none that was made up', async () => {
    await open(2)
    const { next = '' } = await list({ state: 'open', limit: '1' })
    expect((await list({ state: 'finished', next })).status).toBe(400)
    expect((await list({ state: 'open', dry_run: 'true', next })).status).toBe(400)
    const place = JSON.parse(Buffer.from(next, 'base64url').toString())
    const long = 'x'.repeat(2_048)
    const parts = [{ pk: 'user#ou_1' }, { since: 'x' }, { more: 1 }, { sk: '' }]
    for (const part of [...parts, { pk: `offboarding#${long}` }, { sk: long }, { since: `2026-${long}` }]) {
      const made = Buffer.from(JSON.stringify({ ...place, ...part })).toString('base64url')
      expect((await list({ state: 'open', next: made })).status, JSON.stringify(part).slice(0, 40)).toBe(400)
    }
  })
})

test('neither log nor ledger nor answers repeat an address, a mobile or a number', async () => {
  const answers = [
    await post(LEAVING),
    await post(LEAVING),
    await post({ ...LEAVING, custodian: { email: EMAIL } }),
    await show('hr-1'),
    await list(),
  ]
  await post({ ...LEAVING, offboardingId: 'hr-2', [EMAIL]: MOBILE })
  const texts = [...answers.map(({ ...answer }) => JSON.stringify(answer)), JSON.stringify(harness.log), ledgerText()]
  for (const text of texts) for (const word of [EMAIL, MOBILE, 'E-10023']) expect(text).not.toContain(word)
  const [first, other] = [record('real'), (await post({ ...LEAVING, offboardingId: 'hr-3' })) && record('real', 'hr-3')]
  expect(first?.contentHash).not.toBe(other?.contentHash)
})

test('one line says who called what, and the ledger who asked first', async () => {
  const as = (userArn: string) => ({ requestContext: { authorizer: { iam: { userArn } } } as never })
  await post(LEAVING, as('arn:aws:iam::111111111111:role/hr'))
  await post(LEAVING, as('arn:aws:iam::111111111111:role/other'))
  await post({}, as('arn:aws:iam::111111111111:role/hr'))
  const lines = harness.log.filter(({ operation }) => operation === 'offboardings')
  expect(lines).toMatchObject([
    {
      message: 'answered',
      entrance: 'http',
      route: 'POST /offboardings',
      caller: 'arn:aws:iam::111111111111:role/hr',
      offboardingId: 'hr-1',
      dryRun: false,
      eventId: sent()[0]?.id,
      status: 202,
    },
    { message: 'answered', caller: 'arn:aws:iam::111111111111:role/other', status: 200 },
    { message: 'failed', caller: 'arn:aws:iam::111111111111:role/hr', kind: 'invalid_request', status: 400 },
  ])
  expect(record()).toMatchObject({ sentBy: 'arn:aws:iam::111111111111:role/hr', eventId: sent()[0]?.id })
  expect(Object.keys(record() ?? {}).sort()).toEqual(
    [
      'pk',
      'sk',
      'contentHash',
      'salt',
      'requestedAt',
      'sentAt',
      'sentBy',
      'eventId',
      'offboardingId',
      'dryRun',
      'expiresAt',
    ].sort(),
  )
})
