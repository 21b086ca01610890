/**
 * Whatever breaks, every target ends as an outcome or as a dead letter with its reason, and nothing is told done that is
 * not. On a virtual clock, with the functions' own code. `CHAOS_SEED=random` draws another seed and prints it.
 */
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../../../local/simulation/aws-calls.ts'
import type { AwsFault, Faults, VendorFault } from '../../../local/simulation/conditions.ts'
import { randomFrom } from '../../../local/simulation/random.ts'
import { startSimulation } from '../../../local/simulation/simulation.ts'
import { ENV, makeCompany, simulatedOperations, TARGETS_PER_LEAVER } from '../../../local/simulation/world.ts'
import { seedOf } from '../../seed.ts'

const SEED = seedOf('CHAOS_SEED')
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const LATENCIES = { vendorMs: 100, awsMs: 15, pollMs: 20, initMs: 300, jitter: 0.5 }

const limited = { code: 99991400, msg: 'request trigger frequency limit' }
const anyVendor: VendorFault[] = [
  { fault: 'reset', handled: false },
  { fault: 'reset', handled: true },
  { fault: 'stall', handled: false },
  { fault: 'stall', handled: true },
  { fault: 'killed', handled: false },
  { fault: 'killed', handled: true },
  { fault: 'truncated' },
  { fault: 'html' },
  { fault: 'answer', status: 502, body: 'bad gateway' },
  { fault: 'answer', status: 429, body: {} },
]
const feishuFaults: VendorFault[] = [
  ...anyVendor,
  { fault: 'answer', status: 429, headers: { 'x-ogw-ratelimit-reset': '3' }, body: limited },
  { fault: 'answer', status: 400, headers: { 'x-ogw-ratelimit-reset': '2' }, body: limited },
  { fault: 'answer', status: 400, body: limited },
  { fault: 'answer', status: 500, body: { code: 1500, msg: 'internal' } },
  { fault: 'answer', status: 400, body: { code: 99991663, msg: 'token invalid' } },
  { fault: 'answer', status: 200, body: { code: 20005, msg: 'invalid' } },
  { fault: 'answer', status: 400, body: { code: 21001, msg: 'access denied by policy' } },
  {
    fault: 'answer',
    status: 400,
    body: { code: 99991679, error: { permission_violations: [{ subject: 'docs:doc' }] } },
  },
  { fault: 'answer', status: 400, body: { code: 99992402, error: { field_violations: [{ field: 'file_type' }] } } },
  { fault: 'answer', status: 404, body: '404 page not found' },
]
/** Of the token endpoint. */
const feishuGrants: VendorFault[] = [
  { fault: 'change', change: { refresh_token: null, refresh_token_expires_in: null } },
  { fault: 'change', change: { refresh_token_expires_in: null, expires_in: '7200' } },
  { fault: 'change', change: { code: null } },
  { fault: 'answer', status: 400, body: { error: 'temporarily_unavailable' } },
  { fault: 'answer', status: 400, body: { error: 'invalid_grant' } },
  { fault: 'answer', status: 401, body: { error: 'invalid_client' } },
  { fault: 'answer', status: 200, body: { code: 2200, msg: 'internal error' } },
]
const dingtalkFaults: VendorFault[] = [
  ...anyVendor,
  { fault: 'code', code: 'Forbidden.AccessDenied.QpsLimitForApi' },
  { fault: 'code', code: 'systemError' },
  { fault: 'code', code: 'InvalidAuthentication' },
  { fault: 'code', code: 'system.busy' },
  { fault: 'code', code: 'service.error' },
  { fault: 'code', code: 'instanceNotExist' },
  { fault: 'answer', status: 403, body: { status: 1111, wait: 5, source: 'x5', punish: 'deny' } },
  { fault: 'answer', status: 200, body: { errcode: 404, errmsg: 'no such path' } },
]
/** What the vendor says is gone is told as gone. */
const SAID_GONE = ['instanceNotExist']
const awsFaults: AwsFault[] = ['throttled', 'failed', 'late', 'partial', 'killed-before', 'killed-after']

const CALLS_BETWEEN_OUTAGES = 400

