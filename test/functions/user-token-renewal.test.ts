/** The scheduled renewal, over as many users as a company has. */
import type { Context } from 'aws-lambda'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { sampleWorld, type World } from '../../local/sandbox/sandbox.ts'
import { until } from '../clock.ts'
import { type Harness, startHarness } from '../harness.ts'

const TOKEN = '/oauth/v3/token'
const PREFIX = 'test/feishu/user/'
const DAY_MS = 24 * 60 * 60_000
/** Between two renewals. */
const SPACING_MS = 65
/** Of a run's time, kept back at its end: no renewal is begun in it. */
const LAST_MS = 40_000
/** A large company in the suite `long`. */
const { users: USERS, due: DUE } = inject('size')
const at = (ms: number) => new Date(Date.now() + ms).toISOString()

let harness: Harness
afterEach(() => harness.close())

/** Dead in every documented way; those who must consent again, and those who are gone. */
const DEAD = {
  20026: 'reauthorization-required',
  20037: 'reauthorization-required',
  20064: 'reauthorization-required',
  20073: 'reauthorization-required',
  20008: 'gone',
  20021: 'gone',
}

/** Users as they are in Secrets Manager and at the vendor. */
function seed(count: number, due: number) {
  for (let n = 0; n < count; n++) {
    const openId = `ou_${String(n).padStart(5, '0')}`
    const endsAt = at(n < due ? 2 * DAY_MS : 6 * DAY_MS)
    harness.secrets.seed(
      PREFIX + openId,
      {
        accessToken: `u-${n}`,
        accessTokenExpiresAt: at(-DAY_MS),
        refreshToken: `ur-${n}`,
        refreshTokenExpiresAt: endsAt,
      },
      { tags: { 'refresh-token-expires-at': endsAt, 'token-state': 'active' } },
    )
  }
}

function worldOf(due: number): World {
  const world = sampleWorld()
  for (let n = 0; n < due; n++)
    world.feishu.users.push({
      openId: `ou_${String(n).padStart(5, '0')}`,
      status: 'present',
      calendarSubscribed: true,
      tokens: [{ accessToken: `u-${n}`, expiresIn: 1, refreshToken: `ur-${n}`, refreshExpiresIn: 2 * 86_400 }],
    })
  return world
}

async function run(remainingMs = 900_000, withinDays = 3): Promise<void> {
  const deadline = Date.now() + remainingMs
  harness.setEnv('feishu-calendar-unsubscribe')
  process.env.RENEW_WITHIN_DAYS = String(withinDays)
  const { handler } = await harness.load<typeof import('../../functions/user-token-renewal.ts')>(
    'functions/user-token-renewal.ts',
  )
  const context = { functionName: 'test-user-token-renewal', getRemainingTimeInMillis: () => deadline - Date.now() }
  await handler({}, context as Context)
}

const refreshes = () => harness.sandbox.requests.filter(({ path }) => path === TOKEN).length
const states = () => Map.groupBy([...harness.secrets.secrets], ([, { tags }]) => tags.get('token-state') ?? 'none')
const counts = (vendor: string) =>
  harness.log.findLast((line) => line.Vendor === vendor) as Record<string, number> | undefined

beforeEach(async () => {
  harness = await startHarness({ world: worldOf(DUE) })
  harness.secrets.secrets.clear()
  harness.secrets.seed('test/feishu/app', { type: 'self_built', appId: 'cli_sandbox', appSecret: 'sandbox-app-secret' })
})

/** The vendor refuses the first `count` renewals, each in another documented way. */
function refuse(count: number) {
  const codes = Object.keys(DEAD)
  for (let n = 0; n < count; n++) {
    const code = Number(codes[n % codes.length])
    harness.sandbox.answer(
      { path: TOKEN },
      { status: 400, body: { code, error: 'invalid_grant', error_description: '' } },
    )
  }
}

test(`of ${USERS} users one run renews the ${DUE - 20} due with ${DUE} token calls, tags 20 dead, and reads no value that is not due`, async () => {
  seed(USERS, DUE)
  refuse(20)
  await run()
  expect(refreshes()).toBe(DUE)
  expect(counts('feishu')).toMatchObject({
    Renewed: DUE - 20,
    ReauthorizationRequired: 12,
    Gone: 8,
    Failed: 0,
    Unfinished: 0,
  })
  expect(states().get('reauthorization-required')).toHaveLength(12)
  expect(states().get('gone')).toHaveLength(8)
  const read = new Set(
    harness.secrets.requests.flatMap(({ operation, input }) =>
      operation === 'GetSecretValue' && String(input.SecretId).startsWith(PREFIX) ? [String(input.SecretId)] : [],
    ),
  )
  expect([...read].filter((id) => Number(id.slice(-5)) >= DUE)).toEqual([])

  // The next day nobody is due, and the dead are left alone but still counted.
  await run()
  expect(refreshes()).toBe(DUE)
  expect(counts('feishu')).toMatchObject({ Renewed: 0, ReauthorizationRequired: 12, Gone: 8 })
})

