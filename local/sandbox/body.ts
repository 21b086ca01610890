/** Reads what a request's body says. */

/** The object of a JSON or form body; `undefined` when it is none. */
export function readObject(body: string, isForm: boolean): Record<string, unknown> | undefined {
  if (isForm) return Object.fromEntries(new URLSearchParams(body))
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The fields of an object that are strings. */
export const stringFields = (json: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(json).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
