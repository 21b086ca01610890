/** How an operator's command reaches the local stack, as `npm start` says. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { GetQueueAttributesCommand, GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs'
import { expect, onTestFinished, test } from 'vitest'
import { processIo } from '../../../cli/io.ts'
import { connect } from '../../../cli/stack/connection.ts'
import { useLedger } from '../../../cli/stack/ledger.ts'
import { operationNames } from '../../../infra/operations.ts'
import { readRecords } from '../../../lib/ledger/records.ts'
import { startLocalStack } from '../operator.ts'

test('the stack of "npm start --no-event" is reached with the ordinary clients', async () => {
  const { local, stop } = await startLocalStack('--no-event')
  onTestFinished(stop)
  const connection = await connect(processIo(), { local })
  const { names, settings, isLocal, speed, variables } = connection
  expect(names).toMatchObject({
    bus: 'subscription-offboarding-local',
    source: 'hr.offboarding',
    deadLetterQueue: 'local-dead-letter.fifo',
    undeliveredEventsQueue: 'local-undelivered-events',
  })
  expect(Object.keys(names.operations)).toHaveLength(operationNames.length)
  expect(names.operations['feishu-drive-unsubscribe']).toEqual({
    functionName: 'local-feishu-drive-unsubscribe',
    queue: 'local-feishu-drive-unsubscribe.fifo',
  })
  expect([isLocal, speed, variables.FEISHU_BASE_URL]).toEqual([
    true,
    1_000,
    expect.stringContaining('http://127.0.0.1:'),
  ])

  const sqs = new SQSClient(settings('sqs'))
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: names.deadLetterQueue }))
  await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
  const Detail = JSON.stringify({
    offboardingId: 'o-1',
    feishu: { approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'] },
  })
  const entry = { EventBusName: names.bus, Source: names.source, DetailType: 'User Offboarding', Detail }
  await new EventBridgeClient(settings('eventbridge')).send(new PutEventsCommand({ Entries: [entry] }))

  useLedger(connection)
  for (;;) {
    const { sendings, history } = await readRecords('o-1')
    if (!sendings[0]?.completedAt) continue
    expect(history).toMatchObject([{ operation: 'feishu-approval-unsubscribe', outcome: { outcome: 'changed' } }])
    expect(sendings).toMatchObject([{ source: 'hr.offboarding' }])
    break
  }
})
