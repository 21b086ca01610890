/** `offboarding letters show`: one letter in full. */
import { Command, Option } from 'commander'
import { CommandError, UsageError, withOptions } from '../command.ts'
import { safeJson, writeEventFile } from '../event/event-file.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, commandLine, connect, connectionOptions } from '../stack/connection.ts'
import { LETTERS_HELP, withLetters } from './held-letters.ts'
import { contentOf } from './letter.ts'

type Options = ConnectionOptions & { id: string; event?: string }

export const showCommand = (io: Io): Command =>
  withOptions(
    new Command('show')
      .summary('print one letter')
      .description('Prints one letter in full, as JSON, or writes its event to a file.'),
    [
      new Option('--id <id>', 'the letter').makeOptionMandatory(),
      new Option('--event <file>', 'write the event in it to a new file, to be corrected and sent with "offboard"'),
      ...connectionOptions(),
    ],
  )
    .addHelpText('after', `${LETTERS_HELP}\n\nExample:\n  npx offboarding letters show --id ID --event corrected.json`)
    .action(async (options: Options) => {
      io.exitCode = await show(io, options)
    })

async function show(io: Io, options: Options): Promise<number> {
  const { id, event: file } = options
  return withLetters(io, await connect(io, options), { id: [id] }, async ([found]) => {
    if (!found) throw new CommandError('no such letter')
    const content = contentOf(found.message)
    if (file === undefined) {
      io.stdout.write(`${safeJson({ queue: found.queue.name, ...found.letter, ...content })}\n`)
      return 0
    }
    if (!('event' in content)) throw new UsageError('--event: this letter contains no event')
    writeEventFile(file, content.event.detail)
    log(io, `Wrote ${file}. Correct it, then: ${commandLine(['offboard', file], options)}, and discard the letter.`)
    return 0
  })
}
