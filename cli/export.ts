/** `offboarding export`: every outcome of a period with who asked for it, for auditors. */
import { once } from 'node:events'
import { Command, InvalidArgumentError, Option } from 'commander'
import { listByState, type Records, readRecords, STATES } from '../lib/ledger/records.ts'
import { type Entry, formatTarget } from '../lib/report/rows.ts'
import { listEntries } from '../lib/report/tries.ts'
import { type Input, printable } from '../lib/schema.ts'
import { CommandError, UsageError, withOptions } from './command.ts'
import { formatCsv } from './csv.ts'
import { type Io, log } from './io.ts'
import { describeUnknown } from './progress/follow.ts'
import { type ConnectionOptions, connect, connectionOptions } from './stack/connection.ts'
import { useLedger } from './stack/ledger.ts'
import { formatCount } from './table.ts'

type Options = ConnectionOptions & {
  from?: number
  to?: number
  offboarding?: string
  json?: boolean
  dryRun?: boolean
}

export const exportCommand = (io: Io): Command =>
  withOptions(
    new Command('export')
      .summary('print every outcome of a period, and who asked for it')
      .description(
        'Prints every outcome of a period or of one offboarding, one line for each try: the target, what became of it and when, and the event that ' +
          'asked for it with its source and sender. Targets that are still open are included with the time when they were ' +
          'queued. The ledger keeps what has ended for the deploy parameter logRetentionDays.',
      )
      .addOption(new Option('--from <time>', 'a date or an ISO 8601 time').argParser(timeMs))
      .addOption(new Option('--to <time>', 'where the period ends, not included (default: now)').argParser(timeMs))
      .option('--offboarding <offboarding-id>', 'export this offboarding alone; --from is then optional')
      .option('--json', 'print a JSON array instead of CSV')
      .option('--dry-run', 'export dry runs instead of real ones'),
    connectionOptions(),
  )
    .addHelpText(
      'after',
      `
Dates are days of UTC.

Exit code 0: done. 1: the offboarding is unknown, or the command failed. 2:
wrong options.

Examples:
  AWS_PROFILE=ops npx offboarding export --stage prod \\
    --from 2026-10-01 --to 2026-11-01 > october.csv`,
    )
    .action(async (options: Options) => {
      const { offboarding, from = offboarding === undefined ? undefined : 0, to = Date.now(), ...rest } = options
      if (from === undefined)
        throw new UsageError("required option '--from <time>' not specified, nor '--offboarding <offboarding-id>'")
      if (from >= to) throw new UsageError('--from must be before --to')
      useLedger(await connect(io, rest))
      const ids = offboarding === undefined ? await listIds(from) : [await find(offboarding)]
      await exportLines(io, ids, { ...rest, from, to })
    })

/** Parses a date or time; epoch milliseconds. */
function timeMs(text: string): number {
  const ms = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new InvalidArgumentError('It must be a date or time, as in 2026-11-27 or 2026-11-27T10:00:00Z.')
}

/** One try of a target. */
type Line = Entry & {
  offboardingId: string | null
  operation: string | null
  input: Input | null
  source: string
  sentAt: string
  sentBy: string | null
}

/** Offboardings that are read at once. */
const AT_ONCE = 10

async function exportLines(
  io: Io,
  ids: (string | null)[],
  { from, to, json = false, dryRun = false }: Options & { from: number; to: number },
): Promise<void> {
  let count = 0
  if (!json) await write(io, formatCsv([CSV_HEAD]))
  for (let index = 0; index < ids.length; index += AT_ONCE) {
    const some = ids.slice(index, index + AT_ONCE)
    const read = await Promise.all(some.map(async (id) => linesOf(id, await readRecords(id), dryRun)))
    const lines = read.flat().filter(({ time }) => Date.parse(time) >= from && Date.parse(time) < to)
    if (lines.length === 0) continue
    await write(io, json ? formatJson(lines, count === 0) : formatCsv(lines.map(cellsOf)))
    count += lines.length
  }
  if (json) await write(io, count === 0 ? '[]\n' : '\n]\n')
  log(io, `${formatCount(count, 'line')}.`)
}

/** The id, if the ledger has anything of it. */
async function find(offboardingId: string): Promise<string> {
  const { sendings, leavings, rejections, requests } = await readRecords(offboardingId, { history: false })
  if ([...sendings, ...leavings, ...rejections, ...requests].length > 0) return offboardingId
  throw new CommandError(describeUnknown())
}

/**
 * Offboardings that may have had an outcome since `fromMs`: those that have been settled since then, and those that are open. An event
 * without an offboarding has none.
 */
async function listIds(fromMs: number): Promise<(string | null)[]> {
  const ids = new Set<string | null>()
  for (const state of STATES)
    for await (const { offboardingId } of listByState(
      state,
      state === 'open' ? {} : { from: new Date(fromMs).toISOString() },
    ))
      ids.add(offboardingId)
  return [...ids]
}

function linesOf(id: string | null, records: Records, dryRun: boolean): Line[] {
  const sendings = new Map(records.sendings.map((one) => [`${one.eventId} ${one.redrive}`, one]))
  return listEntries(records, dryRun).map(({ operation, input, entry, eventId }) => {
    const {
      source = '',
      sentAt = '',
      sentBy,
    } = sendings.get(`${eventId} ${entry.redrive}`) ?? records.rejections.find((one) => one.eventId === eventId) ?? {}
    return {
      offboardingId: id === null ? null : printable(id, 256),
      operation,
      input,
      ...entry,
      source: printable(source),
      sentAt: printable(sentAt),
      sentBy: sentBy === undefined ? null : printable(sentBy, 1_000),
    }
  })
}

const CSV_HEAD = [
  ...['offboardingId', 'operation', 'target', 'outcome', 'kind', 'code', 'requestId', 'time', 'hint'],
  ...['source', 'eventId', 'redrive', 'sentAt', 'sentBy', 'expected'],
]

const cellsOf = (line: Line): string[] => [
  line.offboardingId ?? '',
  line.operation ?? '',
  line.input ? formatTarget(line) : '',
  line.outcome,
  line.kind ?? '',
  line.code ?? '',
  line.requestId ?? '',
  line.time,
  line.hint ?? '',
  line.source,
  line.eventId,
  String(line.redrive),
  line.sentAt,
  line.sentBy ?? '',
  line.expected ?? '',
]

/** A part of an array, which `first` begins. */
const formatJson = (lines: Line[], first: boolean): string =>
  `${first ? '[\n' : ',\n'}${lines.map((line) => `  ${JSON.stringify(line)}`).join(',\n')}`

/** Waits while the reader is slower. */
async function write({ stdout }: Io, text: string): Promise<void> {
  if (!stdout.write(text)) await once(stdout, 'drain')
}
