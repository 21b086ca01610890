/**
 * The whole stack on a virtual clock: the functions' own code in containers of their own, the queues, the event bus,
 * Secrets Manager and both vendors. Faults can be injected wherever something can go wrong.
 */
import type { Handler } from 'aws-lambda'
import { SecretStore } from '../aws/secret-store.ts'
import type { World } from '../sandbox/sandbox.ts'
import { startVendors } from '../sandbox/vendors.ts'
import { startAwsCalls } from './aws-calls.ts'
import { bundleFunctions } from './bundle.ts'
import { Clock } from './clock.ts'
import { type Caller, type Conditions, type Faults, Killed, type Latencies } from './conditions.ts'
import { type Counts, NO_COUNTS } from './counts.ts'
import type { Host } from './host.ts'
import { randomFrom } from './random.ts'
import { DEAD_LETTERS, retryQueueUrl, STRANDED_QUEUE_URLS, startSqs, workQueueUrl } from './sqs.ts'
import { Table } from './table.ts'
import { startVendorCalls } from './vendor-calls.ts'

type SimulationOptions = {
  operations: readonly string[]
  /** Functions that are invoked by `invoke` alone, such as scheduled ones. */
  others?: readonly string[]
  /** Standard queues that functions receive from themselves, by their URLs. */
  polled?: readonly string[]
  world: World
  env: Record<string, string>
  secrets: (nowMs: number) => Record<string, unknown>
  latencies: Latencies
  faults?: Faults
  /** @default the same numbers every time */
  random?: () => number
  /** How many events are planned side by side. */
  planners?: number
  /** Of the functions, and of their queues; by default those of an operation. Milliseconds. */
  timeoutMs?: number
  visibilityMs?: number
  windowMs?: number
  /** Called with what a function writes to its log. */
  onLine?: (operation: string, line: string) => void
}

const START_MS = Date.parse('2026-11-23T01:00:00Z')
const MEMORY_GB = 0.5
/** The real clock's time-outs have no say. */
const NEVER = new AbortController().signal

/** `dead` rejects when the container is killed. */
type Container = { handler: Handler; dead: Promise<never> }

