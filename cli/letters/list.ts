/** `offboarding letters list`: the letters by reason. */
import { Command } from 'commander'
import { withOptions } from '../command.ts'
import { safeJson } from '../event/event-file.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connect, connectionOptions } from '../stack/connection.ts'
import { formatCount } from '../table.ts'
import { formatReasons } from './format.ts'
import { LETTERS_HELP, type Selection, selectionOptions, withLetters } from './held-letters.ts'

export const listCommand = (io: Io): Command =>
  withOptions(
    new Command('list')
      .summary('list letters by reason')
      .description(
        'Lists letters by reason: how many, what to do, and some of them. Selections combine: all must match.',
      )
      .option('--all', 'show every letter, not only some for each reason')
      .option('--json', 'print a JSON array of every letter'),
    [...selectionOptions(), ...connectionOptions()],
  )
    .addHelpText('after', `${LETTERS_HELP}\n\nExamples:\n  AWS_PROFILE=ops npx offboarding letters list --stage prod`)
    .action(async (options: Selection & ConnectionOptions & { json?: true }) => {
      io.exitCode = await withLetters(io, await connect(io, options), options, async (found) => {
        const letters = found.map(({ queue, letter }) => ({ queue: queue.name, ...letter }))
        io.stdout.write(
          options.json ? `${safeJson(letters)}\n` : formatReasons(letters, options.all ? Number.POSITIVE_INFINITY : 5),
        )
        log(io, found.length === 0 ? 'No letters.' : `${formatCount(found.length, 'letter')}.`)
        return 0
      })
    })
