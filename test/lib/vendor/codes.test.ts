/** Every documented code, one test each: what it becomes over HTTP and what the queue does with it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, itemOf, type Name, SAMPLES, startHarness } from '../../harness.ts'

type Row = [code: number | string, vendorStatus: number, becomes: string, httpStatus: number, queue: Queue]
type Queue = 'finished' | 'parked' | 'gone' | 'again'

const park = (kind: string, status: number): [string, number, Queue] => [kind, status, 'parked']
const invalid = park('invalid_request', 400)
const forbidden = park('forbidden', 403)
const misconfigured = park('misconfigured', 502)
const reauthorize = park('reauthorization_required', 409)
const quota = park('quota_exhausted', 429)
const notFound: [string, number, Queue] = ['not_found', 404, 'gone']
const limited: [string, number, Queue] = ['rate_limited', 429, 'again']
const unavailable: [string, number, Queue] = ['unavailable', 503, 'again']
const timeout: [string, number, Queue] = ['timeout', 504, 'again']
const unchanged: [string, number, Queue] = ['unchanged', 200, 'finished']

const calendar: Row[] = [
  [190002, 400, ...invalid],
  [190003, 500, ...unavailable],
  [190004, 429, ...limited],
  [190005, 429, ...limited],
  [190006, 403, ...misconfigured],
  [190007, 404, ...misconfigured],
  [190010, 429, ...limited],
]

const rows: Record<Name, Row[]> = {
  'feishu-calendar-unsubscribe': [...calendar, [195100, 404, ...notFound]],
  'feishu-calendar-acl-subscribe': [
    ...calendar,
    [191000, 404, ...notFound],
    [191001, 400, ...invalid],
    [191002, 403, ...forbidden],
    [191003, 403, ...notFound],
    [191004, 403, ...invalid],
    [192000, 404, ...notFound],
    [195100, 404, ...forbidden],
    [99991679, 400, ...reauthorize],
  ],
  'feishu-approval-unsubscribe': [
    [1390001, 400, ...invalid],
    [1390002, 400, ...notFound],
    [1390007, 400, ...unchanged],
    [1395001, 400, ...unavailable],
    [99991400, 429, ...limited],
    [99991400, 400, ...limited],
    [99991403, 400, ...quota],
    [99991672, 400, ...misconfigured],
    [99991676, 400, ...misconfigured],
    [99991662, 400, ...misconfigured],
    [99991673, 400, ...misconfigured],
    [99991543, 400, ...misconfigured],
    [99991401, 400, ...misconfigured],
    [99992402, 400, ...invalid],
    ...[1500, 1503, 1663, 1668, 2200, 5000, 55001, 65001].map((code): Row => [code, 400, ...unavailable]),
  ],
  'feishu-drive-unsubscribe': [
    [1069601, 500, ...unavailable],
    [1069602, 400, ...invalid],
    [1069603, 403, ...forbidden],
    [1069604, 400, ...notFound],
    [1069605, 400, ...unchanged],
    [1064230, 400, ...unavailable],
  ],
  'dingtalk-calendar-unsubscribe': [
    ['permissionDenied', 400, ...forbidden],
    ['invalidParameter', 400, ...invalid],
    ['Forbidden.AccessDenied.QpsLimitForAppkeyAndApi', 403, ...limited],
    ['Forbidden.AccessDenied.QpsLimitForSuitekeyAndOrgAndApi', 403, ...limited],
    ['Forbidden.AccessDenied.QpsLimitForApi', 403, ...limited],
    ['Forbidden.AccessDenied.QpmLimitForAppkeyAndApi', 403, ...limited],
    ['Forbidden.AccessDenied.QpmLimitForSuitekeyAndOrgAndApi', 403, ...limited],
    ['Forbidden.AccessDenied.ApiCountLimitForOrg', 403, ...quota],
    ['Forbidden.AccessDenied.AccessTokenPermissionDenied', 403, ...misconfigured],
    ['Forbidden.AccessDenied.IpNotInWhiteList', 403, ...misconfigured],
    ['systemError', 500, ...unavailable],
    ['system.error', 500, ...unavailable],
    ['serviceBusy', 503, ...unavailable],
    ['systemBusy', 429, ...unavailable],
    ['internalError', 500, ...unavailable],
    ['unknownError', 500, ...unavailable],
    ['service.timeout', 504, ...timeout],
    ['operationTimeout', 503, ...timeout],
  ],
}

/** Codes that say the access token is no good. */
const rejections: [Name, number | string, string, number][] = [
  ...[99991661, 99991663, 99991664, 99991665, 99991668, 99991671, 99991677].flatMap(
    (code): [Name, number, string, number][] => [
      ['feishu-approval-unsubscribe', code, 'misconfigured', 502],
      ['feishu-calendar-unsubscribe', code, 'reauthorization_required', 409],
    ],
  ),
  ['dingtalk-calendar-unsubscribe', 'InvalidAuthentication', 'misconfigured', 502],
]

