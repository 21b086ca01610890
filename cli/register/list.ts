/** `offboarding register list`: what a person is subscribed to. */
import { Command } from 'commander'
import { type Entry, listRegistered } from '../../lib/ledger/register.ts'
import { printable } from '../../lib/schema.ts'
import { withOptions } from '../command.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connect, connectionOptions } from '../stack/connection.ts'
import { useLedger } from '../stack/ledger.ts'
import { formatTable, formatTime } from '../table.ts'
import { type PersonOptions, personOptions, readPerson } from './registration.ts'

type Options = ConnectionOptions & PersonOptions & { json?: boolean }

export const listCommand = (io: Io): Command =>
  withOptions(
    new Command('list')
      .summary('list what a person is subscribed to')
      .description('Lists what is registered for a person and has not ended, the oldest first.')
      .option('--json', 'print a JSON array'),
    [...personOptions(), ...connectionOptions()],
  )
    .addHelpText(
      'after',
      `
Exit code 0: done. 1: the command failed. 2: wrong options.

Examples:
  npx offboarding register list --open-id ou_xxxxxxxx
  npx offboarding register list --union-id XXXXXXXX --json --stage prod`,
    )
    .action(async (options: Options) => {
      const person = readPerson(options)
      useLedger(await connect(io, options))
      const entries: Entry[] = []
      for await (const entry of listRegistered(person)) entries.push(entry)
      if (options.json) io.stdout.write(`${JSON.stringify(entries, null, 2)}\n`)
      else if (entries.length > 0) io.stdout.write(`${formatEntries(entries)}\n`)
      log(io, `${entries.length} registered.`)
    })

const formatEntries = (entries: Entry[]): string =>
  formatTable(
    ['operation', 'input', 'since'],
    entries.map(({ operation, input, registeredAt }) => [
      operation,
      Object.entries(input)
        .map(([name, value]) => printable(`${name}=${value}`, 300))
        .join(' '),
      formatTime(registeredAt),
    ]),
    { rule: true },
  )