/** Faults in `share` of the vendor's answers and a third as many at AWS, besides outages of ten seconds. */
function storm(random: () => number, share: number): Faults {
  // Every AWS call fails now and then for longer than anybody tries again.
  const calls = new Map<string, number>()
  const outages = new Map<string, number>()
  const oneOf = <T>(all: T[]) => all[Math.floor(random() * all.length)]
  return {
    vendor: (path) => {
      if (random() >= share) return undefined
      if (path.startsWith('/v1.0/')) return oneOf(dingtalkFaults)
      return oneOf(path.startsWith('/oauth/') ? [...feishuFaults, ...feishuGrants] : feishuFaults)
    },
    aws: (operation, nowMs) => {
      const call = (calls.get(operation) ?? 0) + 1
      calls.set(operation, call)
      if (call % CALLS_BETWEEN_OUTAGES === 0) outages.set(operation, nowMs + 10_000)
      if (nowMs < (outages.get(operation) ?? 0)) return 'failed'
      return random() < share / 3 ? oneOf(awsFaults) : undefined
    },
    delete: () => (random() < share / 3 ? 'lost' : undefined),
    batch: () => (random() < share ? 'shuffled' : undefined),
    skewMs: () => (random() - 0.5) * MINUTE_MS,
  }
}

type Simulation = Awaited<ReturnType<typeof startSimulation>>

const OPERATIONS = (await simulatedOperations()).map(({ name }) => name)
const SWEEP = 'offboarding-sweep'
const QUARTER_MS = 15 * MINUTE_MS

async function start(leavers: number, faults: Faults = {}, tenants = 1) {
  const { world, secrets, event } = makeCompany(leavers, tenants)
  const random = randomFrom(SEED + 1)
  const options = {
    operations: OPERATIONS,
    others: [SWEEP],
    world,
    secrets,
    env: ENV,
    latencies: LATENCIES,
    faults,
    random,
  }
  const simulation = await startSimulation(options)
  for (let index = 0; index < leavers; index++) simulation.offboard(event(index), `event-${index}`)
  return simulation
}

const targetOf = ({ operation, input }: Pick<Outcome, 'operation' | 'input'>) => JSON.stringify([operation, input])

/** What each target ended as: its last outcome. */
const endings = ({ outcomes }: Simulation) => new Map(outcomes.map((outcome) => [targetOf(outcome), outcome]))

/** Whether the vendors' own state agrees that the target was done. */
function isDone({ vendors }: Simulation, { operation, input }: Outcome): boolean {
  const { feishu, dingtalk } = vendors.state.world
  const { open_id, calendar_id, approval_code, file_token, userId = '', calendarId } = input ?? {}
  switch (operation) {
    case 'feishu-calendar-unsubscribe':
      return feishu.users.find(({ openId }) => openId === open_id)?.calendarSubscribed === false
    case 'feishu-calendar-acl-subscribe':
      return !!feishu.calendars.find((one) => one.calendarId === calendar_id)?.aclSubscribers.includes(open_id ?? '')
    case 'feishu-approval-unsubscribe':
      return feishu.approvals.find(({ code }) => code === approval_code)?.subscribed === false
    case 'feishu-drive-unsubscribe':
      return feishu.documents.find(({ token }) => token === file_token)?.subscribed === false
    case 'dingtalk-calendar-unsubscribe':
      return !dingtalk.calendars.find((one) => one.calendarId === calendarId)?.subscribers.includes(userId)
    default:
      throw new Error(`makeCompany has targets of ${operation}, of which isDone knows nothing`)
  }
}

const lettersOf = ({ deadLetters }: Simulation) => [...deadLetters.groups.values()].flat()

/**
 * Events that could not be planned in three tries are on the queue for undelivered ones; an operator sends them again. The
 * sweep runs until every offboarding has ended.
 */
async function finishAll(simulation: Simulation): Promise<void> {
  await simulation.finish()
  for (let round = 0; simulation.undelivered.length > 0 || isOpen(simulation); round++) {
    expect(round).toBeLessThan(200)
    for (const { operation, event } of simulation.undelivered.splice(0)) simulation.deliver(operation, event)
    await simulation.finish()
    const swept = simulation.clock.sleep(QUARTER_MS).then(() => simulation.invoke(SWEEP, {}, 600_000))
    await simulation.clock.run(swept.catch(() => {}))
  }
}

