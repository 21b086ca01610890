/** Every documented code, one test each: what it becomes over HTTP and what the queue does with it. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadOperations, operationNames } from '../../../infra/operations.ts'
import type { Kind } from '../../../lib/error.ts'
import { dingtalkGateway } from '../../../local/sandbox/dingtalk.ts'
import { feishuGateway } from '../../../local/sandbox/feishu-gateway.ts'
import { type Harness, itemOf, sampleOf, startHarness } from '../../harness.ts'

const GATEWAYS = { feishu: feishuGateway, dingtalk: dingtalkGateway }

type Row = [name: string, code: number | string, vendorStatus: number, becomes: string]
/** `held`: its bucket waits. `aside`: it waits alone, in the second queue. */
type Queue = 'finished' | 'parked' | 'gone' | 'held' | 'aside'

/** What each outcome and kind is over HTTP and on the queue. */
const ENDS: Record<Kind | 'unchanged', [httpStatus: number, queue: Queue]> = {
  unchanged: [200, 'finished'],
  invalid_request: [400, 'parked'],
  forbidden: [403, 'parked'],
  not_found: [404, 'gone'],
  reauthorization_required: [409, 'parked'],
  rate_limited: [429, 'held'],
  quota_exhausted: [429, 'held'],
  internal: [500, 'parked'],
  misconfigured: [502, 'held'],
  protocol: [502, 'parked'],
  unavailable: [503, 'aside'],
  timeout: [504, 'aside'],
}

const approval = 'feishu-approval-unsubscribe'
const ding = 'dingtalk-calendar-unsubscribe'

/** Codes that any operation of the vendor can meet, by one that does. */
const ofVendors: Row[] = [
  ['feishu-calendar-acl-subscribe', 99991679, 400, 'reauthorization_required'],
  [approval, 99991400, 429, 'rate_limited'],
  [approval, 99991400, 400, 'rate_limited'],
  [approval, 99991403, 400, 'quota_exhausted'],
  ...[99991672, 99991676, 99991662, 99991673, 99991543, 99991401].map(
    (code): Row => [approval, code, 400, 'misconfigured'],
  ),
  [approval, 99992402, 400, 'invalid_request'],
  ...[1500, 1503, 1663, 1668, 2200, 5000, 55001, 65001].map((code): Row => [approval, code, 400, 'unavailable']),
  [ding, 'Forbidden.AccessDenied.QpsLimitForAppkeyAndApi', 403, 'rate_limited'],
  [ding, 'Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi', 403, 'rate_limited'],
  [ding, 'Forbidden.AccessDenied.QpsLimitForApi', 403, 'rate_limited'],
  [ding, 'Forbidden.AccessDenied.QpmLimitForAppkeyAndApi', 403, 'rate_limited'],
  [ding, 'Forbidden.AccessDenied.QpmLimitForSuitekeyAndOrgAndApi', 403, 'rate_limited'],
  [ding, 'Forbidden.AccessDenied.ApiCountLimitForOrg', 403, 'quota_exhausted'],
  [ding, 'Forbidden.AccessDenied.AccessTokenPermissionDenied', 403, 'misconfigured'],
  [ding, 'Forbidden.AccessDenied.IpNotInWhiteList', 403, 'misconfigured'],
  [ding, 'systemError', 500, 'unavailable'],
  [ding, 'system.error', 500, 'unavailable'],
  [ding, 'serviceBusy', 503, 'unavailable'],
  [ding, 'systemBusy', 429, 'unavailable'],
  [ding, 'internalError', 500, 'unavailable'],
  [ding, 'unknownError', 500, 'unavailable'],
  [ding, 'service.timeout', 504, 'timeout'],
  [ding, 'operationTimeout', 503, 'timeout'],
]

/** Every operation's own codes. docs/codes.md shows what each means; the sandbox knows with which status it comes. */
const own = (await loadOperations()).flatMap(({ name, operation }) =>
  Object.entries(operation.codes).map(([code, meaning]): Row => {
    const becomes = 'outcome' in meaning ? meaning.outcome : 'kind' in meaning ? meaning.kind : 'protocol'
    const { status = 400 } = GATEWAYS[operation.vendor.name].failure(code, undefined) ?? {}
    return [name, operation.vendor.name === 'feishu' ? Number(code) : code, status, becomes]
  }),
)

