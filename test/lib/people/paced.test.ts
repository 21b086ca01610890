/** Questions are asked at the pace the vendors allow, whichever container asks, and as fast as that. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Harness, startHarness } from '../../harness.ts'

const sentAtMs: number[] = []
const times = () => sentAtMs

let harness: Harness
beforeEach(async () => {
  sentAtMs.length = 0
  harness = await startHarness({
    speed: 1,
    async vendor({ url }) {
      const isQuestion = url.includes('/open-apis/contact/v3/users/batch_get_id')
      if (isQuestion) sentAtMs.push(Date.now())
      const body = isQuestion ? { data: { user_list: [] } } : { tenant_access_token: 't-1', expire: 7_200 }
      return { status: 200, headers: {}, text: JSON.stringify({ code: 0, ...body }) }
    },
  })
  await harness.startQueues('offboarding-resolution')
  harness.setEnv('offboarding-resolution')
})
afterEach(() => harness.close())

/** A container: what it has loaded is its own. Gives what asks within an invocation of it. */
async function startContainer(remainingMs = 300_000) {
  await harness.startCold()
  const { pacedAsk } = await harness.load<typeof import('../../../lib/people/paced.ts')>('lib/people/paced.ts')
  const { feishuUserIds } =
    await harness.load<typeof import('../../../lib/people/feishu-people.ts')>('lib/people/feishu-people.ts')
  const input = { mobile: undefined, include_resigned: undefined, tenant_key: undefined }
  const ask = pacedAsk(() => remainingMs)
  return (email: string) => ask(feishuUserIds, { email, ...input })
}
const askAll = (ask: (email: string) => Promise<unknown>, from: number, to: number) =>
  Promise.all(Array.from({ length: to - from }, (_, index) => ask(`${from + index}@corp.example`)))
/** The most calls in any window of this length. */
const most = (windowMs: number) => {
  const all = times().sort((a, b) => a - b)
  return Math.max(...all.map((from) => all.filter((time) => time >= from && time < from + windowMs).length))
}

test('1,200 questions of two containers: within both limits, in little more than the limits ask for', async () => {
  const first = await startContainer()
  const second = await startContainer()
  await Promise.all([askAll(first, 0, 600), askAll(second, 600, 1_200)])
  expect(times()).toHaveLength(1_200)
  expect(most(1_000)).toBeLessThanOrEqual(50)
  expect(most(60_000)).toBeLessThanOrEqual(1_000)
  const floorMs = 60_000 + (200 / 50 - 1) * 1_000
  expect((Math.max(...times()) - Math.min(...times())) / floorMs).toBeLessThan(1.1)
})

test('what would come too late is said at once, with when to ask again', async () => {
  await askAll(await startContainer(), 0, 1_000)
  const ask = await startContainer(20_000)
  await expect(ask('late@corp.example')).rejects.toMatchObject({
    kind: 'unavailable',
    scope: 'us',
    retryAfterMs: expect.toSatisfy((ms: number) => ms > 30_000 && ms <= 60_600),
  })
  expect(times()).toHaveLength(1_000)
})
