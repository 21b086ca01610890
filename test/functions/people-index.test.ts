/** The index of DingTalk's people: what it holds, how a run goes on, and who is found by it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sampleWorld } from '../../local/sandbox/sandbox.ts'
import { type Harness, offboardingEvent, startHarness } from '../harness.ts'

const INDEX = 'people-index'
const RESOLUTION = 'offboarding-resolution'
const USERS = '/topapi/v2/user/list'
const DEPARTMENTS = '/topapi/v2/department/listsub'
const DAY_MS = 86_400_000

let harness: Harness
const start = async (world = sampleWorld()) => {
  harness = await startHarness({ world, env: { PEOPLE_KEY_SECRET_ID: 'test/people-key', VENDORS: 'dingtalk' } })
}
beforeEach(() => start())
afterEach(() => harness.close())

const refresh = (remainingMs = 900_000) => harness.invoke(INDEX, {}, remainingMs)
const indexed = () =>
  [...harness.dynamoDb.items].flatMap(([pk, items]) => (/#(email|number)#/.test(pk) ? [...items.keys()] : []))
const asked = (path: string) => harness.sandbox.requests.filter((request) => request.path.startsWith(path))

let events = 0
/** Who is found, or why the event was rejected. */
async function find(leaver: Record<string, string>): Promise<unknown> {
  const id = `leaving-${++events}`
  const event = { ...offboardingEvent({ offboardingId: id, leaver }, id), 'detail-type': 'User Leaving' }
  await harness.invoke(RESOLUTION, event)
  const bodies = (await harness.aside(RESOLUTION)).map(({ body }) => body)
  await harness.queue(RESOLUTION, bodies, { isRepeat: true, remainingMs: 300_000 })
  const items = [...(harness.dynamoDb.items.get(`offboarding#${id}`)?.values() ?? [])]
  const leaving = items.find(({ sk }) => sk?.S?.startsWith('leaving#'))
  return leaving?.found?.M?.dingtalk?.M?.unionId?.S ?? leaving?.lastHint?.S ?? leaving?.stage?.S
}

test('has the people of every department, by address and number, and neither of them in clear', async () => {
  await refresh()
  expect(indexed().sort()).toEqual(
    ['01', '02', '05', '06', '07'].flatMap((n) => [`sandboxUser${n}`, `sandboxUser${n}`]),
  )
  const all = JSON.stringify([[...harness.dynamoDb.items].map(([pk, items]) => [pk, [...items]]), harness.log])
  expect(all).not.toMatch(/corp\.example|"100\d\d"|1380000/)
  expect(all).not.toContain('kkkk')
})

test('finds by address in any case, and by number', async () => {
  await refresh()
  expect(await find({ email: 'Leaver@corp.example' })).toBe('sandboxUnionId01iE')
  expect(await find({ employeeNumber: '10028' })).toBe('sandboxUnionId07iE')
  // The address is unknown, the number is not.
  expect(await find({ email: 'nobody@corp.example', employeeNumber: '10024' })).toBe('sandboxUnionId02iE')
})

test('of two with one number neither is taken; who is unknown, is not found', async () => {
  await refresh()
  expect(await find({ employeeNumber: '10030' })).toMatch(/It is not clear who leaves.+Give the userId/)
  expect(await find({ email: 'outside@corp.example' })).toMatch(/found nowhere\. DingTalk: unknown/)
})

test('a number of somebody else contradicts an address; of somebody who has left, or shared, it does not', async () => {
  await refresh()
  expect(await find({ email: 'leaver@corp.example', employeeNumber: '10023' })).toBe('sandboxUnionId01iE')
  expect(await find({ email: 'twin@corp.example', employeeNumber: '10030' })).toBe('sandboxUnionId05iE')
  expect(await find({ email: 'leaver@corp.example', employeeNumber: '10024' })).toMatch(/It is not clear who leaves/)
  expect(await find({ mobile: '+8613800000000', employeeNumber: '10024' })).toMatch(/It is not clear who leaves/)
  Object.assign(harness.sandbox.state.world.dingtalk.users[1] ?? {}, { hasLeft: true })
  harness.clock.pass(61_000)
  expect(await find({ email: 'leaver@corp.example', employeeNumber: '10024' })).toBe('sandboxUnionId01iE')
})

test('who has left since is not found, though the index still has them', async () => {
  await refresh()
  Object.assign(harness.sandbox.state.world.dingtalk.users[0] ?? {}, { hasLeft: true })
  expect(await find({ email: 'leaver@corp.example' })).toMatch(/found nowhere/)
})

