/** One target of one offboarding, as it travels through a work queue. */
import * as v from 'valibot'
import type { Operation } from '../operation.ts'
import { type Input, id } from '../schema.ts'

export type WorkItem<I extends Input = Input> = {
  offboardingId: string
  operation: string
  input: I
  dryRun: boolean
  /** Id of the EventBridge event it was planned from. */
  eventId: string
  /** ISO 8601. */
  plannedAt: string
  /** How often the item was redriven; missing for never. */
  redrive?: number | undefined
}

/** What names the target of an item, whatever its operation. */
export const targetFields = v.object({
  offboardingId: id,
  operation: id,
  input: v.record(v.string(), v.string()),
  dryRun: v.boolean(),
  eventId: id,
  redrive: v.optional(v.number()),
})

/** The body of a message on the operation's queue. */
export const workItem = <I extends Input>(operation: Operation<I>): v.GenericSchema<unknown, WorkItem<I>> =>
  v.strictObject({
    offboardingId: id,
    operation: v.literal(operation.name),
    input: operation.input,
    dryRun: v.boolean(),
    eventId: id,
    plannedAt: v.pipe(v.string(), v.isoTimestamp()),
    redrive: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99))),
  }) as v.GenericSchema<unknown, WorkItem<I>>

/** The rate-limit bucket: items of one bucket are worked through one after another. */
export const bucketOf = (operation: Operation, input: Input): string =>
  `${operation.vendor.name}:${input.tenant_key ?? 'default'}`

/** The message group of an item: those of a group wait for each other, so that a dry run has groups of its own. */
export const groupOf = (operation: Operation, { input, dryRun }: Pick<WorkItem, 'input' | 'dryRun'>): string =>
  (dryRun ? 'dry-run:' : '') + bucketOf(operation, input)

/** The limit that an item's calls count against, by the name in its bucket's key: in a dry run that of the question. */
export const limitOf = (
  { name, pace, question }: Operation,
  { dryRun }: Pick<WorkItem, 'dryRun'>,
): Pick<Operation, 'name' | 'pace'> =>
  dryRun ? { name: question?.name ?? `${name}#dry-run`, pace: question?.pace ?? pace } : { name, pace }