/** 300 users answered with the same, and then the vendor is well. */
async function refuseAlike(answer: { status: number; body: object }) {
  seed(40, 40)
  harness.sandbox.answer({ path: TOKEN }, answer, 200)
  await run()
  return { asked: refreshes(), first: { ...counts('feishu') } }
}

test('stops when its first ten users fail alike, and ends no login by what no source documents', async () => {
  const { asked, first } = await refuseAlike({ status: 400, body: { code: 20999, error: 'e' } })
  expect(asked).toBeLessThan(20)
  expect(first).toMatchObject({ Renewed: 0, ReauthorizationRequired: 0, Failed: asked, Stopped: 40 - asked })
  await fetch(`${harness.sandbox.url}/_sandbox/answers`, { method: 'DELETE' })
  harness.clock.pass(DAY_MS)
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 40, Failed: 0, Stopped: 0 })
})

test('goes on when of the first ten one was renewed', async () => {
  seed(40, 40)
  harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 20999, error: 'e' } }, 9)
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 31, Failed: 9, Stopped: 0 })
})

test('checks weekly who must consent again, while the refresh token lives', async () => {
  await harness.close()
  const world = sampleWorld()
  const tokens = [{ accessToken: 'u-0', expiresIn: 1, refreshToken: 'ur-0', refreshExpiresIn: 20 * 86_400 }]
  world.feishu.users.push({ openId: 'ou_00000', status: 'present', calendarSubscribed: true, tokens })
  harness = await startHarness({ world })
  for (const id of harness.secrets.secrets.keys()) if (id.includes('/user/')) harness.secrets.secrets.delete(id)
  const refreshTokenExpiresAt = at(20 * DAY_MS)
  harness.secrets.seed(
    `${PREFIX}ou_00000`,
    { accessToken: 'u-0', accessTokenExpiresAt: at(-DAY_MS), refreshToken: 'ur-0', refreshTokenExpiresAt },
    { tags: { 'refresh-token-expires-at': refreshTokenExpiresAt, 'token-state': 'active' } },
  )
  harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 20026, error: 'invalid_grant' } })
  for (const day of [0, 6]) {
    harness.clock.pass(day * DAY_MS)
    await run(900_000, 30)
    expect(counts('feishu')).toMatchObject({ ReauthorizationRequired: 1, Renewed: 0 })
    expect(refreshes()).toBe(1)
  }
  harness.clock.pass(DAY_MS)
  await run(900_000, 30)
  expect(counts('feishu')).toMatchObject({ ReauthorizationRequired: 0, Renewed: 1 })
})

test('stopped half way, the next run finishes the rest', async () => {
  seed(60, 60)
  refuse(20)
  await expect(run(LAST_MS + 30 * SPACING_MS)).rejects.toThrow('left to renew')
  const first = refreshes()
  expect(first).toBeGreaterThanOrEqual(30)
  expect(first).toBeLessThan(60)
  await run()
  expect(refreshes()).toBe(60)
  expect(states().get('reauthorization-required')).toHaveLength(12)
  expect(states().get('gone')).toHaveLength(8)
})

test('killed half way, the next run finishes the rest; only those in its hands are lost', async () => {
  seed(60, 60)
  harness.sandbox.answer({ path: TOKEN }, { slowMs: 0 }, 25)
  // The vendor has used these up, and its answers never arrive.
  harness.sandbox.answer({ path: TOKEN }, { stall: 'headers', handled: true }, 8)
  run().catch(() => {})
  await until(() => refreshes() === 33)
  await harness.startCold()
  // By the next run the locks of the dead one have ended.
  harness.clock.pass(35_000)
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 27, ReauthorizationRequired: 8, Failed: 0, Unfinished: 0 })
  const renewed = [...harness.secrets.secrets].filter(
    ([id, { tags }]) =>
      id.startsWith(PREFIX) && Date.parse(tags.get('refresh-token-expires-at') ?? '') > Date.now() + 3 * DAY_MS,
  )
  expect(renewed).toHaveLength(52)
})

test("keeps within the token endpoint's limit of 1000 a minute", async () => {
  seed(40, 40)
  const startedAt = Date.now()
  await run()
  const beginsMs = harness.clock.waits.map(({ untilMs }) => untilMs - startedAt)
  expect(beginsMs).toEqual(Array.from({ length: 40 }, (_, index) => index * SPACING_MS))
  expect(SPACING_MS * 1_000).toBeGreaterThan(60_000)
})

