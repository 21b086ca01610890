/** What an operation is: its contract as data. */
import type * as v from 'valibot'
import type { Offboarding } from './offboarding-event.ts'
import type { Input } from './schema.ts'
import type { VendorCall } from './vendor/vendor-call.ts'

/** A call that ends or starts a subscription, and what leads to it. */
export type Operation<I extends Input = Input> = VendorCall<I> & {
  /** Also the name of its function, its file, its folder in `dist/` and its queue. */
  name: string
  method: 'POST' | 'DELETE'
  /** What callers may send. Fields that are in neither `path` nor `query` say who acts. */
  input: v.GenericSchema<unknown, I>
  /** It starts a subscription: an id that the vendor does not know is an error, not an end. */
  starts?: true
  /** What an offboarding event asks of this operation. */
  targets: (offboarding: Offboarding) => I[]
}