/** Answers nobody documented. */
const unlisted: [string, object, string, number, Queue][] = [
  ['an unlisted code with HTTP 200', { status: 200, body: { code: 4711, msg: 'new' } }, 'protocol', 502, 'parked'],
  ['an unlisted code with HTTP 400', { status: 400, body: { code: 4711, msg: 'new' } }, 'protocol', 502, 'parked'],
  ['an unlisted code with HTTP 429', { status: 429, body: { code: 4711, msg: 'new' } }, 'rate_limited', 429, 'again'],
  ['an unlisted code with HTTP 503', { status: 503, body: { code: 4711, msg: 'new' } }, 'unavailable', 503, 'again'],
  ['a page of HTML with HTTP 200', { html: true }, 'protocol', 502, 'parked'],
  ['a page of HTML with HTTP 404', { html: true, status: 404 }, 'protocol', 502, 'parked'],
  ['a page of HTML with HTTP 502', { html: true, status: 502 }, 'unavailable', 503, 'again'],
  ['an empty body', { status: 200, body: '' }, 'protocol', 502, 'parked'],
  ['an empty object', { status: 200, body: {} }, 'protocol', 502, 'parked'],
  ['a list', { status: 200, body: [] }, 'protocol', 502, 'parked'],
  ['null', { status: 200, body: 'null' }, 'protocol', 502, 'parked'],
  ['success in the body of a 400', { status: 400, body: { code: 0, result: true } }, 'protocol', 502, 'parked'],
  ['truncated JSON', { truncated: true }, 'protocol', 502, 'parked'],
  ['an oversized body', { oversized: 2 * 1024 * 1024 }, 'protocol', 502, 'parked'],
  ['a dropped connection', { reset: 'before' }, 'unavailable', 503, 'again'],
  ['a connection cut in the body', { reset: 'after-headers' }, 'unavailable', 503, 'again'],
]

let harness: Harness
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())
beforeEach(() => {
  harness.log.length = 0
  harness.bus.events.length = 0
})

const failureOf = (name: Name, code: number | string) =>
  name.startsWith('feishu')
    ? { code, msg: 'told by the test' }
    : { code, message: 'told by the test', requestid: 'r-1' }

/** Lets all tries of the next call be answered by `script`. */
const answerWith = (name: Name, script: object) =>
  harness.sandbox.answer({ path: SAMPLES[name].route }, script as Parameters<typeof harness.sandbox.answer>[1], 3)
const calls = (name: Name) =>
  harness.sandbox.requests.filter(({ path }) => new RegExp(SAMPLES[name].route.replace(/:\w+/g, '[^/]+')).test(path))
    .length

/** Uses up what is left of a script. */
async function exhaust(name: Name, before: number): Promise<void> {
  for (let left = 3 - (calls(name) - before); left > 0; left--) {
    const { path, query, route } = SAMPLES[name]
    const target = route.replace(/:(\w+)/g, (_, field) => encodeURIComponent(path[field] ?? ''))
    await fetch(`${harness.sandbox.url}${target}?${new URLSearchParams(query)}`, {
      method: harness.operations[name]?.operation.method ?? 'POST',
    }).then(
      (response) => response.text(),
      () => {},
    )
  }
}

