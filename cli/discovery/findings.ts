/** What a vendor lists of a leaver, line by line, and what an event may ask for because of it. */
import * as v from 'valibot'
import { type Kind, OperationError } from '../../lib/error.ts'
import type { EventPart } from '../../lib/operation-docs.ts'
import { quote } from '../../lib/redact.ts'
import { id, printable } from '../../lib/schema.ts'
import type { fileOf } from '../event/event-detail.ts'
import { type Ask, type Calendar, dingtalkCalendars, feishuCalendars, isSubscribed } from './vendor-lists.ts'

/** A document of the event; `openId` is given where it is that person's subscription. */
export type EventFile = ReturnType<typeof fileOf> & { openId?: string }

/**
 * A line without control characters. With a target, the part of an event that asks for it, it is in the event; what could
 * not be told says so.
 */
export type Finding = { told: string; target?: EventPart; isUntold?: boolean }

type Judgement = Pick<Finding, 'target'> & { note?: string }

/** Calendars of type "subscribed". */
export const dingtalkFindings = (unionId: string, ask: Ask): AsyncGenerator<Finding> =>
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
export const feishuFindings = (openId: string, custodianId: string | undefined, ask: Ask): AsyncGenerator<Finding> =>
  calendarFindings(feishuCalendars(openId, ask), ({ id, type, role, isDeleted }) => {
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
        const isId = v.is(id, calendar.id)
        const why = target && !isId ? 'no event can hold this id' : note
        const told = [calendar.id, calendar.type, calendar.role, calendar.isDeleted ? 'deleted' : '', calendar.title]
        const texts = told.map((text) => quote(text, 256)).filter(Boolean)
        yield {
          told: [...texts, ...(why ? [`(${why})`] : [])].join('  '),
          ...(target && (isId ? { target } : { isUntold: true })),
        }
      }
  } catch (error) {
    yield { told: refusalOf(error).told, isUntold: true }
    return
  }
  if (seen.size === 0) yield { told: 'none' }
}

/** Refusals that the next document would meet as well. */
const GENERAL: Kind[] = ['misconfigured', 'quota_exhausted', 'reauthorization_required']

/** Whether each document is subscribed: by the app, or by the person of its `openId`. */
export async function* documentFindings(
  files: EventFile[],
  tenantKey: string | undefined,
  ask: Ask,
): AsyncGenerator<Finding> {
  const refused = new Set<string | undefined>()
  for (const file of files) {
    const who = `${file.fileToken} ${file.fileType}, ${file.openId ?? 'the app'}`
    if (refused.has(file.openId)) {
      yield { told: `${who}: not asked`, isUntold: true }
      continue
    }
    const document = {
      file_token: file.fileToken,
      file_type: String(file.fileType),
      event_type: file.eventType,
      open_id: file.openId,
      tenant_key: tenantKey,
    }
    try {
      const subscribed = await isSubscribed(document, ask)
      yield subscribed
        ? { told: `${who}: subscribed`, target: { feishu: { files: [file] } } }
        : { told: `${who}: not subscribed` }
    } catch (error) {
      const { kind, told } = refusalOf(error)
      if (GENERAL.includes(kind)) refused.add(file.openId)
      yield { told: `${who}: ${told}`, isUntold: kind !== 'not_found' }
    }
  }
}

/** What was refused, in one line. Whatever else went wrong is thrown again. */
function refusalOf(error: unknown): { kind: Kind; told: string } {
  if (!(error instanceof OperationError)) throw error
  const { kind, upstream, detail, hint } = error
  const request = upstream?.requestId ? ` (request ${upstream.requestId})` : ''
  return { kind, told: printable(`${kind}: ${detail.en} ${hint.en}${request}`, 1_000) }
}