/** Codes that say the access token is no good. */
const rejections: [string, number | string, string, number][] = [
  ...[99991661, 99991663, 99991664, 99991665, 99991668, 99991671, 99991677].flatMap(
    (code): [string, number, string, number][] => [
      ['feishu-approval-unsubscribe', code, 'misconfigured', 502],
      ['feishu-calendar-unsubscribe', code, 'unavailable', 503],
    ],
  ),
  ['dingtalk-calendar-unsubscribe', 'InvalidAuthentication', 'misconfigured', 502],
]

/** Answers nobody documented. */
const unlisted: [string, object, string, number, Queue][] = [
  ['an unlisted code with HTTP 200', { status: 200, body: { code: 4711, msg: 'new' } }, 'protocol', 502, 'parked'],
  ['an unlisted code with HTTP 400', { status: 400, body: { code: 4711, msg: 'new' } }, 'protocol', 502, 'parked'],
  ['an unlisted code with HTTP 429', { status: 429, body: { code: 4711, msg: 'new' } }, 'rate_limited', 429, 'held'],
  ['an unlisted code with HTTP 503', { status: 503, body: { code: 4711, msg: 'new' } }, 'unavailable', 503, 'aside'],
  ['a page of HTML with HTTP 200', { html: true }, 'protocol', 502, 'aside'],
  ['a page of HTML with HTTP 404', { html: true, status: 404 }, 'protocol', 502, 'aside'],
  ['a page of HTML with HTTP 502', { html: true, status: 502 }, 'unavailable', 503, 'aside'],
  ['an empty body', { status: 200, body: '' }, 'protocol', 502, 'aside'],
  ['an empty object', { status: 200, body: {} }, 'protocol', 502, 'aside'],
  ['a list', { status: 200, body: [] }, 'protocol', 502, 'aside'],
  ['null', { status: 200, body: 'null' }, 'protocol', 502, 'aside'],
  ['success in the body of a 400', { status: 400, body: { code: 0, result: true } }, 'protocol', 502, 'aside'],
  ['truncated JSON', { truncated: true }, 'protocol', 502, 'aside'],
  ['an oversized body', { oversized: 2 * 1024 * 1024 }, 'protocol', 502, 'aside'],
  ['a dropped connection', { reset: 'before' }, 'unavailable', 503, 'aside'],
  ['a connection cut in the body', { reset: 'after-headers' }, 'unavailable', 503, 'aside'],
]

const USERS = ['ou_leaver', 'ou_custodian'].map((openId) => `test/feishu/user/${openId}`)

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())
beforeEach(async () => {
  await fetch(`${harness.sandbox.url}/_sandbox/answers`, { method: 'DELETE' })
  harness.log.length = 0
  harness.bus.events.length = 0
  // A user whose new token was rejected is left alone for a while.
  for (const user of USERS) harness.dynamoDb.items.delete(`user#${user}`)
})

const failureOf = (name: string, code: number | string) =>
  name.startsWith('feishu')
    ? { code, msg: 'told by the test' }
    : { code, message: 'told by the test', requestid: 'r-1' }

/** Lets all tries of the next call be answered by `script`. */
const answerWith = (name: string, script: object) =>
  harness.sandbox.answer({ path: sampleOf(name).route }, script as Parameters<typeof harness.sandbox.answer>[1], 3)
const calls = (name: string) =>
  harness.sandbox.requests.filter(({ path }) => new RegExp(sampleOf(name).route.replace(/:\w+/g, '[^/]+')).test(path))
    .length

/** How many letters the cases before have left. */
let letters = 0

