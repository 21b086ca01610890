/** Lambda's containers: environment, deadline, output, freezing. */

import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createFunction } from '../../../local/aws/lambda.ts'
import type { FunctionOptions, LogLine } from '../../../local/aws/lambda-container.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'local-aws-'))
})

/** Deadlines pass when the test lets them; containers have timers of their own. */
function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

let files = 0
/** A function around a module that is written for the test. */
async function lambda(source: string, options: Partial<FunctionOptions> = {}) {
  const entry = path.join(folder, `function-${files++}.mjs`)
  await writeFile(entry, source)
  const lines: LogLine[] = []
  const subject = createFunction({
    name: 'test',
    entry,
    timeoutMs: 60_000,
    onLine: (line) => lines.push(line),
    ...options,
  })
  onTestFinished(() => subject.close())
  return { subject, lines }
}

test('gives the function its own environment and a context with a running deadline', async () => {
  process.env.LEAKED = 'yes'
  onTestFinished(() => void delete process.env.LEAKED)
  const source = `export const handler = async (event, context) => {
    const now = Date.now()
    Date.now = () => now
    const before = context.getRemainingTimeInMillis()
    Date.now = () => now + 30
    return { event, env: process.env, before, after: context.getRemainingTimeInMillis(), context }
  }`
  const { subject } = await lambda(source, { env: { MINE: 'yes' }, timeoutMs: 5000 })
  const { subject: other } = await lambda('export const handler = async () => process.env.MINE ?? null')
  const result = (await subject.invoke({ a: 1 })) as Record<string, never>
  expect(result).toMatchObject({
    event: { a: 1 },
    env: { MINE: 'yes', AWS_REGION: 'ap-southeast-1', AWS_LAMBDA_FUNCTION_NAME: 'test' },
    context: {
      functionName: 'test',
      invokedFunctionArn: 'arn:aws:lambda:ap-southeast-1:000000000000:function:test',
      awsRequestId: expect.stringMatching(/^[\w-]{36}$/),
    },
  })
  expect(Object.keys(result.env as never).filter((name) => ['LEAKED', 'PATH', 'HOME'].includes(name))).toEqual([])
  expect(result.before).toBeLessThanOrEqual(5000)
  expect(Number(result.before) - Number(result.after)).toBe(30)
  expect(await other.invoke({})).toBeNull()
  expect(process.env.MINE).toBeUndefined()
})

test('reports output line by line before the invocation settles', async () => {
  const source = `export const handler = async () => {
    console.log(JSON.stringify({ audit: 1 }))
    process.stdout.write('half ')
    process.stdout.write('and half\\nunfinished')
    console.error('bad')
  }`
  const { subject, lines } = await lambda(source)
  expect(await subject.invoke({})).toBeNull()
  expect(lines.filter(({ stream }) => stream === 'stdout').map(({ line }) => line)).toEqual([
    '{"audit":1}',
    'half and half',
    'unfinished',
  ])
  expect(lines.find(({ stream }) => stream === 'stderr')).toMatchObject({ line: 'bad', functionName: 'test' })
  expect(lines.every(({ requestId }) => requestId)).toBe(true)
})

test('kills the container of an invocation that takes too long, and starts a new one', async () => {
  const source = `let calls = 0
  export const handler = (event) => {
    calls++
    if (event.hang) for (;;);
    return calls
  }`
  const { subject } = await lambda(source, { timeoutMs: 4_200 })
  expect(await subject.invoke({})).toBe(1)
  stopTime()
  const hanging = subject.invoke({ hang: true })
  vi.advanceTimersByTime(4_200)
  await expect(hanging).rejects.toMatchObject({
    name: 'Sandbox.Timedout',
    message: 'Task timed out after 4.20 seconds',
  })
  expect(await subject.invoke({})).toBe(1)
  expect(subject.containers).toEqual({ alive: 1, started: 2 })
})

test('lets a bundle that loads slowly have the time of the invocation too', async () => {
  const limits = { initTimeoutMs: 10_000, timeoutMs: 5_000 }
  const { subject } = await lambda('export const handler = async () => 1', limits)
  const { subject: endless } = await lambda('setInterval(() => {}, 1000); await new Promise(() => {})', limits)
  stopTime()
  const [slow, never] = [subject.invoke({}), endless.invoke({})]
  vi.advanceTimersByTime(14_999)
  expect(await slow).toBe(1)
  vi.advanceTimersByTime(1)
  await expect(never).rejects.toMatchObject({ message: 'Task timed out after 15.00 seconds' })
})

test('rejects with the error of the handler and keeps the container', async () => {
  const source = `let calls = 0
  export const handler = async () => { throw new RangeError('call ' + ++calls) }`
  const { subject } = await lambda(source)
  await expect(subject.invoke({})).rejects.toMatchObject({ name: 'RangeError', message: 'call 1' })
  await expect(subject.invoke({})).rejects.toMatchObject({ name: 'RangeError', message: 'call 2' })
})

test.each([
  ['export const handler = async () => process.exit(3)', 'Runtime.ExitError'],
  ['export const other = 1', 'Runtime.HandlerNotFound'],
  ['export const handler = (event, context, callback) => callback()', 'Runtime.CallbackHandlerDeprecated'],
  ['throw new TypeError("no")', 'TypeError'],
  ['export const handler = () => new Promise(() => setTimeout(() => { throw new EvalError("x") }, 1))', 'EvalError'],
])('a container that breaks: %s', async (source, name) => {
  const { subject } = await lambda(source)
  await expect(subject.invoke({})).rejects.toMatchObject({ name })
  expect(subject.containers.alive).toBe(0)
})

test('one invocation per container: more are started up to the limit, idle ones are used again', async () => {
  const source = `let active = 0, most = 0
  export const handler = async () => {
    most = Math.max(most, ++active)
    await new Promise(setImmediate)
    active--
    return most
  }`
  const { subject } = await lambda(source, { maxContainers: 2 })
  const results = await Promise.all(Array.from({ length: 5 }, () => subject.invoke({})))
  expect(results).toEqual([1, 1, 1, 1, 1])
  expect(subject.containers).toEqual({ alive: 2, started: 2 })
})

test('runs nothing behind a response until the next invocation', async () => {
  // A container that goes on counting while another one stands still.
  const { subject: running } = await lambda(`export const handler = () => new Promise((resolve) => {
    let ticks = 0
    setInterval(() => ++ticks === 100 && resolve(), 1)
  })`)
  const { subject } = await lambda(`let ticks = 0
    setInterval(() => ticks++, 1)
    export const handler = async () => ticks`)
  const before = Number(await subject.invoke({}))
  await running.invoke({})
  // A turn of the event loop is left on either side.
  expect(Number(await subject.invoke({})) - before).toBeLessThan(10)
})

test('closing rejects what is still running', async () => {
  const begun = Promise.withResolvers<void>()
  const { subject } = await lambda(
    `export const handler = () => {
      console.log('begun')
      return new Promise((resolve) => setTimeout(resolve, 60_000))
    }`,
    { onLine: () => begun.resolve() },
  )
  const running = expect(subject.invoke({})).rejects.toThrow()
  await begun.promise
  await subject.close()
  await running
})
