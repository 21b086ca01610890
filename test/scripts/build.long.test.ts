/** `npm run build` beside a stack that runs from dist/. In a copy: other tests load the bundles meanwhile. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

test('writes what differs, leaves the rest as it is, and takes away what no function loads', () => {
  const cwd = mkdtempSync(path.join(tmpdir(), 'build-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  for (const name of ['functions', 'lib', 'infra', 'cli', 'scripts', 'package.json', 'tsconfig.json'])
    cpSync(name, path.join(cwd, name), { recursive: true })
  symlinkSync(path.resolve('node_modules'), path.join(cwd, 'node_modules'))
  const build = () => execFileSync(process.execPath, ['scripts/build.ts'], { cwd })
  const writtenAt = () =>
    globSync('dist/*/*', { cwd }).map((file) => [file, statSync(path.join(cwd, file)).mtimeMs] as const)

  build()
  const before = writtenAt()
  const cut = path.join('dist', 'offboardings', 'index.mjs')
  const whole = readFileSync(path.join(cwd, cut))
  writeFileSync(path.join(cwd, cut), 'cut')
  mkdirSync(path.join(cwd, 'dist/no-function'))
  writeFileSync(path.join(cwd, 'dist/no-function/index.mjs'), '')
  build()
  expect(existsSync(path.join(cwd, 'dist/no-function'))).toBe(false)
  expect(readFileSync(path.join(cwd, cut)).equals(whole)).toBe(true)
  const others = (all: typeof before) => all.filter(([file]) => file !== cut)
  expect(others(before).length).toBeGreaterThan(13)
  expect(others(writtenAt())).toEqual(others(before))
})
