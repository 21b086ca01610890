/** Reads what a request's body says. */

/** The string fields of a JSON or form body; `undefined` when it is no object. */
export function fieldsOf(body: string, isForm: boolean): Record<string, string> | undefined {
  if (isForm) return Object.fromEntries(new URLSearchParams(body))
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null) return undefined
    return Object.fromEntries(Object.entries(parsed).filter(([, value]) => typeof value === 'string'))
  } catch {
    return undefined
  }
}
