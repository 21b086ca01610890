/** Parts of an offboarding event's `detail`, put together. */
import type { EventPart } from './operation-docs.ts'

/** The part of an event that asks for all that its parts ask for: lists are joined, of anything else the last counts. */
export function mergeParts(parts: EventPart[]): EventPart {
  const whole: EventPart = {}
  for (const [field, value] of parts.flatMap(Object.entries)) {
    const known = whole[field]
    if (Array.isArray(known) && Array.isArray(value)) whole[field] = [...known, ...value]
    else whole[field] = isPart(known) && isPart(value) ? mergeParts([known, value]) : value
  }
  return whole
}

const isPart = (value: unknown): value is EventPart =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
