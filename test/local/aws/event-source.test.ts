/** Lambda's event source mapping: batches, groups, failures. */

import { ChangeMessageVisibilityCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs'
import type { SQSEvent } from 'aws-lambda'
import { expect, test } from 'vitest'
import { type Batch, failedIds } from '../../../local/aws/event-source.ts'
import { fifo } from './clients.ts'

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
const bodies = (event: SQSEvent) => event.Records.map(({ body }) => body)

test('hands records over in the shape of AWS and keeps the order within a group', async () => {
  const { queues, QueueUrl } = await fifo()
  const seen: SQSEvent[] = []
  const entry = (id: string) => ({
    Id: id,
    MessageBody: id,
    MessageGroupId: 'g',
    MessageDeduplicationId: `dedup-${id}`,
    MessageAttributes: { kind: { DataType: 'String', StringValue: 'timeout' } },
  })
  await queues.client.send(new SendMessageBatchCommand({ QueueUrl, Entries: ['1', '2', '3'].map(entry) }))
  queues.consume('work.fifo', { invoke: async (event) => seen.push(event) })
  await until(() => seen.length === 3)
  expect(seen.map(bodies)).toEqual([['1'], ['2'], ['3']])
  expect(seen[0]?.Records[0]).toEqual({
    messageId: expect.stringMatching(/^[\w-]{36}$/),
    receiptHandle: expect.any(String),
    body: '1',
    attributes: {
      ApproximateReceiveCount: '1',
      ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
      SentTimestamp: expect.stringMatching(/^\d{13}$/),
      SenderId: expect.any(String),
      MessageGroupId: 'g',
      MessageDeduplicationId: 'dedup-1',
      SequenceNumber: expect.stringMatching(/^\d{20}$/),
    },
    messageAttributes: {
      kind: { dataType: 'String', stringValue: 'timeout', stringListValues: [], binaryListValues: [] },
    },
    md5OfBody: 'c4ca4238a0b923820dcc509a6f75849b',
    md5OfMessageAttributes: expect.any(String),
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:ap-southeast-1:000000000000:work.fifo',
    awsRegion: 'ap-southeast-1',
  })
  await expect.poll(async () => (await queues.counts('work.fifo')).total).toBe(0)
})

test('one group never has two invocations, other groups go on', async () => {
  const { queues, send } = await fifo()
  for (const group of ['a', 'b']) for (const n of [1, 2, 3]) await send(`${group}${n}`, group)
  const active = new Set<string>()
  const overlaps: string[] = []
  let together = 0
  let done = 0
  queues.consume('work.fifo', {
    async invoke(event) {
      const group = event.Records[0]?.attributes.MessageGroupId ?? ''
      if (active.has(group)) overlaps.push(group)
      active.add(group)
      together = Math.max(together, active.size)
      await new Promise((resolve) => setTimeout(resolve, 30))
      active.delete(group)
      done++
    },
  })
  await until(() => done === 6)
  expect(overlaps).toEqual([])
  expect(together).toBe(2)
})

test('a failed message keeps the visibility the function gave it, blocks its group, and comes back at once after', async () => {
  const { queues, QueueUrl, send } = await fifo()
  const seen: { body: string; count: string; at: number }[] = []
  await send('slow', 'a')
  await send('behind', 'a')
  await send('other', 'b')
  let deferredAt = 0
  queues.consume('work.fifo', {
    reportBatchItemFailures: true,
    async invoke({ Records: [record] }) {
      if (!record) return
      seen.push({ body: record.body, count: record.attributes.ApproximateReceiveCount, at: Date.now() })
      if (record.body !== 'slow' || deferredAt) return {}
      const change = { QueueUrl, ReceiptHandle: record.receiptHandle, VisibilityTimeout: 1 }
      await queues.client.send(new ChangeMessageVisibilityCommand(change))
      deferredAt = Date.now()
      return { batchItemFailures: [{ itemIdentifier: record.messageId }] }
    },
  })
  await until(() => seen.length === 4)
  expect(seen.map(({ body, count }) => `${body} ${count}`).slice(2)).toEqual(['slow 2', 'behind 1'])
  const waited = (seen[2]?.at ?? 0) - deferredAt
  expect(waited).toBeGreaterThanOrEqual(980)
  expect(waited).toBeLessThan(1200)
})

test('deletes the successes of a batch, and moves a message that fails too often to the dead letters', async () => {
  const { queues } = await fifo()
  await queues.create('dead')
  const deadLetterTargetArn = queues.queueArn('dead')
  await queues.create('plain', { VisibilityTimeout: 0, RedrivePolicy: { deadLetterTargetArn, maxReceiveCount: 2 } })
  const QueueUrl = queues.queueUrl('plain')
  const MessageAttributes = { why: { DataType: 'String', StringValue: 'test' } }
  const Entries = ['ok', 'bad'].map((Id) => ({ Id, MessageBody: Id, MessageAttributes }))
  await queues.client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
  const batches: Batch[] = []
  queues.consume('plain', {
    reportBatchItemFailures: true,
    onBatch: (batch) => batches.push(batch),
    invoke: async ({ Records }) => ({
      batchItemFailures: Records.filter(({ body }) => body === 'bad').map((r) => ({ itemIdentifier: r.messageId })),
    }),
  })
  await expect
    .poll(() => queues.messages('dead'))
    .toMatchObject([{ body: 'bad', messageAttributes: MessageAttributes }])
  expect(batches.map(({ records }) => records.map(({ body }) => body))).toEqual([['ok', 'bad'], ['bad']])
  expect((await queues.counts('plain')).total).toBe(0)
})

test('a batch whose invocation throws stays on the queue', async () => {
  const { queues, send } = await fifo()
  await send('1')
  const batches: Batch[] = []
  const invoke = () => Promise.reject(new Error('no'))
  queues.consume('work.fifo', { invoke, onBatch: (batch) => batches.push(batch) })
  await until(() => batches.length === 1)
  expect(batches[0]).toMatchObject({ error: { message: 'no' }, failed: [expect.any(String)] })
  expect(await queues.counts('work.fifo')).toMatchObject({ inFlight: 1 })
})

test.each([
  [null, []],
  [undefined, []],
  [{}, []],
  [{ batchItemFailures: null }, []],
  [{ batchItemFailures: [] }, []],
  [{ batchItemFailures: [{ itemIdentifier: 'b' }] }, ['b']],
  [{ batchItemFailures: [{ itemIdentifier: '' }] }, ['a', 'b']],
  [{ batchItemFailures: [{ itemIdentifier: null }] }, ['a', 'b']],
  [{ batchItemFailures: [{ id: 'a' }] }, ['a', 'b']],
  [{ batchItemFailures: [{ itemIdentifier: 'unknown' }] }, ['a', 'b']],
  [{ batchItemFailures: 'a' }, ['a', 'b']],
  ['ok', ['a', 'b']],
])('an answer of %j leaves %j on the queue', (response, failed) => {
  expect(failedIds(response, ['a', 'b'])).toEqual(failed)
})
