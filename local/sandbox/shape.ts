/** What the schemas of worlds, scripts and orders are made of, and how a value is read by them. */
import * as v from 'valibot'

/** A string with at least one character. */
export const text = v.pipe(v.string(), v.minLength(1))
export const flag = v.boolean()
/** Any finite number; a negative one is a time already past. */
export const amount = v.pipe(v.number(), v.finite())

type Optional<Entries extends v.ObjectEntries> = {
  [Name in keyof Entries]: v.ExactOptionalSchema<Entries[Name], undefined>
}

/** An object of these fields and no others; those of `optional` may be left out. */
export const object = <Required extends v.ObjectEntries, Others extends v.ObjectEntries = Record<never, never>>(
  required: Required,
  optional?: Others,
) => {
  const entries = Object.entries(optional ?? {}).map(([name, schema]) => [name, v.exactOptional(schema)])
  return v.strictObject({ ...required, ...(Object.fromEntries(entries) as Optional<Others>) })
}

/** The value, copied, as the schema types it. Throws an error that names the first field that is wrong. */
export function read<Output>(schema: v.GenericSchema<unknown, Output>, value: unknown): Output {
  const { success, output, issues } = v.safeParse(schema, value)
  if (success) return output
  const [issue] = issues
  throw new Error(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`)
}
