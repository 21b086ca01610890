/** The simulation's FIFO queue beside the emulator's: what both are asked, both must answer alike. */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type Queues, startQueues } from '../../../local/aws/queues.ts'
import { FifoQueue } from '../../../local/simulation/fifo.ts'
import { seedOf } from '../../seed.ts'

const START_MS = Date.parse('2026-11-23T01:00:00Z')
const VISIBILITY_SECONDS = 180

let queues: Queues
beforeAll(async () => {
  queues = await startQueues()
})
afterAll(() => queues.close())
afterEach(() => vi.useRealTimers())

// The emulator hands over one message of a group at a time, SQS and the simulation ten. They can be compared where a group
// has one message at most; its order within a group is asserted apart.
const step = fc.oneof(
  fc.record({ do: fc.constant('send' as const), group: fc.nat(1), id: fc.nat(1) }),
  fc.record({ do: fc.constant('receive' as const) }),
  fc.record({ do: fc.constant('delete' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('defer' as const), pick: fc.nat(), seconds: fc.constantFrom(0, 58, 240) }),
  // Around the visibilities and the five minutes of deduplication.
  fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 57, 59, 119, 179, 181, 239, 301) }),
)

test('deduplicates, hides and hands over as the emulator does', async () => {
  let queueNumber = 0
  let compared = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
      vi.useFakeTimers({ toFake: ['Date'], now: START_MS })
      const name = `compared-${queueNumber++}.fifo`
      await queues.create(name, { FifoQueue: true, VisibilityTimeout: VISIBILITY_SECONDS })
      const QueueUrl = queues.queueUrl(name)
      const model = new FifoQueue({ now: Date.now, visibilityMs: VISIBILITY_SECONDS * 1_000 })
      const waiting = new Map<string, { emulated?: string; modelled?: string }>()

      for (const it of steps) {
        const held = [...waiting].filter(([, { emulated }]) => emulated)
        if (it.do === 'wait') vi.setSystemTime(Date.now() + it.seconds * 1_000)
        else if (it.do === 'send') {
          const group = `group-${it.group}`
          if (waiting.has(group)) continue
          const before = (await queues.counts(name)).total
          const MessageDeduplicationId = `${group} ${it.id}`
          await queues.client.send(
            new SendMessageCommand({ QueueUrl, MessageBody: group, MessageGroupId: group, MessageDeduplicationId }),
          )
          const isTaken = (await queues.counts(name)).total > before
          expect(model.send(group, MessageDeduplicationId, group)).toBe(isTaken)
          if (isTaken) waiting.set(group, {})
        } else if (it.do === 'receive') {
          const { Messages = [] } = await queues.client.send(
            new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'] }),
          )
          const available = [...model.groups.keys()].filter((group) => (model.availableAtMs(group) ?? 0) <= Date.now())
          const received = available.flatMap((group) => model.receive(group))
          const told = Messages.map(({ Body, Attributes }) => [
            Body,
            Number(Attributes?.ApproximateReceiveCount),
            Number(Attributes?.ApproximateFirstReceiveTimestamp),
            Number(Attributes?.SentTimestamp),
          ])
          const expected = received.map(({ body, receives, firstReceivedAtMs, sentAtMs }) => [
            body,
            receives,
            firstReceivedAtMs,
            sentAtMs,
          ])
          expect(told.sort()).toEqual(expected.sort())
          compared += told.length
          for (const { Body = '', ReceiptHandle = '' } of Messages)
            waiting.set(Body, {
              emulated: ReceiptHandle,
              modelled: received.find(({ group }) => group === Body)?.receipt ?? '',
            })
        } else if (held.length > 0) {
          const [group, { emulated: ReceiptHandle, modelled = '' }] = held[it.pick % held.length] ?? ['', {}]
          // A receipt ends with its visibility: what is asked with it then, SQS refuses.
          if ((model.availableAtMs(group) ?? 0) <= Date.now()) continue
          if (it.do === 'delete') {
            await queues.client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
            model.delete(new Set([modelled]))
            waiting.delete(group)
          } else {
            await queues.client.send(
              new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: it.seconds }),
            )
            model.setVisibility(modelled, it.seconds)
          }
        }
      }
      expect([...model.groups.values()].flat()).toHaveLength((await queues.counts(name)).total)
    }),
    { seed: seedOf(), numRuns: 80 },
  )
  expect(compared).toBeGreaterThan(100)
})
