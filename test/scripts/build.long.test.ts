/** `npm run build` beside a stack that runs from dist/. */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const writtenAt = () => globSync('dist/*/*').map((file) => [file, statSync(file).mtimeMs])

test('leaves what is as it would be, and takes away what no function loads', () => {
  const before = writtenAt()
  mkdirSync('dist/no-function', { recursive: true })
  writeFileSync('dist/no-function/index.mjs', '')
  execFileSync(process.execPath, ['scripts/build.ts'])
  expect(existsSync('dist/no-function')).toBe(false)
  expect(writtenAt()).toEqual(before)
})