export async function startSimulation(options: SimulationOptions) {
  const { operations, others = [], latencies, faults = {}, random = randomFrom(1), planners = 10 } = options
  const { timeoutMs: usualTimeoutMs = 29_000, visibilityMs = 180_000, windowMs = 5_000 } = options
  const names = [...operations, ...others]
  const clock = new Clock(START_MS)
  const now = () => clock.nowMs
  const { jitter = 0 } = latencies
  const take = (ms: number) => clock.sleep(jitter === 0 ? ms : ms * (1 + jitter * (2 * random() - 1)))
  const vendors = startVendors({ world: options.world, speed: 1, now })
  const store = new SecretStore({ region: 'simulated', account: '000000000000', now })
  for (const [id, value] of Object.entries(options.secrets(START_MS))) store.seed(id, value)
  const table = new Table()
  const bundles = await bundleFunctions(names)

  const counts = new Map<string, Counts>(names.map((name) => [name, { ...NO_COUNTS }]))
  const countsOf = (name: string) => counts.get(name) as Counts
  const undelivered: { operation: string; event: object }[] = []

  let running = 0
  let idle = () => {}
  const whileRunning = async (work: () => Promise<void>) => {
    running++
    try {
      await work()
    } finally {
      running--
      if (running === 0) idle()
    }
  }

  const { apis, ...sqs } = startSqs({
    operations,
    polled: options.polled ?? [],
    clock,
    visibilityMs,
    windowMs,
    faults,
    random,
    poll: () => take(latencies.pollMs),
    invoke: (name, event) => invoke(name, event),
    whileRunning,
    onRequest: (name) => countsOf(name).sqsRequests++,
  })

  const conditions: Conditions = { clock, latencies, faults, random, take, countsOf }
  const { callVendor, refusals } = startVendorCalls(vendors, conditions)
  const { callAws, ...events } = startAwsCalls({ store, table, apis }, conditions)

  const idleContainers = new Map<string, Container[]>(names.map((name) => [name, []]))

  let containers = 0
  async function startContainer(name: string): Promise<Container> {
    const { promise: dead, reject: die } = Promise.withResolvers<never>()
    dead.catch(() => {})
    const caller: Caller = { name, container: containers++, die }
    const skewMs = faults.skewMs?.() ?? 0
    const env = {
      OPERATIONS: operations.join(','),
      ...options.env,
      AWS_REGION: 'simulated',
      WORK_QUEUE_URL: workQueueUrl(name),
      RETRY_QUEUE_URL: retryQueueUrl(name),
      RESOLUTION_QUEUE_URL: retryQueueUrl(name),
      DEAD_LETTER_QUEUE_URL: DEAD_LETTERS,
      STRANDED_QUEUE_URLS,
      EVENT_BUS_NAME: 'bus',
      LEDGER_TABLE: 'ledger',
    }
    const stdout = { write: (text: string) => logged(name, text) }
    const host: Host = {
      sleep: (ms) => clock.sleep(ms),
      vendor: (request, timeoutMs) => callVendor(caller, request, timeoutMs),
      aws: (operation, input) => callAws(caller, operation, input),
      date: () => new Date(now()).toUTCString(),
    }
    const start = bundles.get(name)
    if (!start) throw new Error(`no function ${name}`)
    const handler = start(host, {
      Date: dateOf(() => clock.nowMs + skewMs),
      Math: Object.create(Math, { random: { value: random } }),
      // The stand-ins for undici and AWS end what takes too long.
      setTimeout: () => undefined,
      clearTimeout: () => undefined,
      AbortSignal: { timeout: () => NEVER },
      process: Object.create(process, { env: { value: env }, stdout: { value: stdout } }),
    })
    await take(latencies.initMs)
    return { handler, dead }
  }

  function logged(name: string, text: string): boolean {
    const counted = countsOf(name)
    counted.logBytes += text.length
    options.onLine?.(name, text)
    if (text.includes('"message":"deferred"')) counted.deferrals++
    return true
  }

  /** Runs the function once in a container that is free, or in a new one. One that is killed is gone. */
  async function invoke(name: string, event: object, timeoutMs = usualTimeoutMs): Promise<unknown> {
    const free = idleContainers.get(name) as Container[]
    const container = free.pop() ?? (await startContainer(name))
    const startedAtMs = now()
    const endsAtMs = startedAtMs + timeoutMs
    const timedOut = clock.sleep(timeoutMs).then(() => Promise.reject(new Killed('timed out')))
    timedOut.catch(() => {})
    const context = { awsRequestId: 'simulated', functionName: name, getRemainingTimeInMillis: () => endsAtMs - now() }
    const counted = countsOf(name)
    counted.invocations++
    try {
      const result = await Promise.race([
        container.handler(event, context as never, () => {}) as Promise<unknown>,
        container.dead,
        timedOut,
      ])
      free.push(container)
      return result
    } catch (error) {
      if (!(error instanceof Killed)) free.push(container)
      throw error
    } finally {
      counted.gbSeconds += ((now() - startedAtMs) / 1_000) * MEMORY_GB
    }
  }

  const planning: (() => Promise<void>)[] = []
  let planningNow = 0
  function planNext(): void {
    const next = planningNow < planners ? planning.shift() : undefined
    if (!next) return
    planningNow++
    void whileRunning(async () => {
      await next()
      planningNow--
      planNext()
    })
  }

  /** Puts an offboarding event on the bus. Each function plans it, three tries a minute apart. */
  function offboard(detail: object, id: string): void {
    const time = new Date(now()).toISOString()
    const event = { version: '0', id, time, 'detail-type': 'User Offboarding', source: 'hr.offboarding', detail }
    for (const name of operations) deliver(name, event)
  }

  function deliver(operation: string, event: object): void {
    planning.push(async () => {
      for (const waitMs of [60_000, 120_000, undefined]) {
        try {
          await invoke(operation, event)
          return
        } catch {
          if (waitMs === undefined) undelivered.push({ operation, event })
          else await clock.sleep(waitMs)
        }
      }
    })
    planNext()
  }

  return {
    clock,
    vendors,
    store,
    table,
    counts,
    refusals,
    undelivered,
    ...events,
    ...sqs,
    offboard,
    deliver,
    invoke,
    startedAtMs: START_MS,
    /** Lets time pass until nothing is under way; throws when that takes longer than `withinMs`. */
    finish(withinMs = Number.POSITIVE_INFINITY): Promise<void> {
      const ended = new Promise<void>((resolve) => {
        idle = resolve
        if (running === 0) resolve()
      })
      const late = async () => {
        await clock.sleep(withinMs)
        throw new Error(`not finished within ${withinMs / 3_600_000} simulated hours`)
      }
      return clock.run(Promise.race([ended, late()]))
    },
  }
}

const dateOf = (nowMs: () => number): DateConstructor =>
  class extends Date {
    constructor(...given: [number]) {
      super(...((given.length > 0 ? given : [nowMs()]) as [number]))
    }
    static override now = nowMs
  } as unknown as DateConstructor
