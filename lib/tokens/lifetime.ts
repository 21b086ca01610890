/** The lifetime of an app's token in a vendor's answer. */
import * as v from 'valibot'

/** Seconds, 1 at least, as a number or written as text. */
export const lifetime = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,10}$/), v.transform(Number))]),
  v.minValue(1),
)
