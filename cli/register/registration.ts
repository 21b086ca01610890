/** A registration as an operator gives it, and how it is checked and sent. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { Option } from 'commander'
import { loadOperations } from '../../infra/operations.ts'
import { batchesOf, sendBatchWithRetry } from '../../lib/aws/batch.ts'
import { type ENDED, type Ending, type REGISTERED, registrationOf, type Subscriber } from '../../lib/register-event.ts'
import { type FieldIssue, issuesOf } from '../../lib/schema.ts'
import { failed, UsageError, vendorId } from '../command.ts'
import type { Connection } from '../stack/connection.ts'

export type PersonOptions = { openId?: string; unionId?: string }

/** The options that name a person, of which one is needed. */
export const personOptions = () => [
  new Option('--open-id <open-id>', 'the person at Feishu or Lark').argParser(vendorId).conflicts('unionId'),
  new Option('--union-id <union-id>', 'the person at DingTalk').argParser(vendorId),
]

/** The person that the options name. */
export function readPerson({ openId, unionId }: PersonOptions): Subscriber {
  if (openId !== undefined) return { feishu: { openId } }
  if (unionId !== undefined) return { dingtalk: { unionId } }
  throw new UsageError('name the person: --open-id OPEN_ID, or --union-id UNION_ID')
}

/** The operations whose inputs can be registered: those that end a subscription. */
export const loadEnding = async (): Promise<Ending[]> =>
  (await loadOperations()).map(({ operation }) => operation).filter(({ starts }) => !starts)

/** What is wrong with a registration, field by field. */
export const findIssues = (operations: Ending[], detail: { operation: unknown }): FieldIssue[] =>
  issuesOf(registrationOf(operations, detail.operation), detail)

/**
 * Puts one event for each detail on the stack's bus, in batches, calling `onSent` after each. Throws `CommandError` or, for events that
 * the bus refuses to the end, `OperationError`.
 */
export async function sendRegistrations(
  { names, settings }: Connection,
  type: typeof REGISTERED | typeof ENDED,
  details: object[],
  onSent: (count: number) => void = () => {},
): Promise<void> {
  const client = new EventBridgeClient(settings('eventbridge'))
  for (const batch of batchesOf(details)) {
    await sendBatchWithRetry(batch, async (left) => {
      const Entries = left.map((detail) => ({
        EventBusName: names.bus,
        Source: names.source,
        DetailType: type,
        Detail: JSON.stringify(detail),
      }))
      const { Entries: results = [] } = await client
        .send(new PutEventsCommand({ Entries }))
        .catch(failed('events:PutEvents', names.bus))
      return left.flatMap((_, index) => (results[index]?.EventId ? [] : [index]))
    })
    onSent(batch.length)
  }
}
