/** The cache of compiled templates: what it may answer, and what it must not be believed. */
import { cpSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { CACHE_FOLDER, compileTemplate, type Template } from '../../infra/compile.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'compile-'))
let runs = 0
let cwd: string
let cacheFolder: string
let template: Template

/** A copy of what is compiled, and of the cache with its template. */
beforeAll(async () => {
  template = await compileTemplate({ stage: 'local' })
})
beforeEach(() => {
  cwd = path.join(folder, `project${++runs}`)
  for (const name of ['serverless.yml', 'infra', 'functions']) cpSync(name, path.join(cwd, name), { recursive: true })
  cacheFolder = path.join(folder, `cache${runs}`)
  cpSync(CACHE_FOLDER, cacheFolder, { recursive: true })
})

/** The template from the cache, or "compiled" where osls would be run. */
async function compile(options: object = {}): Promise<Template | 'compiled'> {
  const isCompiled = new Error()
  const onCompile = () => {
    throw isCompiled
  }
  return compileTemplate({ stage: 'local', cwd, cacheFolder, onCompile, ...options }).catch((error) => {
    if (error === isCompiled) return 'compiled'
    throw error
  })
}
/** In few words. */
const outcome = async (options?: object) => ((await compile(options)) === 'compiled' ? 'compiled' : 'from the cache')
const write = (file: string, text: string): undefined => {
  writeFileSync(path.join(cwd, file), text, { flag: 'a' })
}

test('the same sources have the same template, wherever they are', async () => {
  expect(Object.keys(template.Resources).length).toBeGreaterThan(50)
  expect(await compile()).toEqual(template)
  expect(await Promise.all([compile(), compile()])).toEqual([template, template])
})

test.each<[string, () => object | undefined]>([
  ['serverless.yml', () => write('serverless.yml', '# more\n')],
  ['a file of infra/', () => write('infra/wiring.ts', '// more\n')],
  ['a new file of infra/', () => write('infra/new.cjs', '')],
  ['a new function', () => write('functions/new.ts', '')],
  ['the stage', () => ({ stage: 'uncompiled' })],
  ['a parameter', () => ({ params: { source: 'hr.other' } })],
])('another is compiled for %s', async (_, change) => {
  expect(await outcome(change())).toBe('compiled')
})

test.each(['', '{"Resources":', 'null', '{}'])('an entry that contains %j is compiled again', async (content) => {
  for (const entry of readdirSync(cacheFolder)) writeFileSync(path.join(cacheFolder, entry), content)
  expect(await outcome()).toBe('compiled')
})
