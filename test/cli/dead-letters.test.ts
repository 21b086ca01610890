/** `offboarding letters`: what was set aside, and the ways back. Nothing may be lost on them. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { SendMessageResult } from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { close, listen, readBody } from '../../cli/loopback.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { operationNames } from '../../infra/operations.ts'
import { marshalAll, unmarshalAll } from '../../lib/aws/attributes.ts'
import { type EventBus, startEventBus } from '../../local/aws/event-bus.ts'
import { AwsError } from '../../local/aws/json-server.ts'
import { type Queues, startQueues } from '../../local/aws/queues.ts'
import { STAGE_ARGS } from '../deployed-stage.ts'
import { itemOf, offboardingEvent } from '../harness.ts'
import { type QuickLedger, startQuickLedger } from '../ledger.ts'
import { run as call, startCommand } from './operator.ts'

const DRIVE = 'feishu-drive-unsubscribe'
const APPROVAL = 'feishu-approval-unsubscribe'
const DEAD = 'dead-letter.fifo'
const UNDELIVERED = 'undelivered-events'
const folder = mkdtempSync(path.join(tmpdir(), 'dead-letters-'))

type Request = {
  QueueName?: string
  QueueUrl?: string
  WaitTimeSeconds?: number
  Entries?: { Id: string; MessageBody?: string }[]
}
let queues: Queues
let bus: EventBus
let ledger: QuickLedger
/** By SQS action, what answers instead of SQS; an answer it returns nothing for comes from SQS. */
let faults: Record<string, (request: Request, call: number) => Promise<object | undefined> | object | undefined>
/** In their order; a fault is told which call it is of its action on its queue. */
let calls: { action: string; sent: Request }[]
let url: string
/** Stands before SQS. */
const server = createServer(async (request, response) => {
  if (request.url === STACK_PATH) return void response.end(JSON.stringify(description()))
  await forward(request, response)
})

async function forward(request: IncomingMessage, response: ServerResponse) {
  const body = String(await readBody(request))
  const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '')
  const sent: Request = JSON.parse(body)
  const isSame = (one: { action: string; sent: Request }) =>
    one.action === action && one.sent.QueueUrl === sent.QueueUrl
  calls.push({ action, sent })
  const given = await faults[action]?.(sent, calls.filter(isSame).length)
  const answer: object = given ?? (await queues.call(action, sent).then(namingThisServer, errorOf))
  response.writeHead('__type' in answer ? 400 : 200, { 'content-type': 'application/x-amz-json-1.0' })
  response.end(JSON.stringify(answer))
}

/** An answer whose queue URL names this server, as that is where the client sends to. */
const namingThisServer = (answer: { QueueUrl?: string }): object =>
  answer.QueueUrl === undefined ? answer : { QueueUrl: url + new URL(answer.QueueUrl).pathname }

function errorOf(error: unknown): object {
  if (!(error instanceof AwsError)) throw error
  return { __type: error.type, message: error.message }
}

const description = (): StackDescription => ({
  names: {
    bus: 'bus',
    source: 'hr.offboarding',
    deadLetterQueue: DEAD,
    undeliveredEventsQueue: UNDELIVERED,
    operations: Object.fromEntries(
      operationNames.map((name) => [name, { functionName: `local-${name}`, queue: `${name}.fifo` }]),
    ),
  },
  region: 'ap-southeast-1',
  endpoints: { sqs: url, eventbridge: bus.url, secretsmanager: url, dynamodb: ledger.url },
  variables: { LEDGER_TABLE: 'ledger' },
  speed: 1,
})

beforeAll(async () => {
  url = await listen(server)
})
afterAll(() => close(server))
beforeEach(async () => {
  faults = {}
  calls = []
  bus = await startEventBus({ buses: ['bus'] })
  queues = await startQueues({ isServed: false })
  ledger = await startQuickLedger('ledger')
  const fifo = { FifoQueue: true, VisibilityTimeout: 180 }
  for (const name of [DEAD, ...operationNames.map((name) => `${name}.fifo`)]) await queues.create(name, fifo)
  await queues.create(UNDELIVERED)
})
afterEach(async () => {
  await Promise.all([queues.close(), bus.close(), ledger.close()])
})

const command = (...args: string[]) => startCommand(['letters', ...args, '--local', url])
const run = (...args: string[]) => command(...args).ended

