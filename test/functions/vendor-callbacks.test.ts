/** What the vendors push: verifications, tickets and departures, and what bad input gets. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unmarshalAll } from '../../lib/aws/attributes.ts'
import { openDingtalkPush } from '../../lib/callbacks/dingtalk.ts'
import { makePush, type PushOrder, type Sent } from '../../local/sandbox/push.ts'
import { sampleWorld } from '../../local/sandbox/sandbox.ts'
import { sealForDingtalk, sealForFeishu } from '../../local/sandbox/seal.ts'
import { CALLBACK_VARIABLES, type Harness, startHarness } from '../harness.ts'

const name = 'vendor-callbacks'
const APP_TICKET = CALLBACK_VARIABLES.FEISHU_APP_TICKET_SECRET_ID
const SUITE_TICKET = CALLBACK_VARIABLES.DINGTALK_SUITE_TICKET_SECRET_ID
const HOUR_MS = 60 * 60_000
const FEISHU_KEY = { verificationToken: 'sandbox-verification-token', encryptKey: 'sandbox-encrypt-key' }
const DINGTALK_KEY = {
  token: 'sandbox-callback-token',
  aesKey: 'sandboxSandboxSandboxSandboxSandboxSandbox1',
  ownerKey: 'sandbox-app-key',
}

let harness: Harness
const start = async (env: Record<string, string> = {}, isSold = false) => {
  harness = await startHarness({ env: { ...CALLBACK_VARIABLES, ...env }, isSold })
}
beforeEach(() => start())
afterEach(() => harness.close())
async function restart(env: Record<string, string>, isSold = false) {
  await harness.close()
  await start(env, isSold)
}

type Request = Partial<APIGatewayProxyEventV2>
/** Hands a push to the function as API Gateway does. */
async function receive({ path, headers, query, body }: Sent, changes: Request = {}) {
  const event = {
    version: '2.0',
    routeKey: `POST ${path}`,
    headers,
    queryStringParameters: query,
    body,
    isBase64Encoded: false,
    ...changes,
  }
  const { statusCode, body: text = '' } = (await harness.call(name, event)) as APIGatewayProxyStructuredResultV2
  return { status: statusCode, text, body: JSON.parse(text) }
}
const make = (order: PushOrder) => makePush(harness.sandbox.state.world, order, Date.now())
const push = (order: PushOrder, changes?: Request) => receive(make(order), changes)
const feishu = (event: object, { at = Date.now(), key = FEISHU_KEY, isSigned = true } = {}): Sent => ({
  path: '/feishu/callback',
  ...sealForFeishu(event, key, at, { isSigned }),
})
const dingtalk = (event: object, { at = Date.now(), key = DINGTALK_KEY } = {}): Sent => ({
  path: '/dingtalk/callback',
  ...sealForDingtalk(event, key, at),
})

const stored = (id: string) => {
  for (const { stages, content } of harness.secrets.secrets.get(id)?.versions.values() ?? [])
    if (stages.has('AWSCURRENT')) return JSON.parse(content.SecretString ?? '')
}
const audited = (message: string) => harness.log.filter((line) => line.message === message)
const events = (type: string) =>
  harness.bus.events.flatMap(({ event }) => (event['detail-type'] === type ? [event.detail] : []))
const WRITES = ['PutSecretValue', 'UpdateSecretVersionStage', 'TagResource']
const countWrites = () => WRITES.reduce((sum, operation) => sum + harness.secrets.count(operation), 0)
const ledgerItems = () => [...harness.dynamoDb.items.values()].flatMap((items) => [...items.values()].map(unmarshalAll))

/** What a DingTalk answer says. */
const opened = ({ msg_signature, timeStamp, nonce, encrypt }: Record<string, string>, secret = DINGTALK_KEY) => {
  const query = { msg_signature, timestamp: timeStamp, nonce }
  // It is no JSON object but the word itself.
  const wrapped = () => openDingtalkPush({ query, body: Buffer.from(JSON.stringify({ encrypt })) }, secret)
  expect(wrapped).toThrow(expect.objectContaining({ reason: 'shape' }))
}

