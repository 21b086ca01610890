/** Lambda's event source mapping: batches, groups, failures. */

import { ChangeMessageVisibilityCommand, GetQueueAttributesCommand, SendMessageBatchCommand } from '@aws-sdk/client-sqs'
import { expect, test } from 'vitest'
import { type Batch, failedIds } from '../../../local/aws/event-source.ts'
import type { Queues } from '../../../local/aws/queues.ts'
import { until } from '../../clock.ts'
import { fifo } from './clients.ts'

type Consumed = {
  batches: Batch[] /** Resolves when so many batches have ended. */
  ended(count: number): Promise<void>
}

/** Consumes a queue and keeps the batches. */
function consume(queues: Queues, name: string, options: Parameters<Queues['consume']>[1]): Consumed {
  const batches: Batch[] = []
  const waiting = new Map<number, () => void>()
  queues.consume(name, {
    ...options,
    onBatch(batch) {
      batches.push(batch)
      waiting.get(batches.length)?.()
    },
  })
  const ended = (count: number) =>
    new Promise<void>((resolve) => {
      waiting.set(count, resolve)
      if (batches.length >= count) resolve()
    })
  return { batches, ended }
}
const bodiesOf = ({ records }: Batch) => records.map(({ body }) => body)

test('hands records over in the shape of AWS and keeps the order within a group', async () => {
  const { queues, QueueUrl } = await fifo()
  const entry = (id: string) => ({
    Id: id,
    MessageBody: id,
    MessageGroupId: 'g',
    MessageDeduplicationId: `dedup-${id}`,
    MessageAttributes: { kind: { DataType: 'String', StringValue: 'timeout' } },
  })
  await queues.client.send(new SendMessageBatchCommand({ QueueUrl, Entries: ['1', '2', '3'].map(entry) }))
  const { batches, ended } = consume(queues, 'work.fifo', { invoke: async () => undefined })
  await ended(3)
  expect(batches.map(bodiesOf)).toEqual([['1'], ['2'], ['3']])
  expect(batches[0]?.records[0]).toEqual({
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
  expect((await queues.counts('work.fifo')).total).toBe(0)
})

test('one group never has two invocations, other groups go on', async () => {
  const { queues, send } = await fifo()
  for (const group of ['a', 'b']) for (const n of [1, 2, 3]) await send(`${group}${n}`, group)
  const active = new Set<string>()
  const overlaps: string[] = []
  const both = Promise.withResolvers<void>()
  const { ended } = consume(queues, 'work.fifo', {
    async invoke(event) {
      const group = event.Records[0]?.attributes.MessageGroupId ?? ''
      if (active.has(group)) overlaps.push(group)
      active.add(group)
      if (active.size === 2) both.resolve()
      await both.promise
      active.delete(group)
    },
  })
  await ended(6)
  expect(overlaps).toEqual([])
})

test('a failed message keeps the visibility the function gave it, blocks its group, and comes back at once after', async () => {
  const { queues, QueueUrl, send } = await fifo()
  await send('slow', 'a')
  await send('behind', 'a')
  await send('other', 'b')
  const show = (ReceiptHandle: string, VisibilityTimeout: number) =>
    queues.client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }))
  const visibilities = [600, 0]
  const { batches, ended } = consume(queues, 'work.fifo', {
    reportBatchItemFailures: true,
    async invoke({ Records: [record] }) {
      const visibility = record?.body === 'slow' ? visibilities.shift() : undefined
      if (!record || visibility === undefined) return {}
      await show(record.receiptHandle, visibility)
      return { batchItemFailures: [{ itemIdentifier: record.messageId }] }
    },
  })
  await ended(2)
  await send('later', 'b')
  await ended(3)
  const seen = () =>
    batches.flatMap(({ records }) =>
      records.map(({ body, attributes }) => `${body} ${attributes.ApproximateReceiveCount}`),
    )
  expect(seen().sort()).toEqual(['later 1', 'other 1', 'slow 1'])
  expect(await queues.counts('work.fifo')).toMatchObject({ inFlight: 1, visible: 1 })

  await show(batches.flatMap(({ records }) => records).find(({ body }) => body === 'slow')?.receiptHandle ?? '', 0)
  await ended(6)
  expect(seen().slice(3)).toEqual(['slow 2', 'slow 3', 'behind 1'])
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
  const { batches } = consume(queues, 'plain', {
    reportBatchItemFailures: true,
    invoke: async ({ Records }) => ({
      batchItemFailures: Records.filter(({ body }) => body === 'bad').map((r) => ({ itemIdentifier: r.messageId })),
    }),
  })
  const dead = consume(queues, 'dead', { invoke: async () => undefined })
  await dead.ended(1)
  expect(dead.batches[0]?.records).toMatchObject([
    { body: 'bad', messageAttributes: { why: { dataType: 'String', stringValue: 'test' } } },
  ])
  expect(batches.map(bodiesOf)).toEqual([['ok', 'bad'], ['bad']])
  expect((await queues.counts('plain')).total).toBe(0)
})

test('a batch whose invocation throws stays on the queue', async () => {
  const { queues, send } = await fifo()
  await send('1')
  const { batches, ended } = consume(queues, 'work.fifo', { invoke: () => Promise.reject(new Error('no')) })
  await ended(1)
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

test('runs no more batches at once than its concurrency', async () => {
  const { queues } = await fifo()
  await queues.create('retry')
  const Entries = ['1', '2', '3', '4'].map((id) => ({ Id: id, MessageBody: id }))
  await queues.client.send(new SendMessageBatchCommand({ QueueUrl: queues.queueUrl('retry'), Entries }))
  const running = new Set<() => void>()
  let most = 0
  const { ended } = consume(queues, 'retry', {
    batchSize: 1,
    concurrency: 2,
    invoke: () =>
      new Promise<void>((resolve) => {
        running.add(resolve)
        most = Math.max(most, running.size)
      }),
  })
  await until(() => running.size >= 2)
  // Time enough for a third, if one were received.
  const ask = new GetQueueAttributesCommand({ QueueUrl: queues.queueUrl('retry') })
  for (let asked = 0; asked < 20; asked++) await queues.client.send(ask)
  for (let count = 1; count <= 4; count++) {
    await until(() => running.size > 0)
    const [oldest] = running
    if (oldest) running.delete(oldest)
    oldest?.()
    await ended(count)
  }
  expect(most).toBe(2)
})