const ledgerItems = ({ table }: Simulation, prefix: string) =>
  [...table.items.values()].flatMap((items) =>
    [...items].flatMap(([sk, item]) => (sk.startsWith(prefix) ? [item] : [])),
  )

const isOpen = (simulation: Simulation) => ledgerItems(simulation, 'summary#').some(({ state }) => state?.S === 'open')

/** What the ledger says that each target became. */
const known = (simulation: Simulation) =>
  new Map(
    ledgerItems(simulation, 'target#').map(({ operation, input, outcome }) => [
      targetOf({ operation: operation?.S ?? '', input: JSON.parse(input?.S ?? '') }),
      outcome?.S,
    ]),
  )

describe('10,000 targets with faults in 30 % of the answers', () => {
  const LEAVERS = 358

  test('are all accounted for: none lost, none told done that is not, every dead letter with its reason', async () => {
    const simulation = await start(LEAVERS, storm(randomFrom(SEED), 0.3))
    await finishAll(simulation)
    const ended = endings(simulation)
    expect(ended.size).toBe(LEAVERS * TARGETS_PER_LEAVER)
    expect([...simulation.queues.values()].map(({ groups, expired }) => [groups.size, expired])).toEqual(
      OPERATIONS.map(() => [0, 0]),
    )

    const told = [...ended.values()]
    const done = told.filter(({ outcome }) => outcome !== 'parked')
    const wasSaid = ({ outcome, code }: Outcome) => outcome === 'gone' && SAID_GONE.includes(code ?? '')
    expect(done.filter((outcome) => !wasSaid(outcome) && !isDone(simulation, outcome))).toEqual([])

    // The ledger has every target as it was announced last, and each sending ended, always by the same name.
    const inLedger = known(simulation)
    expect(inLedger.size).toBe(ended.size)
    expect(told.filter((outcome) => inLedger.get(targetOf(outcome)) !== outcome.outcome)).toEqual([])
    const idsOf = Map.groupBy(simulation.completions, ({ eventId }) => eventId)
    expect(idsOf.size).toBe(LEAVERS)
    for (const [eventId, some] of idsOf)
      expect([eventId, new Set(some.map(({ completionId }) => completionId)).size]).toEqual([eventId, 1])
    for (const { counts } of simulation.completions)
      expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(TARGETS_PER_LEAVER)
    const letters = lettersOf(simulation)
    const parked = told.filter(({ outcome }) => outcome === 'parked')
    const inLetters = new Set(letters.map(({ body }) => targetOf(JSON.parse(body))))
    expect(parked.filter((outcome) => !inLetters.has(targetOf(outcome)))).toEqual([])
    expect(letters.length).toBeGreaterThan(0)
    // Each letter gives the reason that was told of its target; where the vendor gave nothing, it says so.
    const reasonOf = ({ kind, code, hint, requestId }: Partial<Outcome>) =>
      [kind, code, hint, requestId].map((value) => value || 'none')
    const toldReasons = new Set(
      simulation.outcomes.map((outcome) => JSON.stringify([targetOf(outcome), reasonOf(outcome)])),
    )
    const reasons = letters.map(({ body, attributes }) =>
      JSON.stringify([targetOf(JSON.parse(body)), reasonOf(attributes)]),
    )
    expect(reasons.filter((reason) => !toldReasons.has(reason))).toEqual([])
    expect(letters.filter(({ attributes }) => !attributes.kind || !attributes.hint)).toEqual([])
    // The sandbox signs each of Feishu's answers, and what is no answer of the API's parks nothing.
    const refused = parked.filter(({ code, operation }) => code && operation?.startsWith('feishu-'))
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.filter(({ requestId }) => !requestId)).toEqual([])
    expect(parked.filter(({ kind }) => kind === 'protocol')).toEqual([])
    // The storm raged in every way it can.
    expect(done.length).toBeGreaterThan(told.length / 2)
    expect(OPERATIONS.filter((name) => simulation.counts.get(name)?.deferrals === 0)).toEqual([])
  })
})

