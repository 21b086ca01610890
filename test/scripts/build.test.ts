/** What is deployed for each function: no more files and bytes than agreed. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'

const CALLERS = [...operationNames, 'user-token-renewal']
const FUNCTIONS = [
  ...CALLERS,
  'offboarding-sweep',
  'offboarding-resolution',
  'people-index',
  'notifications',
  'subscription-register',
  'offboardings',
  'vendor-callbacks',
]

/** The client of DynamoDB and what it brings is 51,000 of them. */
const MAX_BYTES = 530_000

test('there is a bundle for each function and nothing else', () => {
  expect(readdirSync('dist').sort()).toEqual(FUNCTIONS.sort())
})

describe.each(FUNCTIONS)('%s', (name) => {
  test('is an entry point and the files it loads, each with its source map, within the size limit', () => {
    const files = readdirSync(`dist/${name}`)
    const code = files.filter((file) => file.endsWith('.mjs'))
    expect(code).toContain('index.mjs')
    expect(files.sort()).toEqual(code.flatMap((file) => [file, `${file}.map`]).sort())
    const bytes = code.reduce((sum, file) => sum + statSync(`dist/${name}/${file}`).size, 0)
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
  })

  test('exports a handler of the arity that Node 24 on Lambda takes', async () => {
    const { handler } = await import(`../../dist/${name}/index.mjs`)
    expect(handler).toBeInstanceOf(Function)
    expect(handler.length).toBeLessThan(3)
  })
})

describe.each(CALLERS)('%s', (name) => {
  test('loads the clients of SQS, EventBridge and DynamoDB when first needed, not at the start', () => {
    const code = (files: string[]) => files.map((file) => readFileSync(`dist/${name}/${file}`, 'utf8')).join('')
    const all = readdirSync(`dist/${name}`).filter((file) => file.endsWith('.mjs'))
    const atStart = ['index.mjs']
    for (const file of atStart)
      for (const [, imported = ''] of code([file]).matchAll(/(?:from|import)"\.\/([\w-]+\.mjs)"/g))
        if (!atStart.includes(imported)) atStart.push(imported)
    // The entry point and what it needs; each further file costs a start a millisecond.
    expect(atStart.length).toBeLessThanOrEqual(2)
    const clients = /AmazonSQS|AWSEvents/
    expect(code(atStart)).toContain('secretsmanager')
    expect(code(atStart)).not.toMatch(clients)
    expect(clients.test(code(all))).toBe(name !== 'user-token-renewal')
    // The ledger's too, but for the scheduled renewal, which does nothing without it.
    expect(code(atStart).includes('DynamoDB_20120810')).toBe(name === 'user-token-renewal')
    expect(code(all)).toContain('DynamoDB_20120810')
  })

  test('says where in our sources an unexpected error came from', () => {
    const script = `const { handler } = await import(${JSON.stringify(path.resolve(`dist/${name}/index.mjs`))})
      await handler(null, {}).catch(({ stack }) => process.stdout.write(stack))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    })
    const [message, ...frames] = stdout.split('\n')
    expect(message, stderr).toMatch(/^\w+Error: /)
    const [, file = '', line] = /^ {4}at (lib\/[\w/-]+\.ts):(\d+):\d+$/.exec(frames[0] ?? '') ?? []
    expect(readFileSync(file, 'utf8').split('\n')[Number(line) - 1]).toMatch(/'requestContext' in|new OperationError/)
  })
})

describe('a stack trace', () => {
  const bundle = `dist/${FUNCTIONS[0]}/index.mjs`
  const printedBy = (script: string, module = path.resolve(bundle)) =>
    spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      env: { BUNDLE: module },
    }).stdout

  test("is V8's own where the map is missing", () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'bundle-'))
    for (const file of readdirSync(`dist/${FUNCTIONS[0]}`))
      if (file.endsWith('.mjs')) copyFileSync(`dist/${FUNCTIONS[0]}/${file}`, path.join(folder, file))
    const stack = printedBy(
      `const { handler } = await import(process.env.BUNDLE)
      await handler(null, {}).catch(({ stack }) => process.stdout.write(stack))`,
      path.join(folder, 'index.mjs'),
    )
    rmSync(folder, { recursive: true })
    expect(stack).toMatch(/^TypeError: .*null\n {4}at .*\.mjs:\d+:\d+/)
    expect(stack).not.toContain('lib/')
  })

  test('of other files, and of what is no proper error, is as without it', () => {
    const script = `
      class Odd extends Error { toString() { throw new Error('no') } }
      const of = (thing) => (Error.captureStackTrace(thing), thing.stack.split('\\n')[0])
      process.stdout.write(JSON.stringify([new RangeError('a').stack, of(Object.create(null)), of(['x']), new Odd().stack]))`
    expect(printedBy(`await import(process.env.BUNDLE); ${script}`)).toBe(
      printedBy(`await import('node:fs'); ${script}`),
    )
  })
})
