/** What a leaver has, line by line, and what an event may ask for because of it: the same for an operator's look and for a real run. */
import * as v from 'valibot'
import { type Kind, OperationError } from '../error.ts'
import type { EventPart } from '../operation-docs.ts'
import { holdsSecret, quote } from '../redact.ts'
import type { Subscriber } from '../register-event.ts'
import { type Input, id, printable } from '../schema.ts'
import type { Ask } from './ask.ts'
import type { VendorName } from './find-person.ts'
import { type Calendar, dingtalkCalendars, feishuCalendars } from './vendor-lists.ts'

/**
 * A line without control characters. With a target, the part of an event that asks for it, it is in the event; what could
 * not be determined says so, and why if a vendor refused it. `approvalCode`: it is left to an operator.
 */
export type Finding = {
  text: string
  target?: EventPart
  isUnknown?: boolean
  error?: OperationError
  approvalCode?: string
}

/** A leaver's ids, and who is to watch the calendars that they own. */
export type Leaver = {
  unionId?: string | undefined
  openId?: string | undefined
  custodianId?: string | undefined
  tenantKey?: string | undefined
}

/** What was subscribed for a person: the input of the operation that ends it. */
export type Registered = { operation: string; input: Input }

/** How the register is read; throws an `OperationError`. */
export type Register = (subscriber: Subscriber) => AsyncIterable<Registered>

/** What the vendors' lists and the register have of a leaver at each vendor, list by list. */
export function* collect(
  leaver: Leaver,
  ask: Ask,
  register: Register,
): Generator<{ vendor: VendorName; title: string; findings: AsyncIterable<Finding> }> {
  const { unionId, openId, custodianId, tenantKey } = leaver
  if (unionId !== undefined)
    yield { vendor: 'dingtalk', title: `DingTalk calendars of ${unionId}`, findings: dingtalkFindings(unionId, ask) }
  if (openId !== undefined) {
    const findings = feishuFindings(openId, custodianId, ask, tenantKey)
    yield { vendor: 'feishu', title: `Feishu calendars of ${openId}`, findings }
    const text = 'Feishu has no API to check this subscription, so the event always ends it'
    const events = eachOf([{ text, target: { feishu: { openId, calendar: true } } }])
    yield { vendor: 'feishu', title: `Feishu calendar change events of ${openId}`, findings: events }
  }
  for (const subscriber of subscribersOf(leaver)) {
    const [vendor] = Object.keys(subscriber) as [VendorName]
    yield { vendor, title: `Registered at ${vendor}`, findings: registeredFindings(register(subscriber), tenantKey) }
  }
}

/** The leaver as the register knows them: at Feishu, at DingTalk, or both. */
const subscribersOf = ({ openId, unionId }: Pick<Leaver, 'openId' | 'unionId'>): Subscriber[] => [
  ...(openId === undefined ? [] : [{ feishu: { openId } }]),
  ...(unionId === undefined ? [] : [{ dingtalk: { unionId } }]),
]

async function* eachOf(findings: Finding[]): AsyncGenerator<Finding> {
  yield* findings
}

/** What an operator reads about a registered approval. */
export const describeApproval = (code: string): string =>
  `approval ${printable(code)} is registered; it belongs to the app: add it with --approval-code to end it for everyone`

/** A register that cannot be read ends with why. */
async function* registeredFindings(
  entries: AsyncIterable<Registered>,
  tenantKey: string | undefined,
): AsyncGenerator<Finding> {
  try {
    for await (const entry of entries) yield registeredFinding(entry, tenantKey)
  } catch (error) {
    const { text, error: refusal } = describeRefusal(error)
    yield { text: `the register was not read: ${text}`, isUnknown: true, error: refusal }
  }
}

