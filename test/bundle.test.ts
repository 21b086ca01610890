/** What is deployed: the files of each function, no larger and no slower to start than agreed. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { OPERATIONS } from './harness.ts'

const FUNCTIONS = [...OPERATIONS, 'user-token-renewal']

const MAX_BYTES = 400_000
/** Without Lambda's runtime client, which adds to both sides. Measured: 3.1 to 3.8, on a busy machine too. */
const MAX_STARTS_OF_EMPTY = 4.5
const STARTS = 7

test('there is a bundle for each function and nothing else', () => {
  expect(readdirSync('dist').sort()).toEqual(FUNCTIONS.sort())
})

describe.each(FUNCTIONS)('%s', (name) => {
  const files = () => readdirSync(`dist/${name}`)

  test('is ES modules and maps of its own sources, together within the size limit', () => {
    const modules = files().filter((file) => file.endsWith('.mjs'))
    const maps = files().filter((file) => file.endsWith('.mjs.map'))
    expect(files().sort()).toEqual([...modules, ...maps].sort())
    expect(files()).toEqual(expect.arrayContaining(['index.mjs', 'index.mjs.map']))
    for (const map of maps) expect(readFileSync(`dist/${name}/${map}`, 'utf8')).not.toContain('node_modules')
    const bytes = modules.map((file) => statSync(`dist/${name}/${file}`).size).reduce((a, b) => a + b)
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES)
  })

  test('exports a handler of the arity that Node 24 on Lambda takes', async () => {
    const { handler } = await import(`../dist/${name}/index.mjs`)
    expect(handler).toBeInstanceOf(Function)
    expect(handler.length).toBeLessThan(3)
  })

  test('starts within the limit', () => {
    const empty: number[] = []
    const full: number[] = []
    for (let start = 0; start < STARTS; start++) {
      empty.push(startMs('data:text/javascript,export const handler=async()=>{}'))
      full.push(startMs(path.resolve(`dist/${name}/index.mjs`)))
    }
    expect(Math.min(...full) / Math.min(...empty)).toBeLessThan(MAX_STARTS_OF_EMPTY)
  })
})

/** Processor time, which a busy machine changes little, from a process's start until it has loaded the module. */
function startMs(module: string): number {
  const script = `await import(${JSON.stringify(module)})
    const { user, system } = process.cpuUsage()
    process.stdout.write(String(user + system), () => process.exit())`
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--enable-source-maps', '--input-type=module', '--eval', script],
    { encoding: 'utf8', env: { AWS_REGION: 'eu-west-1' } },
  )
  if (status !== 0) throw new Error(stderr)
  return Number(stdout) / 1_000
}
