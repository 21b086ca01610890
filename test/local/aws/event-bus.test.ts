/** EventBridge: rules, entries, faults and retries. */

import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { expect, onTestFinished, test } from 'vitest'
import { type EventBusOptions, startEventBus, type Undelivered } from '../../../local/aws/event-bus.ts'
import type { BusEvent } from '../../../local/aws/put-events-entry.ts'
import { sdk } from './clients.ts'

async function eventBus(options: EventBusOptions = {}) {
  const bus = await startEventBus({ buses: ['hr'], retryDelaysMs: [1], ...options })
  const client = new EventBridgeClient({ ...sdk, endpoint: bus.url })
  onTestFinished(async () => {
    client.destroy()
    await bus.close()
  })
  const put = (...Entries: ConstructorParameters<typeof PutEventsCommand>[0]['Entries'] & object) =>
    client.send(new PutEventsCommand({ Entries }))
  return { bus, put }
}
const offboarding = {
  EventBusName: 'hr',
  Source: 'hr',
  DetailType: 'User Offboarding',
  Detail: '{"a":{"b":["x","y"]}}',
}

test('delivers an envelope to the rules that match, on their bus only', async () => {
  const { bus, put } = await eventBus()
  const seen: [string, BusEvent][] = []
  const rule = (name: string, pattern: object, busName = 'hr') =>
    bus.putRule({
      name,
      bus: busName,
      pattern: pattern as never,
      targets: [{ id: 't', invoke: async (event) => seen.push([name, event]) }],
    })
  rule('match', { source: ['hr', 'test'], 'detail-type': ['User Offboarding'], detail: { a: { b: ['y'] } } })
  rule('other value', { detail: { a: { b: ['z'] } } })
  rule('no such field', { detail: { c: ['x'] } })
  rule('other bus', { source: ['hr'] }, 'default')
  const { Entries = [] } = await put({ ...offboarding, Time: new Date('2026-01-02T03:04:05.678Z') })
  await bus.idle()
  expect(seen).toEqual([
    [
      'match',
      {
        version: '0',
        id: Entries[0]?.EventId,
        'detail-type': 'User Offboarding',
        source: 'hr',
        account: '000000000000',
        time: '2026-01-02T03:04:05Z',
        region: 'ap-southeast-1',
        resources: [],
        detail: { a: { b: ['x', 'y'] } },
      },
    ],
  ])
  bus.redeliver(Entries[0]?.EventId ?? '')
  await bus.idle()
  expect(seen[1]).toEqual(seen[0])
})

test.each([{ detail: { a: [{ prefix: 'x' }] } }, { $or: [{ source: ['a'] }] }, { source: 'a' }, { source: [] }])(
  'refuses a pattern it cannot evaluate: %j',
  async (pattern) => {
    const { bus } = await eventBus()
    expect(() => bus.putRule({ name: 'r', pattern: pattern as never, targets: [] })).toThrow(/not supported/)
  },
)

test('answers per entry, and refuses more than ten', async () => {
  const { put } = await eventBus()
  const result = await put(
    offboarding,
    { ...offboarding, Source: undefined },
    { ...offboarding, DetailType: undefined },
    { ...offboarding, Detail: '[1]' },
    { ...offboarding, Detail: 'no' },
    { ...offboarding, Source: 'aws.ec2' },
  )
  expect(result.FailedEntryCount).toBe(5)
  expect(result.Entries?.map(({ ErrorCode }) => ErrorCode)).toEqual([
    undefined,
    'InvalidArgument',
    'InvalidArgument',
    'MalformedDetail',
    'MalformedDetail',
    'NotAuthorizedForSource',
  ])
  await expect(put(...Array(11).fill(offboarding))).rejects.toMatchObject({ name: 'ValidationException' })
})

test('fails on demand: throttled, partial, broken', async () => {
  const { bus, put } = await eventBus()
  bus.fail('throttle')
  await expect(put(offboarding)).rejects.toMatchObject({ name: 'ThrottlingException' })
  bus.fail('error')
  await expect(put(offboarding)).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
  bus.fail('partial')
  expect((await put(offboarding, offboarding)).FailedEntryCount).toBe(1)
  expect((await put(offboarding)).FailedEntryCount).toBe(0)
  expect(bus.events).toHaveLength(2)
})

test('retries a target twice, then hands the event over', async () => {
  const failures: Undelivered[] = []
  const { bus, put } = await eventBus({ onFailure: (failure) => failures.push(failure) })
  let calls = 0
  const invoke = async () => {
    calls++
    throw new Error('no')
  }
  bus.putRule({ name: 'r', bus: 'hr', pattern: { source: ['hr'] }, targets: [{ id: 't', invoke }] })
  await put(offboarding)
  await bus.idle()
  expect(calls).toBe(3)
  expect(failures).toMatchObject([{ attempts: 3, event: { source: 'hr' }, target: { id: 't' } }])
})

test('takes entries of 1 MB together, and refuses the whole request beyond', async () => {
  const { bus, put } = await eventBus()
  const sized = (bytes: number) => {
    const around = offboarding.Source.length + offboarding.DetailType.length + '{"a":""}'.length
    return { ...offboarding, Detail: `{"a":"${'x'.repeat(bytes - around)}"}` }
  }
  expect((await put(sized(524_288), sized(524_288))).FailedEntryCount).toBe(0)
  await expect(put(sized(524_288), sized(524_289))).rejects.toMatchObject({ name: 'ValidationException' })
  await expect(put({ ...sized(1_048_576), Time: new Date() })).rejects.toMatchObject({ name: 'ValidationException' })
  expect(bus.events).toHaveLength(2)
})
