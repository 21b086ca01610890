/** The sweep, on a ledger as killed functions leave it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { type Harness, itemOf, offboardingEvent, startHarness } from '../harness.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SENDING = { offboardingId: 'hr-1', eventId: 'event-1', redrive: 0, dryRun: false }
const TARGET = { ...SENDING, operation: 'feishu-drive-unsubscribe', input: { file_token: 'a', file_type: 'docx' } }
const CHANGED = { outcome: 'changed' as const, attempts: 1, finishedAt: '2026-11-27T10:00:00.000Z' }

let harness: Harness
type Offboardings = typeof import('../../lib/ledger/offboardings.ts')
type Targets = typeof import('../../lib/ledger/targets.ts')
type Completion = typeof import('../../lib/ledger/completion.ts')
type Sweep = typeof import('../../functions/offboarding-sweep.ts')
let ledger: Offboardings & Targets & Completion
beforeEach(async () => {
  harness = await startHarness()
  await harness.startQueues(TARGET.operation)
  harness.setEnv('feishu-drive-unsubscribe')
  ledger = {
    ...(await harness.load<Offboardings>('lib/ledger/offboardings.ts')),
    ...(await harness.load<Targets>('lib/ledger/targets.ts')),
    ...(await harness.load<Completion>('lib/ledger/completion.ts')),
  }
})
afterEach(() => harness.close())

async function plan(operations: readonly string[] = operationNames): Promise<void> {
  const at = new Date().toISOString()
  await ledger.openSending(SENDING, { source: 'hr.offboarding', sentAt: at })
  await ledger.queueTargets([TARGET], at)
  for (const operation of operations) await ledger.recordPlanned(SENDING, operation)
}

/** Runs the sweep; returns what it counted. */
async function sweep(): Promise<Record<string, unknown>> {
  harness.log.length = 0
  const { handler } = await harness.load<Sweep>('functions/offboarding-sweep.ts')
  await handler({}, { functionName: 'test-sweep', getRemainingTimeInMillis: () => 600_000 } as never)
  const [metrics] = harness.log.filter((line) => '_aws' in line)
  return { Completed: 0, VanishedTargets: 0, UnplannedSendings: 0, ...metrics }
}

const completions = () => harness.outcomes().filter(({ type }) => type === 'Subscription Offboarding Completed')

test('ends what has ended without anyone saying so', async () => {
  await plan()
  await ledger.recordOutcome(TARGET, CHANGED)
  harness.clock.pass(2 * MINUTE_MS)
  expect(await sweep()).toMatchObject({ FunctionName: 'test-sweep', Completed: 1, VanishedTargets: 0 })
  expect(completions()).toMatchObject([{ ...SENDING, counts: { changed: 1 } }])
  expect(await sweep()).toMatchObject({ Completed: 0 })
})

test('publishes a claim again that is older than a minute, by the same name, and no younger one', async () => {
  await plan()
  await ledger.recordOutcome(TARGET, CHANGED)
  harness.clock.pass(2 * MINUTE_MS)
  const claim = await ledger.completeSending(SENDING)
  expect(await sweep()).toMatchObject({ Completed: 0 })
  harness.clock.pass(2 * MINUTE_MS)
  expect(await sweep()).toMatchObject({ Completed: 1 })
  expect(completions()).toMatchObject([{ completionId: claim?.completionId }])
})

test('leaves what is open, and counts what an operation has not planned within an hour', async () => {
  await plan(operationNames.slice(1))
  harness.clock.pass(30 * MINUTE_MS)
  expect(await sweep()).toMatchObject({ UnplannedSendings: 0 })
  harness.clock.pass(HOUR_MS)
  expect(await sweep()).toMatchObject({ UnplannedSendings: 1, Completed: 0, VanishedTargets: 0 })
  expect(harness.outcomes()).toEqual([])
})

test('parks a target whose message SQS has deleted, and ends its sending', async () => {
  await plan()
  harness.clock.pass(14 * 24 * HOUR_MS + MINUTE_MS)
  expect(await sweep()).toMatchObject({ VanishedTargets: 1, Completed: 1 })
  expect(harness.outcomes()).toMatchObject([
    { outcome: 'parked', kind: 'internal', hint: expect.stringContaining('Send the offboarding event again') },
    { counts: { parked: 1 } },
  ])
  expect(await harness.deadLetters()).toEqual([])
})

