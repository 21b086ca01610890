/** What needs an operator now, as outcome events say it, summed up for one message. */
import * as v from 'valibot'
import { OUTCOME_TYPES } from '../aws/eventbridge.ts'

export type Notices = {
  /** How many targets were parked, by the kind of error. */
  parked: Map<string, number>
  /** How many events were rejected. */
  rejected: number
  /** Whose targets or events these are. */
  offboardings: Set<string>
  /** Operations that are held, and by which kind of error. */
  held: Map<string, string>
}

const text = v.nullish(v.pipe(v.string(), v.maxLength(10_000)), '')
const outcomeEvent = v.object({
  'detail-type': v.picklist([OUTCOME_TYPES.parked, OUTCOME_TYPES.rejected, OUTCOME_TYPES.held]),
  detail: v.object({
    offboardingId: text,
    operation: text,
    input: v.nullish(v.record(v.string(), v.unknown()), {}),
    eventId: text,
    finishedAt: text,
    kind: text,
  }),
})

/** Sums up events as EventBridge puts them on a queue: one that comes twice counts once, and what is none does not count. */
export function sumUp(bodies: string[]): Notices {
  const notices: Notices = { parked: new Map(), rejected: 0, offboardings: new Set(), held: new Map() }
  const seen = new Set<string>()
  for (const body of bodies) {
    const { success, output } = v.safeParse(v.pipe(v.string(), v.parseJson(), outcomeEvent), body)
    if (!success) continue
    const { 'detail-type': type, detail } = output
    const { offboardingId, operation, kind } = detail
    const before = seen.size
    if (seen.add(JSON.stringify([type, detail])).size === before) continue
    if (offboardingId) notices.offboardings.add(offboardingId)
    if (type === OUTCOME_TYPES.parked) notices.parked.set(kind, (notices.parked.get(kind) ?? 0) + 1)
    else if (type === OUTCOME_TYPES.rejected) notices.rejected++
    else notices.held.set(operation, kind)
  }
  return notices
}
