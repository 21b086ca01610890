/** `offboarding letters redrive`: sends letters back to where they came from. */
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Command } from 'commander'
import { batchesOf } from '../../lib/aws/batch.ts'
import { fingerprint } from '../../lib/fingerprint.ts'
import { openRedrive } from '../../lib/ledger/redrives.ts'
import { nameOf } from '../aws-errors.ts'
import { CommandError, withOptions } from '../command.ts'
import { sendEvent } from '../event/send-events.ts'
import { type Io, log } from '../io.ts'
import { loadOperations } from '../progress/waits.ts'
import {
  type Connection,
  type ConnectionOptions,
  commandLine,
  connect,
  connectionOptions,
} from '../stack/connection.ts'
import { useLedger } from '../stack/ledger.ts'
import { formatCount } from '../table.ts'
import {
  assertSelected,
  changeOptions,
  confirmLetters,
  type Found,
  LETTERS_HELP,
  Problems,
  removeAll,
  type Selection,
  withLetters,
} from './held-letters.ts'
import { type Redrive, redriveOf } from './letter.ts'
import { queueUrl } from './letter-queue.ts'

type Options = Selection & ConnectionOptions & { yes?: true }

export const redriveCommand = (io: Io): Command =>
  withOptions(
    new Command('redrive')
      .summary('send letters back to where they came from')
      .description(
        'Sends work items back to their queues, as a new sending of their offboarding, and events to all functions, and removes ' +
          'the letters. Selections combine: all must match.',
      ),
    [...changeOptions(), ...connectionOptions()],
  )
    .addHelpText('after', `${LETTERS_HELP}\n\nExamples:\n  npx offboarding letters redrive --kind forbidden`)
    .action(async (options: Options) => {
      assertSelected(options)
      io.exitCode = await redrive(io, options, await connect(io, options))
    })

type Sendable<Way = Redrive> = Found & { way: Way }
type ToQueue = Extract<Redrive, { queue: string }>
type ToBus = Extract<Redrive, { event: unknown }>

async function redrive(io: Io, options: Options, connection: Connection): Promise<number> {
  const operations = await loadOperations(connection)
  return withLetters(io, connection, options, async (found, signal) => {
    const problems = new Problems()
    const items: Sendable<ToQueue>[] = []
    const events: Sendable<ToBus>[] = []
    for (const one of found) {
      const way = redriveOf(one.message, connection.names, operations)
      if ('refused' in way) problems.add(one.letter, `cannot be redriven: it ${way.refused}`)
      else if ('event' in way) events.push({ ...one, way })
      else items.push({ ...one, way })
    }
    problems.log(io)
    const sendable = [...items, ...events]
    const dryRuns = items.filter(({ way }) => way.item.dryRun).length
    if (dryRuns > 0) log(io, `Of dry runs, which change nothing: ${formatCount(dryRuns, 'letter')}.`)
    if (sendable.length > 0 && !(await confirmLetters(io, 'Redrive', sendable, options.yes ?? false, signal))) return 1

    const failures = new Problems()
    let done = 0
    const opened = await openRedrives(connection, items, failures)
    for await (const sent of send(connection, { items: opened, events }, failures, signal)) {
      await removeAll(sent, (letter, reason) =>
        failures.add(
          letter,
          `was sent, but its letter could not be removed (${reason}); sending it twice does no harm`,
        ),
      )
      const before = done
      done += sent.length
      if (Math.floor(done / 1_000) > Math.floor(before / 1_000)) log(io, `${done} of ${sendable.length} …`)
    }
    failures.log(io)
    log(io, `Redriven: ${done}.`)
    const ids = [...new Set(sendable.flatMap(({ letter }) => letter.offboardingId ?? []))]
    const id = ids.length === 1 ? String(ids[0]) : 'OFFBOARDING_ID'
    if (done > 0 && ids.length > 0) log(io, `To see the outcome: ${commandLine(['report', id], options)}`)
    return problems.count + failures.count === 0 ? 0 : 1
  })
}

