/** Facts that the repository states in more than one file agree. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const read = (file: string) => readFileSync(file, 'utf8')

test('the version of Node is the same wherever it is named', () => {
  const version = read('.node-version').trim()
  expect(JSON.parse(read('package.json')).devDependencies.node).toBe(version)

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

test('each package of the template scanner is pinned by hashes', () => {
  const requirements = read('requirements-scan.txt').replaceAll('\\\n', ' ').split('\n')
  const packages = requirements.filter((line) => line && !line.startsWith('#'))
  expect(packages.length).toBeGreaterThan(50)
  for (const line of packages) expect(line).toMatch(/^[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}( |$)/)
})