describe('the URL is verified', () => {
  test("by Feishu's question, encrypted", async () => {
    const { status, body } = await push({ event: 'url_verification' })
    expect([status, Object.keys(body)]).toEqual([200, ['challenge']])
  })

  test('and a question that was put together from other pushes is not answered', async () => {
    const question = { type: 'url_verification', token: FEISHU_KEY.verificationToken, challenge: '\u0001ticket' }
    expect((await receive(feishu(question, { isSigned: false }))).status).toBe(401)
  })

  test("by Feishu's question, plain where there is no Encrypt Key", async () => {
    const { verificationToken } = FEISHU_KEY
    harness.secrets.seed(CALLBACK_VARIABLES.FEISHU_CALLBACK_SECRET_ID, { verificationToken })
    const question = { type: 'url_verification', token: verificationToken, challenge: 'c-1' }
    const plain = { path: '/feishu/callback' as const, headers: {}, query: {}, body: JSON.stringify(question) }
    expect(await receive(plain)).toMatchObject({ status: 200, body: { challenge: 'c-1' } })
    expect(await receive({ ...plain, body: JSON.stringify({ ...question, token: 'x' }) })).toMatchObject({
      status: 401,
    })
  })

  test("by DingTalk's check_url, and asks Secrets Manager once and nothing else", async () => {
    const { status, body } = await push({ event: 'check_url' })
    expect(status).toBe(200)
    opened(body)
    expect([harness.secrets.requests.length, harness.dynamoDb.requests.length]).toEqual([1, 0])
  })

  test('an event that says nothing of ours is answered as any other', async () => {
    const header = {
      event_id: 'e',
      event_type: 'im.message.receive_v1',
      app_id: 'cli_sandbox',
      token: FEISHU_KEY.verificationToken,
    }
    expect(await receive(feishu({ schema: '2.0', header, event: {} }))).toMatchObject({ status: 200, body: {} })
    opened((await receive(dingtalk({ EventType: 'bpms_task_change' }))).body)
    expect(countWrites()).toBe(0)
  })

  test('a body in Base64 is read as its bytes', async () => {
    const sent = make({ event: 'url_verification' })
    const body = Buffer.from(sent.body).toString('base64')
    expect((await receive(sent, { body, isBase64Encoded: true })).status).toBe(200)
  })
})

