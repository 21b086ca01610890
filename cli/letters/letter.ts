/** A letter: a message that was set aside, read as what it is, why it was, and what sending it again means. */
import type { Message } from '@aws-sdk/client-sqs'
import * as v from 'valibot'
import { groupOf, type WorkItem, workItem } from '../../lib/handlers/work-item.ts'
import { LEAVING, leaving } from '../../lib/leaving-event.ts'
import { OFFBOARDING, offboarding } from '../../lib/offboarding-event.ts'
import type { Operation } from '../../lib/operation.ts'
import { ENDED, type Ending, REGISTERED, registrationOf } from '../../lib/register-event.ts'
import { type Input, issuesOf, printable } from '../../lib/schema.ts'
import type { Names } from '../stack/connection.ts'

/** What a letter says of itself; its texts are fit for a terminal. Times in ISO 8601. */
export type Letter = {
  /** Id of the message. */
  id: string
  /** A kind of error, `undelivered` or `unfinished`. */
  kind: string
  code: string | null
  hint: string
  requestId: string | null
  offboardingId: string | null
  operation: string | null
  input: Input | null
  eventId: string | null
  /** How often it was redriven before. */
  redrive: number
  since: string
  /** When SQS deletes it. */
  until: string
}

/** What lies in the letter, as it was sent: a work item, an event of the bus, or neither. */
export type Content = { item: unknown } | { event: BusEvent } | { text: string }

type BusEvent = { id?: unknown; source?: unknown; 'detail-type'?: unknown; detail?: unknown }

/** What sending a letter again comes to, or why it cannot be. Letters that hold the same event have the same `key`. */
export type Redrive =
  | { queue: string; item: WorkItem; group: string }
  | { event: { type: string; detail: unknown; key: string } }
  | { refused: string }

/** SQS deletes after so long, which is what the template asks for. */
const RETENTION_MS = 14 * 86_400_000

/** The kinds that no function gives. */
export const UNDELIVERED = 'undelivered'
export const UNFINISHED = 'unfinished'

/** Reads what a letter says of itself. */
export function letterOf(message: Message, names: Names): Letter {
  const content = contentOf(message)
  const { operation, input, offboardingId, eventId, redrive } = subjectOf(content)
  const sinceMs = Number(message.Attributes?.SentTimestamp ?? 0)
  return {
    id: message.MessageId ?? '',
    ...reasonOf(message),
    offboardingId: text(offboardingId),
    operation: text(operation) ?? undeliveredTo(message, names),
    input: isObject(input)
      ? Object.fromEntries(Object.entries(input).map(([name, value]) => [printable(name), text(value) ?? '']))
      : null,
    eventId: text(eventId),
    redrive: typeof redrive === 'number' ? redrive : 0,
    since: new Date(sinceMs).toISOString(),
    until: new Date(sinceMs + RETENTION_MS).toISOString(),
  }
}

function subjectOf(content: Content): {
  [name in 'operation' | 'input' | 'offboardingId' | 'eventId' | 'redrive']?: unknown
} {
  if ('item' in content) return content.item as WorkItem
  if ('event' in content)
    return { eventId: content.event.id, offboardingId: objectIn(content.event.detail)?.offboardingId }
  return {}
}

/** The functions say why in attributes; so does EventBridge, in its own; Lambda does in the body; SQS does not. */
function reasonOf(message: Message): Pick<Letter, 'kind' | 'code' | 'hint' | 'requestId'> {
  const attribute = (name: string) => text(message.MessageAttributes?.[name]?.StringValue)
  const kind = attribute('kind')
  if (kind) return { kind, code: attribute('code'), hint: attribute('hint') ?? '', requestId: attribute('requestId') }
  if (targetArnOf(message) === undefined)
    return {
      kind: UNFINISHED,
      code: null,
      hint: "It was delivered 1,000 times and never finished. Check the function's log, then redrive it.",
      requestId: null,
    }
  const { requestContext, responsePayload } = failureRecord(message) ?? {}
  return {
    kind: UNDELIVERED,
    code: attribute('ERROR_CODE') ?? text(responsePayload?.errorType) ?? text(requestContext?.condition),
    hint: isScheduled(message)
      ? 'This event was scheduled and could not be put on the bus. Fix the cause, then redrive it.'
      : isSchedule(contentOf(message))
        ? 'A scheduled run did not start, or failed. Fix the cause, then discard this: the next run does its work.'
        : 'The function never accepted this event. Check its log and fix the cause. A redrive sends the event to all functions again.',
    requestId: text(requestContext?.requestId),
  }
}

