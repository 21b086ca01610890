/** `offboarding letters list`: the letters by reason. */
import { Command } from 'commander'
import { withOptions } from '../command.ts'
import { safeJson } from '../event/event-file.ts'
import { type Io, log } from '../io.ts'
import { targetOf } from '../progress/ledger.ts'
import { type ConnectionOptions, connect, connectionOptions } from '../stack/connection.ts'
import { INVISIBLE_HELP, type Selection, selectionOptions, withLetters } from './held-letters.ts'
import type { Letter } from './letter.ts'

export const listCommand = (io: Io): Command =>
  withOptions(
    new Command('list')
      .summary('list letters by reason')
      .description(
        'Lists letters by reason: how many, what to do, and some of them. Selections combine: all must match.',
      )
      .option('--all', 'show every letter, not only some for each reason')
      .option('--json', 'print every letter, as a JSON array'),
    [...selectionOptions(), ...connectionOptions()],
  )
    .addHelpText('after', `${INVISIBLE_HELP}\n\nExample:\n  AWS_PROFILE=ops npx offboarding letters list --stage prod`)
    .action(async (options: Selection & ConnectionOptions & { json?: true }) => {
      io.exitCode = await withLetters(io, await connect(io, options), options, async (found) => {
        const letters = found.map(({ queue, letter }) => ({ queue: queue.name, ...letter }))
        io.stdout.write(
          options.json ? `${safeJson(letters)}\n` : formatReasons(letters, options.all ? Number.POSITIVE_INFINITY : 5),
        )
        log(io, found.length === 0 ? 'No letters.' : `${formatCount(found.length)}.`)
        return 0
      })
    })

/** A paragraph for each reason, the most frequent first. */
export function formatReasons(letters: Letter[], examples: number): string {
  const groups = [...Map.groupBy(letters, ({ kind, code, hint }) => JSON.stringify([kind, code, hint])).values()]
  return groups
    .sort((a, b) => b.length - a.length)
    .map((group) => {
      const [{ kind, code, hint }] = group as [Letter]
      const lines = group.slice(0, examples).map((letter) => `    ${formatLetter(letter)}`)
      const rest = group.length - lines.length
      if (rest > 0) lines.push(`    … and ${rest} more; --all shows them`)
      return `${[kind, code].filter(Boolean).join(' ')}: ${formatCount(group.length)}\n  ${hint}\n${lines.join('\n')}\n\n`
    })
    .join('')
}

/** `6f1c…  hr-2026-000123  feishu-drive-unsubscribe doxcn… docx  since 2026-11-21T08:00:00Z` */
const formatLetter = ({ id, offboardingId, operation, input, since }: Letter): string =>
  [
    id,
    offboardingId ?? '-',
    [operation, input ? targetOf({ input: input as Record<string, string> }) : 'event'].filter(Boolean).join(' '),
    `since ${since.replace(/\.\d+Z$/, 'Z')}`,
  ].join('  ')

export const formatCount = (count: number): string => (count === 1 ? '1 letter' : `${count} letters`)