/** Puts a message into a stranded queue, as SQS does after 1,000 deliveries. */
async function strand(body: string, queue = 'stranded.fifo'): Promise<void> {
  const { call, queueUrl } = await harness.startQueues(TARGET.operation)
  const fifo = { MessageGroupId: 'feishu:default', MessageDeduplicationId: body.slice(0, 100) }
  const QueueUrl = queueUrl(queue)
  await call('SendMessage', { QueueUrl, MessageBody: body, ...(queue.endsWith('.fifo') && fifo) })
}
const stranded = async () => {
  const { messages } = await harness.startQueues(TARGET.operation)
  return (await Promise.all(['stranded.fifo', 'stranded'].map(messages))).flat()
}
const ITEM = itemOf(TARGET.operation, TARGET.input)

test.each(['stranded.fifo', 'stranded'])(
  'parks what SQS gave up (%s), with a letter that can be redriven',
  async (queue) => {
    await plan()
    await strand(ITEM, queue)
    expect(await sweep()).toMatchObject({ VanishedTargets: 0 })
    expect(harness.outcomes()).toMatchObject([
      { ...TARGET_NAMES, outcome: 'parked', kind: 'internal', hint: expect.stringContaining('redrive') },
      { counts: { parked: 1 } },
    ])
    expect(await harness.deadLetters()).toMatchObject([
      { body: ITEM, messageAttributes: { kind: { StringValue: 'internal' }, hint: { StringValue: STRANDED_HINT } } },
    ])
    expect(harness.log.filter(({ message }) => message === 'parked')).toMatchObject([
      { ...TARGET_NAMES, kind: 'internal' },
    ])
    expect(await stranded()).toEqual([])
  },
)

const { redrive: _, dryRun: __, ...TARGET_NAMES } = TARGET
const STRANDED_HINT = expect.stringContaining("Check the function's log")

test.each(['EventBridge', 'the dead-letter queue'])(
  'parks it with the next sweep when %s was silent',
  async (service) => {
    await plan()
    await strand(ITEM)
    const letters = String(process.env.DEAD_LETTER_QUEUE_URL)
    if (service === 'EventBridge') harness.bus.fail('error', 3)
    else process.env.DEAD_LETTER_QUEUE_URL = `${letters}-missing`
    await sweep()
    const firstSweptMs = Date.now()
    expect(harness.log).toContainEqual(expect.objectContaining({ message: 'failed', operation: 'offboarding-sweep' }))
    expect(await harness.deadLetters()).toEqual([])
    expect(await stranded()).toHaveLength(1)

    process.env.DEAD_LETTER_QUEUE_URL = letters
    harness.clock.pass(10 * MINUTE_MS)
    await sweep()
    const announced = harness.outcomes().filter(({ outcome }) => outcome === 'parked')
    expect(announced).toMatchObject([TARGET_NAMES])
    // It was parked once, by the first sweep.
    expect(Date.parse(String(announced[0]?.finishedAt))).toBeLessThanOrEqual(firstSweptMs)
    expect(await harness.deadLetters()).toHaveLength(1)
    expect(await stranded()).toEqual([])
  },
)

test('gives no letter for an item that was done after all, but announces it', async () => {
  await plan()
  await ledger.recordOutcome(TARGET, CHANGED)
  await strand(ITEM)
  await sweep()
  expect(harness.outcomes()).toMatchObject([{ ...TARGET_NAMES, outcome: 'changed' }, { counts: { changed: 1 } }])
  expect(await harness.deadLetters()).toEqual([])
  expect(await stranded()).toEqual([])
})

test('keeps the reason of an item that was parked already, and announces it no second time', async () => {
  await plan()
  await ledger.recordOutcome(TARGET, { ...CHANGED, outcome: 'parked', kind: 'forbidden', hint: 'Share it.' })
  await ledger.recordAnnounced(TARGET)
  await strand(ITEM)
  await sweep()
  expect(harness.outcomes().filter(({ outcome }) => outcome === 'parked')).toEqual([])
  expect(await harness.deadLetters()).toMatchObject([
    { messageAttributes: { kind: { StringValue: 'forbidden' }, hint: { StringValue: 'Share it.' } } },
  ])
})