let letters = 0
/** Puts a letter on the dead-letter queue as a function does; returns its id. */
async function put(MessageBody: string, reason: Record<string, string> = {}): Promise<string> {
  const MessageGroupId = `letter-${letters++}`
  const MessageAttributes = attributesOf(reason)
  const QueueUrl = queues.queueUrl(DEAD)
  const { MessageId = '' }: SendMessageResult = await queues.call('SendMessage', {
    QueueUrl,
    MessageBody,
    MessageGroupId,
    MessageDeduplicationId: MessageGroupId,
    MessageAttributes,
  })
  return MessageId
}
/** Puts as many letters as there are indices, ten in a request. */
async function putMany(count: number, bodyOf: (index: number) => string, reason: Record<string, string>) {
  const QueueUrl = queues.queueUrl(DEAD)
  for (let first = 0; first < count; first += 10) {
    const indices = Array.from({ length: Math.min(10, count - first) }, (_, index) => first + index)
    const Entries = indices.map((index) => ({
      Id: String(index),
      MessageBody: bodyOf(index),
      MessageGroupId: `many-${index}`,
      MessageDeduplicationId: `many-${index}`,
      MessageAttributes: attributesOf(reason),
    }))
    expect(await queues.call('SendMessageBatch', { QueueUrl, Entries })).not.toHaveProperty('Failed.0')
  }
}
const attributesOf = (values: Record<string, string>) =>
  Object.fromEntries(Object.entries(values).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]))
const FORBIDDEN = { kind: 'forbidden', code: '1069603', hint: 'Make the app a manager.', requestId: 'r-1' }
const driveItem = (token: string) => itemOf(DRIVE, { file_token: token, file_type: 'docx' })

/** What EventBridge writes when a function could not be reached, and Lambda when a function failed. */
async function putUndelivered(event: object, operation: string, by: 'eventbridge' | 'lambda'): Promise<string> {
  const arn = `arn:aws:lambda:ap-southeast-1:000000000000:function:local-${operation}`
  const record = {
    version: '1.0',
    requestContext: { requestId: 'r-2', functionArn: `${arn}:$LATEST`, condition: 'RetriesExhausted' },
    requestPayload: event,
    responsePayload: { errorType: 'Runtime.ImportModuleError', errorMessage: 'planted' },
  }
  const QueueUrl = queues.queueUrl(UNDELIVERED)
  const message =
    by === 'lambda'
      ? { MessageBody: JSON.stringify(record) }
      : {
          MessageBody: JSON.stringify(event),
          MessageAttributes: attributesOf({ TARGET_ARN: arn, ERROR_CODE: 'NO_PERMISSIONS', ERROR_MESSAGE: 'planted' }),
        }
  const { MessageId = '' }: SendMessageResult = await queues.call('SendMessage', { QueueUrl, ...message })
  return MessageId
}

const EVENT = { offboardingId: 'hr-9', feishu: { approvalCodes: ['A'] } }
const counts = (name: string) => queues.counts(name)
/** How many letters anyone may receive, and how many are hidden. */
const left = async () => {
  const [dead, undelivered] = [await counts(DEAD), await counts(UNDELIVERED)]
  return [dead.visible + undelivered.visible, dead.inFlight + undelivered.inFlight]
}
const bodies = async (name: string) => (await queues.messages(name)).map(({ body }) => body)
/** The items on a queue. */
const itemsOn = async (name: string) => (await bodies(name)).map((body) => JSON.parse(body))
const redriven = (item: string, redrive = 1) => ({ ...JSON.parse(item), redrive })
/** What the ledger has whose sort key begins so, by it. */
function recordsOf(offboardingId: string, prefix: string): Record<string, Record<string, unknown>> {
  const items = [...(ledger.items.get(`offboarding#${offboardingId}`) ?? [])]
  return Object.fromEntries(items.flatMap(([sk, item]) => (sk.startsWith(prefix) ? [[sk, unmarshalAll(item)]] : [])))
}
const lineOf = (stderr: string) => stderr.split('\n').filter((line) => line.startsWith('Failed: '))

test.each([
  ['offboarding-sweep', 'eventbridge', 'NO_PERMISSIONS'],
  ['user-token-renewal', 'lambda', 'Runtime.ImportModuleError'],
] as const)(
  'the letter of a scheduled run of %s given up by %s says so, and is not redriven',
  async (name, by, code) => {
    const event = { id: 'e-1', source: 'aws.events', 'detail-type': 'Scheduled Event', detail: {} }
    const id = await putUndelivered(event, name, by)
    const { stdout } = await run('list')
    expect(stdout).toContain(`undelivered ${code}: 1 letter\n  A scheduled run did not start, or failed.`)
    const redrive = await run('redrive', '--id', id, '--yes')
    expect([redrive.code, redrive.stderr]).toEqual([
      1,
      expect.stringContaining('is no offboarding event of this stack'),
    ])
  },
)