describe('a ticket', () => {
  beforeEach(() => restart({}, true))

  test.each([
    ['app_ticket', APP_TICKET, 'appTicket', 'sandbox-app-ticket'],
    ['suite_ticket', SUITE_TICKET, 'suiteTicket', 'sandbox-suite-ticket'],
  ] as const)('%s is stored in a secret of its own, with its time', async (event, id, field, ticket) => {
    expect((await push({ event })).status).toBe(200)
    expect(stored(id)).toEqual({ [field]: ticket, pushedAt: new Date().toISOString() })
    expect(audited('ticket')).toMatchObject([{ outcome: 'changed' }])
    expect(JSON.stringify(harness.log)).not.toContain(ticket)
    const writes = countWrites()
    expect((await push({ event })).status).toBe(200)
    expect([countWrites(), audited('ticket')[1]?.outcome]).toEqual([writes, 'unchanged'])
  })

  test('that is older never takes the place of a newer one, and the newest counts', async () => {
    const old = make({ event: 'app_ticket' })
    harness.clock.pass(HOUR_MS)
    await push({ event: 'app_ticket', rotate: true })
    const newest = stored(APP_TICKET)
    expect(newest.appTicket).not.toBe('sandbox-app-ticket')
    expect((await receive(old)).status).toBe(200)
    expect(stored(APP_TICKET)).toEqual(newest)
  })

  test('of tomorrow does not keep out the next one', async () => {
    const content = (ticket: string, ts: number) => ({
      uuid: ticket,
      ts: String(ts),
      token: 'sandbox-store-verification-token',
      event: { type: 'app_ticket', app_id: 'cli_sandbox_store', app_ticket: ticket },
    })
    const key = { verificationToken: 'sandbox-store-verification-token', encryptKey: 'sandbox-store-encrypt-key' }
    const nowS = () => Date.now() / 1_000
    await receive(feishu(content('early', nowS() + 86_400), { key }))
    harness.clock.pass(HOUR_MS)
    await receive(feishu(content('next', nowS()), { key }))
    expect(stored(APP_TICKET).appTicket).toBe('next')
  })

  test.each([
    { app_ticket: undefined },
    { app_ticket: '' },
    { app_ticket: 'two words' },
    { app_ticket: ['a'] },
    { app_ticket: 'x'.repeat(5_000) },
  ])('of the shape %j is refused, and the old one stays', async (change) => {
    await push({ event: 'app_ticket' })
    const before = stored(APP_TICKET)
    const key = { verificationToken: 'sandbox-store-verification-token', encryptKey: 'sandbox-store-encrypt-key' }
    const event = { type: 'app_ticket', app_id: 'cli_sandbox_store', ...change }
    const sent = { uuid: 'u', ts: String(Date.now() / 1_000), token: key.verificationToken, event }
    expect((await receive(feishu(sent, { key }))).status).toBe(400)
    expect(stored(APP_TICKET)).toEqual(before)
    expect(audited('refused')).toMatchObject([{ vendor: 'feishu', reason: 'shape' }])
  })

  test('is stored and a leaver is announced, whatever else DingTalk pushes with them', async () => {
    const aesKey = 'sandboxSandboxSandboxSandboxSandboxSandbox2'
    const key = { token: 'sandbox-suite-callback-token', aesKey, ownerKey: 'sandbox-suite-key' }
    const ticket = { id: 1, biz_data: { syncAction: 'suite_ticket', suiteTicket: 'ticket-1' } }
    const biz_data = { syncAction: 'user_leave_org' }
    const leaver = { id: 2, biz_id: 'leaver01', corp_id: 'sandbox-corp', biz_data }
    const sent = { EventType: 'SYNC_HTTP_PUSH_HIGH', bizData: [{ id: 3, biz_data: '[' }, ticket, leaver] }
    expect((await receive(dingtalk(sent, { key }))).status).toBe(400)
    expect(stored(SUITE_TICKET).suiteTicket).toBe('ticket-1')
    expect(events('User Departed')).toHaveLength(1)
    expect(audited('refused')).toMatchObject([{ vendor: 'dingtalk', reason: 'shape' }])
  })

  test('pushed many times at once is stored once', async () => {
    const sent = make({ event: 'app_ticket' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => receive(sent)))
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(stored(APP_TICKET).appTicket).toBe('sandbox-app-ticket')
  })
})

