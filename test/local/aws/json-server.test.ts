/** Who may call the services on this machine. */

import { expect, onTestFinished, test } from 'vitest'
import { startDynamoDb } from '../../../local/aws/dynamodb.ts'
import { startEventBus } from '../../../local/aws/event-bus.ts'
import { startQueues } from '../../../local/aws/queues.ts'
import { startSecretsManager } from '../../../local/aws/secrets-manager.ts'
import { statusOf } from './clients.ts'

test.each([
  ['secrets', startSecretsManager],
  ['table', () => startDynamoDb({ tables: [] })],
  ['bus', startEventBus],
  ['queues', startQueues],
])('the emulated %s do not answer a page of another site', async (_, start) => {
  const service = await start()
  onTestFinished(() => service.close())
  const { host } = new URL(service.url)
  expect(await statusOf(service.url, { host: 'evil.example' })).toBe(403)
  expect(await statusOf(service.url, { host, origin: 'http://evil.example' })).toBe(403)
  expect(await statusOf(service.url, { host })).not.toBe(403)
})
