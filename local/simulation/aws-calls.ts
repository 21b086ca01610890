/** Calls to AWS, in simulated time and with what goes wrong on the way. */
import { OFFBOARDING, type Offboarding } from '../../lib/offboarding-event.ts'
import { AwsError } from '../aws/json-server.ts'
import type { SecretStore } from '../aws/secret-store.ts'
import { secretsManagerOperations } from '../aws/secrets-manager.ts'
import { type Caller, type Conditions, FROZEN_MS, killed } from './conditions.ts'
import type { startSqs } from './sqs.ts'
import type { Table } from './table.ts'

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

/** How long the clients of AWS wait for an answer. */
const AWS_TIMEOUT_MS = 2_000

/** What the faults that refuse a call of AWS throw. */
const ERRORS: Record<string, object> = {
  throttled: { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } },
  denied: { name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } },
  failed: { name: 'InternalServiceError', $metadata: { httpStatusCode: 500 } },
}

type PutEvents = { Entries: { DetailType: string; Detail: string }[] }

/** Returns how to call AWS, and lists of the events that the functions put on the bus. */
export function startAwsCalls(
  { store, table, apis }: { store: SecretStore; table: Table; apis: ReturnType<typeof startSqs>['apis'] },
  { clock, latencies, faults, take, countsOf }: Conditions,
) {
  const secretsManager = secretsManagerOperations(store) as unknown as Record<string, (input: object) => object>
  const outcomes: Outcome[] = []
  const completions: Completion[] = []
  const holds: Hold[] = []
  const orders: Order[] = []

  async function callAws(caller: Caller, operation: string, input: object): Promise<Record<string, unknown>> {
    const { name, container } = caller
    const fault = faults.aws?.(operation, clock.nowMs, container)
    await take(latencies.awsMs)
    if (fault === 'killed-before') return killed(caller, operation)
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
    return fault === 'killed-after' ? killed(caller, operation) : (result as Record<string, unknown>)
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
      const event = { atMs: clock.nowMs, ...JSON.parse(Detail) }
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

  return { callAws, outcomes, completions, holds, orders }
}

/** What the clients of AWS throw for a refusal; any other error itself. */
export function clientError(error: unknown): unknown {
  if (!(error instanceof AwsError)) return error
  const { message, type, status, details } = error
  return Object.assign(new Error(message), { name: type, $metadata: { httpStatusCode: status }, ...details })
}

function asClient(run: () => object): object {
  try {
    return run()
  } catch (error) {
    throw clientError(error)
  }
}
