/** The command line `offboarding`: its subcommands, and how a failure is reported. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { printable } from '../lib/schema.ts'
import { describeError, isUsageError, UsageError } from './command.ts'
import { type Io, log, processIo } from './io.ts'

/** By name, the file of each command; only what is run is loaded. */
const COMMANDS: Record<string, () => Promise<(io: Io) => Command | Promise<Command>>> = {
  discover: async () => (await import('./discover.ts')).discoverCommand,
  offboard: async () => (await import('./offboard.ts')).offboardCommand,
  cancel: async () => (await import('./cancel.ts')).cancelCommand,
  list: async () => (await import('./list.ts')).listCommand,
  report: async () => (await import('./report.ts')).reportCommand,
  export: async () => (await import('./export.ts')).exportCommand,
  register: async () => (await import('./register.ts')).registerCommand,
  letters: async () => (await import('./letters.ts')).lettersCommand,
  users: async () => (await import('./users.ts')).usersCommand,
  smoke: async () => (await import('./smoke.ts')).smokeCommand,
}

/**
 * Runs `offboarding ARGS` and returns the exit code: 0 when all is well, 1 when something failed or needs an operator, 2 for
 * wrong usage, 3 when a vendor does not know an id, 130 when interrupted. A failure is one line on standard error.
 */
export async function main(args: string[], io: Io): Promise<number> {
  const [name = ''] = args
  const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  const needed = named ? [named] : Object.values(COMMANDS)
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const program = new Command('offboarding')
    .description(
      'Ends the event subscriptions of people who leave. Acts on a deployed stage (--stage), or on the local stack that ' +
        '"npm start" runs in another terminal; "users" and "smoke" always act on a deployed stage (default: dev).',
    )
    .version(version)
    .addHelpText(
      'after',
      `
Exit codes:
  0    all is well
  1    something failed, has not ended or needs an operator
  2    wrong usage; nothing was done
  3    all ended, but a vendor does not know an id: check it (offboard, report;
       0 with --gone-is-fine)
  130  interrupted; what was sent goes on

Examples:
  npx offboarding offboard local/events/offboarding.json --dry-run
  npx offboarding report --help`,
    )
  for (const load of needed) program.addCommand(await (await load())(io))
  let running = program
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: () => {} })
    command.hook('preSubcommand', (_, subcommand) => {
      running = subcommand
    })
    if (command.commands.length > 0) command.action(() => refuseSubcommand(command)).allowExcessArguments()
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return io.exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const words = pathOf(running).join(' ')
    const isUsage = error instanceof CommanderError || isUsageError(error)
    log(io, `${words}: ${error instanceof CommanderError ? lineOf(error) : describeError(error)}`)
    if (isUsage) log(io, `Run "npx ${words} --help" for usage.`)
    return isUsage ? 2 : 1
  }
}

/** `main` as this process. */
export async function run(args: string[]): Promise<void> {
  // Exit quietly on EPIPE, as in `offboarding report … | head`.
  process.stdout.on('error', () => process.exit())
  process.exitCode = await main(args, processIo())
}

const withSubcommands = (command: Command): Command[] => [command, ...command.commands.flatMap(withSubcommands)]

const pathOf = (command: Command): string[] => [...(command.parent ? pathOf(command.parent) : []), command.name()]

function refuseSubcommand(command: Command): never {
  const names = command.commands.map((one) => one.name())
  const [given] = command.args
  const expected = `expected ${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  throw new UsageError(
    given === undefined ? `missing subcommand: ${expected}` : `unknown subcommand ${printable(given)}: ${expected}`,
  )
}

/** Commander's message, which repeats what was typed, in one line. */
const lineOf = ({ message }: CommanderError): string =>
  printable(message.replace(/^error: /, '').replace('\n', ' '), 1_000)
