/** Amazon EventBridge at wire level, in memory: PutEvents, buses, rules with exact-value patterns, asynchronous targets. */
import { setTimeout } from 'node:timers/promises'
import type { PutEventsRequest, PutEventsRequestEntry, PutEventsResultEntry } from '@aws-sdk/client-eventbridge'
import { assertSupported, matches, type Pattern } from '../../infra/event-pattern.ts'
import { AwsError, type AwsJsonOptions, type AwsJsonService, startAwsJson } from './json-server.ts'
import { type BusEvent, invalidEntry, sizeOfEntry, toEvent, unusable } from './put-events-entry.ts'

/** What a rule calls. It is called again up to `retries` times (2 by default) when it rejects. */
export type Target = { id: string; invoke: (event: BusEvent) => Promise<unknown>; retries?: number }
export type Rule = { name: string; bus: string; pattern: Pattern; targets: Target[] }
export type Undelivered = { rule: Rule; target: Target; event: BusEvent; error: unknown; attempts: number }
type BusFault = 'throttle' | 'error' | 'partial' | 'drop'

export type EventBusOptions = AwsJsonOptions & {
  /** Buses besides `default`. */
  buses?: string[]
  region?: string
  account?: string
  /** Wait before each retry of a target; the last one repeats. AWS waits minutes. */
  retryDelaysMs?: number[]
  /** Called when a target has failed for good. */
  onFailure?: (failure: Undelivered) => unknown
}

export type EventBus = Pick<AwsJsonService, 'url' | 'requests' | 'call' | 'close'> & {
  readonly rules: readonly Rule[]
  /** Every accepted event in order. */
  readonly events: { bus: string; event: BusEvent }[]
  /** Throws on a pattern that uses anything but exact values. */
  putRule(rule: Omit<Rule, 'bus'> & { bus?: string }): void
  /** Puts events without HTTP, through the same validation. */
  putEvents(entries: PutEventsRequestEntry[]): { FailedEntryCount: number; Entries: PutEventsResultEntry[] }
  /** Delivers an accepted event once more, id unchanged, as at-least-once delivery may. */
  redeliver(eventId: string): void
  /** Called for every accepted event; returns how to stop listening. */
  onEvent(listener: (event: BusEvent, bus: string) => void): () => void
  /** Fails the next `times` PutEvents: the whole call, or with `partial` its first entry. */
  fail(kind: BusFault, times?: number): void
  /** Resolves when no delivery is under way. */
  idle(): Promise<void>
}

/** The largest that AWS takes at once, all entries of a request together. */
const MAX_BYTES = 1_048_576

/** Starts the service on loopback. A put event is accepted first and delivered after, as on AWS. */
export async function startEventBus(options: EventBusOptions = {}): Promise<EventBus> {
  const {
    region = 'ap-southeast-1',
    account = '000000000000',
    retryDelaysMs = [200, 400],
    buses: named = [],
    onFailure,
    ...served
  } = options
  const buses = new Set(['default', ...named])
  const rules: Rule[] = []
  const events: { bus: string; event: BusEvent }[] = []
  const listeners = new Set<(event: BusEvent, bus: string) => void>()
  const deliveries = new Set<Promise<void>>()
  const stopping = new AbortController()
  let partialFailures = 0

  async function deliver(rule: Rule, target: Target, event: BusEvent): Promise<void> {
    const attempts = 1 + (target.retries ?? 2)
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      try {
        return void (await target.invoke(structuredClone(event)))
      } catch (error) {
        if (stopping.signal.aborted) return
        if (attempt >= attempts) return void (await onFailure?.({ rule, target, event, error, attempts }))
        const wait = retryDelaysMs[Math.min(attempt, retryDelaysMs.length) - 1] ?? 0
        await setTimeout(wait, undefined, { signal: stopping.signal }).catch(() => {})
      }
    }
  }

  function route(bus: string, event: BusEvent): void {
    for (const rule of rules.filter((rule) => rule.bus === bus && matches(rule.pattern, event)))
      for (const target of rule.targets) {
        const delivery = deliver(rule, target, event).finally(() => deliveries.delete(delivery))
        deliveries.add(delivery)
      }
  }

  function accept(entry: PutEventsRequestEntry): PutEventsResultEntry {
    const bus = (entry.EventBusName ?? 'default').replace(/^arn:.*:event-bus\//, '')
    const problem =
      invalidEntry(entry) ?? (buses.has(bus) ? undefined : unusable('EventBusName', `${bus} does not exist`))
    if (problem) return problem
    const event = toEvent(entry, region, account)
    events.push({ bus, event })
    setImmediate(() => {
      for (const listener of listeners) listener(event, bus)
      if (!stopping.signal.aborted) route(bus, event)
    })
    return { EventId: event.id }
  }

  function putEvents(entries: PutEventsRequestEntry[]) {
    if (!Array.isArray(entries) || entries.length < 1 || entries.length > 10)
      throw new AwsError('ValidationException', "'entries' must have a length between 1 and 10")
    if (entries.reduce((size, entry) => size + sizeOfEntry(entry), 0) > MAX_BYTES)
      throw new AwsError('ValidationException', 'Total size of the entries in the request is over the limit.')
    const failFirst = partialFailures > 0 && partialFailures-- > 0
    const results = entries.map((entry, index) =>
      failFirst && index === 0 ? { ErrorCode: 'ThrottlingException', ErrorMessage: 'Rate exceeded' } : accept(entry),
    )
    return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results }
  }

  const service = await startAwsJson(
    {
      PutEvents: (input: PutEventsRequest) => putEvents(input.Entries ?? []),
      DescribeEventBus: ({ Name = 'default' }: { Name?: string }) => {
        if (!buses.has(Name)) throw new AwsError('ResourceNotFoundException', `Event bus ${Name} does not exist.`)
        return { Name, Arn: `arn:aws:events:${region}:${account}:event-bus/${Name}` }
      },
    },
    served,
  )

  return {
    url: service.url,
    requests: service.requests,
    call: service.call,
    rules,
    events,
    putEvents,
    putRule({ bus = 'default', ...rule }) {
      assertSupported(rule.pattern)
      if (!buses.has(bus)) throw new Error(`event bus ${bus} does not exist`)
      rules.push({ ...rule, bus })
    },
    redeliver(eventId) {
      const known = events.find(({ event }) => event.id === eventId)
      if (!known) throw new Error(`no event ${eventId}`)
      route(known.bus, known.event)
    },
    onEvent(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    fail(kind, times = 1) {
      if (kind === 'partial') partialFailures += times
      else if (kind === 'throttle') service.fail('*', { type: 'ThrottlingException', message: 'Rate exceeded' }, times)
      else service.fail('*', kind === 'drop' ? 'drop' : { type: 'InternalException', status: 500 }, times)
    },
    async idle() {
      await new Promise((resolve) => setImmediate(resolve))
      while (deliveries.size > 0) await Promise.all(deliveries)
    },
    async close() {
      stopping.abort()
      await service.close()
    },
  }
}
