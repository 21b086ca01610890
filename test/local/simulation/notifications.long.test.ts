/** Ten thousand leavers, and what their robots are sent: nothing is lost, and no robot gets more than it takes. On a virtual clock. */
import { expect, test } from 'vitest'
import { randomFrom } from '../../../local/simulation/random.ts'
import { MINUTE_MS, parked, ROBOT_NAMES, type RobotName, type Robots, startRobots } from '../../robots.ts'
import { seedOf } from '../../seed.ts'

const SEED = seedOf('CHAOS_SEED')
const LEAVERS = 10_000
const DAY_MINUTES = 24 * 60

/** The sum of what a line says in all messages. */
const sumOf = (robots: Robots, robot: RobotName, line: RegExp): number =>
  robots.messages(robot).reduce((sum, { text }) => sum + Number(line.exec(text)?.[1] ?? 0), 0)

function expectPaced(robots: Robots, robot: RobotName): void {
  const sent = robots.messages(robot).map(({ atMs }) => atMs)
  for (const [index, atMs] of sent.slice(1).entries())
    expect(atMs - (sent[index] ?? 0)).toBeGreaterThanOrEqual(MINUTE_MS)
  const days = Map.groupBy(sent, (atMs) => new Date(atMs).toISOString().slice(0, 10))
  for (const [day, messages] of days) expect(messages.length, day).toBeLessThanOrEqual(46)
}

test('10,000 leavers, a robot behind a proxy for an hour, two containers at once: the counts are exact', async () => {
  const random = randomFrom(SEED)
  const days = 3
  let minuteNow = 0
  const robots = await startRobots({
    env: { DIGEST_HOUR: '9' },
    faults: {
      vendor: (path) => (path.includes('hook') && minuteNow >= 2 && minuteNow < 62 ? { fault: 'html' } : undefined),
    },
  })
  /** By minute, whose offboarding ends then. Each has up to four parked targets, and needs an operator if it has any. */
  const ends = Map.groupBy(
    Array.from({ length: LEAVERS }, (_, index) => index),
    () => Math.floor(random() ** 2 * (days - 1) * DAY_MINUTES),
  )
  const counts = { finished: 0, attention: 0, parked: 0 }
  for (let index = 0; index < LEAVERS; index++) robots.list(`hr-${index}`, 'open', robots.startedAtMs - MINUTE_MS)
  await robots.runMinutes(days * DAY_MINUTES, {
    copies: 2,
    before(minute) {
      minuteNow = minute
      for (const leaver of ends.get(minute) ?? []) {
        const targets = Math.max(0, Math.floor(random() * 8) - 3)
        const state = targets > 0 ? 'attention' : 'finished'
        counts.parked += targets
        counts[state]++
        for (let target = 0; target < targets; target++)
          robots.tell('Parked', { ...parked(target, `hr-${leaver}`), eventId: `event-${leaver}` })
        robots.list(`hr-${leaver}`, state, robots.clock.nowMs)
      }
    },
  })
  for (const robot of ROBOT_NAMES) {
    expectPaced(robots, robot)
    expect(robots.left(robot)).toBe(0)
    expect(sumOf(robots, robot, /Parked targets: (\d+)/), `seed ${SEED}`).toBe(counts.parked)
    expect(sumOf(robots, robot, /Completed since .*: (\d+)/)).toBe(counts.finished)
    const digests = robots.messages(robot).filter(({ text }) => text.includes('Daily digest'))
    expect(digests).toHaveLength(days)
    expect(digests.at(-1)?.text).toMatch(new RegExp(`^Open: 0\nWaiting for an operator: ${counts.attention} `, 'm'))
  }
  expect(robots.log.filter(({ message, robot }) => message === 'failed' && robot === 'feishu').length).toBeGreaterThan(
    3,
  )
})

/** What DingTalk sells for a month, for all that an organization's robots and event streams send. */
const QUOTA = 3_000
test.each([
  ['a month', 'half of', 31, () => false, QUOTA / 2],
  ['a week with a robot that mostly fails', 'a week of', 7, (minute: number) => minute % 3 > 0, (QUOTA * 7) / 31],
] as const)(
  'something parked every minute of %s takes less than %s the quota',
  async (_, __, days, isFailing, most) => {
    let minuteNow = 0
    let calls = 0
    const robots = await startRobots({
      robots: ['dingtalk'],
      env: { DIGEST_HOUR: '9' },
      faults: {
        vendor() {
          calls++
          return isFailing(minuteNow) ? { fault: 'code', code: -1 } : undefined
        },
      },
    })
    await robots.runMinutes(days * DAY_MINUTES, {
      before(minute) {
        minuteNow = minute
        robots.tell('Parked', parked(minute))
      },
    })
    expect(calls).toBeLessThan(most)
    expect(calls).toBeGreaterThan(days * 20)
    expectPaced(robots, 'dingtalk')
    const left = robots.left('dingtalk') ?? 0
    expect(sumOf(robots, 'dingtalk', /Parked targets: (\d+)/)).toBe(days * DAY_MINUTES - left)
    expect(left).toBeLessThanOrEqual(120)
  },
)
