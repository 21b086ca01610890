/** `offboarding letters redrive`: sends letters back to where they came from. */
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Command } from 'commander'
import { batchesOf } from '../../lib/aws/batch.ts'
import type { Operation } from '../../lib/operation.ts'
import { CommandError, nameOf, withOptions } from '../command.ts'
import { type Io, log } from '../io.ts'
import { sendEvent } from '../progress/follow.ts'
import {
  type Connection,
  type ConnectionOptions,
  commandLine,
  connect,
  connectionOptions,
} from '../stack/connection.ts'
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
        'Sends work items back to their queues and events to all functions, and removes the letters. Selections combine: all ' +
          'must match.',
      ),
    [...changeOptions(), ...connectionOptions()],
  )
    .addHelpText('after', `${LETTERS_HELP}\n\nExample:\n  npx offboarding letters redrive --kind forbidden`)
    .action(async (options: Options) => {
      assertSelected(options)
      io.exitCode = await redrive(io, options, await connect(io, options))
    })

type Sendable<Way = Redrive> = Found & { way: Way }
type ToQueue = Extract<Redrive, { queue: string }>
type ToBus = Extract<Redrive, { event: unknown }>

async function redrive(io: Io, options: Options, connection: Connection): Promise<number> {
  const operations = await operationsOf(connection)
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
    if (sendable.length > 0 && !(await confirmLetters(io, 'Redrive', sendable, options.yes ?? false, signal))) return 1

    const failures = new Problems()
    let done = 0
    for await (const sent of send(connection, { items, events }, failures, signal)) {
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
    if (done > 0) log(io, `To see the outcome: ${commandLine(['report', id], options)}`)
    return problems.count + failures.count === 0 ? 0 : 1
  })
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
    for (const same of Map.groupBy(events, ({ way }) => way.event.id).values()) {
      signal.throwIfAborted()
      for (const { queue } of same) queue.assertHeld()
      try {
        await sendEvent(connection, same[0]?.way.event.detail)
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

/** Sends ten at most. Returns by index why some could not be. */
async function sendBatch(
  client: SQSClient,
  QueueUrl: string,
  batch: Sendable<ToQueue>[],
): Promise<Map<number, string>> {
  const Entries = batch.map(({ way }, index) => ({
    Id: String(index),
    MessageBody: way.body,
    MessageGroupId: way.group,
    MessageDeduplicationId: way.deduplicationId,
  }))
  const { Failed = [] } = await client
    .send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    .catch((error: unknown) => ({ Failed: Entries.map(({ Id }) => ({ Id, Code: nameOf(error) })) }))
  return new Map(Failed.map(({ Id, Code }) => [Number(Id), Code ?? 'unknown']))
}

async function operationsOf({ names }: Connection): Promise<Record<string, Operation>> {
  const modules = await Promise.all(Object.keys(names.operations).map((name) => import(`../../functions/${name}.ts`)))
  return Object.fromEntries(modules.map(({ operation }) => [operation.name, operation]))
}
