/** Puts events on a stack's bus, as a customer's system does. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { batchesOf, sendBatchWithRetry } from '../../lib/aws/batch.ts'
import { OFFBOARDING } from '../../lib/offboarding-event.ts'
import { failed } from '../aws-errors.ts'
import { CommandError } from '../command.ts'
import type { Connection } from '../stack/connection.ts'

/** Puts the event on the bus; returns the event's id. */
export async function sendEvent(connection: Connection, detail: unknown, type: string = OFFBOARDING): Promise<string> {
  const [id = ''] = await sendEvents(connection, type, [detail])
  return id
}

/**
 * Puts one event for each detail on the bus, in batches, calling `onSent` with the ids of each. Returns all ids, in order. Throws
 * `CommandError` or, for events that the bus refuses to the end, `OperationError`.
 */
export async function sendEvents(
  { names, settings }: Connection,
  type: string,
  details: unknown[],
  onSent: (ids: string[]) => void = () => {},
): Promise<string[]> {
  const client = new EventBridgeClient(settings('eventbridge'))
  const all: string[] = []
  for (const batch of batchesOf(details)) {
    const ids = new Map<unknown, string>()
    let errorCode: string | undefined
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
      return left.flatMap((detail, index) => {
        const { EventId, ErrorCode } = results[index] ?? {}
        if (EventId) ids.set(detail, EventId)
        else errorCode = ErrorCode
        return EventId ? [] : [index]
      })
    }).catch((error) => {
      throw errorCode ? new CommandError(`the bus ${names.bus} refused the event (${errorCode})`) : error
    })
    const sent = batch.map((detail) => ids.get(detail) ?? '')
    all.push(...sent)
    onSent(sent)
  }
  return all
}
