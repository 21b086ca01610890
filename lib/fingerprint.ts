/** A name for values, by which AWS recognizes what it has seen. */
import { createHash } from 'node:crypto'

/** The same for the same values, in a form SQS takes as a deduplication id. */
export const fingerprint = (...values: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(values)).digest('hex')
