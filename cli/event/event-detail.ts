/** An offboarding event's detail as an operator makes one: from options, and checked before anything is sent. */
import { randomBytes } from 'node:crypto'
import type { GenericSchema } from 'valibot'
import { readFile } from '../../lib/feishu/drive-file.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { issuesOf, printable } from '../../lib/schema.ts'
import { UsageError } from '../command.ts'
import { type Io, log } from '../io.ts'

/** A name with the time in it. */
export function newOffboardingId(): string {
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  return `offboarding-${time}-${randomBytes(3).toString('hex')}`
}

/** What the option `--file TOKEN:TYPE` means in the event. */
export function fileOf(option: string, name = 'file') {
  const file = readFile(option)
  if (file === undefined) throw new UsageError(`--${name} must be TOKEN:TYPE, as in doxcnXXXX:docx`)
  return file
}

/** Lists every wrong field on standard error, then throws `UsageError`. */
export function assertEvent(detail: unknown, source: string, io: Io, schema: GenericSchema = offboarding): void {
  const issues = issuesOf(schema, detail)
  if (issues.length === 0) return
  const width = Math.max(...issues.map(([field]) => field.length))
  for (const [field, { en }] of issues) log(io, `  ${field.padEnd(width)}  ${en}`)
  throw new UsageError(`${printable(source)} is not a valid offboarding event, see above. Nothing was sent.`)
}
