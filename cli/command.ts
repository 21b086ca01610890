/** What commands share: errors that become one clear line, options, files and questions. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import * as v from 'valibot'
import { IncompleteOperation } from '../infra/operation.ts'
import { framesOf } from '../lib/audit.ts'
import { OperationError } from '../lib/error.ts'
import { nameId } from '../lib/schema.ts'
import { type Io, log } from './io.ts'

/** Something the caller did wrong: one line, exit code 2. */
export class UsageError extends Error {}

/** Something that went wrong on the way: one line, exit code 1. */
export class CommandError extends Error {}

/** Runs the script `npm run NAME` and sets the exit code it returns. A failure is one line on standard error. */
export async function runCommand(name: string, main: (args: string[]) => Promise<number>): Promise<void> {
  // Exit quietly on EPIPE, as in `… | head`.
  process.stdout.on('error', () => process.exit())
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`npm run ${name}: ${describeError(error)}\n`)
    if (isUsageError(error)) process.stderr.write(`Run "npm run ${name} -- --help" for usage.\n`)
    process.exitCode = isUsageError(error) ? 2 : 1
  }
}

export const isUsageError = (error: unknown): boolean =>
  error instanceof UsageError || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')

/** The message of an error known to contain no secret; of any other error its name and the line it came from. */
export function describeError(error: unknown): string {
  if (error instanceof OperationError) return `${error.detail.en} ${error.hint.en}`
  if (error instanceof CommandError || error instanceof IncompleteOperation || isUsageError(error))
    return (error as Error).message.split('\n')[0] ?? ''
  const [name, frame = ''] = framesOf(error)
  const [place] = /[^/\\(]+:\d+(?=:\d+\)?$)/.exec(frame) ?? []
  return `failed unexpectedly (${[name, place].filter(Boolean).join(' at ')})`
}

/** The text of the file, which may be a pipe: reading it again gives nothing. Throws `UsageError`. */
export function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new UsageError(`${file} could not be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError(
      `${file} is not in UTF-8: save it in that encoding, in a spreadsheet as "CSV UTF-8". Nothing was sent.`,
    )
  }
}

/** The object in a JSON file. */
export function readObject(file: string): Record<string, unknown> {
  const text = readText(file)
  let json: unknown
  let place = ''
  try {
    json = JSON.parse(text)
  } catch (error) {
    // Of the message the place alone: the rest may repeat the content.
    place = /\(line \d+ column \d+\)$/.exec((error as Error).message)?.[0] ?? ''
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>
  throw new UsageError(`${file} must contain a JSON object ${place}`.trim())
}

/** Parses an option's value as a whole number. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text)
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }

/** Parses an option's value as a vendor's id of a person or tenant. */
export function vendorId(text: string): string {
  if (v.is(nameId, text)) return text
  throw new InvalidArgumentError('It may contain only letters, digits and _ + = . @ -')
}

/** An option that may be given more than once; its value is an array. */
export function repeatable(flags: string, description: string, choices?: readonly string[]): Option {
  const option = new Option(flags, description)
  if (choices) option.choices(choices)
  return option.argParser((value: string, all: string[] = []) => {
    if (choices && !choices.includes(value))
      throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.`)
    return [...all, value]
  })
}

/** The option of a report after which an id that the vendor does not know is no reason for exit code 3. */
export const goneIsFineOption = () =>
  new Option('--gone-is-fine', 'exit with 0 instead of 3 when a vendor does not know an id')

/** Adds options whose declarations several commands share. */
export const withOptions = (command: Command, options: Option[]): Command =>
  options.reduce((all, option) => all.addOption(option), command)

/** Asks whether to do `action`. Where stdin is no terminal, asking for it without --yes is wrong usage. */
export async function confirm(io: Io, action: string, signal?: AbortSignal): Promise<boolean> {
  if (!io.stdin.isTTY) throw new UsageError(`stdin is not a terminal: pass --yes to confirm. ${action}`)
  if (await isConfirmed(`${action}?`, io.stdin, io.stderr, signal)) return true
  log(io, 'Nothing was done.')
  return false
}

/**
 * Asks until a line or the end of input comes; anything but "y" or "yes" means no. Ctrl-C interrupts the process as it does
 * where nothing is asked. Rejects with the reason of `signal`.
 */
export async function isConfirmed(
  question: string,
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  signal?: AbortSignal,
): Promise<boolean> {
  const terminal = createInterface({ input, output })
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  signal?.addEventListener('abort', () => terminal.close())
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  const answer = await Promise.race([terminal.question(`${question} [y/N] `), ended])
  terminal.close()
  signal?.throwIfAborted()
  return /^\s*y(es)?\s*$/i.test(answer)
}
