/** The events that say what was subscribed for whom, and what no longer is: what their `detail` may hold. */
import * as v from 'valibot'
import type { Operation } from './operation.ts'
import { exactly, type Input, nameId, openId } from './schema.ts'

/** The events' `detail-type`: a subscription was made, or has ended. */
export const REGISTERED = 'Subscription Registered'
export const ENDED = 'Subscription Ended'

/** Whose subscription it is, by the vendor's own id. */
export type Subscriber = { feishu: { openId: string } } | { dingtalk: { unionId: string } }

/** A subscription: whose it is, the operation that ends it, and what that needs. */
export type Registration = { person: Subscriber; operation: string; input: Input }

/** What the register needs of an operation. */
export type Ending = Pick<Operation, 'name' | 'vendor' | 'path' | 'input' | 'identity' | 'starts'>

const subscribers = {
  feishu: exactly({ feishu: exactly({ openId }) }),
  dingtalk: exactly({ dingtalk: exactly({ unionId: nameId }) }),
} satisfies Record<string, v.GenericSchema<unknown, Subscriber>>

/** `feishu#OPEN_ID` or `dingtalk#UNION_ID`. */
export const nameSubscriber = (person: Subscriber): string =>
  'feishu' in person ? `feishu#${person.feishu.openId}` : `dingtalk#${person.dingtalk.unionId}`

/**
 * The schema of a `detail` that names this operation, one of those that end a subscription. The person must be of the operation's vendor
 * and, where the operation acts as a user or names one, that user.
 */
export function registrationOf(operations: readonly Ending[], name: unknown): v.GenericSchema<unknown, Registration> {
  const ending = operations.filter(({ starts }) => !starts)
  const operation = ending.find((one) => one.name === name)
  const names = v.picklist(ending.map((one) => one.name))
  if (!operation) return exactly({ person: v.any(), operation: names, input: v.any() })
  const { vendor, input, identity } = operation
  return v.pipe(
    exactly({ person: subscribers[vendor.name] as v.GenericSchema<unknown, Subscriber>, operation: names, input }),
    v.forward(
      v.check((given) => {
        const { userId } = identity(given.input)
        return userId === undefined || nameSubscriber(given.person) === `${vendor.name}#${userId}`
      }, 'other_person'),
      ['person'],
    ),
  )
}
