/** The event sources of the simulation: what a function is invoked with, when, and how often at once. */
import type { SQSRecord } from 'aws-lambda'
import { expect, test } from 'vitest'
import { Clock } from '../../../local/simulation/clock.ts'
import type { Faults } from '../../../local/simulation/conditions.ts'
import { STRANDED_QUEUE_URLS, startSqs } from '../../../local/simulation/sqs.ts'

const RETRY = 'unsubscribe-retry'
const WORK = 'unsubscribe.fifo'

type Invocation = { atMs: number; records: SQSRecord[] }
type Work = (invocation: Invocation, sqs: ReturnType<typeof startSqs>) => Promise<string[] | undefined>

/** Starts SQS with a function that takes a second for `work`, which names what has failed. `finish` returns its invocations. */
function start(work: Work = async () => [], faults: Faults = {}) {
  const clock = new Clock(0)
  const invocations: Invocation[] = []
  const running = new Set<Promise<void>>()
  let active = 0
  const most = { active: 0 }
  const sqs = startSqs({
    operations: ['unsubscribe'],
    clock,
    visibilityMs: 180_000,
    windowMs: 5_000,
    faults,
    random: () => 0.5,
    poll: () => clock.sleep(20),
    async invoke(_, { Records }) {
      const invocation = { atMs: clock.nowMs, records: Records }
      invocations.push(invocation)
      most.active = Math.max(most.active, ++active)
      await clock.sleep(1_000)
      active--
      const failed = await work(invocation, sqs)
      return { batchItemFailures: failed?.map((itemIdentifier) => ({ itemIdentifier })) }
    },
    async whileRunning(run) {
      const ended = run().finally(() => running.delete(ended))
      running.add(ended)
    },
    onRequest: () => {},
  })
  const request = (operation: string, input: object) => sqs.apis[operation]?.(input as never, false)
  const send = (QueueUrl: string, entries: object[]) =>
    request('SendMessageBatch', { QueueUrl, Entries: entries.map((entry, index) => ({ Id: String(index), ...entry })) })
  const finish = async () => {
    const all = async () => {
      while (running.size > 0) await Promise.all(running)
    }
    await clock.run(all())
    return invocations
  }
  return { sqs, send, request, finish, clock, most }
}
const bodies = ({ records }: Invocation) => records.map(({ body }) => body).join()

test('messages of the second queue have its ARN and no group, those of the first have both', async () => {
  const { send, finish } = start()
  send(RETRY, [{ MessageBody: 'again', DelaySeconds: 60 }])
  send(WORK, [{ MessageBody: 'new', MessageGroupId: 'bucket', MessageDeduplicationId: 'id' }])
  const seen = (await finish()).map(({ atMs, records }) => [
    atMs,
    records.map(({ body, eventSourceARN, attributes }) => [body, eventSourceARN, attributes.MessageGroupId]),
  ])
  expect(seen).toEqual([
    [20, [['new', 'arn:aws:sqs:simulated:000000000000:unsubscribe.fifo', 'bucket']]],
    [65_020, [['again', 'arn:aws:sqs:simulated:000000000000:unsubscribe-retry', undefined]]],
  ])
})

test('the second queue has ten messages to a batch and five invocations at once', async () => {
  const { send, finish, most } = start()
  for (let batch = 0; batch < 12; batch++) send(RETRY, Array(10).fill({ MessageBody: 'again' }))
  const sizes = (await finish()).map(({ records }) => records.length)
  expect(sizes).toEqual(Array(12).fill(10))
  expect(most.active).toBe(5)
})

test('a failed message of the second queue comes back by its own visibility, past others, with what comes within five seconds; none is lost by a killed function', async () => {
  const { send, request, finish, sqs } = start(async ({ atMs, records }) => {
    if (atMs > 6_000) return []
    if (records.some(({ body }) => body === 'kills')) throw new Error('killed')
    const [first] = records
    const entry = { Id: '0', ReceiptHandle: first?.receiptHandle, VisibilityTimeout: 30 }
    request('ChangeMessageVisibilityBatch', { QueueUrl: RETRY, Entries: [entry] })
    return [first?.messageId ?? '']
  })
  send(RETRY, [{ MessageBody: 'a' }, { MessageBody: 'b' }, { MessageBody: 'c', DelaySeconds: 20 }])
  const ended = await finish()
  expect(ended.map((one) => [one.atMs, bodies(one)])).toEqual([
    [5_020, 'a,b'],
    [25_020, 'c'],
    [41_040, 'a'],
  ])
  const other = start(async ({ atMs }) => {
    if (atMs < 6_000) throw new Error('killed')
    return []
  })
  other.send(RETRY, [{ MessageBody: 'kills' }])
  expect((await other.finish()).map(({ atMs }) => atMs)).toEqual([5_020, 190_040])
  expect([sqs, other.sqs].map(({ retries }) => retries.get('unsubscribe')?.size)).toEqual([0, 0])
})

test('of a group of the first queue there is one invocation at a time, and a wait of its head holds it back', async () => {
  const { send, request, finish, most } = start(async ({ atMs, records }) => {
    if (atMs > 100) return []
    const Entries = records.map(({ receiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: index === 1 ? 60 : 0,
    }))
    request('ChangeMessageVisibilityBatch', { QueueUrl: WORK, Entries })
    return records.map(({ messageId }) => messageId)
  })
  send(
    WORK,
    ['0', '1', '2'].map((body) => ({ MessageBody: body, MessageGroupId: 'bucket', MessageDeduplicationId: body })),
  )
  expect((await finish()).map((one) => [one.atMs, bodies(one)])).toEqual([
    [20, '0,1,2'],
    [1_040, '0'],
    [61_040, '1,2'],
  ])
  expect(most.active).toBe(1)
})

test('what SQS moves away waits for the sweep in queues of their own', async () => {
  const { send, request, finish, sqs } = start(async ({ records }) => {
    const [record] = records
    const QueueUrl = record?.eventSourceARN.split(':').at(-1)
    const entry = { Id: '0', ReceiptHandle: record?.receiptHandle, VisibilityTimeout: 0 }
    request('ChangeMessageVisibilityBatch', { QueueUrl, Entries: [entry] })
    return [record?.messageId ?? '']
  })
  send(RETRY, [{ MessageBody: 'again' }])
  send(WORK, [{ MessageBody: 'new', MessageGroupId: 'bucket', MessageDeduplicationId: 'id' }])
  expect(await finish()).toHaveLength(2_000)
  expect(sqs.stranded.map(({ queue, message }) => [queue, message.body]).sort()).toEqual([
    [RETRY, 'again'],
    [WORK, 'new'],
  ])
  const received = STRANDED_QUEUE_URLS.split(',').map((QueueUrl) => {
    const { Messages } = request('ReceiveMessage', { QueueUrl }) as {
      Messages: { Body: string; ReceiptHandle: string }[]
    }
    for (const { ReceiptHandle } of Messages) request('DeleteMessage', { QueueUrl, ReceiptHandle })
    return Messages.map(({ Body }) => Body)
  })
  expect(received).toEqual([['new'], ['again']])
  expect([sqs.strandedWork.size, sqs.strandedRetries.size]).toEqual([0, 0])
})
