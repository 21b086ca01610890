/**
 * The whole stack on a virtual clock: the functions' own code in containers of their own, the queues, the event bus,
 * Secrets Manager and both vendors. Faults can be injected wherever something can go wrong.
 */
import type { Handler } from 'aws-lambda'
import { OFFBOARDING, type Offboarding } from '../../lib/offboarding-event.ts'
import { AwsError } from '../aws/json-server.ts'
import { SecretStore } from '../aws/secret-store.ts'
import { secretsManagerOperations } from '../aws/secrets-manager.ts'
import type { Answer } from '../sandbox/call.ts'
import type { World } from '../sandbox/sandbox.ts'
import { startVendors, type Vendors } from '../sandbox/vendors.ts'
import { bundleFunctions } from './bundle.ts'
import { Clock } from './clock.ts'
import type { Host, VendorAnswer, VendorRequest } from './host.ts'
import { randomFrom } from './random.ts'
import { DEAD_LETTERS, retryQueueUrl, STRANDED_QUEUE_URLS, startSqs, workQueueUrl } from './sqs.ts'
import { Table } from './table.ts'

/**
 * How long things take. Milliseconds. With a `jitter` from 0 to 1, by default 0, they take up to this share less or more,
 * except for a call's way to the vendor, which takes up to `wayJitterMs` longer, by default 0.
 */
export type Latencies = {
  vendorMs: number
  awsMs: number
  pollMs: number
  initMs: number
  jitter?: number
  wayJitterMs?: number
}

/** Where a fault can strike, and what can happen there. */
export type Faults = {
  /**
   * `path` is the vendor's, as called. Containers are counted from 0, in the order of their starts. `user`: whose token
   * Feishu is called with.
   */
  vendor?: (path: string, nowMs: number, container: number, user?: string) => VendorFault | undefined
  aws?: (operation: string, nowMs: number, container: number) => AwsFault | undefined
  /** A batch has been worked through and is about to be deleted. */
  delete?: () => 'lost' | undefined
  /** A batch is about to be handed over. */
  batch?: () => 'shuffled' | undefined
  /** How far a new container's clock is off. */
  skewMs?: () => number
}
/** `frozen`: the container stands still for two minutes, before the vendor has the request or after it was `handled`. */
export type VendorFault =
  | { fault: 'reset' | 'stall' | 'killed' | 'frozen'; handled: boolean }
  | { fault: 'truncated' }
  | { fault: 'html'; status?: number }
  /** The normal answer with these fields instead of its own; null leaves one out. */
  | { fault: 'change'; change: Record<string, unknown> }
  | { fault: 'answer'; status: number; headers?: Record<string, string>; body: unknown }
  | { fault: 'code'; code: string | number }
/**
 * `denied`: by IAM. `late`: the work is done, but the answer comes too late. `frozen`: the container stands still for two
 * minutes.
 */
export type AwsFault =
  | 'throttled'
  | 'failed'
  | 'denied'
  | 'late'
  | 'partial'
  | 'killed-before'
  | 'killed-after'
  | 'frozen-before'
  | 'frozen-after'

export type SimulationOptions = {
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
  /** Of the functions, and of their queues; those of an operation unless told. Milliseconds. */
  timeoutMs?: number
  visibilityMs?: number
  windowMs?: number
  /** Called with what a function writes to its log. */
  onLine?: (operation: string, line: string) => void
}

export type Outcome = {
  atMs: number
  offboardingId: string | null
  operation: string | null
  input: Record<string, string> | null
  outcome: string
  kind?: string
  scope?: string
  code?: string | null
  requestId?: string | null
  hint?: string
  eventId: string | null
}

/** A `Held` event: a bucket that waits. */
export type Hold = {
  atMs: number
  operation: string
  bucket: string
  kind: string
  code?: string | null
  requestId?: string | null
  hint: string
  since: string
}

/** A `User Offboarding` event that a function put on the bus. No other function gets it. */
export type Order = Offboarding & { atMs: number }

/** A `Completed` event. */
export type Completion = { atMs: number; completionId: string; eventId: string; counts: Record<string, number> }

export type Counts = {
  invocations: number
  gbSeconds: number
  sqsRequests: number
  eventsPut: number
  secretsRequests: number
  /** Request units of the ledger. */
  tableReads: number
  tableWrites: number
  logBytes: number
  vendorCalls: number
  refusedCalls: number
  deferrals: number
}

const START_MS = Date.parse('2026-11-23T01:00:00Z')
const MEMORY_GB = 0.5
/** How long the clients of AWS wait for an answer. */
const AWS_TIMEOUT_MS = 2_000
const FROZEN_MS = 120_000

