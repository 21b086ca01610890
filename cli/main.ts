/** The command line `offboarding`: its subcommands, and how a failure is reported. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { printable } from '../lib/schema.ts'
import { describeError, isUsageError } from './command.ts'
import { type Io, log, paint, processIo } from './io.ts'

/** By name, the file of each command; only what is run is loaded. */
const COMMANDS: Record<string, () => Promise<(io: Io) => Command | Promise<Command>>> = {
  discover: async () => (await import('./discover.ts')).discoverCommand,
  offboard: async () => (await import('./offboard.ts')).offboardCommand,
  follow: async () => (await import('./follow.ts')).followCommand,
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
  const asked = args[0] === 'help' ? [...args.slice(1), '--help'] : args
  const [name = ''] = asked
  const named = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  const needed = named ? [named] : Object.values(COMMANDS)
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const program = new Command('offboarding')
    .description(
      'Ends the event subscriptions of people who leave. Every command acts on the local stack that "npm start" runs in ' +
        'another terminal, or on a deployed stage (--stage).',
    )
    .version(version, '-V, --version', 'display the version')
    .addHelpText(
      'after',
      `
Exit codes:
  0    all is well
  1    something failed, has not ended or needs an operator
  2    wrong usage; nothing was done
  3    all ended, but a vendor does not know an id: check it (offboard, follow,
       report; 0 with --gone-is-fine)
  130  interrupted; what was sent goes on

Environment:
  AWS_PROFILE and AWS's other variables name the credentials for --stage.
  NO_COLOR turns off colors, which only a terminal shows.

Examples:
  npx offboarding offboard leaver@corp.example
  npx offboarding offboard local/events/offboarding.json --dry-run
  npx offboarding help report`,
    )
  for (const load of needed) program.addCommand(await (await load())(io))
  let running = program
  for (const command of withSubcommands(program)) {
    command.exitOverride().configureOutput({
      writeOut: (text) =>
        io.stdout.write(text.replace(/^[A-Z][a-z ]+:$/gm, (title) => paint(io.stdout, 'bold', title))),
      writeErr: () => {},
      getOutHelpWidth: () => HELP_WIDTH,
    })
    command.hook('preSubcommand', (_, subcommand) => {
      running = subcommand
    })
  }
  try {
    // The help of a command that does not exist is wrong usage.
    const isKnown = namesCommand(program, asked)
    await program.parseAsync(isKnown ? asked : asked.filter((arg) => !/^(-h|--help)$/.test(arg)), { from: 'user' })
    return io.exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const words = pathOf(running).join(' ')
    const isUsage = error instanceof CommanderError || isUsageError(error)
    log(io, `${words}: ${error instanceof CommanderError ? describeUsage(error, running) : describeError(error)}`)
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

const HELP_WIDTH = 80

const withSubcommands = (command: Command): Command[] => [command, ...command.commands.flatMap(withSubcommands)]

const pathOf = (command: Command): string[] => [...(command.parent ? pathOf(command.parent) : []), command.name()]

/** Whether the words before the first option lead to a command that exists. */
function namesCommand(program: Command, args: string[]): boolean {
  let command: Command | undefined = program
  for (const word of args) {
    if (word.startsWith('-') || command.commands.length === 0) return true
    command = command.commands.find((one) => one.name() === word)
    if (!command) return false
  }
  return true
}

/** What is wrong with the arguments of a command, in one line, with commander's suggestion if it has one. */
function describeUsage({ code, message }: CommanderError, { args, commands }: Command): string {
  const names = commands.map((one) => one.name())
  const expected = `expected ${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  if (code === 'commander.help') return `missing subcommand: ${expected}`
  const [suggestion] = /\(Did you mean .+\?\)$/.exec(message) ?? []
  if (code === 'commander.unknownCommand')
    return `unknown subcommand ${printable(args[0] ?? '')}${suggestion ? ` ${suggestion}` : `: ${expected}`}`
  // Commander's message repeats what was typed.
  return printable(message.replace(/^error: /, '').replace('\n', ' '), 1_000)
}
