/** What the tests of the local AWS share: clients, a queue, and a request with exactly the headers wanted. */

import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { onTestFinished } from 'vitest'
import { startQueues } from '../../../local/aws/queues.ts'

export const sdk = {
  region: 'ap-southeast-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  maxAttempts: 1,
}

/** A FIFO queue `work.fifo` for the test that asks, and how to send to it. */
export async function fifo(properties: Record<string, unknown> = {}) {
  const queues = await startQueues()
  onTestFinished(() => queues.close())
  await queues.create('work.fifo', { FifoQueue: true, VisibilityTimeout: 30, ...properties })
  const QueueUrl = queues.queueUrl('work.fifo')
  const send = (MessageBody: string, MessageGroupId = 'g', MessageDeduplicationId: string = randomUUID()) =>
    queues.client.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId }))
  return { queues, QueueUrl, send }
}

/** The status of a POST with exactly these headers, which `fetch` would not send. */
export const statusOf = (url: string, headers: Record<string, string | undefined>) =>
  new Promise<number | undefined>((resolve, reject) => {
    const given = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
    const sent = request(url, { method: 'POST', headers: given as Record<string, string> }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.once('error', reject).end()
  })
