/** `npm run sbom` names exactly the packages that the bundles of dist/ were made from. */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, expect, test } from 'vitest'

type Component = {
  name: string
  version: string
  purl: string
  scope: string
  hashes: { alg: string }[]
  licenses: unknown[]
  properties: unknown[]
}
let components: Component[] = []
beforeAll(() => {
  components = JSON.parse(execFileSync(process.execPath, ['scripts/sbom.ts'], { encoding: 'utf8' })).components
})

test('all packages that the source maps name, in the version that is installed, and no others', () => {
  const sources = globSync('dist/*/*.map').flatMap((map): string[] =>
    JSON.parse(readFileSync(map, 'utf8')).sources.map((source: string) => path.join(path.dirname(map), source)),
  )
  const folders = new Set(sources.flatMap((source) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source) ?? []))
  const bundled = [...folders].map((folder) => {
    const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
    return `${name}@${version}`
  })
  expect(bundled.length).toBeGreaterThan(10)
  expect(components.map(({ name, version }) => `${name}@${version}`).sort()).toEqual([...new Set(bundled)].sort())
})

test('each with license, checksum and address, and none as a development tool', () => {
  for (const { purl, scope, hashes, licenses, properties } of components)
    expect({ purl, scope, hashes, licenses, properties }).toEqual({
      purl: expect.stringMatching(/^pkg:npm\/.+@\d/),
      scope: 'required',
      hashes: [expect.objectContaining({ alg: 'SHA-512' })],
      licenses: [{ license: { id: expect.stringMatching(/./) } }],
      properties: [],
    })
})
