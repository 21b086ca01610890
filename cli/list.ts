/** `offboarding list`: offboardings by what has become of them. */
import { Command, Option } from 'commander'
import { STATES as LEDGER_STATES } from '../lib/ledger/records.ts'
import { type Listed as ListedInLedger, listOffboardings } from '../lib/report/listing.ts'
import { printable } from '../lib/schema.ts'
import { CommandError, withOptions } from './command.ts'
import { type Io, log } from './io.ts'
import { listScheduled } from './leavers/schedules.ts'
import { type Connection, type ConnectionOptions, connect, connectionOptions } from './stack/connection.ts'
import { useLedger } from './stack/ledger.ts'
import { formatTable, formatTime } from './table.ts'

const STATES = [...LEDGER_STATES, 'scheduled'] as const
type State = (typeof STATES)[number]

type Options = ConnectionOptions & { state?: State; dryRun?: boolean; all?: boolean; json?: boolean }

export const listCommand = (io: Io): Command =>
  withOptions(
    new Command('list')
      .summary('list offboardings: what needs an operator, what is open, what has finished')
      .description(
        'Lists offboardings by state: what needs an operator, what is open (oldest first), what has finished (latest ' +
          'first), and what is scheduled, with its time. A rejected event needs an operator for 14 days, or until ' +
          'a later event of the same offboarding is accepted.',
      )
      .addOption(new Option('--state <state>', 'only these; "attention" needs an operator').choices(STATES))
      .option('--dry-run', 'list dry runs instead')
      .option('--all', `show every offboarding, not only ${SHOWN} of each state`)
      .option('--json', 'print a JSON array of every offboarding'),
    connectionOptions(),
  )
    .addHelpText(
      'after',
      `
Exit code 0: done. 1: the command failed. 2: wrong options.

Examples:
  npx offboarding list
  AWS_PROFILE=ops npx offboarding list --state attention --stage prod`,
    )
    .action(async (options: Options) => {
      const connection = await connect(io, options)
      useLedger(connection)
      await list(io, connection, options)
    })

/** How many of each state are shown unless more are asked for. */
const SHOWN = 20
/** What is scheduled has, in place of since when, when it is sent. */
type Listed = Omit<ListedInLedger, 'state'> & { state: State }

async function list(
  io: Io,
  connection: Connection,
  { state, dryRun = false, all = false, json = false }: Options,
): Promise<void> {
  const most = all || json ? Number.POSITIVE_INFINITY : SHOWN
  // One page more than is shown is seldom needed.
  const pages = Number.isFinite(most) ? { pageSize: 3 * most } : {}
  const look = async (one: State) => ({
    state: one,
    ...(await take<Listed>(
      one === 'scheduled' ? scheduled(io, connection, dryRun) : listOffboardings(one, { dryRun, ...pages }),
      most,
    )),
  })
  const wanted = state ? [state] : STATES
  const found = await Promise.all(wanted.filter((one) => one !== 'scheduled').map(look))
  // After the ledger, which fails for good where AWS refuses every call.
  if (wanted.includes('scheduled')) found.push(await look('scheduled'))
  const shown = found.flatMap(({ taken }) => taken)
  if (json) io.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
  else if (shown.length > 0) io.stdout.write(`${formatList(shown)}\n`)
  const counts = found
    .filter(({ state, taken }) => state !== 'scheduled' || taken.length > 0)
    .map(
      ({ state, taken, isMore }) =>
        `${isMore ? 'more than ' : ''}${taken.length} ${state === 'attention' && taken.length === 1 && !isMore ? 'needs an operator' : TEXTS[state]}`,
    )
  const hint = found.some(({ isMore }) => isMore) ? ' --all shows every one.' : ''
  log(io, `${dryRun ? 'Dry runs: ' : ''}${counts.join(', ')}.${hint}`)
}

/** Those that are sent later, of real runs. That they cannot be listed is no reason to show nothing. */
async function* scheduled(io: Io, connection: Connection, dryRun: boolean): AsyncGenerator<Listed> {
  if (dryRun || !connection.names.schedules) return
  const all = await listScheduled(connection).catch((error) => {
    if (!(error instanceof CommandError)) throw error
    log(io, `What is scheduled is not shown: ${error.message}`)
    return []
  })
  for (const { offboardingId, at: since } of all)
    yield {
      offboardingId: printable(offboardingId, 256),
      state: 'scheduled',
      since,
      isDryRun: false,
      gone: 0,
      rejected: null,
      resolving: null,
    }
}

/** The first of them, and whether there are more. */
async function take<Item>(items: AsyncGenerator<Item>, most: number): Promise<{ taken: Item[]; isMore: boolean }> {
  const taken: Item[] = []
  for await (const item of items) {
    if (taken.length >= most) return { taken, isMore: true }
    taken.push(item)
  }
  return { taken, isMore: false }
}

const TEXTS: Record<State, string> = {
  attention: 'need an operator',
  open: 'open',
  finished: 'finished',
  scheduled: 'scheduled',
}

const formatList = (some: Listed[]): string =>
  formatTable(
    ['offboarding', 'state', 'since', 'why'],
    some.map((one) => [
      one.offboardingId ?? '-',
      one.state === 'attention' ? 'needs an operator' : one.state,
      formatTime(one.since),
      formatWhy(one),
    ]),
    { rule: true },
  )

const formatWhy = ({ state, gone, rejected, resolving }: Listed): string =>
  rejected
    ? `rejected event: ${rejected.hint}`
    : [
        ...(resolving
          ? [['finding the leaver', resolving.kind, resolving.hint].filter((text) => text !== null).join(': ')]
          : []),
        ...(state === 'attention' ? ['something is parked or failed'] : []),
        ...(gone > 0 ? [`${gone} gone: check ${gone === 1 ? 'the id' : 'the ids'}`] : []),
      ].join('; ')
