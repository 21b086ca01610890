/** What is deployed: one file and its map for each function, no larger than agreed. */
import { readdirSync, statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { OPERATIONS } from './harness.ts'

const FUNCTIONS = [...OPERATIONS, 'user-token-renewal']

const MAX_BYTES = 420_000

test('there is a bundle for each function and nothing else', () => {
  expect(readdirSync('dist').sort()).toEqual(FUNCTIONS.sort())
})

describe.each(FUNCTIONS)('%s', (name) => {
  test('is one file with its source map, within the size limit', () => {
    expect(readdirSync(`dist/${name}`).sort()).toEqual(['index.mjs', 'index.mjs.map'])
    expect(statSync(`dist/${name}/index.mjs`).size).toBeLessThan(MAX_BYTES)
  })

  test('exports a handler of the arity that Node 24 on Lambda takes', async () => {
    const { handler } = await import(`../dist/${name}/index.mjs`)
    expect(handler).toBeInstanceOf(Function)
    expect(handler.length).toBeLessThan(3)
  })
})
