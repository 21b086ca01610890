/** The notifications on a virtual clock: the function, its queues, the ledger and the sandbox's robots. */
import { marshalAll } from '../lib/aws/attributes.ts'
import type { State } from '../lib/ledger/records.ts'
import { sampleWorld } from '../local/sandbox/sandbox.ts'
import type { Faults } from '../local/simulation/conditions.ts'
import { startSimulation } from '../local/simulation/simulation.ts'
import { ENV } from '../local/simulation/world.ts'

const NOTIFICATIONS = 'notifications'
const BASE = ENV.FEISHU_BASE_URL
const LATENCIES = { vendorMs: 100, awsMs: 10, pollMs: 20, initMs: 300 }
export const MINUTE_MS = 60_000
/** So that the clock begins at nine in the morning. */
const TIME_ZONE = 'Asia/Shanghai'
export const ROBOT_NAMES = ['feishu', 'dingtalk'] as const
export type RobotName = (typeof ROBOT_NAMES)[number]

export type Robots = Awaited<ReturnType<typeof startRobots>>

/** Starts it; `digestHour` is past all day unless given. */
export async function startRobots({
  robots = ROBOT_NAMES,
  env = {},
  faults = {},
  secrets = {},
}: {
  robots?: readonly RobotName[]
  env?: Record<string, string>
  faults?: Faults
  secrets?: Record<string, unknown>
} = {}) {
  const queueOf = (robot: RobotName) => `${robot}-robot`
  const simulation = await startSimulation({
    operations: [],
    others: [NOTIFICATIONS],
    polled: ROBOT_NAMES.map(queueOf),
    world: sampleWorld(),
    env: {
      ...ENV,
      ROBOTS: robots.join(','),
      ROBOT_LANGUAGE: 'en',
      STAGE: 'prod',
      DIGEST_HOUR: '23',
      DIGEST_TIME_ZONE: TIME_ZONE,
      FEISHU_ROBOT_SECRET_ID: 'robot/feishu',
      FEISHU_ROBOT_QUEUE_URL: queueOf('feishu'),
      DINGTALK_ROBOT_SECRET_ID: 'robot/dingtalk',
      DINGTALK_ROBOT_QUEUE_URL: queueOf('dingtalk'),
      ...env,
    },
    secrets: () => ({
      'robot/feishu': { url: `${BASE}/open-apis/bot/v2/hook/sandbox-robot`, signingKey: 'sandbox-robot-signing-key' },
      'robot/dingtalk': {
        url: `${BASE}/robot/send?access_token=sandbox-robot`,
        signingKey: 'sandbox-robot-signing-key',
      },
      ...secrets,
    }),
    latencies: LATENCIES,
    faults,
    timeoutMs: MINUTE_MS,
    onLine: (_, line) =>
      void log.push(
        ...line
          .split('\n')
          .filter(Boolean)
          .map((one) => JSON.parse(one)),
      ),
  })
  const log: Record<string, unknown>[] = []
  const { clock, vendors, polled, table } = simulation
  const run = (copies = 1) =>
    Promise.allSettled(Array.from({ length: copies }, () => simulation.invoke(NOTIFICATIONS, {}, MINUTE_MS)))

  return {
    ...simulation,
    log,
    run: (copies?: number) => clock.run(run(copies)),
    /** Runs the function as its schedule does, `copies` at once, `before` each run. */
    runMinutes: (minutes: number, { copies = 1, before = (_minute: number): void => {} } = {}) =>
      clock.run(
        (async () => {
          for (let minute = 0; minute < minutes; minute++) {
            before(minute)
            const startedAtMs = clock.nowMs
            await run(copies)
            await clock.sleep(startedAtMs + MINUTE_MS - clock.nowMs)
          }
        })(),
      ),
    pass: (ms: number) => clock.run(clock.sleep(ms)),
    /** Puts an outcome event on the robots' queues, as the rule does. */
    tell: (type: 'Parked' | 'Rejected' | 'Held', detail: object) => {
      const body = JSON.stringify({ 'detail-type': `Subscription Offboarding ${type}`, detail })
      for (const robot of robots) polled.get(queueOf(robot))?.send(body)
    },
    left: (robot: RobotName) => polled.get(queueOf(robot))?.size,
    /** Has the ledger list an offboarding. */
    list: (offboardingId: string, state: State, sinceMs: number, dryRun = false) => {
      const [pk, sk] = [`offboarding#${offboardingId}`, `summary#${dryRun ? 'dry-run' : 'real'}`]
      const since = new Date(sinceMs).toISOString()
      table.run('UpdateItem', { Key: marshalAll({ pk, sk }) })
      table.items.get(pk)?.set(sk, marshalAll({ pk, sk, offboardingId, dryRun, state, since }))
    },
    messages: (robot: RobotName) => vendors.state.messages.filter((message) => message.robot === robot),
  }
}

/** What a target's `Parked` event says. */
export const parked = (index: number, offboardingId = `hr-${index}`) => ({
  offboardingId,
  operation: 'feishu-drive-unsubscribe',
  input: { file_token: `doc${index}`, file_type: 'docx' },
  outcome: 'parked',
  kind: 'forbidden',
  hint: 'Give access to someone@corp.example.',
  attempts: 1,
  eventId: 'event-1',
  finishedAt: '2026-11-23T01:00:00.000Z',
})
