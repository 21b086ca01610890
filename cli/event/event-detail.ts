/** An offboarding event's detail as an operator makes one: from options, and checked before anything is sent. */
import { randomBytes } from 'node:crypto'
import type { GenericSchema } from 'valibot'
import { isWikiAddress, readFile } from '../../lib/feishu/drive-file.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { issuesOf, printable } from '../../lib/schema.ts'
import { UsageError } from '../command.ts'
import { type Io, log } from '../io.ts'

/** A name with the time in it. */
export function newOffboardingId(): string {
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  return `offboarding-${time}-${randomBytes(3).toString('hex')}`
}

/** What the option `--file TOKEN:TYPE` means in the event; a document's address will do. */
export function fileOf(option: string, name = 'file') {
  assertNoWiki(option, name)
  const file = readFile(option)
  if (file === undefined)
    throw new UsageError(`--${name} must be TOKEN:TYPE, as in doxcnXXXX:docx, or the address of a document`)
  return file
}

/** Throws `UsageError` for the address of a wiki node. */
export function assertNoWiki(option: string, name: string): void {
  if (isWikiAddress(option))
    throw new UsageError(
      `--${name} is the address of a wiki node, not of a document: give the node's obj_token and obj_type as TOKEN:TYPE`,
    )
}

/** Lists every wrong field on standard error, then throws `UsageError`. */
export function assertEvent(detail: unknown, source: string, io: Io, schema: GenericSchema = offboarding): void {
  const issues = issuesOf(schema, detail)
  if (issues.length === 0) return
  const width = Math.max(...issues.map(([field]) => field.length))
  for (const [field, { en }] of issues) log(io, `  ${field.padEnd(width)}  ${en}`)
  throw new UsageError(`${printable(source)} is not a valid offboarding event, see above. Nothing was sent.`)
}
