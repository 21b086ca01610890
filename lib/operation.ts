/** What an operation is: its contract as data. */
import type * as v from 'valibot'
import type { Text } from './error.ts'
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
  /** What a dry run asks; left out where the vendor has no call that says anything of it. */
  question?: Question<I>
}

/** A call that changes nothing, by which a dry run learns what the operation would do. A real run never makes it. */
export type Question<I extends Input = Input> = {
  /** Of its buckets in the ledger. The operation's block in serverless.yml has it too. */
  name: string
  pace: VendorCall['pace']
} & (
  | (VendorCall<I> & {
      /** What an answer without a failure says. */
      expect: (json: Record<string, unknown>, input: I) => Reading
    })
  // Whose a user's token is, which every dry run asks, and there is no more to know.
  | { expect?: undefined }
)

/** What a real run would do; `unchecked`: the vendor did not say. */
export type Expected = 'change' | 'unchanged' | 'gone' | 'parked' | 'unchecked'

/** What an answer says: what would be done, or with which code it would fail, or why it does not say. */
export type Reading = 'change' | 'unchanged' | { code: string } | { unsure: Text }