test('a user who fails keeps nobody else from being renewed, and is tried again by the next run', async () => {
  seed(5, 5)
  harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 20010, error: 'e', error_description: '' } })
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 4, Failed: 1 })
  harness.clock.pass(5_000)
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 1, Failed: 0 })
})

test('a secret that was stored by hand is read once and tagged', async () => {
  harness.secrets.seed(`${PREFIX}ou_hand`, {
    accessToken: 'u',
    accessTokenExpiresAt: at(DAY_MS),
    refreshToken: 'r',
    refreshTokenExpiresAt: at(6 * DAY_MS),
  })
  await run()
  expect(refreshes()).toBe(0)
  expect(
    states()
      .get('active')
      ?.map(([id]) => id),
  ).toEqual([`${PREFIX}ou_hand`])
})

describe('whose the tokens are', () => {
  const USER_INFO = '/open-apis/authen/v1/user_info'
  const asked = () => harness.sandbox.requests.filter(({ path }) => path === USER_INFO).length
  const tagsOf = (n: number) =>
    Object.fromEntries(harness.secrets.secrets.get(`${PREFIX}ou_${String(n).padStart(5, '0')}`)?.tags ?? [])

  test('is asked once of each stored user', async () => {
    seed(3, 3)
    await run()
    expect(asked()).toBe(3)
    expect(tagsOf(1)).toMatchObject({ 'token-owner': 'ou_00001', 'token-state': 'active' })
    for (const [, { tags }] of harness.secrets.secrets) tags.set('refresh-token-expires-at', at(DAY_MS))
    await run()
    expect(asked()).toBe(3)
  })

  test("tags another person's, which are then counted and left alone", async () => {
    seed(3, 3)
    harness.sandbox.answer({ path: USER_INFO }, { change: { data: { open_id: 'ou_custodian' } } })
    await run()
    expect(counts('feishu')).toMatchObject({ Renewed: 2, WrongOwner: 1, Failed: 0 })
    const [[id = '', { tags }] = ['', { tags: new Map<string, string>() }]] = states().get('wrong-owner') ?? []
    expect(tags.get('token-owner')).toBe('ou_custodian')
    expect(harness.log).toContainEqual(
      expect.objectContaining({ message: 'failed', secretId: id, kind: 'misconfigured' }),
    )
    const before = refreshes()
    await run()
    expect(counts('feishu')).toMatchObject({ WrongOwner: 1 })
    expect(refreshes()).toBe(before)
  })

  test('fails nobody when the vendor does not say', async () => {
    seed(2, 2)
    harness.sandbox.answer({ path: USER_INFO }, { status: 503, body: 'down' }, 2)
    await run()
    expect(counts('feishu')).toMatchObject({ Renewed: 2, Failed: 0, WrongOwner: 0 })
    expect(tagsOf(0)).not.toHaveProperty('token-owner')
  })
})

test('users whose tokens come without a successor are stored, tagged, counted, and left alone', async () => {
  seed(4, 4)
  harness.sandbox.case('feishu-no-refresh-token', true)
  await run()
  expect(counts('feishu')).toMatchObject({ NotRenewable: 4, Renewed: 0, Failed: 0, ReauthorizationRequired: 0 })
  expect(states().get('not-renewable')).toHaveLength(4)
  await run()
  expect(counts('feishu')).toMatchObject({ NotRenewable: 4, Failed: 0 })
  expect(refreshes()).toBe(4)
})

test('a refusal that is no last word tags nobody', async () => {
  seed(1, 1)
  harness.sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 20023, msg: 'not registered' } })
  await run()
  expect(counts('feishu')).toMatchObject({ Failed: 1, ReauthorizationRequired: 0 })
  harness.clock.pass(5_000)
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 1 })
})

test('nothing secret is logged', async () => {
  seed(3, 3)
  await run()
  const told = JSON.stringify(harness.log)
  for (const secret of ['ur-0', 'u-0', 'sandbox-app-secret']) expect(told).not.toContain(secret)
})

test('many whose refresh tokens have ended, of whom the vendor is not asked, stop no run', async () => {
  for (let n = 0; n < 20; n++) {
    const endsAt = at(-DAY_MS)
    harness.secrets.seed(
      `${PREFIX}ou_ended${n}`,
      {
        accessToken: `u-ended-${n}`,
        accessTokenExpiresAt: at(-2 * DAY_MS),
        refreshToken: `ur-ended-${n}`,
        refreshTokenExpiresAt: endsAt,
      },
      { tags: { 'refresh-token-expires-at': endsAt, 'token-state': 'active' } },
    )
  }
  seed(5, 5)
  await run()
  expect(counts('feishu')).toMatchObject({ Renewed: 5, ReauthorizationRequired: 20, Stopped: 0 })
})