/** What the faults that refuse a call of AWS throw. */
const ERRORS: Record<string, object> = {
  throttled: { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } },
  denied: { name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } },
  failed: { name: 'InternalServiceError', $metadata: { httpStatusCode: 500 } },
}

type PutEvents = { Entries: { DetailType: string; Detail: string }[] }

class Killed extends Error {}

/** The container ends here; what it was waiting for never comes. */
function killed(die: Container['die'], at: string): Promise<never> {
  die(new Killed(`killed at ${at}`))
  return new Promise(() => {})
}

type Container = { handler: Handler; die: (error: Error) => void; dead: Promise<never> }
/** What a container's calls say of it. */
type Caller = { name: string; container: number; die: Container['die'] }

export async function startSimulation(options: SimulationOptions) {
  const { operations, others = [], latencies, faults = {}, random = randomFrom(1), planners = 10 } = options
  const { timeoutMs: usualTimeoutMs = 29_000, visibilityMs = 180_000, windowMs = 5_000 } = options
  const names = [...operations, ...others]
  const clock = new Clock(START_MS)
  const now = () => clock.nowMs
  const { jitter = 0, wayJitterMs = 0 } = latencies
  const take = (ms: number) => clock.sleep(jitter === 0 ? ms : ms * (1 + jitter * (2 * random() - 1)))
  const vendors: Vendors = startVendors({ world: options.world, speed: 1, now })
  const store = new SecretStore({ region: 'simulated', account: '000000000000', now })
  for (const [id, value] of Object.entries(options.secrets(START_MS))) store.seed(id, value)
  const secretsManager = secretsManagerOperations(store) as unknown as Record<string, (input: object) => object>
  const table = new Table()
  const bundles = await bundleFunctions(names)

  const counts = new Map<string, Counts>(
    names.map((name) => [
      name,
      {
        invocations: 0,
        gbSeconds: 0,
        sqsRequests: 0,
        eventsPut: 0,
        secretsRequests: 0,
        tableReads: 0,
        tableWrites: 0,
        logBytes: 0,
        vendorCalls: 0,
        refusedCalls: 0,
        deferrals: 0,
      },
    ]),
  )
  const countsOf = (name: string) => counts.get(name) as Counts
  const outcomes: Outcome[] = []
  const completions: Completion[] = []
  const refusals: { atMs: number; operation: string; token: string }[] = []
  const holds: Hold[] = []
  const orders: Order[] = []
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

  const idleContainers = new Map<string, Container[]>(names.map((name) => [name, []]))

  let containers = 0
  async function startContainer(name: string): Promise<Container> {
    let die: Container['die'] = () => {}
    const dead = new Promise<never>((_, reject) => {
      die = reject
    })
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
      // The stand-in for undici ends what takes too long.
      setTimeout: () => undefined,
      clearTimeout: () => undefined,
      process: Object.create(process, { env: { value: env }, stdout: { value: stdout } }),
    })
    await take(latencies.initMs)
    return { handler, die, dead }
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

  async function callVendor(
    { name, container, die }: Caller,
    request: VendorRequest,
    timeoutMs: number,
  ): Promise<VendorAnswer> {
    const counted = countsOf(name)
    const { pathname, search } = new URL(request.url)
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([key, value]) => [key.toLowerCase(), value]),
    )
    await clock.sleep(latencies.vendorMs / 2 + (wayJitterMs && wayJitterMs * random()))
    const received = vendors.receive({ ...request, url: pathname + search, headers })
    const isOperation = !/token|user_info|users\/me/i.test(received.called.replace(':file_token', ''))
    const bearer = headers.authorization?.replace(/^Bearer /, '') ?? ''
    const user = vendors.state.tokens.feishu.access.get(bearer)?.userId
    const injected = faults.vendor?.(pathname, now(), container, user)
    const answerWith = async (answer: Answer): Promise<VendorAnswer> => {
      await take(latencies.vendorMs / 2)
      const { status, json, text = '' } = answer
      const given = Object.fromEntries(
        Object.entries(answer.headers ?? {}).map(([key, value]) => [key.toLowerCase(), value]),
      )
      return { status, headers: given, text: json === undefined ? text : JSON.stringify(json) }
    }
    if (isOperation) counted.vendorCalls++
    switch (injected?.fault) {
      case 'reset':
        if (injected.handled) received.normal()
        throw Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' })
      case 'killed':
        if (injected.handled) received.normal()
        return killed(die, 'a vendor call')
      case 'frozen': {
        const handled = injected.handled && received.normal()
        await clock.sleep(FROZEN_MS)
        return answerWith(handled || received.normal())
      }
      case 'stall':
        if (injected.handled) received.normal()
        await clock.sleep(timeoutMs)
        throw Object.assign(new Error('timeout'), { name: 'TimeoutError' })
      case 'truncated': {
        const whole = await answerWith(received.normal())
        return { ...whole, text: whole.text.slice(0, Math.ceil(whole.text.length / 2)) }
      }
      case 'change': {
        const { json, ...rest } = received.normal()
        const fields = Object.entries({ ...json, ...injected.change }).filter(([, value]) => value !== null)
        return answerWith({ ...rest, ...(json && { json: Object.fromEntries(fields) }) })
      }
      case 'html':
        return answerWith(
          received.sign({ status: injected.status ?? 200, text: '<!doctype html><title>Blocked</title>' }),
        )
      case 'answer': {
        const { status, headers: given = {}, body } = injected
        const signed = received.sign({ status, text: JSON.stringify(body) })
        return answerWith({ ...signed, headers: { ...signed.headers, ...given } })
      }
      case 'code':
        return answerWith(received.failure(injected.code, undefined))
    }
    const answer = received.normal()
    const isRefused =
      answer.status === 429 ||
      answer.json?.code === 99991400 ||
      /Qps|Qpm/.test(String(answer.json?.code)) ||
      answer.json?.errcode === 90006
    if (isOperation && isRefused) {
      counted.refusedCalls++
      refusals.push({
        atMs: now(),
        operation: name,
        token: headers.authorization ?? headers['x-acs-dingtalk-access-token'] ?? '',
      })
    }
    return answerWith(answer)
  }

  async function callAws(
    { name, container, die }: Caller,
    operation: string,
    input: object,
  ): Promise<Record<string, unknown>> {
    const fault = faults.aws?.(operation, now(), container)
    await take(latencies.awsMs)
    if (fault === 'killed-before') return killed(die, operation)
    if (fault === 'frozen-before') await clock.sleep(FROZEN_MS)
    const error = ERRORS[fault ?? '']
    if (error) throw Object.assign(new Error(fault), error)
    const service =
      operation in apis ? queue : operation === 'PutEvents' ? bus : /Item$|^Query$/.test(operation) ? ledger : secrets
    const result = service(name, operation, input as never, fault === 'partial')
    if (fault === 'late') {
      await clock.sleep(AWS_TIMEOUT_MS)
      throw Object.assign(new Error('no answer in time'), { name: 'TimeoutError' })
    }
    if (fault === 'frozen-after') await clock.sleep(FROZEN_MS)
    return fault === 'killed-after' ? killed(die, operation) : (result as Record<string, unknown>)
  }

  function queue(name: string, operation: string, input: object, partial: boolean): object {
    countsOf(name).sqsRequests++
    return apis[operation]?.(input as never, partial) ?? {}
  }

  function bus(name: string, _operation: string, { Entries }: PutEvents, partial: boolean): object {
    const isRefused = (index: number) => partial && index % 2 === 1
    for (const [index, { DetailType, Detail }] of Entries.entries()) {
      if (isRefused(index)) continue
      countsOf(name).eventsPut++
      const event = { atMs: now(), ...JSON.parse(Detail) }
      if (DetailType === OFFBOARDING) orders.push(event)
      else if (DetailType.endsWith(' Completed')) completions.push(event)
      else if (DetailType.endsWith(' Held')) holds.push(event)
      else outcomes.push(event)
    }
    return {
      Entries: Entries.map((_, index) =>
        isRefused(index) ? { ErrorCode: 'ThrottlingException' } : { EventId: 'simulated' },
      ),
    }
  }

  function secrets(name: string, operation: string, input: object): object {
    countsOf(name).secretsRequests++
    return asClient(() => secretsManager[operation]?.(input) ?? {})
  }

  function ledger(name: string, operation: string, input: object): object {
    const { read, write } = table.units
    try {
      return asClient(() => table.run(operation, input))
    } finally {
      countsOf(name).tableReads += table.units.read - read
      countsOf(name).tableWrites += table.units.write - write
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
    outcomes,
    completions,
    holds,
    orders,
    refusals,
    undelivered,
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

/** Throws a refusal as the clients of AWS do. */
function asClient(run: () => object): object {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    const { message, type, status, details } = error
    throw Object.assign(new Error(message), { name: type, $metadata: { httpStatusCode: status }, ...details })
  }
}

const dateOf = (nowMs: () => number): DateConstructor =>
  class extends Date {
    constructor(...given: [number]) {
      super(...((given.length > 0 ? given : [nowMs()]) as [number]))
    }
    static override now = nowMs
  } as unknown as DateConstructor
