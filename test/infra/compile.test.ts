/** The cache of compiled templates: what it may answer, and what it must not be believed. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { compileTemplate, type Template } from '../../infra/compile.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'compile-'))
let runs = 0
let cwd: string
let cacheFolder: string
let template: Template
let entry: string

/** A copy of what is compiled, and a cache with its template. */
beforeAll(async () => {
  cacheFolder = path.join(folder, 'first')
  template = await compileTemplate({ cacheFolder })
  entry = readdirSync(cacheFolder).join()
})
beforeEach(() => {
  cwd = path.join(folder, `project${++runs}`)
  for (const name of ['serverless.yml', 'infra', 'functions']) cpSync(name, path.join(cwd, name), { recursive: true })
  cacheFolder = path.join(folder, `cache${runs}`)
  mkdirSync(cacheFolder)
  writeFileSync(path.join(cacheFolder, entry), JSON.stringify(template))
})

/** Ends where osls would be run. */
const compile = (options: Parameters<typeof compileTemplate>[0] = {}) =>
  compileTemplate({
    cwd,
    cacheFolder,
    onCompile() {
      throw new Error('osls')
    },
    ...options,
  })
const append = (file: string, text: string) =>
  writeFileSync(path.join(cwd, file), readFileSync(path.join(cwd, file), 'utf8') + text)

test('the same sources have the same template, wherever they are', async () => {
  expect(Object.keys(template.Resources).length).toBeGreaterThan(50)
  expect(await compile()).toEqual(template)
  expect(await Promise.all([compile(), compile()])).toEqual([template, template])
})

test.each<[string, () => unknown]>([
  ['serverless.yml', () => append('serverless.yml', '# more\n')],
  ['a file of infra/', () => append('infra/wiring.ts', '// more\n')],
  ['a new file of infra/', () => writeFileSync(path.join(cwd, 'infra/new.cjs'), '')],
  ['a new function', () => writeFileSync(path.join(cwd, 'functions/new.ts'), '')],
  ['the stage', () => ({ stage: 'qa' })],
  ['a parameter', () => ({ params: { source: 'hr.other' } })],
])('another is compiled for %s', async (_, change) => {
  await expect(compile(change() as object | undefined)).rejects.toThrow('osls')
})

test.each(['', '{"Resources":', 'null', '{}'])('an entry that contains %j is compiled again', async (content) => {
  writeFileSync(path.join(cacheFolder, entry), content)
  await expect(compile()).rejects.toThrow('osls')
})