describe('bad input', () => {
  const WAS = Date.parse('2026-11-21T00:00:00Z')
  const leaver = { event: 'contact.user.deleted_v3', user: 'ou_leaver' } as const
  const without = (sent: Sent, ...names: string[]): Sent => ({
    ...sent,
    headers: Object.fromEntries(Object.entries(sent.headers).filter(([header]) => !names.includes(header))),
    query: Object.fromEntries(Object.entries(sent.query).filter(([key]) => !names.includes(key))),
  })
  const withSpace = (sent: Sent): Sent => ({ ...sent, body: `${sent.body} ` })
  const bomb = (depth: number) => `${'{"a":['.repeat(depth)}1${']}'.repeat(depth)}`
  const deep = (depth: number) => JSON.parse(bomb(depth)) as object
  const otherApp = (sent: object) => JSON.parse(JSON.stringify(sent).replaceAll('cli_sandbox', 'cli_other'))
  const ticket = {
    uuid: 'u',
    ts: '1',
    token: FEISHU_KEY.verificationToken,
    event: { type: 'app_ticket', app_id: 'cli_sandbox', app_ticket: 't' },
  }
  const F = '/feishu/callback' as const
  const D = '/dingtalk/callback' as const
  const raw = (path: Sent['path'], body: string): Sent => ({ path, headers: {}, query: {}, body })

  test.each<[string, () => Sent, number, string]>([
    ['Feishu: no signature', () => without(make(leaver), 'x-lark-signature'), 401, 'signature'],
    [
      'Feishu: a wrong signature',
      () => {
        const sent = make(leaver)
        return { ...sent, headers: { ...sent.headers, 'x-lark-signature': '0'.repeat(64) } }
      },
      401,
      'signature',
    ],
    ['Feishu: a changed body', () => withSpace(make(leaver)), 401, 'signature'],
    ['Feishu: another key', () => feishu(ticket, { key: { ...FEISHU_KEY, encryptKey: 'other' } }), 401, 'encryption'],
    ['Feishu: another token', () => feishu({ ...ticket, token: 'other' }), 401, 'token'],
    ['Feishu: another app', () => feishu(otherApp(ticket)), 401, 'app'],
    ['Feishu: an old clock', () => feishu(ticket, { at: Date.now() - 9 * HOUR_MS }), 401, 'age'],
    ['Feishu: a clock ahead', () => feishu(ticket, { at: Date.now() + 9 * HOUR_MS }), 401, 'age'],
    ['Feishu: an unsigned event', () => feishu(ticket, { isSigned: false }), 401, 'signature'],
    ['Feishu: HTML', () => raw(F, '<!doctype html><p>Hello'), 400, 'shape'],
    ['Feishu: nothing', () => raw(F, ''), 400, 'shape'],
    ['Feishu: 1 MB', () => raw(F, 'x'.repeat(2 ** 20)), 400, 'size'],
    ['Feishu: 200 KB', () => raw(F, `{"encrypt":"${'x'.repeat(200_000)}"}`), 401, 'signature'],
    ['Feishu: a nested bomb', () => raw(F, bomb(20_000)), 401, 'signature'],
    ['Feishu: a small nested bomb', () => raw(F, bomb(400)), 400, 'shape'],
    ['Feishu: a signed nested bomb', () => feishu({ ...ticket, event: deep(2_000) }), 400, 'shape'],
    ['DingTalk: no signature', () => without(make({ event: 'check_url' }), 'msg_signature'), 401, 'signature'],
    [
      'DingTalk: another nonce',
      () => ({ ...make({ event: 'check_url' }), query: { ...make({ event: 'check_url' }).query, nonce: 'x' } }),
      401,
      'signature',
    ],
    ['DingTalk: another token', () => dingtalk({}, { key: { ...DINGTALK_KEY, token: 'x' } }), 401, 'signature'],
    [
      'DingTalk: another key',
      () => dingtalk({}, { key: { ...DINGTALK_KEY, aesKey: 'x'.repeat(43) } }),
      401,
      'encryption',
    ],
    ['DingTalk: another owner', () => dingtalk({}, { key: { ...DINGTALK_KEY, ownerKey: 'dingother' } }), 401, 'owner'],
    ['DingTalk: another suite', () => dingtalk({ EventType: 'suite_ticket', SuiteKey: 'other' }), 401, 'app'],
    ['DingTalk: an old clock', () => dingtalk({}, { at: WAS - 9 * HOUR_MS }), 401, 'age'],
    ['DingTalk: HTML', () => raw(D, '<html>'), 400, 'shape'],
    ['DingTalk: 1 MB', () => raw(D, `{"encrypt":"${'x'.repeat(2 ** 20)}"}`), 400, 'size'],
    ['DingTalk: a nested bomb', () => raw(D, bomb(20_000)), 400, 'shape'],
    ['DingTalk: an odd leaver', () => dingtalk({ EventType: 'user_leave_org', userId: [{}] }), 400, 'shape'],
  ])('%s', async (_, sent, status, reason) => {
    const answer = await receive(sent())
    expect([answer.status, answer.body]).toEqual([status, { status }])
    expect(harness.log).toEqual([
      {
        level: 'WARN',
        time: expect.any(String),
        message: 'refused',
        operation: name,
        vendor: expect.any(String),
        reason,
      },
    ])
    expect([countWrites(), ledgerItems(), harness.bus.events, harness.sandbox.requests]).toEqual([0, [], [], []])
  })

  test('the same push again is answered, and does nothing', async () => {
    const sent = make(leaver)
    await receive(sent)
    expect(await receive(sent)).toMatchObject({ status: 200, body: {} })
    expect([events('User Departed').length, audited('departed').length]).toEqual([1, 1])
    expect(audited('repeated')).toHaveLength(1)
    expect(ledgerItems()[0]?.expiresAt).toBe(Math.ceil((Date.now() + 48 * HOUR_MS) / 1_000))
  })

  test('a push that comes as its last redelivery is taken', async () => {
    expect((await receive(feishu(ticket, { at: Date.now() - 7.2 * HOUR_MS }))).status).toBe(200)
  })
})

