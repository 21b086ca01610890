/** The register: what events enter and take out, what outcomes take out, and what is rejected. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Subscriber } from '../../lib/register-event.ts'
import { type Harness, itemOf, offboardingEvent, startHarness } from '../harness.ts'

const REGISTER = 'subscription-register'
const DRIVE = 'feishu-drive-unsubscribe'
const LEAVER: Subscriber = { feishu: { openId: 'ou_leaver' } }
const DOCUMENT = { person: LEAVER, operation: DRIVE, input: { file_token: 'doxcnSandbox01', file_type: 'docx' } }
const APPROVAL = { person: LEAVER, operation: 'feishu-approval-unsubscribe', input: { approval_code: 'A' } }

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const busEvent = (type: string, detail: unknown, { time = '2026-11-21T00:00:00Z', id = 'event-1' } = {}) => ({
  ...offboardingEvent(detail, id),
  'detail-type': type,
  time,
})
const register = (detail: unknown, given = {}) =>
  harness.invoke(REGISTER, busEvent('Subscription Registered', detail, given))
const end = (detail: unknown, given = {}) => harness.invoke(REGISTER, busEvent('Subscription Ended', detail, given))

/** An outcome as the stack publishes it. */
const finish = (detail: Record<string, unknown>) =>
  harness.invoke(REGISTER, {
    ...busEvent('Subscription Offboarding Finished', { finishedAt: '2026-11-21T00:00:01.500Z', ...detail }),
    source: 'subscription-offboarding',
  })

/** What is registered for a person: operation, input and since when. */
async function listed(person = LEAVER) {
  harness.setEnv(REGISTER)
  const { listRegistered } = await harness.load<typeof import('../../lib/ledger/register.ts')>('lib/ledger/register.ts')
  const entries: [string, object, string][] = []
  for await (const { operation, input, registeredAt } of listRegistered(person))
    entries.push([operation, input, registeredAt])
  return entries
}

const since = '2026-11-21T00:00:00.000Z'

test('enters what was subscribed, by person; the same again adds nothing', async () => {
  await register(DOCUMENT)
  await register(DOCUMENT, { id: 'event-2' })
  await register({ ...DOCUMENT, input: { file_type: 'docx', file_token: 'doxcnSandbox01' } })
  await register(APPROVAL, { time: '2026-11-21T00:00:05Z' })
  const dingtalk = { dingtalk: { unionId: 'u1' } }
  const calendar = { userId: 'u1', calendarId: 'c1' }
  await register({ person: dingtalk, operation: 'dingtalk-calendar-unsubscribe', input: calendar })
  expect(await listed()).toEqual([
    [DRIVE, DOCUMENT.input, since],
    [APPROVAL.operation, APPROVAL.input, '2026-11-21T00:00:05.000Z'],
  ])
  expect(await listed(dingtalk)).toEqual([['dingtalk-calendar-unsubscribe', calendar, since]])
  expect(await harness.deadLetters()).toEqual([])
})

test('takes out what has ended, and enters it again', async () => {
  await register(DOCUMENT)
  await end(DOCUMENT, { time: '2026-11-21T00:00:01Z' })
  expect(await listed()).toEqual([])
  await register(DOCUMENT, { time: '2026-11-22T00:00:00Z' })
  expect(await listed()).toEqual([[DRIVE, DOCUMENT.input, '2026-11-22T00:00:00.000Z']])
})

test('takes the latest event for the truth, in whatever order they come', async () => {
  await end(DOCUMENT, { time: '2026-11-21T00:00:05Z' })
  await register(DOCUMENT)
  expect(await listed()).toEqual([])
  await register(DOCUMENT, { time: '2026-11-21T00:00:09Z' })
  await end(DOCUMENT, { time: '2026-11-21T00:00:05Z' })
  expect(await listed()).toHaveLength(1)
})

test('takes what a sender dates ahead for what is so now', async () => {
  vi.setSystemTime('2026-12-01T00:00:00Z')
  await register(DOCUMENT, { time: '2099-01-01T00:00:00Z' })
  expect(await listed()).toEqual([[DRIVE, DOCUMENT.input, '2026-12-01T00:00:00.000Z']])
  await finish({ ...DOCUMENT, outcome: 'changed', finishedAt: '2026-12-01T00:00:01.000Z' })
  expect(await listed()).toEqual([])
})

