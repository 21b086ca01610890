/** `offboarding letters show`: one letter in full. */
import { Command, Option } from 'commander'
import { readRecords } from '../../lib/ledger/records.ts'
import type { Entry } from '../../lib/report/rows.ts'
import { listEntries } from '../../lib/report/tries.ts'
import type { Input } from '../../lib/schema.ts'
import { CommandError, UsageError, withOptions } from '../command.ts'
import { safeJson, writeEventFile } from '../event/event-file.ts'
import { type Io, log } from '../io.ts'
import {
  type Connection,
  type ConnectionOptions,
  commandLine,
  connect,
  connectionOptions,
} from '../stack/connection.ts'
import { useLedger } from '../stack/ledger.ts'
import { LETTERS_HELP, withLetters } from './held-letters.ts'
import { type Content, contentOf, type Letter } from './letter.ts'

type Options = ConnectionOptions & { id: string; event?: string }

export const showCommand = (io: Io): Command =>
  withOptions(
    new Command('show')
      .summary('print one letter')
      .description(
        'Prints one letter in full, as JSON, with the history of its target; or writes its event to a file.',
      ),
    [
      new Option('--id <id>', 'the letter, or the beginning of its id, if unique').makeOptionMandatory(),
      new Option('--json', 'print one JSON object, which is also the default').conflicts('event'),
      new Option('--event <file>', 'write the event in it to a new file, to be corrected and sent with "offboard"'),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `${LETTERS_HELP}\n\nExamples:\n  npx offboarding letters show --id 6f1c2a90\n  npx offboarding letters show --id 6f1c2a90 --event corrected.json`,
    )
    .action(async (options: Options) => {
      io.exitCode = await show(io, options)
    })

async function show(io: Io, options: Options): Promise<number> {
  const { id, event: file } = options
  const connection = await connect(io, options)
  return withLetters(io, connection, { id: [id] }, async ([found]) => {
    if (!found) throw new CommandError('no such letter')
    const content = contentOf(found.message)
    if (file === undefined) {
      const history = await readHistory(io, connection, found.letter, content)
      io.stdout.write(`${safeJson({ queue: found.queue.name, ...found.letter, ...content, ...history })}\n`)
      return 0
    }
    if (!('event' in content)) throw new UsageError('--event: this letter contains no event')
    writeEventFile(file, content.event.detail)
    log(io, `Wrote ${file}. Correct it, then: ${commandLine(['offboard', file], options)}, and discard the letter.`)
    return 0
  })
}

/** What became of the item's target so far, the oldest first. Where the ledger does not say, the letter is shown without it. */
async function readHistory(
  io: Io,
  connection: Connection,
  { offboardingId, operation, input }: Letter,
  content: Content,
): Promise<{ history?: Entry[] }> {
  if (offboardingId === null || input === null || !('item' in content)) return {}
  try {
    useLedger(connection)
    const isDryRun = (content.item as { dryRun?: unknown }).dryRun === true
    const tries = listEntries(await readRecords(offboardingId), isDryRun)
    const same = tries.filter((one) => one.operation === operation && one.input && keyOf(one.input) === keyOf(input))
    return { history: same.map(({ entry }) => entry) }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    log(io, `Its history could not be read: ${error.message}`)
    return {}
  }
}

const keyOf = (input: Input): string => JSON.stringify(Object.entries(input).sort())
