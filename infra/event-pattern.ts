/** EventBridge event patterns, as far as exact values go. */

/** Field names to lists of allowed values, nested as the event is. */
export type Pattern = { [field: string]: Pattern | unknown[] }

/** Throws when the pattern uses content filters, `$or` or anything else that `matches` would get wrong. */
export function assertSupported(pattern: Pattern, path = 'event'): void {
  for (const [field, value] of Object.entries(pattern)) {
    const where = `${path}.${field}`
    if (field.startsWith('$')) throw new Error(`pattern not supported: ${where}`)
    if (Array.isArray(value)) {
      const exact = value.every((item) => item === null || ['string', 'number', 'boolean'].includes(typeof item))
      if (!exact || value.length === 0) throw new Error(`pattern not supported: ${where} must list exact values`)
    } else if (typeof value === 'object' && value !== null) assertSupported(value, where)
    else throw new Error(`pattern not supported: ${where} must be a list or an object`)
  }
}

/** Whether every field of the pattern has one of its values in the event; of a list in the event one element suffices. */
export function matches(pattern: Pattern, event: unknown): boolean {
  if (Array.isArray(event)) return event.some((item) => matches(pattern, item))
  if (typeof event !== 'object' || event === null) return false
  return Object.entries(pattern).every(([field, expected]) => {
    if (!Object.hasOwn(event, field)) return false
    const actual = (event as Record<string, unknown>)[field]
    if (!Array.isArray(expected)) return matches(expected, actual)
    return (Array.isArray(actual) ? actual : [actual]).some((item) => expected.includes(item))
  })
}
