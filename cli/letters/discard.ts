/** `offboarding letters discard`: removes letters for good. */
import { Command } from 'commander'
import { batchesOf } from '../../lib/aws/batch.ts'
import { withOptions } from '../command.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connect, connectionOptions } from '../stack/connection.ts'
import {
  assertSelected,
  changeOptions,
  confirmLetters,
  LETTERS_HELP,
  Problems,
  removeAll,
  type Selection,
  withLetters,
} from './held-letters.ts'

type Options = Selection & ConnectionOptions & { yes?: true }

export const discardCommand = (io: Io): Command =>
  withOptions(
    new Command('discard')
      .summary('delete letters for good')
      .description('Deletes letters. Nothing else keeps them. Selections combine: all must match.'),
    [...changeOptions(), ...connectionOptions()],
  )
    .addHelpText(
      'after',
      `${LETTERS_HELP}\n\nExamples:\n  AWS_PROFILE=ops npx offboarding letters discard --id 6f1c2a90 --stage prod`,
    )
    .action(async (options: Options) => {
      io.exitCode = await discard(io, options)
    })

async function discard(io: Io, options: Options): Promise<number> {
  assertSelected(options)
  return withLetters(io, await connect(io, options), options, async (found, signal) => {
    if (found.length > 0 && !(await confirmLetters(io, 'Discard for good', found, options.yes ?? false, signal)))
      return 1
    const failures = new Problems()
    for (const some of Map.groupBy(found, ({ queue }) => queue).values())
      for (const batch of batchesOf(some)) {
        signal.throwIfAborted()
        batch[0]?.queue.assertHeld()
        await removeAll(batch, (letter, reason) => failures.add(letter, `could not be removed (${reason})`))
      }
    failures.log(io)
    log(io, `Discarded: ${found.length - failures.count}.`)
    return failures.count === 0 ? 0 : 1
  })
}
