/** `offboarding offboard`: checks an offboarding event, sends it, follows it to its end and reports. */
import { Command, Option } from 'commander'
import { loadOperations } from '../infra/operations.ts'
import { OperationError } from '../lib/error.ts'
import { mergeParts } from '../lib/event-part.ts'
import { offboarding, withinTargets } from '../lib/offboarding-event.ts'
import type { EventOption } from '../lib/operation-docs.ts'
import { parse } from '../lib/schema.ts'
import { goneIsFineOption, readObject, repeatable, UsageError, withOptions } from './command.ts'
import { assertEvent, newOffboardingId } from './event/event-detail.ts'
import { type Io, log } from './io.ts'
import { getExitCode } from './progress/exit-code.ts'
import { follow, sendEvent } from './progress/follow.ts'
import { FORMATS } from './progress/report-formats.ts'
import { type Connection, type ConnectionOptions, commandLine, connect, connectionOptions } from './stack/connection.ts'

/** The one option for targets that belongs to no operation. */
const TENANT_KEY: EventOption = {
  name: 'tenant-key',
  value: 'KEY',
  help: 'the tenant, for store apps',
  part: (tenantKey) => ({ feishu: { tenantKey } }),
}

/** The options that stand for an event file: those of the operations. */
const listEventOptions = async (): Promise<EventOption[]> => [
  ...(await loadOperations()).flatMap(({ docs }) => docs.event.options ?? []),
  TENANT_KEY,
]

const isRepeatable = ({ value }: EventOption): boolean => value.endsWith('…')

function optionOf(option: EventOption): Option {
  const flags = `--${option.name} <${option.value.replace(' …', '').toLowerCase().replaceAll('_', '-')}>`
  return isRepeatable(option) ? repeatable(flags, `${option.help}; may be repeated`) : new Option(flags, option.help)
}

type Options = ConnectionOptions & { id?: string; dryRun?: boolean; follow?: string; goneIsFine?: boolean } & Record<
    string,
    unknown
  >

export async function offboardCommand(io: Io): Promise<Command> {
  const eventOptions = await listEventOptions()
  const targetOptions = [
    ...eventOptions.map(optionOf),
    new Option('--id <offboarding-id>', 'what to call the offboarding (default: a name that contains the time)'),
  ]
  return withOptions(
    new Command('offboard')
      .summary('send an offboarding event and follow it to its end')
      .description(
        'Checks an offboarding event, sends it, shows the outcome of every target, and ends with the report.',
      )
      .argument('[event.json]', "file with the event's detail, as in local/events/offboarding.json; or give targets")
      .option(
        '--dry-run',
        "ask the vendors what would become of every target, change no subscription; may renew and store a user's token",
      )
      .addOption(
        new Option('--follow <offboarding-id>', 'send nothing: go on following an offboarding').conflicts([
          'dryRun',
          ...targetOptions.map((option) => option.attributeName()),
        ]),
      ),
    [...targetOptions, goneIsFineOption(), ...connectionOptions()],
  )
    .addHelpText(
      'after',
      `
Exit code 0: everything ended well. 1: something is parked or was rejected, or
the command failed. 2: wrong options or event, nothing was sent. 3: everything
ended, but the vendor does not know an id (gone): check it. 130: interrupted;
the work goes on. Of a dry run the same, for what would become of it.

Examples:
  npx offboarding offboard local/events/offboarding.json --dry-run
  AWS_PROFILE=ops npx offboarding offboard --stage prod \\
    --approval-code 7C468A54-8745-2245-9675-08B7C63E7A85 --file doxcnXXXX:docx`,
    )
    .action(async (file: string | undefined, options: Options) => {
      io.exitCode = await offboard(io, file, options, eventOptions)
    })
}

async function offboard(
  io: Io,
  file: string | undefined,
  options: Options,
  eventOptions: EventOption[],
): Promise<number> {
  const { stage, region, param, local, follow: followed, dryRun = false, goneIsFine = false, ...targets } = options
  const [other] = Object.keys({ ...(followed !== undefined && { follow: followed }), ...targets })
  if (file === undefined && other === undefined)
    throw new UsageError('expected one EVENT.json, or targets, or --follow OFFBOARDING_ID')
  if (file !== undefined && other !== undefined) {
    const flag = other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    throw new UsageError(`argument 'event.json' cannot be used with option '--${flag}'`)
  }

  let detail: Record<string, unknown> | undefined
  if (followed === undefined) {
    detail = { ...(file === undefined ? detailOf(eventOptions, targets) : readObject(file)), ...(dryRun && { dryRun }) }
    assertEvent(detail, file ?? 'this', io)
  }
  const offboardingId = followed ?? String(detail?.offboardingId)
  const connection = await connect(io, options)
  let eventId: string | undefined
  if (detail) {
    checkCount(detail, connection)
    eventId = await sendEvent(connection, detail)
    log(io, `Sent ${offboardingId} as event ${eventId}. Ctrl-C stops following it, not the work.`)
  }

  const signal = io.catchInterrupt()
  try {
    const report = await follow(io, connection, { offboardingId, eventId, signal })
    io.stdout.write(`\n${FORMATS.table(report, report.rows)}\n`)
    return getExitCode(report, { goneIsFine })
  } catch (error) {
    log(io, `To go on following it: ${commandLine(['offboard', '--follow', offboardingId], options)}`)
    if (signal.aborted) return 130
    throw error
  }
}

/** The event's detail that the options ask for. What is missing or wrong in it, the event's schema finds. */
function detailOf(options: EventOption[], given: Record<string, unknown>): Record<string, unknown> {
  const parts = options.flatMap((option) =>
    [given[optionOf(option).attributeName()] ?? []].flat().map((text) => {
      const part = option.part(String(text))
      if (part) return part
      throw new UsageError(`--${option.name} must be ${option.value.replace(' …', '')}, as in ${option.example}`)
    }),
  )
  return mergeParts([{ offboardingId: given.id ?? newOffboardingId() }, ...parts])
}

/** Throws for more targets than the stack takes at once. */
function checkCount(detail: unknown, { variables }: Connection): void {
  try {
    withinTargets(parse(offboarding, detail), Number(variables.MAX_TARGETS_PER_EVENT))
  } catch (error) {
    if (error instanceof OperationError) throw new UsageError(`${error.detail.en} ${error.hint.en} Nothing was sent.`)
    throw error
  }
}