test.each([
  ['User Leaving', { offboardingId: 'hr-9', leaver: { email: 'a@corp.example' } }],
  ['User Offboarding', EVENT],
])('the letter of a %s that was scheduled is redriven to the bus', async (type, detail) => {
  const attributes = {
    SCHEDULE_ARN: 'arn:aws:scheduler:::schedule/g/n',
    TARGET_ARN: 'arn:bus',
    ERROR_CODE: 'NO_PERMISSIONS',
  }
  const QueueUrl = queues.queueUrl(UNDELIVERED)
  const message = { MessageBody: JSON.stringify(detail), MessageAttributes: attributesOf(attributes) }
  await queues.call('SendMessage', { QueueUrl, ...message })
  const { stdout } = await run('list')
  expect(stdout).toContain(
    'undelivered NO_PERMISSIONS: 1 letter\n  This event was scheduled and could not be put on the bus.',
  )
  expect((await run('redrive', '--all', '--yes')).code).toBe(0)
  const sent = bus.events.map(({ event }) => [event['detail-type'], event.detail])
  expect(sent).toEqual([[type, detail]])
  expect(await left()).toEqual([0, 0])
})

describe('list', () => {
  test('shows each reason once, with what to do and some letters, and leaves all where they were', async () => {
    for (let index = 0; index < 7; index++) await put(driveItem(`doxcn${index}`), FORBIDDEN)
    const other = await put(itemOf(APPROVAL), { kind: 'misconfigured', code: '99991401', hint: 'Allow the address.' })
    await put(driveItem('gave-up'))
    await putUndelivered(offboardingEvent(EVENT), APPROVAL, 'eventbridge')
    await putUndelivered(offboardingEvent(EVENT), DRIVE, 'lambda')

    const { code, stdout, stderr } = await run('list')
    expect([code, stderr]).toEqual([0, '11 letters.\n'])
    const paragraphs = stdout.trimEnd().split('\n\n')
    expect(paragraphs.map((text) => text.split('\n')[0])).toEqual([
      'forbidden 1069603: 7 letters',
      'misconfigured 99991401: 1 letter',
      'unfinished: 1 letter',
      'undelivered NO_PERMISSIONS: 1 letter',
      'undelivered Runtime.ImportModuleError: 1 letter',
    ])
    expect(paragraphs[0]?.split('\n')).toEqual([
      'forbidden 1069603: 7 letters',
      '  Make the app a manager.',
      ...Array.from({ length: 5 }, () =>
        expect.stringMatching(/^ {4}\S{36} {2}hr-1 {2}feishu-drive-unsubscribe doxcn\d docx {2}since /),
      ),
      '    … and 2 more; --all shows them',
    ])
    expect(paragraphs[1]).toContain(`\n  Allow the address.\n    ${other}  hr-1  feishu-approval-unsubscribe 7C468A54`)
    expect(paragraphs[3]).toMatch(/\S{36} {2}hr-9 {2}feishu-approval-unsubscribe event {2}since /)
    expect(paragraphs[4]).toMatch(/\S{36} {2}hr-9 {2}feishu-drive-unsubscribe event {2}since /)
    expect(await left()).toEqual([11, 0])

    const all = await run('list', '--all', '--kind', 'forbidden')
    expect(all.stdout.match(/doxcn\d/g)).toHaveLength(7)
    const narrow = await run('list', '--code', '99991401', '--operation', APPROVAL, '--offboarding', 'hr-1')
    expect(narrow.stderr).toBe('1 letter.\n')
  })

  test('--json has every letter once, however many there are', async () => {
    await putMany(230, (index) => driveItem(`doxcn${index}`), FORBIDDEN)
    const { stdout } = await run('list', '--json')
    const listed = JSON.parse(stdout) as { id: string; input: { file_token: string } }[]
    expect(new Set(listed.map(({ input }) => input.file_token)).size).toBe(230)
    expect(listed).toHaveLength(230)
    expect(listed[0]).toMatchObject({ queue: DEAD, ...FORBIDDEN, operation: DRIVE, eventId: 'event-1' })
    expect(await left()).toEqual([230, 0])
  })

  test('what a letter holds cannot command the terminal', async () => {
    // SQS itself refuses an escape as such, not as JSON spells it.
    const hostile = '\u009b31m\u202e'
    await put(driveItem(`a\u001b[2J${hostile}`), { kind: 'internal', code: `c${hostile}`, hint: `h${hostile}` })
    await put(`not json ${hostile}`, FORBIDDEN)
    for (const args of [['list'], ['list', '--json'], ['redrive', '--all', '--yes']]) {
      const { stdout, stderr } = await run(...args)
      expect(`${stdout}${stderr}`.replaceAll('\n', '').replaceAll('…', '')).not.toMatch(/\p{C}/u)
    }
    expect(await left()).toEqual([2, 0])
  })

  test('of a deployed stage waits for letters, as a short poll of SQS may miss some; the local stack misses none', async () => {
    faults.GetQueueUrl = ({ QueueName }) => ({
      QueueUrl: `${url}/000000000000/${QueueName?.replace('production-', '')}`,
    })
    faults.ReceiveMessage = () => ({})
    const waits = () => [...new Set(calls.flatMap(({ sent }) => sent.WaitTimeSeconds ?? []))]
    const env = { AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x' }
    const { code, stderr } = await call(['letters', 'list', ...STAGE_ARGS], { env })
    expect([code, stderr, waits()]).toEqual([0, expect.stringMatching(/No letters\.\n$/), [1]])
    calls = []
    expect([(await run('list')).code, waits()]).toEqual([0, [0]])
  })

  test('says so when there is none', async () => {
    expect(await run('list')).toEqual({ code: 0, stdout: '', stderr: 'No letters.\n' })
  })

  test('a failure on the way leaves every letter visible', async () => {
    await putMany(120, (index) => driveItem(`doxcn${index}`), FORBIDDEN)
    faults.ReceiveMessage = ({ QueueUrl }, call) =>
      QueueUrl?.includes(DEAD) && call === 9 ? { __type: 'com.amazonaws.sqs#AccessDeniedException' } : undefined
    const { code, stderr } = await run('list')
    expect([code, stderr]).toEqual([
      1,
      'offboarding letters list: ReceiveMessage of "dead-letter.fifo" failed (AccessDeniedException); you need sqs:ReceiveMessage\n',
    ])
    expect(await left()).toEqual([120, 0])
  })

  test('Ctrl-C leaves every letter visible, and is exit code 130', async () => {
    await putMany(120, (index) => driveItem(`doxcn${index}`), FORBIDDEN)
    const [asked, slow] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()]
    faults.ReceiveMessage = ({ QueueUrl }, call) => {
      if (!QueueUrl?.includes(DEAD) || call !== 10) return undefined
      asked.resolve()
      return slow.promise
    }
    const listing = command('list')
    await asked.promise
    expect((await left())[1]).toBeGreaterThan(0)
    listing.interrupt()
    slow.resolve(undefined)
    expect((await listing.ended).code).toBe(130)
    expect(await left()).toEqual([120, 0])
  })
})

