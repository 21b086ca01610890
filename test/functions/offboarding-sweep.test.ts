/** The sweep, on a ledger as killed functions leave it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { type Harness, offboardingEvent, startHarness } from '../harness.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SENDING = { offboardingId: 'hr-1', eventId: 'event-1', redrive: 0, dryRun: false }
const TARGET = { ...SENDING, operation: 'feishu-drive-unsubscribe', input: { file_token: 'a', file_type: 'docx' } }
const CHANGED = { outcome: 'changed' as const, attempts: 1, finishedAt: '2026-11-27T10:00:00.000Z' }

let harness: Harness
let ledger: typeof import('../../lib/ledger/offboardings.ts') & typeof import('../../lib/ledger/completion.ts')
beforeEach(async () => {
  harness = await startHarness()
  harness.setEnv('feishu-drive-unsubscribe')
  const [offboardings, completion] = await Promise.all([
    import('../../lib/ledger/offboardings.ts'),
    import('../../lib/ledger/completion.ts'),
  ])
  ledger = { ...offboardings, ...completion }
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
  const { handler } = await import('../../functions/offboarding-sweep.ts')
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
