/** The letters that a command has in its hands: found, shown, deleted, or made visible again. */
import { type Message, SQSClient } from '@aws-sdk/client-sqs'
import { Option } from 'commander'
import { operationNames } from '../../infra/operations.ts'
import { batchesOf } from '../../lib/aws/batch.ts'
import { KINDS } from '../../lib/error.ts'
import { CommandError, confirm, repeatable, UsageError } from '../command.ts'
import { type Io, log } from '../io.ts'
import type { Connection } from '../stack/connection.ts'
import { formatCount } from '../table.ts'
import { formatReasons } from './format.ts'
import { type Letter, letterOf, UNDELIVERED, UNFINISHED } from './letter.ts'
import { allSettled, LetterQueue } from './letter-queue.ts'

/** Which letters a command is about: those that match everything given. */
export type Selection = {
  kind?: string
  code?: string
  operation?: string
  offboarding?: string
  id?: string[]
  all?: true
}

const KIND_CHOICES = [...Object.keys(KINDS), UNDELIVERED, UNFINISHED]

/** The options of a `Selection`, `--all` aside. */
export const selectionOptions = () => [
  new Option(
    '--kind <kind>',
    `the kind of error; "${UNDELIVERED}" is an event that no function accepted, "${UNFINISHED}" an item that SQS gave up`,
  ).choices(KIND_CHOICES),
  new Option('--code <code>', "the vendor's code"),
  new Option('--operation <name>', 'the operation').choices(operationNames),
  new Option('--offboarding <id>', 'the offboarding'),
  repeatable('--id <id>', 'the letter, or the beginning of its id, if unique; may be repeated'),
]

/** The options of a command that changes letters: which, and whether to ask. */
export const changeOptions = () => [
  ...selectionOptions(),
  new Option('--all', 'every letter').conflicts(selectionOptions().map((option) => option.attributeName())),
  new Option('--yes', 'do not ask; needed where stdin is not a terminal'),
]

/** A command that changes letters takes all of them only when asked to. */
export function assertSelected({ kind, code, operation, offboarding, id, all }: Selection): void {
  if ([kind, code, operation, offboarding, id, all].every((given) => given === undefined))
    throw new UsageError('select letters with --kind, --code, --operation, --offboarding, --id or --all')
}

/** Ends with the exit codes. */
export const LETTERS_HELP = `
While the command runs, the letters it has read are hidden from other readers,
for at most ten minutes.

Exit code 0: done. 1: something failed, or you declined. 2: wrong options,
nothing was done. 130: interrupted.`

/** So much of an id has to be given. */
const LEAST_OF_ID = 4
/** What SQS gives a message. */
const MESSAGE_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export type Found = { queue: LetterQueue; message: Message; letter: Letter }

/**
 * Reads both queues at once, passes on the letters selected, and makes visible again whatever was not deleted. Returns the
 * exit code: that of `use`, or 130 when interrupted.
 */
export async function withLetters(
  io: Io,
  { names, settings, isLocal }: Connection,
  selection: Selection,
  use: (found: Found[], signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const client = new SQSClient(settings('sqs'))
  const interrupted = io.catchInterrupt()
  const enough = new AbortController()
  const reading = AbortSignal.any([interrupted, enough.signal])
  const { id: ids = [] } = selection
  if (ids.some((id) => id.length < LEAST_OF_ID))
    throw new UsageError(`--id must be at least the first ${LEAST_OF_ID} characters of a letter's id`)
  // Whether no other begins so is known once all are read.
  const missing = ids.length > 0 && ids.every((id) => MESSAGE_ID.test(id)) ? new Set(ids) : undefined

  async function read(queue: LetterQueue): Promise<Found[]> {
    const total = await queue.visible()
    let logged = 0
    const messages = await queue.receiveAll(reading, (received, held) => {
      for (const { MessageId = '' } of received) missing?.delete(MessageId)
      if (missing?.size === 0) enough.abort()
      if (held < logged + 1_000) return
      logged = held
      log(io, `${held} of about ${Math.max(total, held)} in ${queue.name} read …`)
    })
    const unseen = missing ? 0 : await queue.visible()
    if (unseen > 0) log(io, `About ${unseen} more in ${queue.name} could not be read now: run this again.`)
    return messages.map((message) => ({ queue, message, letter: letterOf(message, names) }))
  }

  const queues: LetterQueue[] = []
  try {
    for (const name of [names.deadLetterQueue, names.undeliveredEventsQueue])
      queues.push(await LetterQueue.open(client, name, { isLocal }))
    const found = (await allSettled(queues.map((queue) => read(queue)))).flat()
    interrupted.throwIfAborted()
    const matches = ids.map((id) => ({ id, count: found.filter(({ letter }) => letter.id.startsWith(id)).length }))
    const unknown = matches.filter(({ count }) => count === 0)
    if (unknown.length > 0)
      throw new CommandError(
        `no such letter, or another command is reading it: ${unknown.map(({ id }) => id).join(', ')}`,
      )
    const unclear = matches.find(({ count }) => count > 1)
    if (unclear) throw new UsageError(`${unclear.count} letters begin with ${unclear.id}: give more of the id`)
    return await use(
      found.filter(({ letter }) => isSelected(letter, selection)),
      interrupted,
    )
  } catch (error) {
    if (interrupted.aborted && error === interrupted.reason) return 130
    throw error
  } finally {
    const hidden = await Promise.all(queues.map((queue) => queue.release()))
    const sum = hidden.reduce((a, b) => a + b, 0)
    if (sum > 0) log(io, `${formatCount(sum, 'letter')} stay invisible for ten minutes.`)
    client.destroy()
  }
}

const isSelected = (letter: Letter, { kind, code, operation, offboarding, id }: Selection): boolean =>
  (kind === undefined || letter.kind === kind) &&
  (code === undefined || letter.code === code) &&
  (operation === undefined || letter.operation === operation) &&
  (offboarding === undefined || letter.offboardingId === offboarding) &&
  (id === undefined || id.some((start) => letter.id.startsWith(start)))

/** Deletes them. `onFailure` is called for each that could not be. */
export async function removeAll(found: Found[], onFailure: (letter: Letter, reason: string) => void): Promise<void> {
  for (const [queue, some] of Map.groupBy(found, ({ queue }) => queue))
    for (const batch of batchesOf(some)) {
      const reasons = await queue.delete(batch.map(({ letter }) => letter.id))
      for (const { letter } of batch) {
        const reason = reasons.get(letter.id)
        if (reason !== undefined) onFailure(letter, reason)
      }
    }
}

/** Shows the letters and asks whether to do `action` with them. */
export async function confirmLetters(
  io: Io,
  action: string,
  found: Found[],
  isSure: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const letters = found.map(({ letter }) => letter)
  io.stdout.write(formatReasons(letters, 5))
  return isSure || confirm(io, `${action}: ${formatCount(letters.length, 'letter')}`, signal)
}

/** What went wrong with which letters, by reason. */
export class Problems {
  readonly #ids = new Map<string, string[]>()

  add(letter: Letter | undefined, reason: string): void {
    this.#ids.set(reason, [...(this.#ids.get(reason) ?? []), letter?.id ?? ''])
  }

  get count(): number {
    return [...this.#ids.values()].reduce((sum, ids) => sum + ids.length, 0)
  }

  /** One line for each reason. */
  log(io: Io): void {
    for (const [reason, ids] of this.#ids) {
      const others = ids.length > 3 ? ` and ${ids.length - 3} more` : ''
      log(io, `Failed: ${ids.slice(0, 3).join(', ')}${others} ${reason}`)
    }
  }
}