describe('an address or number that has gone to another person since', () => {
  type Named = { email?: string; employeeNumber?: string }
  const change = (index: number, named: Named) =>
    Object.assign(harness.sandbox.state.world.dingtalk.users[index] ?? {}, named)

  test.each<[string, Named]>([
    ['address', { email: 'leaver@corp.example' }],
    ['number', { employeeNumber: '10023' }],
  ])('does not lead to the person who had the %s before', async (_, named) => {
    await refresh()
    change(0, { email: 'renamed@corp.example', employeeNumber: '20023' })
    change(1, named)
    expect(await find({ ...named } as Record<string, string>)).toMatch(/found nowhere/)
    harness.clock.pass(61_000)
    await refresh()
    expect(await find({ ...named } as Record<string, string>)).toBe('sandboxUnionId02iE')
  })

  test('finds no one while it may also belong to someone who has left', async () => {
    await refresh()
    change(0, { employeeNumber: '20023' })
    Object.assign(harness.sandbox.state.world.dingtalk.users[1] ?? {}, { hasLeft: true })
    expect(await find({ employeeNumber: '10024' })).toMatch(/found nowhere/)
    change(0, { employeeNumber: '10024' })
    harness.clock.pass(61_000)
    await refresh()
    expect(await find({ employeeNumber: '10024' })).toMatch(/It is not clear who leaves/)
  })

  test('is taken on the word of the index where the app may not see it', async () => {
    await refresh()
    const { userId: userid, unionId: unionid } = harness.sandbox.state.world.dingtalk.users[0] ?? {}
    harness.sandbox.answer(
      { path: '/topapi/v2/user/get' },
      { status: 200, body: { errcode: 0, result: { userid, unionid } } },
    )
    expect(await find({ email: 'leaver@corp.example' })).toBe(unionid)
  })
})

test('the mobile of another person contradicts an address; one that is unknown, or that the app may not look up, does not', async () => {
  await refresh()
  const email = 'leaver@corp.example'
  expect(await find({ email, mobile: '+8613800000001' })).toMatch(/It is not clear who leaves/)
  expect(await find({ email, mobile: '+8613999999999' })).toBe('sandboxUnionId01iE')
  harness.clock.pass(61_000)
  harness.sandbox.answer({ path: '/topapi/v2/user/getbymobile' }, { status: 200, body: { errcode: 60011 } }, 5)
  expect(await find({ email, mobile: '+8613800000001' })).toBe('sandboxUnionId01iE')
})

test('forgets in three days who is listed no more', async () => {
  await refresh()
  harness.clock.pass(3 * DAY_MS + 1_000)
  const calls = asked('/topapi/v2/user/get?').length
  expect(await find({ email: 'leaver@corp.example' })).toMatch(/found nowhere/)
  expect(asked('/topapi/v2/user/get?')).toHaveLength(calls)
})

const REFUSED = { status: 200, body: { errcode: 400002 } }

test('passes over a department that fails, and fails at the end', async () => {
  harness.sandbox.answer({ path: USERS }, { change: {} }, 1)
  harness.sandbox.answer({ path: USERS }, REFUSED, 1)
  await expect(refresh()).rejects.toThrow('400002')
  expect([...new Set(indexed())].sort()).toEqual(['01', '02', '06', '07'].map((n) => `sandboxUser${n}`))
  expect(harness.log.filter(({ message }) => message === 'failed')).toMatchObject([
    { operation: 'people-index', input: { dept_id: '2' }, kind: 'invalid_request', code: '400002' },
  ])
  await harness.startCold()
  await refresh()
  expect(new Set(indexed()).size).toBe(5)
})

test('goes on where a run was cut off because too much failed, and then begins again', async () => {
  const result = [2, 101, 102, 103, 104, 105].map((dept_id) => ({ dept_id }))
  harness.sandbox.answer({ path: DEPARTMENTS }, { status: 200, body: { errcode: 0, result } }, 1)
  harness.sandbox.answer({ path: DEPARTMENTS }, REFUSED, 5)
  harness.sandbox.answer({ path: USERS }, { change: {} }, 1)
  harness.sandbox.answer({ path: USERS }, REFUSED, 5)
  await expect(refresh()).rejects.toThrow('400002')
  expect(new Set(indexed()).size).toBeGreaterThan(0)
  await harness.startCold()
  const before = asked(USERS).length
  await refresh()
  const departments = asked(USERS).map(({ body }) => JSON.parse(body).dept_id)
  expect(departments.slice(before)).not.toContain(1)
  expect(new Set(indexed()).size).toBe(5)
  await harness.startCold()
  await refresh()
  expect(asked(USERS).at(-3)).toMatchObject({ body: expect.stringContaining('"dept_id":1') })
})

test('a run without time left fails, and leaves the rest to the next', async () => {
  await expect(refresh(20_000)).rejects.toThrow('Time ran out')
  expect(asked(USERS)).toEqual([])
})