async function expectQueue(name: string, expected: Queue, kind: string, code: string | null): Promise<void> {
  // What ended earlier is not called again, and a bucket that was refused waits: each case has its own event and bucket.
  const eventId = randomUUID()
  const item = itemOf(name, undefined, eventId)
  const { failed } = await harness.queue(name, [item], { bucket: `${name}:${eventId}` })
  const [outcome] = harness.outcomes().filter((event) => event.outcome)
  const all = await harness.deadLetters()
  const parked = all.slice(letters)
  letters = all.length
  const isAside = (await harness.aside(name)).some(({ body }) => body === item)
  if (expected === 'held' || expected === 'aside') {
    const isHeld = expected === 'held'
    expect({ failed, isAside, outcome, parked }).toEqual({
      failed: isHeld ? [0] : [],
      isAside: !isHeld,
      outcome: undefined,
      parked: [],
    })
    if (!isHeld) return
    expect(harness.log.at(-1)).toMatchObject({ message: 'deferred', kind, scope: 'bucket' })
    expect((harness.log.at(-1) as { waitMs: number }).waitMs).toBeGreaterThanOrEqual(1_000)
    return
  }
  expect({ failed, isAside }).toEqual({ failed: [], isAside: false })
  expect(outcome).toMatchObject({
    type: `Subscription Offboarding ${expected === 'parked' ? 'Parked' : 'Finished'}`,
    outcome: expected === 'finished' ? 'unchanged' : expected,
    operation: name,
    offboardingId: 'hr-1',
    eventId,
  })
  if (code !== null) expect(outcome).toMatchObject({ code })
  expect(parked).toHaveLength(expected === 'parked' ? 1 : 0)
  if (expected === 'parked') {
    expect(parked[0]?.body).toBe(item)
    expect(parked[0]?.messageAttributes).toMatchObject({
      kind: { StringValue: kind },
      hint: { StringValue: outcome?.hint },
      ...(code !== null && { code: { StringValue: code } }),
    })
  }
}

const table = [...own, ...ofVendors].map(
  ([name, code, vendorStatus, becomes]) =>
    [name, code, vendorStatus, becomes, ...endsOf(name, becomes as Kind)] as const,
)

/** What a started subscription names must exist. */
function endsOf(name: string, kind: Kind): (typeof ENDS)[Kind] {
  const [status, queue] = ENDS[kind]
  return [status, queue === 'gone' && name.endsWith('-subscribe') ? 'parked' : queue]
}

describe('a documented code', () => {
  test.each(table)('%s: %s with HTTP %i is %s, HTTP %i', async (name, code, vendorStatus, becomes, status) => {
    answerWith(name, { status: vendorStatus, body: failureOf(name, code) })
    const { status: answered, body, headers } = await harness.http(name)
    expect(answered).toBe(status)
    if (status === 200) {
      expect(body).toMatchObject({ operation: name, outcome: becomes, upstream: { code: String(code) } })
      return
    }
    expect(body).toMatchObject({
      type: `urn:subscription-offboarding:error:${becomes}`,
      status,
      kind: becomes,
      operation: name,
      instance: 'lambda-request-1',
      upstream: { status: vendorStatus, code: String(code), message: 'told by the test' },
    })
    expect(headers['content-type']).toBe('application/problem+json')
    if (body.retryable) expect(headers).toHaveProperty('retry-after')
    else expect(headers).not.toHaveProperty('retry-after')
  })

  test.each(table)(
    '%s: on the queue, %s with HTTP %i (%s, HTTP %i) ends as %s',
    async (name, code, status, kind, _, queue) => {
      answerWith(name, { status, body: failureOf(name, code) })
      await expectQueue(name, queue, kind, String(code))
    },
  )
})

describe('a rejected token', () => {
  beforeEach(() => harness.startCold())

  test.each(rejections)('%s: %s renews once, replays once, and then is %s', async (name, code, kind, status) => {
    const before = calls(name)
    answerWith(name, { status: 400, body: failureOf(name, code) })
    const { status: answered, body } = await harness.http(name)
    expect(calls(name) - before).toBe(2)
    expect([answered, body.kind]).toEqual([status, kind])
  })

  test.each(rejections)('%s: %s once is mended by the replay', async (name, code) => {
    harness.sandbox.answer({ path: sampleOf(name).route }, { status: 400, body: failureOf(name, code) })
    expect((await harness.http(name)).status).toBe(200)
  })
})

/** DingTalk documents a page of HTML as its answer to a banned address: test/lib/dingtalk/field-answers.test.ts. */
const unlistedOf = (name: string) =>
  unlisted.filter(([what]) => !(name.startsWith('dingtalk') && what === 'a page of HTML with HTTP 200'))

describe.each(operationNames)('%s', (name) => {
  test.each(unlistedOf(name))('answers %s', async (_, script, kind, status) => {
    answerWith(name, script)
    const { status: answered, body } = await harness.http(name)
    expect([answered, body.kind]).toEqual([status, kind])
  })

  test.each(unlistedOf(name))('takes %s from the queue', async (_, script, kind, __, queue) => {
    answerWith(name, script)
    await expectQueue(name, queue, kind, null)
  })
})