async function expectQueue(name: Name, expected: Queue, kind: string, code: string | null): Promise<void> {
  const letters = (await harness.deadLetters()).length
  const { failed } = await harness.queue(name, [itemOf(name)])
  const [outcome] = harness.outcomes()
  const parked = (await harness.deadLetters()).slice(letters)
  if (expected === 'again') {
    expect({ failed, outcome, parked }).toEqual({ failed: [0], outcome: undefined, parked: [] })
    expect(harness.log.at(-1)).toMatchObject({ message: 'deferred', kind })
    expect((harness.log.at(-1) as { waitMs: number }).waitMs).toBeGreaterThanOrEqual(1_000)
    return
  }
  expect(failed).toEqual([])
  expect(outcome).toMatchObject({
    type: `Subscription Offboarding ${expected === 'parked' ? 'Parked' : 'Finished'}`,
    outcome: expected === 'finished' ? 'unchanged' : expected,
    operation: name,
    offboardingId: 'hr-1',
    eventId: 'event-1',
  })
  if (code !== null) expect(outcome).toMatchObject({ code })
  expect(parked).toHaveLength(expected === 'parked' ? 1 : 0)
  if (expected === 'parked') {
    expect(parked[0]?.body).toBe(itemOf(name))
    expect(parked[0]?.messageAttributes).toMatchObject({
      kind: { StringValue: kind },
      hint: { StringValue: outcome?.hint },
      ...(code !== null && { code: { StringValue: code } }),
    })
  }
}

const table = Object.entries(rows).flatMap(([name, list]) => list.map((row) => [name as Name, ...row] as const))

describe('a documented code', () => {
  test.each(table)('%s: %s with HTTP %i is %s, HTTP %i', async (name, code, vendorStatus, becomes, status) => {
    const before = calls(name)
    answerWith(name, { status: vendorStatus, body: failureOf(name, code) })
    const { status: answered, body, headers } = await harness.http(name)
    await exhaust(name, before)
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
    expect('retry-after' in headers).toBe(body.retryable)
  })

  test.each(table)(
    '%s: on the queue, %s with HTTP %i (%s, HTTP %i) ends as %s',
    async (name, code, status, kind, _, queue) => {
      const before = calls(name)
      answerWith(name, { status, body: failureOf(name, code) })
      await expectQueue(name, queue, kind, String(code))
      await exhaust(name, before)
    },
  )
})

describe('a rejected token', () => {
  test.each(rejections)('%s: %s renews once, replays once, and then is %s', async (name, code, kind, status) => {
    const before = calls(name)
    answerWith(name, { status: 400, body: failureOf(name, code) })
    const { status: answered, body } = await harness.http(name)
    expect(calls(name) - before).toBe(2)
    expect([answered, body.kind]).toEqual([status, kind])
    await exhaust(name, before)
  })

  test.each(rejections)('%s: %s once is mended by the replay', async (name, code) => {
    harness.sandbox.answer({ path: SAMPLES[name].route }, { status: 400, body: failureOf(name, code) })
    expect((await harness.http(name)).status).toBe(200)
  })
})

/** DingTalk documents a page of HTML as its answer to a banned address: test/lib/dingtalk/field-answers.test.ts. */
const unlistedOf = (name: Name) =>
  unlisted.filter(([what]) => !(name.startsWith('dingtalk') && what === 'a page of HTML with HTTP 200'))

describe.each(Object.keys(rows) as Name[])('%s', (name) => {
  test.each(unlistedOf(name))('answers %s', async (_, script, kind, status) => {
    const before = calls(name)
    answerWith(name, script)
    const { status: answered, body } = await harness.http(name)
    expect([answered, body.kind]).toEqual([status, kind])
    await exhaust(name, before)
  })

  test.each(unlistedOf(name))('takes %s from the queue', async (_, script, kind, __, queue) => {
    const before = calls(name)
    answerWith(name, script)
    await expectQueue(name, queue, kind, null)
    await exhaust(name, before)
  })
})