describe('show', () => {
  test('prints one letter in full', async () => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    const id = await put(driveItem('doxcn2'), FORBIDDEN)
    const { code, stdout } = await run('show', '--id', id)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ id, ...FORBIDDEN, item: JSON.parse(driveItem('doxcn2')), history: [] })
    expect(await left()).toEqual([2, 0])
  })

  test('has the history of its target; without the ledger the letter is shown all the same', async () => {
    const id = await put(driveItem('doxcn2'), FORBIDDEN)
    const input = JSON.stringify({ file_type: 'docx', file_token: 'doxcn2' })
    const of = {
      operation: DRIVE,
      input,
      eventId: 'event-1',
      redrive: 0,
      dryRun: false,
      finishedAt: '2026-11-27T10:00:00Z',
    }
    const ends = { a: { outcome: 'parked' }, b: { outcome: 'changed', input: '{"x":"y"}' } }
    const items = Object.entries(ends).map(([hash, more]) => {
      const sk = `history#${DRIVE}#${hash}#t`
      return [sk, marshalAll({ pk: 'offboarding#hr-1', sk, ...of, ...more })] as const
    })
    ledger.items.set('offboarding#hr-1', new Map(items))
    const { stdout } = await run('show', '--id', id)
    expect(JSON.parse(stdout).history).toMatchObject([{ outcome: 'parked', time: '2026-11-27T10:00:00Z', redrive: 0 }])
    ledger.fail('Query', { type: 'AccessDeniedException' })
    const without = await run('show', '--id', id)
    expect([without.code, without.stderr]).toEqual([
      0,
      expect.stringContaining('Its history could not be read: Query of'),
    ])
    expect(JSON.parse(without.stdout)).toMatchObject({ id })
  })

  test('writes a rejected event to a new file, for correction', async () => {
    const detail = { offboardingId: 'hr-2', feishu: { approvalCode: 'misspelt\u001b' } }
    const id = await put(JSON.stringify(offboardingEvent(detail)), { kind: 'invalid_request', hint: 'Correct it.' })
    const file = path.join(folder, 'event.json')
    const { code, stderr } = await run('show', '--id', id, '--event', file)
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(`npx offboarding offboard ${file} --local ${url}, and discard`),
    ])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(detail)
    const again = await run('show', '--id', id, '--event', file)
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('exists already and was left as it is')])
    expect(await left()).toEqual([1, 0])
  })

  test('prints what is nested too deeply to be written anew as the text it is', async () => {
    const body = `{"detail-type":"User Offboarding","detail":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    const id = await put(body, FORBIDDEN)
    const { code, stdout } = await run('show', '--id', id)
    expect([code, JSON.parse(stdout || 'null')]).toEqual([0, expect.objectContaining({ id, text: body })])
    const file = path.join(folder, 'deep.json')
    const { stderr } = await run('show', '--id', id, '--event', file)
    expect([stderr.split('\n')[0], existsSync(file)]).toEqual([expect.stringContaining('contains no event'), false])
  })

  test('a work item is no event, and an unknown id no letter', async () => {
    const id = await put(driveItem('doxcn1'), FORBIDDEN)
    const file = path.join(folder, 'item.json')
    expect(await run('show', '--id', id, '--event', file)).toMatchObject({ code: 2 })
    expect(existsSync(file)).toBe(false)
    const { code, stderr } = await run('show', '--id', 'nowhere')
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('no such letter, or another command is reading it: nowhere'),
    ])
    expect(await left()).toEqual([1, 0])
  })
})

describe('redrive', () => {
  test('sends what was selected to the queue of its operation, and removes those letters alone', async () => {
    for (let index = 0; index < 23; index++) await put(driveItem(`doxcn${index}`), FORBIDDEN)
    await put(itemOf(APPROVAL), { kind: 'forbidden', code: '1' })
    await put(itemOf(APPROVAL), { kind: 'misconfigured' })
    const { code, stdout, stderr } = await run('redrive', '--kind', 'forbidden', '--yes')
    expect([code, stderr]).toEqual([
      0,
      `Redriven: 24.\nTo see the outcome: npx offboarding report hr-1 --local ${url}\n`,
    ])
    expect(stdout).toContain('forbidden 1069603: 23 letters')
    const sent = await queues.messages(`${DRIVE}.fifo`)
    expect(sent.map(({ body }) => JSON.parse(body).input.file_token).sort()).toEqual(
      [...Array(23).keys()].map((index) => `doxcn${index}`).sort(),
    )
    expect(new Set(sent.map(({ messageGroupId }) => messageGroupId))).toEqual(new Set(['feishu:default']))
    expect(await itemsOn(`${APPROVAL}.fifo`)).toEqual([redriven(itemOf(APPROVAL))])
    expect(await left()).toEqual([1, 0])
  })

  test('a letter that could not be removed stays, and redriven again adds nothing', async () => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    faults.DeleteMessageBatch = ({ Entries = [] }) => ({
      Failed: Entries.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false })),
    })
    const first = await run('redrive', '--all', '--yes')
    expect([first.code, lineOf(first.stderr)]).toEqual([
      1,
      [expect.stringContaining('was sent, but its letter could not be removed (InternalError)')],
    ])
    expect(await left()).toEqual([1, 0])
    faults = {}
    expect((await run('redrive', '--all', '--yes')).code).toBe(0)
    expect([await itemsOn(`${DRIVE}.fifo`), await left()]).toEqual([[redriven(driveItem('doxcn1'))], [0, 0]])
    expect(Object.keys(recordsOf('hr-1', 'sending#'))).toEqual(['sending#real#event-1#01'])
  })

  test('a letter that could not be removed is sent again once what it became has ended', async () => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    faults.DeleteMessageBatch = ({ Entries = [] }) => ({
      Failed: Entries.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false })),
    })
    await run('redrive', '--all', '--yes')
    const sending = ledger.items.get('offboarding#hr-1')?.get('sending#real#event-1#01')
    Object.assign(sending ?? {}, marshalAll({ completedAt: new Date().toISOString() }))
    faults = {}
    expect((await run('redrive', '--all', '--yes')).code).toBe(0)
    // Each sending that waits for the target has a message for it.
    expect((await itemsOn(`${DRIVE}.fifo`)).map(({ redrive }) => redrive).sort()).toEqual([1, 2])
  })

  test('is a sending of its own in the ledger, with every operation planned; a redrive of it is the next', async () => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    await put(JSON.stringify({ ...JSON.parse(driveItem('doxcn2')), offboardingId: 'hr-2' }), FORBIDDEN)
    expect((await run('redrive', '--all', '--yes')).code).toBe(0)
    expect(recordsOf('hr-1', 'sending#')).toEqual({
      'sending#real#event-1#01': expect.objectContaining({
        source: 'redrive',
        redrive: 1,
        planned: new Set(operationNames),
      }),
    })
    expect(Object.values(recordsOf('hr-1', 'target#'))).toMatchObject([{ openIn: 'real#event-1#01', operation: DRIVE }])
    expect(Object.values(recordsOf('hr-2', 'target#'))).toHaveLength(1)
    expect(Object.values(recordsOf('hr-2', 'summary#'))).toMatchObject([{ state: 'open' }])

    await put(JSON.stringify(redriven(driveItem('doxcn1'))), FORBIDDEN)
    const { stdout } = await run('list')
    expect(stdout).toMatch(/ doxcn1 docx {2}since \S+ {2}redriven once\n/)
    expect((await run('redrive', '--all', '--yes')).code).toBe(0)
    expect((await itemsOn(`${DRIVE}.fifo`)).map(({ redrive }) => redrive).sort()).toEqual([1, 1, 2])
  })

  test('of a dry run says that it is one', async () => {
    await put(JSON.stringify({ ...JSON.parse(driveItem('doxcn1')), dryRun: true }), FORBIDDEN)
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, stderr]).toEqual([0, expect.stringContaining('Of dry runs, which change nothing: 1 letter.\n')])
    expect(Object.keys(recordsOf('hr-1', 'sending#'))).toEqual(['sending#dry-run#event-1#01'])
  })

  test('sends nothing that the ledger could not take', async () => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    ledger.fail('UpdateItem', { type: 'AccessDeniedException', message: 'planted' })
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, lineOf(stderr)]).toEqual([
      1,
      [
        expect.stringContaining(
          'was not sent: UpdateItem of "ledger" failed (AccessDeniedException); you need dynamodb',
        ),
      ],
    ])
    expect([await bodies(`${DRIVE}.fifo`), await left()]).toEqual([[], [1, 0]])
  })

  test('a letter that could not be sent stays; the others of its batch go', async () => {
    for (const token of ['doxcn0', 'doxcn1', 'doxcn2']) await put(driveItem(token), FORBIDDEN)
    faults.SendMessageBatch = ({ Entries = [] }) => ({
      Successful: Entries.filter(({ Id }) => Id !== '1').map(({ Id, MessageBody = '' }) => ({
        Id,
        MessageId: Id,
        MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
      })),
      Failed: [{ Id: '1', Code: 'ServiceUnavailable', SenderFault: false }],
    })
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/could not be sent \(ServiceUnavailable\)\nRedriven: 2\./),
    ])
    expect([await bodies(DEAD), await left()]).toEqual([[driveItem('doxcn1')], [1, 0]])
  })

  test('nothing is removed when nothing could be sent', async () => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    faults.SendMessageBatch = () => ({ __type: 'com.amazonaws.sqs#AccessDeniedException' })
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, stderr]).toEqual([1, expect.stringContaining('could not be sent (AccessDeniedException)')])
    expect([calls.some(({ action }) => action === 'DeleteMessageBatch'), await left()]).toEqual([false, [1, 0]])
  })

  test('what is no valid item or event of this stack is refused and stays', async () => {
    const foreign = { ...offboardingEvent(EVENT), source: 'somebody.else' }
    const item = JSON.parse(driveItem('doxcn1'))
    const wrong = [
      'no json',
      '[1]',
      JSON.stringify({ ...item, operation: 'toString' }),
      JSON.stringify({ ...item, input: { file_token: 'a' } }),
      JSON.stringify({ ...item, extra: 1 }),
      JSON.stringify(foreign),
      JSON.stringify(offboardingEvent({ ...EVENT, planted: 1 })),
    ]
    for (const body of wrong) await put(body, { kind: 'invalid_request' })
    await put(driveItem('doxcn2'), { kind: 'invalid_request' })
    const { code, stderr } = await run('redrive', '--kind', 'invalid_request', '--yes')
    expect([code, stderr]).toEqual([1, expect.stringContaining('Redriven: 1.')])
    const told = lineOf(stderr).join('\n')
    for (const reason of [
      /, \S{36} cannot be redriven: it is neither a work item nor an event/,
      /it names no operation of this stack/,
      /it is no valid item: input\.file_type is required/,
      /it is no valid item: extra is not a known field/,
      /it is no offboarding event of this stack/,
      /it is an invalid event: write it to a file with "show --id ID --event FILE"/,
    ])
      expect(told).toMatch(reason)
    expect([await left(), bus.events]).toEqual([[7, 0], []])
  })

  test('an event that says who leaves is sent again as what it is', async () => {
    const detail = { offboardingId: 'hr-9', leaver: { email: 'leaver@corp.example' } }
    const event = { ...offboardingEvent(detail), 'detail-type': 'User Leaving' }
    const letter = await put(JSON.stringify(event), { kind: 'not_found', code: 'none', hint: 'Nowhere.' })
    expect((await run('list')).stdout).toContain('Nowhere.')
    const { code, stderr } = await run('redrive', '--id', letter, '--yes')
    expect([code, stderr]).toEqual([0, expect.stringContaining('Redriven: 1.')])
    expect(bus.events).toMatchObject([{ event: { 'detail-type': 'User Leaving', detail } }])
  })

  test.each(['Subscription Registered', 'Subscription Ended'])('"%s" is sent again as what it is', async (type) => {
    const person = { feishu: { openId: 'ou_leaver' } }
    const detail = { person, operation: DRIVE, input: { file_token: 'doxcn1', file_type: 'docx' } }
    await putUndelivered({ ...offboardingEvent(detail), 'detail-type': type }, 'subscription-register', 'eventbridge')
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, stderr]).toEqual([0, 'Redriven: 1.\n'])
    expect(bus.events).toMatchObject([{ event: { source: 'hr.offboarding', 'detail-type': type, detail } }])
    const wrong = { ...detail, input: { file_token: 'doxcn1' } }
    await putUndelivered({ ...offboardingEvent(wrong), 'detail-type': type }, 'subscription-register', 'lambda')
    expect((await run('redrive', '--all', '--yes')).stderr).toContain('it is an invalid event')
  })

  test('an event that no function took is sent again once, though several letters hold it', async () => {
    const event = offboardingEvent(EVENT)
    await putUndelivered(event, APPROVAL, 'eventbridge')
    await putUndelivered(event, DRIVE, 'lambda')
    const { code, stderr } = await run('redrive', '--kind', 'undelivered', '--yes')
    expect([code, stderr]).toEqual([
      0,
      `Redriven: 2.\nTo see the outcome: npx offboarding report hr-9 --local ${url}\n`,
    ])
    expect(bus.events).toMatchObject([
      { event: { source: 'hr.offboarding', 'detail-type': 'User Offboarding', detail: EVENT } },
    ])
    expect(await left()).toEqual([0, 0])
  })

  test('an event that the bus refuses stays', async () => {
    await putUndelivered(offboardingEvent(EVENT), APPROVAL, 'eventbridge')
    bus.fail('partial', 100)
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, stderr]).toEqual([1, expect.stringContaining('could not be sent: the bus bus refused the event')])
    expect(await left()).toEqual([1, 0])
  })
})

describe('discard', () => {
  test('removes what was selected, from both queues', async () => {
    const ids = [await put(driveItem('doxcn1'), FORBIDDEN), await putUndelivered({}, DRIVE, 'lambda')]
    await put(driveItem('doxcn2'), FORBIDDEN)
    const { code, stderr } = await run('discard', ...ids.flatMap((id) => ['--id', id]), '--yes')
    expect([code, stderr]).toEqual([0, 'Discarded: 2.\n'])
    expect([await bodies(DEAD), await left()]).toEqual([[driveItem('doxcn2')], [1, 0]])
  })

  test.each(['redrive', 'discard'])('%s does nothing where nobody can be asked', async (what) => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    const { code, stderr } = await run(what, '--all')
    expect([code, stderr]).toEqual([2, expect.stringContaining('stdin is not a terminal: pass --yes to confirm')])
    expect([await left(), await bodies(`${DRIVE}.fifo`)]).toEqual([[1, 0], []])
  })

  test.each([
    ['n\n', 1, /Discard for good: 1 letter\? \[y\/N\] [\s\S]*Nothing was done\.\n$/, [1, 0]],
    ['y\n', 0, /Discard for good: 1 letter\? \[y\/N\] [\s\S]*Discarded: 1\.\n$/, [0, 0]],
  ])('at a terminal asks, and is answered %j', async (typed, exitCode, said, after) => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    const { code, stderr } = await call(['letters', 'discard', '--all', '--local', url], { typed })
    expect([code, stderr]).toEqual([exitCode, expect.stringMatching(said)])
    expect(await left()).toEqual(after)
  })

  test('the beginning of an id will do where no other letter begins so', async () => {
    const id = await put(driveItem('doxcn1'), FORBIDDEN)
    await put(driveItem('doxcn2'), FORBIDDEN)
    const { code, stdout } = await run('show', '--json', '--id', id.slice(0, 8))
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ id })])
    expect(await run('discard', '--id', id.slice(0, 8), '--yes')).toMatchObject({ code: 0, stderr: 'Discarded: 1.\n' })
    expect([await bodies(DEAD), await left()]).toEqual([[driveItem('doxcn2')], [1, 0]])
  })

  test('the beginning of two ids selects neither', async () => {
    const Messages = ['1', '2'].map((end) => ({
      MessageId: `6f1c2a90-0000-4000-8000-00000000000${end}`,
      ReceiptHandle: end,
      Body: driveItem('doxcn1'),
      MD5OfBody: createHash('md5').update(driveItem('doxcn1')).digest('hex'),
    }))
    faults.ReceiveMessage = ({ QueueUrl }, call) =>
      QueueUrl?.endsWith(DEAD) && call === 1 ? { Messages } : { Messages: [] }
    const { code, stderr } = await run('discard', '--id', '6f1c2a90', '--yes')
    expect([code, stderr]).toEqual([2, expect.stringContaining('2 letters begin with 6f1c2a90: give more of the id')])
    expect(calls.map(({ action }) => action)).not.toContain('DeleteMessageBatch')
  })

  test.each(['', 'abc'])('too little of an id (%j) selects no letter', async (id) => {
    await put(driveItem('doxcn1'), FORBIDDEN)
    const { code, stderr } = await run('discard', '--id', id, '--yes')
    expect([code, stderr]).toEqual([2, expect.stringContaining('--id must be at least the first 4 characters')])
    expect(await left()).toEqual([1, 0])
  })

  test('one unknown id stops it before anything is done', async () => {
    const id = await put(driveItem('doxcn1'), FORBIDDEN)
    expect((await run('discard', '--id', id, '--id', 'unknown', '--yes')).code).toBe(1)
    expect(await left()).toEqual([1, 0])
  })
})

describe('a letter whose content is hostile', () => {
  const ITEM = JSON.parse(driveItem('doxcn1'))
  const OBJECT = { toString: 'x', valueOf: 'x' }
  const record = (requestContext: unknown, more: object = {}) =>
    JSON.stringify({ requestContext, requestPayload: offboardingEvent(EVENT), ...more })
  const HOSTILE: [what: string, body: string][] = [
    ['an operation that is no text', JSON.stringify({ operation: OBJECT })],
    ['fields that are no text', JSON.stringify({ ...ITEM, offboardingId: OBJECT, eventId: [OBJECT], redrive: OBJECT })],
    ['a list as operation', JSON.stringify({ ...ITEM, operation: [[DRIVE]] })],
    ['a number as operation', JSON.stringify({ ...ITEM, operation: 1e308 })],
    ['null as operation', JSON.stringify({ ...ITEM, operation: null })],
    ['input that is no object', JSON.stringify({ ...ITEM, input: [OBJECT] })],
    ['input with values that are no text', JSON.stringify({ ...ITEM, input: { file_token: OBJECT, file_type: null } })],
    ['a prototype', `{"__proto__":{"operation":"${DRIVE}"},"operation":"__proto__","input":{"__proto__":{"a":1}}}`],
    ['a prototype of its input', JSON.stringify(ITEM).replace('{"file_token"', '{"__proto__":{"a":1},"file_token"')],
    ['deep nesting', `{"operation":${'['.repeat(9_000)}${']'.repeat(9_000)}}`],
    ['deep nesting in its input', `{"operation":"${DRIVE}","input":{"a":${'{"a":'.repeat(900)}1${'}'.repeat(900)}}}`],
    ['an offboarding that is too long for a key', JSON.stringify({ ...ITEM, offboardingId: '离'.repeat(5_000) })],
    ['a function that is no text', record({ functionArn: OBJECT, condition: OBJECT, requestId: [] })],
    ['an answer that is none', record({}, { responsePayload: null, requestPayload: { 'detail-type': OBJECT } })],
    ['a list of events', JSON.stringify([offboardingEvent(EVENT)])],
    ['null', 'null'],
  ]

  test('is reported; the others go, and it can be listed, shown and discarded', async () => {
    const ids: string[] = []
    for (const [, body] of HOSTILE) ids.push(await put(body))
    for (const token of ['doxcn1', 'doxcn2']) await put(driveItem(token), FORBIDDEN)

    const listed = await run('list', '--json')
    expect([listed.code, JSON.parse(listed.stdout).length]).toEqual([0, HOSTILE.length + 2])
    expect((await run('list', '--all')).code).toBe(0)
    for (const [index, [what]] of HOSTILE.entries()) {
      const { code, stdout } = await run('show', '--id', ids[index] ?? '')
      expect([what, code, JSON.parse(stdout || '{}').id]).toEqual([what, 0, ids[index]])
    }
    const sendable = HOSTILE.flatMap(([what], index) => (what === 'a function that is no text' ? [ids[index]] : []))
    const { code, stderr } = await run('redrive', '--all', '--yes')
    expect([code, stderr]).toEqual([1, expect.stringContaining(`Redriven: ${2 + sendable.length}.`)])
    expect([await left(), (await bodies(`${DRIVE}.fifo`)).length]).toEqual([[HOSTILE.length - sendable.length, 0], 2])
    const discarded = await run('discard', '--all', '--yes')
    expect([discarded.code, await left()]).toEqual([0, [0, 0]])
  })

  test('events without an id are sent each for itself', async () => {
    const other = { ...EVENT, offboardingId: 'hr-10' }
    for (const detail of [EVENT, other]) {
      const { id: _, ...event } = offboardingEvent(detail)
      await put(JSON.stringify(event))
    }
    expect((await run('redrive', '--all', '--yes')).code).toBe(0)
    expect(bus.events.map(({ event }) => event.detail)).toEqual(expect.arrayContaining([EVENT, other]))
  })
})

test.each([
  [[], 'missing subcommand: expected list, show, redrive or discard'],
  [['toString'], 'unknown subcommand toString: expected list'],
  [['redrive', '--yes'], 'select letters with --kind'],
  [['discard'], 'select letters with --kind'],
  [['redrive', '--all', '--kind', 'forbidden'], "option '--all' cannot be used with option '--kind <kind>'"],
  [['list', '--kind', 'bogus'], 'Allowed choices are invalid_request, forbidden'],
  [['redrive', '--operation', 'nosuch'], 'Allowed choices are feishu-calendar-unsubscribe, feishu-'],
  [['list', '--yes'], "unknown option '--yes'"],
  [['show'], "required option '--id <id>' not specified"],
  [['list', '--bogus'], "unknown option '--bogus'"],
])('%j is one clear line and exit code 2', async (args, told) => {
  const { code, stderr } = await call(['letters', ...args])
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(told)])
})

test('--help shows the options and an example', async () => {
  const { code, stdout } = await call(['letters', '--help'])
  expect([code, stdout]).toEqual([0, expect.stringContaining('npx offboarding letters redrive --kind forbidden')])
})
