/** Facts that the repository states in more than one file agree. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'

const read = (file: string) => readFileSync(file, 'utf8')

test('the version of Node is the same wherever it is named', () => {
  const version = read('.node-version').trim()
  const { optionalDependencies } = JSON.parse(read('package.json'))
  expect(new Set(Object.values(optionalDependencies))).toEqual(new Set([version]))

  const [major] = version.split('.')
  expect(read('serverless.yml')).toContain(`runtime: nodejs${major}.x\n`)
  expect(read('.github/workflows/ci.yml')).toContain(`container: node:${major}-`)
})

test('the index lists every decision record, numbered in sequence', () => {
  const records = globSync('docs/decisions/[0-9]*.md')
    .map((file) => path.basename(file))
    .sort()
  const listed = [...read('docs/decisions/README.md').matchAll(/\]\(([\w-]+\.md)\)/g)].map(([, file]) => file)
  expect(listed).toEqual(records)
  expect(records.map((record) => Number(record.slice(0, 4)))).toEqual(records.map((_, index) => index + 1))
})

describe.each(['package-lock.json', 'test/e2e/package-lock.json'])('%s', (lock) => {
  type Package = { version: string; integrity?: string; resolved?: string; hasInstallScript?: true; bin?: object }
  const packages = Object.entries<Package>(JSON.parse(read(lock)).packages).filter(([folder]) => folder !== '')

  test('has the checksum of every package, and no address that it must come from', () => {
    expect(packages.length).toBeGreaterThan(0)
    expect(packages.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual([])
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })

  test('has no install script that package.json does not decide on', () => {
    const { allowScripts } = JSON.parse(read(path.join(path.dirname(lock), 'package.json')))
    const scripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript)
    expect(Object.keys(allowScripts).sort()).toEqual(scripts.map(([folder]) => path.basename(folder)).sort())
  })
})

test('each Node that npm installs is locked for one platform only, and brings no install script', () => {
  const { packages } = JSON.parse(read('package-lock.json'))
  for (const name of Object.keys(JSON.parse(read('package.json')).optionalDependencies)) {
    const { os, cpu, hasInstallScript, bin } = packages[`node_modules/${name}`]
    const platform = os === 'win32' ? 'win' : os
    expect({ name, hasInstallScript, bin: Object.keys(bin) }).toEqual({
      name: `node-${platform}-${cpu}`,
      bin: ['node'],
    })
  }
})

test('every file of requirements-dev.txt is pinned with checksums, for every tool of requirements-dev.in', () => {
  const locked = read('requirements-dev.txt')
    .split(/\n(?=[^\s#])/)
    .filter((entry) => !entry.startsWith('#'))
  const NAME_AND_FILES = /^([\w.-]+==[\w.]+)(?: ; .+)? \\\n(?: {4}--hash=sha256:[\da-f]{64}(?: \\)?\n)+/
  expect(locked.filter((entry) => !NAME_AND_FILES.test(entry))).toEqual([])
  const wanted = read('requirements-dev.in').match(/^[\w-]+==[\w.]+/gm) ?? []
  expect(locked.map((entry) => NAME_AND_FILES.exec(entry)?.[1])).toEqual(expect.arrayContaining(wanted))
  expect(wanted.length).toBeGreaterThan(0)
})

test.each(['docs/threat-model.md', 'docs/threat-model.zh-CN.md'])('every threat of %s names a test', (page) => {
  const rows = read(page).match(/^\| [1-6] .+$/gm) ?? []
  expect(rows.length).toBeGreaterThan(15)
  expect(rows.filter((row) => !/\| `test\/[^|]+\.ts` \|$/.test(row))).toEqual([])
})

test('each package of the template scanner is pinned by hashes', () => {
  const requirements = read('requirements-scan.txt').replaceAll('\\\n', ' ').split('\n')
  const packages = requirements.filter((line) => line && !line.startsWith('#'))
  expect(packages.length).toBeGreaterThan(50)
  for (const line of packages) expect(line).toMatch(/^[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}( |$)/)
})
