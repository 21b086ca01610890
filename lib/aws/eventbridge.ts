/** EventBridge: outcome events, and what is sent on. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { environment } from '../environment.ts'
import type { CompletionDetail, HeldDetail, OutcomeDetail } from '../outcome-event.ts'
import { sendBatchWithRetry } from './batch.ts'
import { callOptions, clientSettings } from './sdk.ts'

const TIMEOUT_MS = 5_000
let client: EventBridgeClient | undefined
const getClient = () => {
  client ??= new EventBridgeClient(clientSettings())
  return client
}

/** `source` and `detail-type` of all that is published. A role allows no other (infra/bus-access.ts). */
export const OUTCOME_SOURCE = 'subscription-offboarding'
export const OUTCOME_TYPES = {
  finished: 'Subscription Offboarding Finished',
  parked: 'Subscription Offboarding Parked',
  rejected: 'Subscription Offboarding Rejected',
  completed: 'Subscription Offboarding Completed',
  held: 'Subscription Offboarding Held',
} as const
/** The `detail-type` of what a vendor says of a person. */
const DEPARTED = 'User Departed'

/** The detail-type of the event that says so. */
export const typeOfOutcome = (outcome: OutcomeDetail['outcome']) =>
  OUTCOME_TYPES[outcome === 'parked' || outcome === 'rejected' ? outcome : 'finished']

/** Publishes outcome events, ten at most; throws when some were refused to the end. */
export const publish = (details: OutcomeDetail[]): Promise<void> =>
  putEvents(details.map((detail) => ({ DetailType: typeOfOutcome(detail.outcome), detail })))

/** Publishes that a sending has ended; throws when it was refused to the end. */
export const publishCompletion = (detail: CompletionDetail): Promise<void> =>
  putEvents([{ DetailType: OUTCOME_TYPES.completed, detail }])

/** Publishes that a bucket is held; throws when it was refused to the end. */
export const publishHeld = (detail: HeldDetail): Promise<void> =>
  putEvents([{ DetailType: OUTCOME_TYPES.held, detail }])

/** `detail` of a `User Departed` event. Times in ISO 8601. */
type DepartureDetail = {
  vendor: string
  /** `frozen` can be undone. */
  reason: 'left' | 'frozen'
  /** Feishu's tenant_key, or DingTalk's corpId. */
  tenant?: string
  /** As far as they are known. */
  ids: { openId?: string; unionId?: string; userId?: string }
  /** The vendor's: the same when the event comes again. */
  eventId: string
  departedAt: string
  /** Of the offboarding that was ordered; null when none was. */
  offboardingId: string | null
  hint?: string
}

/** Publishes that a vendor says of a person that they have left; throws when it was refused to the end. */
export const publishDeparture = (detail: DepartureDetail): Promise<void> =>
  putEvents([{ DetailType: DEPARTED, detail }])

async function putEvents(events: { DetailType: string; detail: object }[]): Promise<void> {
  if (events.length > 0) await putEntries(events, OUTCOME_SOURCE)
}

/**
 * Puts events on the bus as their sender does, with the source `EVENT_SOURCE`; returns their ids in order. Throws when one was refused
 * to the end: those before it are sent.
 */
export async function putOnBus(DetailType: string, details: object[]): Promise<string[]> {
  const source = environment('EVENT_SOURCE')
  const ids: string[] = []
  // One at a time: together they could be larger than one request may be.
  for (const detail of details) ids.push(...(await putEntries([{ DetailType, detail }], source)))
  return ids
}

/** Returns the events' ids, in order. */
async function putEntries(events: { DetailType: string; detail: object }[], Source: string): Promise<string[]> {
  const EventBusName = environment('EVENT_BUS_NAME')
  const ids = new Map<object, string>()
  await sendBatchWithRetry(events, async (left) => {
    const command = new PutEventsCommand({
      Entries: left.map(({ DetailType, detail }) => ({
        EventBusName,
        Source,
        DetailType,
        Detail: JSON.stringify(detail),
      })),
    })
    const { Entries = [] } = await getClient().send(command, callOptions(TIMEOUT_MS))
    return left.flatMap((event, index) => {
      const id = Entries[index]?.EventId
      if (id) ids.set(event, id)
      return id ? [] : [index]
    })
  })
  return events.map((event) => ids.get(event) ?? '')
}