describe('10,000 targets through faults that last, of every kind', () => {
  const LEAVERS = 358
  const LOCKED = /00[0-6]500\b/
  /** Items that the vendor never manages, and items that end the container that works on them. */
  const FAILING = /doxcn\d+[0-6]111\b|APPROVAL-(1[0-4]|200)-1\b|feishu\.cn_(3|77|300)x0|ding-(5|55|155)-2/
  const KILLING = /doxcn\d+3333\b|APPROVAL-30-0\b|feishu\.cn_40x1|ding-50-0/
  const html: VendorFault = { fault: 'html', status: 403 }
  const locked: VendorFault = { fault: 'answer', status: 400, body: { code: 1064230, msg: 'locked' } }
  const unstated: VendorFault = { fault: 'answer', status: 429, body: limited }
  const failureOf = (path: string): VendorFault => {
    if (path.startsWith('/v1.0/')) return { fault: 'code', code: 'systemError' }
    const code = path.includes('/drive/') ? 1069601 : path.includes('/approval/') ? 1395001 : 190003
    return { fault: 'answer', status: 500, body: { code, msg: 'failed' } }
  }
  /** What stands in for the vendor's answer to some paths for some time, in minutes. */
  const spells: [path: RegExp, from: number, to: number, fault: VendorFault][] = [
    [/calendar\/v4/, 0.2, 10, html],
    [/\/v1\.0\/calendar/, 0.2, 17, { fault: 'code', code: 'Forbidden.AccessDenied.QpsLimitForApi' }],
    [/\/approval\//, 1, 18, unstated],
    [/\/drive\//, 60, 90, html],
    [/\/drive\//, 120, 137, unstated],
    [/\/oauth\/|\/auth\//, 115, 125, html],
    [/\/drive\//, 240, 300, { fault: 'answer', status: 503, body: undefined }],
    [LOCKED, 0, 600, locked],
  ]
  const denials: [operation: string, from: number, to: number][] = [
    ['GetSecretValue', 0.5, 3],
    ['PutEvents', 20, 80],
    ['GetSecretValue', 180, 200],
    ['SendMessageBatch', 62, 65],
  ]

  test('lose none, tell none done that is not, and give up none that would have succeeded', async () => {
    let startedAtMs = Number.POSITIVE_INFINITY
    const minutes = (nowMs: number) => Math.max(0, nowMs - startedAtMs) / MINUTE_MS
    const simulation = await start(LEAVERS, {
      vendor(path, nowMs) {
        const at = minutes(nowMs)
        const spell = spells.find(([paths, from, to]) => paths.test(path) && at >= from && at < to)
        if (spell) return spell[3]
        if (KILLING.test(path)) return { fault: 'killed', handled: false }
        return FAILING.test(path) ? failureOf(path) : undefined
      },
      aws(operation, nowMs) {
        const at = minutes(nowMs)
        return denials.some(([name, from, to]) => name === operation && at >= from && at < to) ? 'denied' : undefined
      },
    })
    startedAtMs = simulation.startedAtMs
    await finishAll(simulation)
    const told = [...endings(simulation).values()]
    expect(told).toHaveLength(LEAVERS * TARGETS_PER_LEAVER)
    const [parked, done] = [true, false].map((isParked) =>
      told.filter(({ outcome }) => (outcome === 'parked') === isParked),
    ) as [Outcome[], Outcome[]]
    expect(done.filter((outcome) => !isDone(simulation, outcome))).toEqual([])
    const inLedger = known(simulation)
    expect(told.filter((outcome) => inLedger.get(targetOf(outcome)) !== outcome.outcome)).toEqual([])
    const isHopeless = ({ input }: Outcome) =>
      [FAILING, KILLING].some((items) => Object.values(input ?? {}).some((value) => items.test(value)))
    expect(parked.filter((outcome) => !isHopeless(outcome))).toEqual([])
    expect(parked.map(targetOf).sort()).toEqual(told.filter(isHopeless).map(targetOf).sort())
    const reasons = parked.map(({ scope, kind, code, hint, input }) => ({ scope, kind, code, hint, input }))
    const isKilling = (input: object | null) => KILLING.test(Object.values(input ?? {}).join(' '))
    expect(reasons.filter(({ scope, kind, hint }) => !scope || !kind || !hint)).toEqual([])
    expect(reasons.filter(({ code, input }) => !code && !isKilling(input))).toEqual([])
    expect(
      lettersOf(simulation)
        .map(({ body }) => targetOf(JSON.parse(body)))
        .sort(),
    ).toEqual(parked.map(targetOf).sort())
    const waiting = [...simulation.queues.values(), ...simulation.retries.values()]
    expect(waiting.map(({ size, expired }) => [size, expired])).toEqual(waiting.map(() => [0, 0]))
    expect(simulation.stranded).toEqual([])
    expect(parked.length).toBeGreaterThan(20)
  })
})

describe('an outage of the vendors of six hours', () => {
  test.each<[string, VendorFault]>([
    ['that answers 503', { fault: 'answer', status: 503, body: 'down' }],
    ['without an answer', { fault: 'stall', handled: false }],
    ['without a connection', { fault: 'reset', handled: false }],
  ])(
    '%s loses and parks nothing; work goes on within five minutes of its end',
    async (_, fault) => {
      const fromMs = 5_000
      const endsMs = fromMs + 6 * HOUR_MS
      let startedAtMs = 0
      const faults: Faults = {
        vendor: (_path, nowMs) => {
          const atMs = nowMs - startedAtMs
          return atMs >= fromMs && atMs < endsMs ? fault : undefined
        },
      }
      const simulation = await start(20, faults)
      startedAtMs = simulation.startedAtMs
      await simulation.finish()
      const ended = [...endings(simulation).values()]
      expect(ended).toHaveLength(20 * TARGETS_PER_LEAVER)
      expect(ended.filter(({ outcome }) => outcome !== 'changed')).toEqual([])
      expect(lettersOf(simulation)).toEqual([])
      const after = simulation.outcomes.map(({ atMs }) => atMs - startedAtMs - endsMs).filter((ms) => ms > 0)
      expect(Math.min(...after)).toBeLessThan(5 * MINUTE_MS)
      // The rest then takes as long as it would have, 380 documents at ten a minute; what stepped aside comes by its own clock.
      expect(Math.max(...after)).toBeLessThan(15 * MINUTE_MS + 39 * 62_000)
    },
    60_000,
  )
})

describe('one item that the vendor never manages', () => {
  const poison = 'doxcn0000000000000000000030'
  const poisoned: Faults = {
    vendor: (path) =>
      path.includes(poison) ? { fault: 'answer', status: 500, body: { code: 1069601, msg: 'fail' } } : undefined,
  }
  const finishedAtMs = (simulation: Simulation, tenant: number, tenants: number) =>
    Math.max(
      ...simulation.outcomes
        .filter(
          ({ operation, offboardingId }) => operation === 'feishu-drive-unsubscribe' && offboardingId !== 'leaver-1',
        )
        .filter(({ offboardingId }) => Number(offboardingId?.split('-')[1]) % tenants === tenant)
        .map(({ atMs }) => atMs - simulation.startedAtMs),
    )

  test("is parked, after minutes, and delays nobody else's tenant", async () => {
    const calm = await start(8, {}, 2)
    await calm.finish()
    const simulation = await start(8, poisoned, 2)
    await simulation.finish()
    const [letter, ...more] = lettersOf(simulation)
    expect(more).toEqual([])
    expect(JSON.parse(letter?.body ?? '').input.file_token).toBe(poison)
    expect(letter?.attributes).toMatchObject({ kind: 'unavailable', code: '1069601' })
    // Leaver 1, whose document it is, belongs to the second tenant.
    expect(finishedAtMs(simulation, 0, 2)).toBeLessThan(finishedAtMs(calm, 0, 2) + 2_000)
    expect(finishedAtMs(simulation, 1, 2)).toBeLessThan(finishedAtMs(calm, 1, 2) + 10 * MINUTE_MS)
  })
})

describe('planning that is killed half way', () => {
  const large = {
    offboardingId: 'leaver-0',
    feishu: {
      files: Array.from({ length: 1_000 }, (_, n) => ({
        fileToken: `doxcn${String(n).padStart(22, '0')}`,
        fileType: 'docx',
      })),
    },
  }
  const drive = 'feishu-drive-unsubscribe'

  /** Killed after 50 of the 100 batches, `times` in a row. */
  async function offboardLarge(times: number) {
    let sent = 0
    const faults: Faults = {
      aws: (operation) => {
        if (operation !== 'SendMessageBatch') return undefined
        sent++
        return sent % 50 === 0 && sent / 50 <= times ? 'killed-after' : undefined
      },
    }
    const { world, secrets } = makeCompany(50, 1)
    const simulation = await startSimulation({
      operations: [drive],
      world,
      secrets,
      env: ENV,
      latencies: LATENCIES,
      faults,
    })
    simulation.offboard(large, 'event-0')
    return simulation
  }

  test('and done again within five minutes adds nothing', async () => {
    const simulation = await offboardLarge(1)
    await simulation.finish()
    expect(simulation.outcomes).toHaveLength(1_000)
    expect(endings(simulation).size).toBe(1_000)
  })

  test('and done again later announces what was done again, without another call', async () => {
    const simulation = await offboardLarge(3)
    await simulation.finish()
    expect(simulation.undelivered).toHaveLength(1)
    const before = simulation.outcomes.length
    for (const { operation, event } of simulation.undelivered.splice(0)) simulation.deliver(operation, event)
    await simulation.finish()
    const ended = [...endings(simulation).values()]
    expect(ended).toHaveLength(1_000)
    expect(simulation.outcomes.slice(before).length).toBeGreaterThan(500)
    expect(ended.filter((outcome) => !isDone(simulation, outcome))).toEqual([])
    expect(ended.filter(({ outcome }) => outcome !== 'changed')).toEqual([])
    expect(simulation.counts.get(drive)?.vendorCalls).toBe(1_000)
  })
})

describe('EventBridge that accepts nothing for an hour', () => {
  test('costs no call: each item is called once', async () => {
    let startedAtMs = 0
    const faults: Faults = {
      aws: (operation, nowMs) => (operation === 'PutEvents' && nowMs - startedAtMs < HOUR_MS ? 'failed' : undefined),
    }
    const simulation = await start(20, faults)
    startedAtMs = simulation.startedAtMs
    await finishAll(simulation)
    const ended = [...endings(simulation).values()]
    expect(ended).toHaveLength(20 * TARGETS_PER_LEAVER)
    expect(ended.filter(({ outcome }) => outcome !== 'changed')).toEqual([])
    const calls = [...simulation.counts.values()].reduce((sum, { vendorCalls }) => sum + vendorCalls, 0)
    expect(calls).toBe(20 * TARGETS_PER_LEAVER)
    expect(new Set(simulation.completions.map(({ eventId }) => eventId)).size).toBe(20)
  })
})

describe('a ledger that does not answer for an hour', () => {
  test.each<AwsFault>(['throttled', 'failed', 'late'])(
    '(%s) lets everything wait: nothing lost, nothing parked, nothing called twice',
    async (fault) => {
      let startedAtMs = 0
      const faults: Faults = {
        aws: (operation, nowMs) =>
          /Item$|^Query$/.test(operation) && nowMs - startedAtMs < HOUR_MS ? fault : undefined,
      }
      const simulation = await start(20, faults)
      startedAtMs = simulation.startedAtMs
      await finishAll(simulation)
      const ended = [...endings(simulation).values()]
      expect(ended).toHaveLength(20 * TARGETS_PER_LEAVER)
      expect(ended.filter((outcome) => outcome.outcome !== 'changed' || !isDone(simulation, outcome))).toEqual([])
      expect(lettersOf(simulation)).toEqual([])
      const calls = [...simulation.counts.values()].reduce((sum, { vendorCalls }) => sum + vendorCalls, 0)
      expect(calls).toBe(20 * TARGETS_PER_LEAVER)
      expect(new Set(simulation.completions.map(({ eventId }) => eventId)).size).toBe(20)
    },
    60_000,
  )
})