/** Events whose redrives are opened at once. */
const AT_ONCE = 25

/** Opens a redrive for the items of each event. Returns them with its number; those that failed are added to `failures`. */
async function openRedrives(
  connection: Connection,
  items: Sendable<ToQueue>[],
  failures: Problems,
): Promise<Sendable<ToQueue>[]> {
  if (items.length > 0) useLedger(connection)
  const eventOf = ({ way: { item } }: Sendable<ToQueue>) =>
    JSON.stringify([item.offboardingId, item.eventId, item.dryRun])
  const waiting = [...Map.groupBy(items, eventOf).values()]
  const opened: Sendable<ToQueue>[] = []
  const openGroup = async (group: Sendable<ToQueue>[]) => {
    const targets = group.map(({ way: { item } }) => ({ ...item, redrive: item.redrive ?? 0 }))
    const [event] = targets
    const redrive = event && (await openRedrive(event, targets, Object.keys(connection.names.operations)))
    if (redrive === undefined) throw new CommandError('it was redriven 99 times')
    for (const one of group) opened.push({ ...one, way: { ...one.way, item: { ...one.way.item, redrive } } })
  }
  const open = async () => {
    for (let group = waiting.pop(); group; group = waiting.pop())
      try {
        await openGroup(group)
      } catch (error) {
        if (!(error instanceof CommandError)) throw error
        for (const { letter } of group) failures.add(letter, `was not sent: ${error.message}`)
      }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, open))
  return opened
}

/** Sends everything; yields the letters whose content is on its way, and adds those that could not be sent to `failures`. */
async function* send(
  connection: Connection,
  { items, events }: { items: Sendable<ToQueue>[]; events: Sendable<ToBus>[] },
  failures: Problems,
  signal: AbortSignal,
): AsyncGenerator<Found[]> {
  const client = new SQSClient(connection.settings('sqs'))
  try {
    for (const [name, ofQueue] of Map.groupBy(items, ({ way }) => way.queue)) {
      const QueueUrl = await queueUrl(client, name)
      for (const batch of batchesOf(ofQueue)) {
        signal.throwIfAborted()
        for (const queue of new Set(batch.map(({ queue }) => queue))) queue.assertHeld()
        const refused = await sendBatch(client, QueueUrl, batch)
        for (const [index, reason] of refused) failures.add(batch[index]?.letter, `could not be sent (${reason})`)
        yield batch.filter((_, index) => !refused.has(index))
      }
    }
    // Several functions may have failed on one event: sent again once, it reaches them all.
    for (const same of Map.groupBy(events, ({ way }) => way.event.key).values()) {
      signal.throwIfAborted()
      for (const { queue } of same) queue.assertHeld()
      try {
        const [one] = same
        if (one) await sendEvent(connection, one.way.event.detail, one.way.event.type)
      } catch (error) {
        if (!(error instanceof CommandError)) throw error
        for (const { letter } of same) failures.add(letter, `could not be sent: ${error.message}`)
        continue
      }
      yield same
    }
  } finally {
    client.destroy()
  }
}

/** Sends ten at most, a letter once in each redrive. Returns by index why some could not be. */
async function sendBatch(
  client: SQSClient,
  QueueUrl: string,
  batch: Sendable<ToQueue>[],
): Promise<Map<number, string>> {
  const Entries = batch.map(({ message, way }, index) => ({
    Id: String(index),
    MessageBody: JSON.stringify(way.item),
    MessageGroupId: way.group,
    MessageDeduplicationId: fingerprint(message.MessageId, 'redriven', way.item.redrive),
  }))
  const { Failed = [] } = await client
    .send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    .catch((error: unknown) => ({ Failed: Entries.map(({ Id }) => ({ Id, Code: nameOf(error) })) }))
  return new Map(Failed.map(({ Id, Code }) => [Number(Id), Code ?? 'unknown']))
}