test('keeps what is subscribed, and lets what has ended expire with the ledger', async () => {
  await register(DOCUMENT)
  const items = () => [...harness.dynamoDb.items.values()].flatMap((items) => [...items.values()])
  expect(items().map(({ expiresAt }) => expiresAt)).toEqual([undefined])
  await end(DOCUMENT)
  const day = Date.parse('2026-11-21T00:00:00Z') / 1000 + 400 * 86_400
  expect(items().map(({ expiresAt }) => expiresAt)).toEqual([{ N: String(day) }])
  await register(DOCUMENT)
  expect(items().map(({ expiresAt, endedAt }) => [expiresAt, endedAt])).toEqual([[undefined, undefined]])
})

describe('an outcome', () => {
  test.each(['changed', 'unchanged', 'gone'])('%s takes the entry of everyone out', async (outcome) => {
    const other = { feishu: { openId: 'ou_other' } }
    await register(DOCUMENT)
    await register({ ...DOCUMENT, person: other })
    await register({ ...DOCUMENT, input: { ...DOCUMENT.input, file_token: 'other' } })
    await finish({ ...DOCUMENT, input: { file_type: 'docx', file_token: 'doxcnSandbox01' }, outcome })
    expect((await listed()).map(([, input]) => input)).toEqual([{ file_token: 'other', file_type: 'docx' }])
    expect(await listed(other)).toEqual([])
  })

  test('in a tenant takes out the entry that names none, and not that of another tenant', async () => {
    const inTenant = (entry: typeof DOCUMENT, tenant_key: string) => ({
      ...entry,
      input: { ...entry.input, tenant_key },
    })
    await register(DOCUMENT)
    await register(inTenant(DOCUMENT, 'a'))
    await register(inTenant(DOCUMENT, 'b'))
    await finish({ ...inTenant(DOCUMENT, 'a'), outcome: 'changed' })
    expect((await listed()).map(([, input]) => input)).toEqual([{ ...DOCUMENT.input, tenant_key: 'b' }])
  })

  test('in a tenant takes out the entry of a person that names none', async () => {
    const operation = 'feishu-calendar-unsubscribe'
    await register({ person: LEAVER, operation, input: { open_id: 'ou_leaver' } })
    await finish({ operation, input: { open_id: 'ou_leaver', tenant_key: 'a' }, outcome: 'changed' })
    expect(await listed()).toEqual([])
  })

  test.each([
    ['of a dry run', { ...DOCUMENT, outcome: 'planned' }],
    [
      'of the same document in the name of a user',
      { ...DOCUMENT, input: { ...DOCUMENT.input, open_id: 'ou_leaver' }, outcome: 'changed' },
    ],
    ['of another operation', { operation: 'made-up', input: DOCUMENT.input, outcome: 'changed' }],
    ['older than the entry', { ...DOCUMENT, outcome: 'changed', finishedAt: '2026-11-20T00:00:00.000Z' }],
    ['without an input', { operation: null, input: null, outcome: 'changed' }],
  ])('%s takes nothing out', async (_, detail) => {
    await register(DOCUMENT)
    await finish(detail)
    expect(await listed()).toHaveLength(1)
  })
})

