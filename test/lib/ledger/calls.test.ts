/** HTTP calls that name an offboarding. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../../clock.ts'
import { type Harness, sampleOf, startHarness } from '../../harness.ts'

const NAME = 'feishu-approval-unsubscribe'
const ARN = 'arn:aws:iam::000000000000:user/hr'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

function call(
  query: Record<string, string> = {},
  authorizer: object = { iam: { userArn: ARN } },
  remainingMs: number | undefined = undefined,
) {
  const requestContext = { http: { method: 'POST' }, authorizer } as unknown as APIGatewayProxyEventV2['requestContext']
  return harness.http(
    NAME,
    { queryStringParameters: { ...sampleOf(NAME).query, ...query }, requestContext },
    remainingMs,
  )
}
const callIn = (offboardingId: string, query = {}) => call({ ...query, offboarding_id: offboardingId })

function kept(offboardingId: string) {
  const items = harness.dynamoDb.items.get(`offboarding#${offboardingId}`) ?? []
  return Object.fromEntries([...items].map(([sk, item]) => [sk.split('#')[0], item]))
}

test('is recorded with its caller and outcome, and the offboarding has nothing open', async () => {
  expect((await callIn('hr-1')).status).toBe(200)
  const { sending, target, history, summary } = kept('hr-1')
  expect(sending).toMatchObject({ source: { S: 'http' }, sentBy: { S: ARN }, eventId: { S: 'lambda-request-1' } })
  expect(sending).toMatchObject({ publishedAt: {}, completedAt: {}, expiresAt: {} })
  for (const item of [target, history])
    expect(item).toMatchObject({ operation: { S: NAME }, outcome: { S: 'changed' }, input: { S: expect.any(String) } })
  expect(target).not.toHaveProperty('openIn')
  expect(summary).toMatchObject({ state: { S: 'finished' } })
  expect(harness.outcomes()).toEqual([])
})

test('names the subject of a token as its caller', async () => {
  await call({ offboarding_id: 'hr-1' }, { jwt: { claims: { sub: 'hr-system' } } })
  expect(kept('hr-1').sending).toMatchObject({ sentBy: { S: 'hr-system' } })
})

test('is recorded apart when it is a dry run', async () => {
  await callIn('hr-1', { dry_run: 'true' })
  const { summary, target } = kept('hr-1')
  expect(summary).toMatchObject({ sk: { S: 'summary#dry-run' }, state: { S: 'finished' } })
  expect(target).toMatchObject({ outcome: { S: 'planned' } })
})

test.each([
  [{ code: 1390002, msg: 'no such approval' }, 'gone', 'not_found', 'finished'],
  [{ code: 4711, msg: 'new' }, 'failed', 'protocol', 'attention'],
])('that is answered with an error is recorded: %j', async (body, outcome, kind, state) => {
  harness.sandbox.answer({ path: sampleOf(NAME).route }, { status: 400, body })
  expect((await callIn('hr-1')).body.kind).toBe(kind)
  const { target, summary } = kept('hr-1')
  expect(target).toMatchObject({ outcome: { S: outcome }, kind: { S: kind }, code: { S: String(body.code) } })
  expect(summary).toMatchObject({ state: { S: state } })
})

test('is answered all the same when the ledger fails', async () => {
  harness.dynamoDb.fail('*', { type: 'InternalServerError', status: 500 }, 99)
  expect((await callIn('hr-1')).body).toMatchObject({ outcome: 'changed' })
  expect(harness.log).toContainEqual(expect.objectContaining({ message: 'unrecorded', offboardingId: 'hr-1' }))
})

test('is answered in time when the ledger does not answer', async () => {
  harness.dynamoDb.fail('*', 'hang', 99)
  const { body } = await call({ offboarding_id: 'hr-1' }, {}, 6_000)
  expect(body).toMatchObject({ outcome: 'changed' })
  expect(harness.log).toContainEqual(expect.objectContaining({ message: 'unrecorded', offboardingId: 'hr-1' }))
})

test('is recorded in time when the vendor does not answer', async () => {
  harness.sandbox.answer({ path: sampleOf(NAME).route }, { stall: 'headers' })
  harness.clock.takeTimers()
  let answered: Awaited<ReturnType<typeof callIn>> | undefined
  const answer = callIn('hr-1').then((given) => {
    answered = given
  })
  await until(() => harness.sandbox.requests.some(({ path }) => path.includes('/unsubscribe')))
  harness.clock.pass(26_000)
  // The table's own short timers.
  await until(() => {
    harness.clock.pass(1)
    return answered !== undefined
  })
  await answer
  expect(answered?.body.kind).toBe('timeout')
  expect((await kept('hr-1')).target).toMatchObject({ outcome: { S: 'failed' }, kind: { S: 'timeout' } })
})

test('is refused with an id that is none, and asks no vendor', async () => {
  const { status, body } = await callIn('a/b')
  expect([status, body.kind]).toEqual([400, 'invalid_request'])
  expect(body.detail).toMatch(/^offboarding_id /)
  expect(harness.sandbox.requests).toEqual([])
})

test('without an offboarding asks nothing of the ledger', async () => {
  await call()
  expect(harness.dynamoDb.requests).toEqual([])
})