describe('when AWS fails, the vendor is to send the push again', () => {
  beforeEach(async () => {
    await harness.close()
    harness = await startHarness({ env: CALLBACK_VARIABLES, sdk: true })
    harness.retryAwsAtOnce()
  })

  test('Secrets Manager', async () => {
    harness.secrets.fail('GetSecretValue', { type: 'InternalServiceError', status: 500 }, 20)
    await expect(push({ event: 'url_verification' })).rejects.toMatchObject({ kind: 'unavailable' })
    expect(audited('failed')).toMatchObject([{ operation: name, vendor: 'feishu', kind: 'unavailable' }])
  })

  test('EventBridge, and the next try announces the departure', async () => {
    const sent = make({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })
    harness.bus.fail('error', 20)
    await expect(receive(sent)).rejects.toThrow()
    expect(ledgerItems()).toEqual([])
    await harness.close()
    await start()
    expect((await receive(sent)).status).toBe(200)
    expect(events('User Departed')).toHaveLength(1)
  })

  test('Secrets Manager, and a leaver who was pushed with a ticket is announced before the answer', async () => {
    harness.secrets.fail('PutSecretValue', { type: 'AccessDeniedException' }, 20)
    harness.bus.fail('error', 2)
    const ticket = { id: 1, biz_data: { syncAction: 'suite_ticket', suiteTicket: 'ticket-1' } }
    const leaver = { id: 2, biz_id: 'leaver01', biz_data: { syncAction: 'user_leave_org' } }
    const sent = dingtalk({ EventType: 'SYNC_HTTP_PUSH_HIGH', bizData: [ticket, leaver] })
    await expect(receive(sent)).rejects.toThrow()
    expect(events('User Departed')).toHaveLength(1)
  })

  test('a callback secret of another shape is ours to fix', async () => {
    harness.secrets.seed(CALLBACK_VARIABLES.DINGTALK_CALLBACK_SECRET_ID, { token: 't' })
    await expect(push({ event: 'check_url' })).rejects.toMatchObject({ kind: 'misconfigured' })
  })

  test("an app's secret that is not there is ours to fix", async () => {
    harness.secrets.secrets.delete('test/feishu/app')
    await expect(push({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })).rejects.toMatchObject({
      kind: 'misconfigured',
    })
  })
})

describe('a vendor without a callback secret', () => {
  const ID = CALLBACK_VARIABLES.DINGTALK_CALLBACK_SECRET_ID
  const pushes = async (count: number) => {
    const answers = []
    for (let i = 0; i < count; i++) answers.push((await push({ event: 'check_url' })).status)
    return answers
  }

  test.each([
    ['that does not exist', () => void harness.secrets.secrets.delete(ID)],
    // As IAM answers for a name that matches no secret.
    ['that may not be read', () => harness.secrets.fail('GetSecretValue', { type: 'AccessDeniedException' }, 1)],
  ])('%s is answered 404, with one read and one line in a minute', async (_, lose) => {
    lose()
    expect(await pushes(3)).toEqual([404, 404, 404])
    expect(harness.secrets.count('GetSecretValue')).toBe(1)
    expect(harness.log).toMatchObject([
      {
        message: 'unused',
        operation: name,
        vendor: 'dingtalk',
        kind: 'misconfigured',
        hint: expect.stringContaining(ID),
      },
    ])
    expect((await push({ event: 'url_verification' })).status).toBe(200)
  })

  test('is taken a minute after its secret was stored', async () => {
    const secret = stored(ID)
    harness.secrets.secrets.delete(ID)
    expect(await pushes(1)).toEqual([404])
    harness.secrets.seed(ID, secret)
    expect(await pushes(1)).toEqual([404])
    harness.clock.pass(60_000)
    expect(await pushes(1)).toEqual([200])
  })
})

