/** What `osls package` makes besides the template: an archive for each function, and what it prints. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oslsEnvironment } from '../../infra/compile.ts'
import { operationNames } from '../../infra/operations.ts'

const run = promisify(execFile)

let folder: string
let output = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'packaging-'))
  await mkdir(path.join(folder, 'home'))
  // Beside what goes into the archives, files that must not.
  const cwd = path.join(folder, 'service')
  for (const name of ['serverless.yml', 'package.json', 'infra', 'dist', 'lib'])
    await cp(name, path.join(cwd, name), { recursive: true })
  const env = {
    ...(await oslsEnvironment(path.join(folder, 'home'))),
    PATH: `${path.resolve('node_modules/.bin')}:${process.env.PATH}`,
  }
  const { stdout, stderr } = await run('osls', ['package', '--package', path.join(folder, 'plain')], { cwd, env })
  output = stdout + stderr
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('asks, warns and deprecates nothing', () => {
  expect(output).not.toMatch(/warning|deprecat|\?/i)
})

test.each(operationNames)('%s: packages nothing but its own bundle', async (name) => {
  const paths = filesIn(await readFile(path.join(folder, 'plain', `${name}.zip`)))
  expect(paths.sort()).toEqual(
    readdirSync(path.join('dist', name))
      .map((file) => `dist/${name}/${file}`)
      .sort(),
  )
})

/** The paths in a zip archive, by its central directory. */
function filesIn(zip: Buffer): string[] {
  const end = zip.lastIndexOf('PK\x05\x06')
  const paths: string[] = []
  let at = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = zip.readUInt16LE(at + 28)
    paths.push(zip.toString('utf8', at + 46, at + 46 + nameLength))
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return paths
}
