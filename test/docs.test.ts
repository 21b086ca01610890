/** What in docs/ is made from the code. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generated } from '../local/docs.ts'

test.each(Object.entries(await generated()))('%s is up to date: npm run docs', (file, text) => {
  expect(readFileSync(file, 'utf8')).toBe(text)
})