describe('a departure', () => {
  const IDS = { openId: 'ou_leaver', unionId: 'on_leaver', userId: 'leaver01' }

  test.each([
    ['contact.user.deleted_v3', 'left'],
    ['contact.user.updated_v3', 'frozen'],
  ] as const)('by %s is announced once, with one line', async (event, reason) => {
    expect((await push({ event, user: 'ou_leaver' })).status).toBe(200)
    expect(events('User Departed')).toEqual([
      {
        vendor: 'feishu',
        reason,
        tenant: 'sandbox-tenant',
        ids: IDS,
        eventId: expect.any(String),
        departedAt: new Date().toISOString(),
        offboardingId: null,
      },
    ])
    expect(harness.log).toMatchObject([{ message: 'departed', outcome: reason, person: 'ou_leaver' }])
    expect(events('User Leaving')).toEqual([])
  })

  test('is nothing with onDeparture=ignore', async () => {
    await restart({ ON_DEPARTURE: 'ignore' })
    expect((await push({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })).status).toBe(200)
    expect([harness.bus.events, harness.log, ledgerItems()]).toEqual([[], [], []])
  })

  test('orders the offboarding with onDeparture=offboard; of a self-built app without the tenant', async () => {
    await restart({ ON_DEPARTURE: 'offboard' })
    await push({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })
    const [leaving] = events('User Leaving')
    expect(leaving).toEqual({
      offboardingId: expect.stringMatching(/^departure-feishu-[0-9a-f]{16}$/),
      leaver: { feishu: IDS },
    })
    expect(events('User Departed')).toMatchObject([
      { offboardingId: (leaving as { offboardingId: string }).offboardingId },
    ])
  })

  test('of a store app names its tenant', async () => {
    await restart({ ON_DEPARTURE: 'offboard' }, true)
    await push({ event: 'contact.user.deleted_v3', user: 'ou_leaver', appId: 'cli_sandbox_store' })
    expect(events('User Leaving')).toMatchObject([{ leaver: { feishu: { ...IDS, tenantKey: 'sandbox-tenant' } } }])
  })

  test('ends the rest although Feishu says that the person has resigned', async () => {
    await restart({ ON_DEPARTURE: 'offboard' })
    await push({ event: 'contact.user.deleted_v3', user: 'ou_leaver' })
    const [detail] = events('User Leaving')
    const leaving = {
      id: 'leaving-1',
      source: 'hr.offboarding',
      'detail-type': 'User Leaving',
      time: '2026-11-21T00:00:00Z',
      detail,
    }
    harness.sandbox.answer(
      { path: /\/contact\/v3\/users\/ou_leaver/ },
      { status: 200, body: { code: 0, data: { user: { open_id: 'ou_leaver', status: { is_resigned: true } } } } },
    )
    await harness.invoke('offboarding-resolution', leaving)
    const bodies = (await harness.aside('offboarding-resolution')).map(({ body }) => body)
    await harness.queue('offboarding-resolution', bodies, { isRepeat: true, remainingMs: 300_000 })
    expect(events('User Offboarding')).toMatchObject([{ feishu: { openId: 'ou_leaver', calendar: true } }])
  })

  describe('at DingTalk', () => {
    const leave = { event: 'user_leave_org', user: 'sandboxUser01' } as const

    test('that names a userId alone gets the unionId that the ledger knows', async () => {
      await restart({ ON_DEPARTURE: 'offboard' })
      harness.setEnv(name)
      const { keepIds } = await harness.load<typeof import('../../lib/ledger/people.ts')>('lib/ledger/people.ts')
      await keepIds('dingtalk', { userId: 'sandboxUser01', unionId: 'sandboxUnionId01iE' })
      await push(leave)
      const ids = { userId: 'sandboxUser01', unionId: 'sandboxUnionId01iE' }
      expect(events('User Leaving')).toMatchObject([{ leaver: { dingtalk: ids } }])
      expect(events('User Departed')).toMatchObject([{ vendor: 'dingtalk', tenant: 'sandbox-corp', ids }])
    })

    test('of whom the ledger knows none says so', async () => {
      opened((await push(leave)).body)
      const hint = expect.stringContaining('does not know the unionId')
      expect(events('User Departed')).toMatchObject([{ ids: { userId: 'sandboxUser01' }, hint }])
      expect(audited('departed')).toMatchObject([{ hint, person: 'sandboxUser01' }])
    })

    test('of several people is announced of each', async () => {
      await receive(dingtalk({ EventType: 'user_leave_org', eventId: '1', CorpId: 'c', userId: ['a', 'b'] }))
      expect(events('User Departed')).toMatchObject([{ ids: { userId: 'a' } }, { ids: { userId: 'b' } }])
    })

    test("of a third-party app is taken from the app's own organization alone", async () => {
      await restart({}, true)
      const appId = 'sandbox-suite-key'
      await push({ ...leave, appId })
      const { apps } = harness.sandbox.state.world.dingtalk
      for (const app of apps) app.corpIds = ['sandbox-corp-2']
      await push({ ...leave, appId })
      expect(events('User Departed')).toMatchObject([{ tenant: 'sandbox-corp', ids: { userId: 'sandboxUser01' } }])
    })

    test('of a third-party app that names no organization may be of any, and is refused', async () => {
      await restart({}, true)
      const aesKey = 'sandboxSandboxSandboxSandboxSandboxSandbox2'
      const key = { token: 'sandbox-suite-callback-token', aesKey, ownerKey: 'sandbox-suite-key' }
      const sent = { EventType: 'user_leave_org', userId: 'sandboxUser01' }
      expect((await receive(dingtalk(sent, { key }))).status).toBe(400)
      expect(audited('refused')).toMatchObject([{ vendor: 'dingtalk', reason: 'shape' }])
      expect([events('User Departed'), ledgerItems()]).toEqual([[], []])
    })

    test('of an internal app needs to name none', async () => {
      await receive(dingtalk({ EventType: 'user_leave_org', userId: 'a' }))
      expect(events('User Departed')).toMatchObject([{ ids: { userId: 'a' } }])
    })
  })
})