/** The operation whose function an event did not reach, or that failed on it. */
function undeliveredTo(message: Message, { operations }: Names): string | null {
  const [, functionName] = /:function:([^:]+)/.exec(text(targetArnOf(message)) ?? '') ?? []
  return Object.entries(operations).find(([, known]) => known.functionName === functionName)?.[0] ?? null
}

const isSchedule = (content: Content) => 'event' in content && content.event['detail-type'] === 'Scheduled Event'

/** What the undelivered event was for; of a scheduled run no operation. */
const targetArnOf = (message: Message): unknown =>
  failureRecord(message)?.requestContext?.functionArn ?? message.MessageAttributes?.TARGET_ARN?.StringValue

type FailureRecord = {
  requestPayload: unknown
  requestContext?: { functionArn?: unknown; condition?: unknown; requestId?: unknown }
  responsePayload?: { errorType?: unknown }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
function failureRecord({ Body = '' }: Message): FailureRecord | undefined {
  const record = objectIn(parsed(Body))
  return record && 'requestPayload' in record && isObject(record.requestContext) ? (record as FailureRecord) : undefined
}

/** An event that a one-time schedule could not put on the bus: the body is its detail alone. */
const isScheduled = ({ MessageAttributes }: Message): boolean => MessageAttributes?.SCHEDULE_ARN !== undefined

/** What lies in the message. */
export function contentOf(message: Message): Content {
  const body = message.Body ?? ''
  const content = objectIn(failureRecord(message)?.requestPayload ?? parsed(body))
  if (!isWritable(content)) return { text: body }
  if (content && isScheduled(message))
    return { event: { 'detail-type': 'leaver' in content ? LEAVING : OFFBOARDING, detail: content } }
  if (content && 'detail-type' in content) return { event: content }
  if (content && 'operation' in content) return { item: content }
  return { text: body }
}

/** The schema of a detail of the stack's events, by their type. */
const SCHEMAS: Record<string, (detail: unknown, operations: readonly Ending[]) => v.GenericSchema> = {
  [OFFBOARDING]: () => offboarding,
  [LEAVING]: () => leaving,
  [REGISTERED]: registrationIn,
  [ENDED]: registrationIn,
}

function registrationIn(detail: unknown, operations: readonly Ending[]): v.GenericSchema {
  return registrationOf(operations, objectIn(detail)?.operation)
}

/** What sending it again comes to. */
export function redriveOf(message: Message, names: Names, operations: ReadonlyMap<string, Operation>): Redrive {
  const content = contentOf(message)
  if ('item' in content) {
    const name = text((content.item as { operation: unknown }).operation) ?? ''
    const operation = operations.get(name)
    const queue = names.operations[name]?.queue
    if (!operation || !queue) return { refused: 'names no operation of this stack' }
    const schema = workItem(operation)
    const issues = issuesOf(schema, content.item)
    if (issues.length > 0) return { refused: `is no valid item: ${issues.map(([field, { en }]) => `${field} ${en}`)}` }
    const item = v.parse(schema, content.item)
    return { queue, item, group: groupOf(operation, item) }
  }
  if ('text' in content) return { refused: 'is neither a work item nor an event' }
  const { id, source, 'detail-type': type, detail } = content.event
  const schema = SCHEMAS[text(type) ?? '']?.(detail, [...operations.values()])
  if ((source !== names.source && !isScheduled(message)) || !schema)
    return { refused: 'is no offboarding event of this stack' }
  if (issuesOf(schema, detail).length > 0)
    return { refused: 'is an invalid event: write it to a file with "show --id ID --event FILE", correct and send it' }
  return { event: { type: String(type), detail, key: JSON.stringify([id, detail]) } }
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** JSON may be read that is nested too deeply to be written. */
function isWritable(value: unknown): boolean {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const objectIn = (value: unknown) => (isObject(value) ? value : undefined)
const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? printable(value, 1_000) : null
