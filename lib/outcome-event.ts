/** The events that the stack publishes: what their `detail` holds. The published schemas are made from these, the code has their types. */
import * as v from 'valibot'
import { KINDS, type Kind, type Scope } from './error.ts'
import type { Expected } from './operation.ts'
import type { Input } from './schema.ts'

const time = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const kind = v.picklist(Object.keys(KINDS) as Kind[])
const scope = v.picklist(['item', 'user', 'bucket', 'us'] satisfies Scope[])
const expected = v.picklist(['change', 'unchanged', 'gone', 'parked', 'unchecked'] satisfies Expected[])
const input = v.record(v.string(), v.string()) as v.GenericSchema<Input>

/** Of a `Finished`, `Parked` or `Rejected` event. What could not be read from a bad event or item is null. */
export const outcome = v.object({
  offboardingId: v.nullable(v.string()),
  operation: v.nullable(v.string()),
  input: v.nullable(input),
  outcome: v.picklist(['changed', 'unchanged', 'gone', 'planned', 'parked', 'rejected']),
  /** Of `planned`: what a real run would do. The fields below say why. */
  expected: v.optional(expected),
  kind: v.optional(kind),
  scope: v.optional(scope),
  code: v.optional(v.nullable(v.string())),
  requestId: v.optional(v.nullable(v.string())),
  hint: v.optional(v.string()),
  attempts: count,
  eventId: v.nullable(v.string()),
  /** ISO 8601. */
  finishedAt: time,
})
export type OutcomeDetail = v.InferOutput<typeof outcome>

/** Of a `Completed` event: what a sending ended with. */
export const completion = v.object({
  /** The same however often the event is delivered. */
  completionId: v.string(),
  offboardingId: v.string(),
  eventId: v.string(),
  redrive: count,
  dryRun: v.boolean(),
  /** How many targets ended with each outcome. */
  counts: v.record(v.string(), count),
  /** ISO 8601. */
  completedAt: time,
})
export type CompletionDetail = v.InferOutput<typeof completion>

/** Of a `Held` event: why nothing of a bucket is sent, and since when. Times in ISO 8601. */
export const hold = v.object({
  operation: v.string(),
  bucket: v.string(),
  kind,
  scope,
  code: v.nullable(v.string()),
  requestId: v.nullable(v.string()),
  hint: v.string(),
  since: time,
  /** When the next call is tried. */
  nextTryAt: time,
})
export type HeldDetail = v.InferOutput<typeof hold>