test('passes on what it cannot read as it is', async () => {
  const long = JSON.stringify(offboardingEvent({ offboardingId: 'hr-1', note: 'x'.repeat(1_048_300) }))
  for (const body of ['no item', long]) await strand(body, 'stranded')
  await sweep()
  const letters = await harness.deadLetters()
  expect(letters.map(({ body }) => body)).toEqual(
    expect.arrayContaining(['no item', expect.stringMatching(/"id":"event-1".*"detail":null/)]),
  )
  expect(letters).toHaveLength(2)
  expect(letters[0]).toMatchObject({ messageAttributes: { kind: { StringValue: 'internal' } } })
  expect(harness.outcomes()).toEqual([])
  expect(await stranded()).toEqual([])
})

test('leaves no letter of a dry run', async () => {
  await strand(ITEM.replace('"dryRun":false', '"dryRun":true'))
  await sweep()
  expect(harness.outcomes()).toMatchObject([{ outcome: 'planned', expected: 'unchecked', kind: 'internal' }])
  expect(await harness.deadLetters()).toEqual([])
})

test('measures by operation how long the oldest open target has waited', async () => {
  await plan()
  const later = { ...TARGET, operation: 'feishu-approval-unsubscribe', input: { approval_code: 'A' } }
  harness.clock.pass(5 * MINUTE_MS)
  const at = new Date().toISOString()
  await ledger.queueTargets([{ ...TARGET, input: { file_token: 'b' } }, later], at)
  harness.clock.pass(2 * MINUTE_MS)
  await sweep()
  const metrics = harness.log.filter((line) => 'OldestWaitingSeconds' in line)
  expect(metrics).toMatchObject([
    { FunctionName: 'test-sweep', Operation: 'feishu-approval-unsubscribe', OldestWaitingSeconds: 120 },
    { FunctionName: 'test-sweep', Operation: 'feishu-drive-unsubscribe', OldestWaitingSeconds: 420 },
  ])
  for (const { _aws } of metrics)
    expect(_aws).toMatchObject({
      CloudWatchMetrics: [
        {
          Namespace: 'SubscriptionOffboarding',
          Dimensions: [['FunctionName', 'Operation']],
          Metrics: [{ Name: 'OldestWaitingSeconds', Unit: 'Seconds' }],
        },
      ],
    })

  await ledger.recordOutcome(later, CHANGED)
  await sweep()
  expect(harness.log.filter((line) => 'OldestWaitingSeconds' in line)).toHaveLength(1)
})

test('goes on with the others when one fails', async () => {
  await plan()
  await ledger.recordOutcome(TARGET, CHANGED)
  harness.clock.pass(2 * MINUTE_MS)
  harness.bus.fail('error', 3)
  expect(await sweep()).toMatchObject({ Completed: 0 })
  expect(harness.log).toContainEqual(expect.objectContaining({ message: 'failed', operation: 'offboarding-sweep' }))
  harness.clock.pass(2 * MINUTE_MS)
  expect(await sweep()).toMatchObject({ Completed: 1 })
})

test('gives up nothing that was queued when an old event was replayed', async () => {
  const event = offboardingEvent({ offboardingId: 'hr-1', feishu: { approvalCodes: ['A'] } })
  const time = new Date(Date.now() - 20 * 24 * HOUR_MS).toISOString()
  await harness.invoke('feishu-approval-unsubscribe', { ...event, time })
  expect(await sweep()).toMatchObject({ VanishedTargets: 0 })
  expect(harness.outcomes()).toEqual([])
})

test('finds what an event began that its sender dated tomorrow', async () => {
  const at = new Date(Date.now() + 24 * HOUR_MS).toISOString()
  await ledger.openSending(SENDING, { source: 'hr.offboarding', sentAt: at })
  for (const operation of operationNames) await ledger.recordPlanned(SENDING, operation)
  harness.clock.pass(2 * MINUTE_MS)
  expect(await sweep()).toMatchObject({ Completed: 1 })
})

test('measures how long the oldest leaver has waited to be found', async () => {
  const { openLeaving } = await harness.load<typeof import('../../lib/ledger/leavings.ts')>('lib/ledger/leavings.ts')
  const name = { offboardingId: 'hr-2', eventId: 'leaving-1', dryRun: false }
  await openLeaving(name, { source: 'hr.offboarding', sentAt: new Date().toISOString() })
  harness.clock.pass(3 * MINUTE_MS)
  await sweep()
  expect(harness.log.filter((line) => 'OldestWaitingSeconds' in line)).toMatchObject([
    { Operation: 'offboarding-resolution', OldestWaitingSeconds: 180 },
  ])
})
