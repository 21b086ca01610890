/** EventBridge: outcome events. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { environment } from '../environment.ts'
import type { Kind, Scope } from '../error.ts'
import type { Expected } from '../operation.ts'
import type { Input } from '../schema.ts'
import { sendBatchWithRetry } from './batch.ts'
import { callOptions, clientSettings } from './sdk.ts'

const TIMEOUT_MS = 5_000
let client: EventBridgeClient | undefined
const getClient = () => {
  client ??= new EventBridgeClient(clientSettings())
  return client
}

const DETAIL_TYPES = {
  finished: 'Subscription Offboarding Finished',
  parked: 'Subscription Offboarding Parked',
  rejected: 'Subscription Offboarding Rejected',
} as const

/** `detail` of an outcome event. What could not be read from a bad event or item is null. */
export type OutcomeDetail = {
  offboardingId: string | null
  operation: string | null
  input: Input | null
  outcome: 'changed' | 'unchanged' | 'gone' | 'planned' | 'parked' | 'rejected'
  /** Of `planned`: what a real run would do. The fields below say why. */
  expected?: Expected | undefined
  kind?: Kind | undefined
  scope?: Scope | undefined
  code?: string | null | undefined
  requestId?: string | null | undefined
  hint?: string | undefined
  attempts: number
  eventId: string | null
  /** ISO 8601. */
  finishedAt: string
}

/** Publishes outcome events, ten at most; throws when some were refused to the end. */
export const publish = (details: OutcomeDetail[]): Promise<void> =>
  putEvents(
    details.map((detail) => ({
      DetailType:
        DETAIL_TYPES[detail.outcome === 'parked' || detail.outcome === 'rejected' ? detail.outcome : 'finished'],
      detail,
    })),
  )

/** Publishes that a sending has ended; throws when it was refused to the end. */
export const publishCompletion = (detail: { completionId: string }): Promise<void> =>
  putEvents([{ DetailType: 'Subscription Offboarding Completed', detail }])

/** `detail` of a `Held` event: why nothing of a bucket is sent, and since when. Times in ISO 8601. */
export type HeldDetail = {
  operation: string
  bucket: string
  kind: Kind
  scope: string
  code: string | null
  requestId: string | null
  hint: string
  since: string
  /** When the next call is tried. */
  nextTryAt: string
}

/** Publishes that a bucket is held; throws when it was refused to the end. */
export const publishHeld = (detail: HeldDetail): Promise<void> =>
  putEvents([{ DetailType: 'Subscription Offboarding Held', detail }])

async function putEvents(events: { DetailType: string; detail: object }[]): Promise<void> {
  if (events.length === 0) return
  const EventBusName = environment('EVENT_BUS_NAME')
  await sendBatchWithRetry(events, async (left) => {
    const command = new PutEventsCommand({
      Entries: left.map(({ DetailType, detail }) => ({
        EventBusName,
        Source: 'subscription-offboarding',
        DetailType,
        Detail: JSON.stringify(detail),
      })),
    })
    const { Entries = [] } = await getClient().send(command, callOptions(TIMEOUT_MS))
    return left.flatMap((_, index) => (Entries[index]?.EventId ? [] : [index]))
  })
}
