/** SQS as the emulator and its inspection have it. */

import { ChangeMessageVisibilityCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { expect, test } from 'vitest'
import { fifo } from './clients.ts'

test('removes duplicates, blocks a group behind its head, and shows messages without receiving them', async () => {
  const { queues, QueueUrl, send } = await fifo()
  const first = await send('1', 'g', 'same')
  expect((await send('1 again', 'g', 'same')).MessageId).toBe(first.MessageId)
  await send('2')
  await send('3', 'h')
  const receive = async () => {
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 })
    return (await queues.client.send(command)).Messages ?? []
  }
  const [head] = await receive()
  expect(await receive()).toEqual([])
  expect(await queues.counts('work.fifo')).toEqual({ visible: 1, delayed: 0, inFlight: 2, total: 3 })
  const visible = { QueueUrl, ReceiptHandle: head?.ReceiptHandle, VisibilityTimeout: 0 }
  await queues.client.send(new ChangeMessageVisibilityCommand(visible))
  expect((await receive()).map(({ Body }) => Body)).toEqual(['1'])
  expect((await queues.messages('work.fifo')).map(({ body }) => body).sort()).toEqual(['1', '2', '3'])
})
