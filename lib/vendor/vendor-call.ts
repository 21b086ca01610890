/** One call to a vendor as data. */
import type { Input } from '../schema.ts'
import type { CodeTable, Identity, Vendor } from './vendor.ts'

/** One call to a vendor. */
export type VendorCall<I extends Input = Input> = {
  vendor: Vendor
  method: 'GET' | 'POST' | 'DELETE'
  /** The vendor's path, its parameters written as `:name`. */
  path: string
  /** Fields of the input that travel in the query. */
  query: readonly (keyof I & string)[]
  /** What is sent as JSON; the operations themselves send none. */
  body?: (input: I) => unknown
  /** The vendor's limit for each API, app and tenant. */
  pace: { perSecond?: number; perMinute?: number }
  /** Who acts. */
  identity: (input: I) => Identity
  codes: CodeTable
  /** Whether an answer without a failure code says that it was done. */
  succeeded: (json: Record<string, unknown>) => boolean
}

/** The vendor's URL for `input`; every value is percent-encoded. */
export function urlOf<I extends Input>({ vendor, path, query }: VendorCall<I>, input: I): string {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(input[name] ?? ''))
  const pairs = query.flatMap((name) => {
    const value = input[name]
    return value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]
  })
  return vendor.baseUrl() + filled + (pairs.length > 0 ? `?${pairs.join('&')}` : '')
}

/** The wait after a throttle that does not say how long: the shortest window the operation has. Milliseconds. */
export const throttleMs = ({ pace }: Pick<VendorCall, 'pace'>): number => (pace.perSecond ? 1_000 : 60_000)