describe('revoked tokens', () => {
  beforeEach(() => restart({ RENEW_WITHIN_DAYS: '3' }))

  const SECRET = 'test/feishu/user/ou_leaver'
  const state = () => harness.secrets.secrets.get(SECRET)?.tags.get('token-state')
  const renewAll = () => harness.call('user-token-renewal', {}, 900_000)
  const revoked = (types: string | undefined) => {
    const event = { open_id: 'ou_leaver', revoke_token_type: types, revoke_reason: 'restriction action' }
    const header = {
      event_id: String(types),
      event_type: 'auth.user_access_token.revoked_v4',
      app_id: 'cli_sandbox',
      token: FEISHU_KEY.verificationToken,
    }
    return receive(feishu({ schema: '2.0', header, event }))
  }

  test.each([
    ['user_access_token refresh_token ', 'reauthorization-required'],
    ['refresh_token', 'reauthorization-required'],
    ['user_access_token ', undefined],
    [undefined, undefined],
  ])('%j leave the user marked as %s', async (types, wanted) => {
    expect((await revoked(types)).status).toBe(200)
    expect(state()).toBe(wanted)
    expect(
      JSON.parse(
        [...(harness.secrets.secrets.get(SECRET)?.versions.values() ?? [])].at(-1)?.content.SecretString ?? '',
      ),
    ).toMatchObject({
      accessToken: 'u-sandbox-leaver',
    })
  })

  test('of somebody who is not stored are nothing', async () => {
    expect((await push({ event: 'auth.user_access_token.revoked_v4', user: 'ou_outside' })).status).toBe(200)
    expect(audited('revoked')).toEqual([])
  })

  test.each([
    ['whose end is known', { 'refresh-token-expires-at': new Date(Date.now() + 6 * 24 * HOUR_MS).toISOString() }],
    ['that were stored by hand', {}],
  ])('%s are asked for again: a wrong mark loses nobody', async (_, tags) => {
    for (const [key, value] of Object.entries(tags)) harness.secrets.secrets.get(SECRET)?.tags.set(key, value)
    await revoked('refresh_token')
    await renewAll()
    expect(state()).toBe('active')
    expect(harness.sandbox.state.tokenCalls['/oauth/v3/token refresh_token']).toBeGreaterThan(0)
  })

  test('that the vendor refuses stay marked', async () => {
    for (const token of harness.sandbox.state.tokens.feishu.refresh.values()) token.status = 'revoked'
    await revoked('refresh_token')
    await renewAll()
    expect(state()).toBe('reauthorization-required')
  })
})

test('the sample world has callbacks of each app that pushes', () => {
  const { feishu: ofFeishu, dingtalk: ofDingtalk } = sampleWorld()
  expect([ofFeishu.apps, ofDingtalk.apps].map((apps) => apps.filter(({ callback }) => callback).length)).toEqual([2, 2])
})
