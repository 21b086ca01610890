/** `npm run dead-letters`: what was set aside and why, and the ways back. */
import { parseArgs } from 'node:util'
import { type Message, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs'
import { batchesOf } from '../lib/aws/batch.ts'
import { KINDS } from '../lib/error.ts'
import type { Operation } from '../lib/operation.ts'
import { CommandError, isConfirmed, nameOf, runCommand, say, UsageError } from './command.ts'
import { safeJson, writeEventFile } from './event/event-file.ts'
import { contentOf, type Letter, letterOf, type Redrive, redriveOf, UNDELIVERED, UNFINISHED } from './letters/letter.ts'
import { LetterQueue, queueUrl } from './letters/letter-queue.ts'
import { sendEvent } from './progress/follow.ts'
import { targetOf } from './progress/ledger.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, type Connection, connect } from './stack/connection.ts'

const HELP = `Shows what was set aside because it needs somebody, sends back what was mended, discards what is not wanted: parked work
items, rejected events, and events that no function took. SQS deletes each 14 days after it was set aside.

  npm run dead-letters -- list [LETTERS] [options]
  npm run dead-letters -- show --id ID [options]
  npm run dead-letters -- redrive LETTERS [options]
  npm run dead-letters -- discard LETTERS [options]

  list               by reason: how many, what to do, and some of them
    --json           every one, as a JSON array
  show               one letter in full, as JSON
    --event FILE     writes the event in it to a new file, to be corrected and sent with "npm run offboard -- FILE"
  redrive            sends work items back to their queues and events to all functions, and removes the letters
  discard            removes letters; nothing else remembers them
    --yes            redrive or discard without asking; needed where nobody can be asked

LETTERS, what is given together must all fit:
  --kind KIND        as the list shows it; "${UNDELIVERED}" for an event that no function took, "${UNFINISHED}" for an item that
                     SQS gave up
  --code CODE        the vendor's code
  --operation NAME
  --offboarding ID
  --id ID …          of the letter; may be given more than once
  --all              every letter; with list: shows them all, not only some for each reason

${CONNECTION_HELP}
  --help

While it runs the letters it has read are invisible to others, for ten minutes at most. Exit code 1: something failed, was not
possible or was declined. 2: wrong options, nothing was done. 130: interrupted.

  npm run dead-letters -- redrive --kind forbidden
  AWS_PROFILE=ops npm run dead-letters -- list --stage prod
`

type Selection = { [name in 'kind' | 'code' | 'operation' | 'offboarding']?: string | undefined } & {
  id?: string[] | undefined
  all?: boolean | undefined
}

type Found = { queue: LetterQueue; message: Message; letter: Letter }

const stopping = new AbortController()

/** Opens both queues, hands over the letters that are selected, and makes visible again whatever was not deleted. */
async function withLetters<Result>(
  connection: Connection,
  selection: Selection,
  use: (found: Found[]) => Promise<Result>,
): Promise<Result> {
  const { names, settings } = connection
  const client = new SQSClient({ ...settings('sqs') })
  const queues: LetterQueue[] = []
  try {
    const found: Found[] = []
    const missing = new Set(selection.id)
    for (const name of [names.deadLetterQueue, names.undeliveredEventsQueue]) {
      if (selection.id && missing.size === 0) break
      const queue = await LetterQueue.open(client, name)
      queues.push(queue)
      const total = await queue.visible()
      let told = 0
      const messages = await queue.receiveAll({
        signal: stopping.signal,
        isEnough: ({ MessageId = '' }) => missing.delete(MessageId) && missing.size === 0,
        onReceive(count) {
          if (count < told + 1_000) return
          told = count
          say(`${count} of about ${Math.max(total, count)} read …`)
        },
      })
      stopping.signal.throwIfAborted()
      const letters = messages.map((message) => ({ queue, message, letter: letterOf(message, names) }))
      found.push(...letters.filter(({ letter }) => isSelected(letter, selection)))
      const unseen = selection.id ? 0 : await queue.visible()
      if (unseen > 0) say(`About ${unseen} more of ${name} could not be looked at now: run this again.`)
    }
    if (missing.size > 0) throw new CommandError(`no such letter, or in other hands now: ${[...missing].join(', ')}`)
    return await use(found)
  } finally {
    const hidden = await Promise.all(queues.map((queue) => queue.release()))
    const sum = hidden.reduce((a, b) => a + b, 0)
    if (sum > 0) say(`${lettersOf(sum)} stay invisible for ten minutes.`)
    client.destroy()
  }
}

const isSelected = (letter: Letter, { kind, code, operation, offboarding, id }: Selection): boolean =>
  (kind === undefined || letter.kind === kind) &&
  (code === undefined || letter.code === code) &&
  (operation === undefined || letter.operation === operation) &&
  (offboarding === undefined || letter.offboardingId === offboarding) &&
  (id === undefined || id.includes(letter.id))

async function list(connection: Connection, selection: Selection, isJson: boolean): Promise<number> {
  return withLetters(connection, selection, async (found) => {
    const letters = found.map(({ queue, letter }) => ({ queue: queue.name, ...letter }))
    process.stdout.write(isJson ? `${safeJson(letters)}\n` : reasonsOf(letters, selection.all ? Infinity : 5))
    say(found.length === 0 ? 'No letters.' : `${lettersOf(found.length)}.`)
    return 0
  })
}

/** A paragraph for each reason, the most frequent first. */
function reasonsOf(letters: Letter[], examples: number): string {
  const groups = [...Map.groupBy(letters, ({ kind, code, hint }) => JSON.stringify([kind, code, hint])).values()]
  return groups
    .sort((a, b) => b.length - a.length)
    .map((group) => {
      const [{ kind, code, hint }] = group as [Letter]
      const lines = group.slice(0, examples).map((letter) => `    ${lineOf(letter)}`)
      const rest = group.length - lines.length
      if (rest > 0) lines.push(`    … and ${rest} more; --all shows them`)
      return `${[kind, code].filter(Boolean).join(' ')}: ${lettersOf(group.length)}\n  ${hint}\n${lines.join('\n')}\n\n`
    })
    .join('')
}

/** `6f1c…  hr-2026-000123  feishu-drive-unsubscribe doxcn… docx  since 2026-11-21T08:00:00Z` */
const lineOf = ({ id, offboardingId, operation, input, since }: Letter): string =>
  [
    id,
    offboardingId ?? '-',
    [operation, input ? targetOf({ input: input as Record<string, string> }) : 'event'].filter(Boolean).join(' '),
    `since ${since.replace(/\.\d+Z$/, 'Z')}`,
  ].join('  ')

const lettersOf = (count: number): string => (count === 1 ? '1 letter' : `${count} letters`)

async function show(connection: Connection, id: string, file: string | undefined): Promise<number> {
  return withLetters(connection, { id: [id] }, async ([found]) => {
    if (!found) throw new CommandError('no such letter')
    const content = contentOf(found.message)
    if (file === undefined) {
      process.stdout.write(`${safeJson({ queue: found.queue.name, ...found.letter, ...content })}\n`)
      return 0
    }
    if (!('event' in content)) throw new UsageError('--event: this letter holds no event')
    writeEventFile(file, content.event.detail)
    say(`Wrote ${file}. Correct it, then: npm run offboard -- ${file}, and discard the letter.`)
    return 0
  })
}

async function redrive(connection: Connection, selection: Selection, isSure: boolean): Promise<number> {
  const operations = await operationsOf(connection)
  return withLetters(connection, selection, async (found) => {
    const client = new SQSClient(connection.settings('sqs'))
    const problems = new Problems()
    const sendable = found.flatMap((one) => {
      const way = redriveOf(one.message, connection.names, operations)
      if (!('refused' in way)) return [{ ...one, way }]
      problems.add(one.letter, way.refused)
      return []
    })
    problems.tell('cannot be redriven: it')
    if (sendable.length > 0 && !(await agreed('Redrive', sendable, isSure))) return 1

    let done = 0
    let told = 0
    const remove = async (sent: Found[]) => {
      done += sent.length
      await removeAll(sent, (letter, reason) =>
        failures.add(
          letter,
          `was sent, but its letter could not be removed (${reason}); sending it twice does no harm`,
        ),
      )
    }
    const failures = new Problems()
    const items = sendable.flatMap((one) => ('event' in one.way ? [] : [{ ...one, way: one.way }]))
    for (const [name, ofQueue] of Map.groupBy(items, ({ way }) => way.queue)) {
      const QueueUrl = await queueUrl(client, name)
      for (const batch of batchesOf(ofQueue)) {
        stopping.signal.throwIfAborted()
        for (const queue of new Set(batch.map(({ queue }) => queue))) queue.assertHeld()
        const refused = await send(client, QueueUrl, batch)
        for (const [index, reason] of refused) failures.add(batch[index]?.letter, `could not be sent (${reason})`)
        await remove(batch.filter((_, index) => !refused.has(index)))
        if (done >= told + 1_000 && done < sendable.length) {
          told = done
          say(`${done} of ${sendable.length} …`)
        }
      }
    }
    const events = sendable.flatMap((one) => ('event' in one.way ? [{ ...one, way: one.way }] : []))
    // Several functions may have failed on one event: sent again once, it reaches them all.
    for (const same of Map.groupBy(events, ({ way }) => way.event.id).values()) {
      stopping.signal.throwIfAborted()
      for (const { queue } of same) queue.assertHeld()
      try {
        await sendEvent(connection, same[0]?.way.event.detail)
      } catch (error) {
        if (!(error instanceof CommandError)) throw error
        for (const { letter } of same) failures.add(letter, `could not be sent: ${error.message}`)
        continue
      }
      await remove(same)
    }
    client.destroy()
    failures.tell('')
    say(`Redriven: ${done}.`)
    const offboardings = new Set(sendable.map(({ letter }) => letter.offboardingId).filter(Boolean))
    if (done > 0)
      say(`What becomes of it: npm run report -- ${offboardings.size === 1 ? [...offboardings][0] : 'OFFBOARDING_ID'}`)
    return problems.isEmpty && failures.isEmpty ? 0 : 1
  })
}

/** Sends ten at most. Returns by index why some could not be. */
async function send(
  client: SQSClient,
  QueueUrl: string,
  batch: { way: Extract<Redrive, { queue: string }> }[],
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

async function discard(connection: Connection, selection: Selection, isSure: boolean): Promise<number> {
  return withLetters(connection, selection, async (found) => {
    if (found.length > 0 && !(await agreed('Discard for good', found, isSure))) return 1
    const failures = new Problems()
    for (const some of Map.groupBy(found, ({ queue }) => queue).values())
      for (const batch of batchesOf(some)) {
        stopping.signal.throwIfAborted()
        batch[0]?.queue.assertHeld()
        await removeAll(batch, (letter, reason) => failures.add(letter, `could not be removed (${reason})`))
      }
    failures.tell('')
    say(`Discarded: ${found.length - failures.count}.`)
    return failures.isEmpty ? 0 : 1
  })
}

async function removeAll(found: Found[], onFailure: (letter: Letter, reason: string) => void): Promise<void> {
  for (const [queue, some] of Map.groupBy(found, ({ queue }) => queue))
    for (const batch of batchesOf(some)) {
      const reasons = await queue.delete(batch.map(({ letter }) => letter.id))
      for (const { letter } of batch) {
        const reason = reasons.get(letter.id)
        if (reason !== undefined) onFailure(letter, reason)
      }
    }
}

/** Shows what it is about and asks. */
async function agreed(action: string, found: Found[], isSure: boolean): Promise<boolean> {
  process.stdout.write(
    reasonsOf(
      found.map(({ letter }) => letter),
      5,
    ),
  )
  if (isSure) return true
  const what = `${action}: ${lettersOf(found.length)}`
  if (!process.stdin.isTTY) throw new UsageError(`nobody can be asked here: give --yes. ${what}`)
  if (await isConfirmed(`${what}?`, process.stdin, process.stderr, stopping.signal)) return true
  say('Nothing was done.')
  return false
}

/** What went wrong with which letters, told by reason. */
class Problems {
  readonly #ids = new Map<string, string[]>()

  add(letter: Letter | undefined, reason: string): void {
    this.#ids.set(reason, [...(this.#ids.get(reason) ?? []), letter?.id ?? ''])
  }

  get count(): number {
    return [...this.#ids.values()].reduce((sum, ids) => sum + ids.length, 0)
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0
  }

  tell(said: string): void {
    for (const [reason, ids] of this.#ids) {
      const others = ids.length > 3 ? ` and ${ids.length - 3} more` : ''
      say(`npm run dead-letters: ${ids.slice(0, 3).join(', ')}${others} ${said} ${reason}`.replaceAll('  ', ' '))
    }
  }
}

/** By command, the options that are its alone. */
const OWN_OPTIONS: Record<string, string[]> = { list: ['json'], show: ['event'], redrive: ['yes'], discard: ['yes'] }

async function operationsOf({ names }: Connection): Promise<Record<string, Operation>> {
  const modules = await Promise.all(Object.keys(names.operations).map((name) => import(`../functions/${name}.ts`)))
  return Object.fromEntries(modules.map(({ operation }) => [operation.name, operation]))
}

await runCommand('dead-letters', async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      kind: { type: 'string' },
      code: { type: 'string' },
      operation: { type: 'string' },
      offboarding: { type: 'string' },
      id: { type: 'string', multiple: true },
      all: { type: 'boolean' },
      json: { type: 'boolean' },
      event: { type: 'string' },
      yes: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { kind, code, operation, offboarding, id, all, json, event, yes, help, ...options } = values
  const fitting = { kind, code, operation, offboarding, id }
  const isFitting = Object.values(fitting).some((value) => value !== undefined)
  const [command = '', ...others] = positionals
  const own = { json, event, yes }
  const allowed = Object.hasOwn(OWN_OPTIONS, command) ? OWN_OPTIONS[command] : undefined
  if (!allowed || others.length > 0) throw new UsageError('say what to do: list, show, redrive or discard')
  for (const [name, value] of Object.entries(own))
    if (value !== undefined && !allowed.includes(name)) throw new UsageError(`--${name} has no effect with ${command}`)
  if (command === 'show' && id?.length !== 1) throw new UsageError('show needs one --id ID')
  if (command === 'redrive' || command === 'discard') {
    if (!all && !isFitting)
      throw new UsageError('say which letters: --kind, --code, --operation, --offboarding, --id or --all')
    if (all && isFitting) throw new UsageError('--all goes without other selections')
  }
  const kinds = [...Object.keys(KINDS), UNDELIVERED, UNFINISHED]
  if (kind !== undefined && !kinds.includes(kind)) throw new UsageError(`--kind must be one of ${kinds.join(', ')}`)

  const connection = await connect(options)
  const selection = { ...fitting, all }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort())
  try {
    switch (command) {
      case 'list':
        return await list(connection, selection, json ?? false)
      case 'show':
        return await show(connection, id?.[0] ?? '', event)
      case 'redrive':
        return await redrive(connection, selection, yes ?? false)
      default:
        return await discard(connection, selection, yes ?? false)
    }
  } catch (error) {
    if (stopping.signal.aborted && error === stopping.signal.reason) return 130
    throw error
  }
})
