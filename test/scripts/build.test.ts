/** What is deployed: one file and its map for each function, no larger than agreed. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { OPERATIONS } from '../harness.ts'

const FUNCTIONS = [...OPERATIONS, 'user-token-renewal']

const MAX_BYTES = 300_000

test('there is a bundle for each function and nothing else', () => {
  expect(readdirSync('dist').sort()).toEqual(FUNCTIONS.sort())
})

describe.each(FUNCTIONS)('%s', (name) => {
  test('is one file with its source map, within the size limit', () => {
    expect(readdirSync(`dist/${name}`).sort()).toEqual(['index.mjs', 'index.mjs.map'])
    expect(statSync(`dist/${name}/index.mjs`).size).toBeLessThanOrEqual(MAX_BYTES)
  })

  test('exports a handler of the arity that Node 24 on Lambda takes', async () => {
    const { handler } = await import(`../../dist/${name}/index.mjs`)
    expect(handler).toBeInstanceOf(Function)
    expect(handler.length).toBeLessThan(3)
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
    copyFileSync(bundle, path.join(folder, 'index.mjs'))
    const stack = printedBy(
      `const { handler } = await import(process.env.BUNDLE)
      await handler(null, {}).catch(({ stack }) => process.stdout.write(stack))`,
      path.join(folder, 'index.mjs'),
    )
    rmSync(folder, { recursive: true })
    expect(stack).toMatch(/^TypeError: .*null\n {4}at .*index\.mjs:\d+:\d+/)
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