/** Documents are taken; approvals are the app's, for everyone, and left to an operator. The vendors list the rest themselves. */
function registeredFinding({ operation, input }: Registered, tenantKey: string | undefined): Finding {
  const { approval_code: approvalCode, file_token: fileToken, file_type: fileType, event_type: eventType } = input
  const { open_id: openId, tenant_key: ofTenant } = input
  if (approvalCode !== undefined) return { text: describeApproval(approvalCode), approvalCode }
  const text = printable(`${operation} ${Object.values(input).filter(Boolean).join(' ')}`, 1_000)
  if (fileToken === undefined) return { text }
  if (ofTenant !== undefined && ofTenant !== tenantKey)
    return { text: `${text}  (of another tenant: name it to end this)`, isUnknown: true }
  const file = { fileToken, fileType, ...(eventType && { eventType }), ...(openId && { openId }) }
  return { text, target: { feishu: { files: [file] } } }
}

type Judgement = Pick<Finding, 'target'> & { note?: string }

/** Calendars of type "subscribed". */
const dingtalkFindings = (unionId: string, ask: Ask): AsyncGenerator<Finding> =>
  calendarFindings(onePage(dingtalkCalendars(unionId, ask)), ({ id, type, role }) =>
    type === 'subscribed'
      ? {
          target: { dingtalk: { unionId, calendarIds: [id] } },
          ...(role === 'owner' && { note: 'perhaps their own; strike it if it is to stay' }),
        }
      : {},
  )

async function* onePage(calendars: Promise<Calendar[]>) {
  yield await calendars
}

/** Types of which access can be watched. */
const WATCHABLE = ['primary', 'shared']

/** Calendars that the leaver owns, if there is a custodian to watch them. */
const feishuFindings = (
  openId: string,
  custodianId: string | undefined,
  ask: Ask,
  tenantKey: string | undefined,
): AsyncGenerator<Finding> =>
  calendarFindings(feishuCalendars(openId, ask, tenantKey), ({ id, type, role, isDeleted }) => {
    if (role !== 'owner' || isDeleted || !WATCHABLE.includes(type)) return {}
    if (custodianId === undefined) return { note: 'who is to watch it? --custodian-open-id' }
    return {
      target: { feishu: { calendarAcls: { openId: custodianId, calendarIds: [id] } } },
      ...(type === 'primary' && { note: 'needs to be shared with the custodian; else strike it' }),
    }
  })

/** Each calendar once. A list that is refused on the way ends with the refusal. */
async function* calendarFindings(
  pages: AsyncIterable<Calendar[]>,
  judge: (calendar: Calendar) => Judgement,
): AsyncGenerator<Finding> {
  const seen = new Set<string>()
  try {
    for await (const page of pages)
      for (const calendar of page) {
        if (seen.has(calendar.id)) continue
        seen.add(calendar.id)
        const { target, note } = judge(calendar)
        const isId = v.is(id, calendar.id) && !holdsSecret(calendar.id)
        const why = target && !isId ? 'no event can hold this id' : note
        const parts = [calendar.id, calendar.type, calendar.role, calendar.isDeleted ? 'deleted' : '', calendar.title]
        const texts = parts.map((part) => quote(part, 256)).filter(Boolean)
        yield {
          text: [...texts, ...(why ? [`(${why})`] : [])].join('  '),
          ...(target && (isId ? { target } : { isUnknown: true })),
        }
      }
  } catch (error) {
    const { text, error: refusal } = describeRefusal(error)
    yield { text, isUnknown: true, error: refusal }
    return
  }
  if (seen.size === 0) yield { text: 'none' }
}

/** What was refused, in one line. Throws whatever else went wrong. */
export function describeRefusal(error: unknown): { kind: Kind; text: string; error: OperationError } {
  if (!(error instanceof OperationError)) throw error
  const { kind, upstream, detail, hint } = error
  const request = upstream?.requestId ? ` (request ${upstream.requestId})` : ''
  return { kind, error, text: printable(`${kind}: ${detail.en} ${hint.en}${request}`, 1_000) }
}
