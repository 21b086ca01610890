/** PutEvents entries: which are accepted, and the envelope they become. */
import { randomUUID } from 'node:crypto'
import type { PutEventsRequestEntry, PutEventsResultEntry } from '@aws-sdk/client-eventbridge'

/** The envelope a target receives. */
export type BusEvent = {
  version: '0'
  id: string
  'detail-type': string
  source: string
  account: string
  time: string
  region: string
  resources: string[]
  detail: Record<string, unknown>
}

/** The envelope of an accepted entry, under a new id. */
export function toEvent(entry: PutEventsRequestEntry, region: string, account: string): BusEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': entry.DetailType ?? '',
    source: entry.Source ?? '',
    account,
    time: isoSeconds(entry.Time),
    region,
    resources: entry.Resources ?? [],
    detail: JSON.parse(entry.Detail ?? ''),
  }
}

/** What AWS answers for an entry it does not accept; undefined when it does. */
export function invalidEntry(entry: PutEventsRequestEntry): PutEventsResultEntry | undefined {
  for (const key of ['Source', 'DetailType', 'Detail'] as const)
    if (!entry[key]) return unusable(key, `${key} is a required argument`)
  if (entry.Source?.startsWith('aws.'))
    return { ErrorCode: 'NotAuthorizedForSource', ErrorMessage: 'Not authorized for the source.' }
  try {
    const detail: unknown = JSON.parse(entry.Detail ?? '')
    if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return undefined
  } catch {}
  return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' }
}

/** How large an entry counts. Bytes. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html */
export const sizeOfEntry = ({ Time, Source, DetailType, Detail, Resources = [] }: PutEventsRequestEntry): number =>
  [Source, DetailType, Detail, ...Resources].reduce(
    (size, text) => size + Buffer.byteLength(text ?? ''),
    Time === undefined ? 0 : 14,
  )

/** The answer for an argument that is missing or wrong. */
export const unusable = (key: string, reason: string): PutEventsResultEntry => ({
  ErrorCode: 'InvalidArgument',
  ErrorMessage: `Parameter ${key} is not valid. Reason: ${reason}.`,
})

/** The envelope's time has whole seconds; on the wire it is a number of seconds. */
function isoSeconds(time: Date | number | undefined): string {
  const date = typeof time === 'number' ? new Date(time * 1000) : (time ?? new Date())
  return date.toISOString().replace(/\.\d+Z$/, 'Z')
}