describe('rejects', () => {
  test.each([
    [
      'an unknown operation',
      { ...DOCUMENT, operation: 'made-up' },
      'operation must be one of feishu-calendar-unsubscribe',
    ],
    [
      'an operation that starts a subscription',
      { ...DOCUMENT, operation: 'feishu-calendar-acl-subscribe' },
      'operation must be',
    ],
    ['a missing field', { ...DOCUMENT, input: { file_token: 'a' } }, 'input.file_type is required'],
    ['an unknown field', { ...DOCUMENT, input: { ...DOCUMENT.input, note: 'x' } }, 'input.note is not a known field'],
    ['no input', { person: LEAVER, operation: DRIVE }, 'input is required'],
    [
      'a person of the other vendor',
      { ...DOCUMENT, person: { dingtalk: { unionId: 'u' } } },
      'person.feishu is required',
    ],
    [
      'an address for a person',
      { ...DOCUMENT, person: { feishu: { openId: 'a@b.c' } } },
      'person.feishu.openId must be',
    ],
    [
      'a person other than the one who acts',
      { person: LEAVER, operation: 'feishu-calendar-unsubscribe', input: { open_id: 'ou_other' } },
      'person must be the person whose subscription the input names',
    ],
    ['no object', [], 'input must be an object'],
  ])('%s, with one letter and one announcement', async (_, detail, hint) => {
    await register(detail)
    await register(detail)
    const letters = await harness.deadLetters()
    expect(letters.map(({ body }) => JSON.parse(body).detail)).toEqual([detail])
    expect(letters[0]?.messageAttributes?.hint?.StringValue).toContain(hint)
    expect(harness.outcomes()).toMatchObject([{ type: 'Subscription Offboarding Rejected', offboardingId: null }])
    expect(await listed()).toEqual([])
  })
})

describe('what the vendor does not know', () => {
  const UNSEEN = 'The register has never seen this document: check the token.'
  const MISSING = { file_token: 'doxcnSandboxMissing', file_type: 'docx' }
  /** The outcome of ending this, with its hint. */
  const gone = async (operation: string, input: Record<string, string>) => {
    await harness.queue(operation, [itemOf(operation, input)])
    return harness.outcomes().at(-1)
  }

  test.each([
    [DRIVE, MISSING, UNSEEN],
    ['feishu-approval-unsubscribe', { approval_code: 'NONE' }, 'never seen this approval: check the code'],
    ['feishu-calendar-unsubscribe', { open_id: 'ou_resigned' }, 'never seen this person: check the open_id'],
  ])('%s ends as gone, and the hint says that the register has not seen it either', async (operation, input, hint) => {
    expect(await gone(operation, input)).toMatchObject({ outcome: 'gone', hint: expect.stringContaining(hint) })
  })

  test('is not doubted where it was registered once, for anyone and in any way', async () => {
    const input = { ...MISSING, file_type: 'sheet', open_id: 'ou_other' }
    const person = { feishu: { openId: 'ou_other' } }
    await register({ person, operation: DRIVE, input })
    await end({ person, operation: DRIVE, input })
    expect(await gone(DRIVE, MISSING)).toMatchObject({ outcome: 'gone', hint: expect.not.stringContaining(UNSEEN) })
  })

  test('is not doubted in a tenant where it was registered without one', async () => {
    const input = { open_id: 'ou_resigned' }
    const operation = 'feishu-calendar-unsubscribe'
    await register({ person: { feishu: { openId: 'ou_resigned' } }, operation, input })
    harness.setEnv(REGISTER)
    const { wasRegistered } =
      await harness.load<typeof import('../../lib/ledger/register.ts')>('lib/ledger/register.ts')
    const contract = { name: operation, path: '/calendars/unsubscription' }
    expect(await wasRegistered(contract, { ...input, tenant_key: 'a' })).toBe(true)
    expect(await wasRegistered(contract, { open_id: 'ou_other', tenant_key: 'a' })).toBe(false)
  })

  test('ends without a doubt where the register cannot be read', async () => {
    await harness.close()
    harness = await startHarness({ sdk: true })
    harness.retryAwsAtOnce()
    harness.dynamoDb.fail('Query', { type: 'InternalServerError', status: 500 }, 20)
    expect(await gone(DRIVE, MISSING)).toMatchObject({ outcome: 'gone', hint: expect.not.stringContaining(UNSEEN) })
  })

  test('is not read where a subscription ended', async () => {
    const before = harness.dynamoDb.requests.length
    await harness.queue(DRIVE, [itemOf(DRIVE)])
    const asked = harness.dynamoDb.requests.slice(before).map((request) => JSON.stringify(request))
    expect(asked.filter((request) => request.includes('register#'))).toEqual([])
  })
})

test('throws on any other event, which is then kept as undelivered', async () => {
  await expect(harness.invoke(REGISTER, busEvent('User Offboarding', DOCUMENT))).rejects.toThrow('Not an event')
})
