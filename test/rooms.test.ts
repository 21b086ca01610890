/** The rooms of the repository: imports run one way between them, and in no circle within one. */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

/** The rooms that each room's files may import from, besides their own. `lib` and `functions` run on AWS and stand alone. */
const MAY_IMPORT: Record<string, string[]> = {
  lib: [],
  functions: ['lib'],
  infra: ['functions', 'lib'],
  cli: ['infra', 'functions', 'lib'],
  local: ['cli', 'infra', 'functions', 'lib'],
  scripts: ['local', 'cli', 'infra', 'functions', 'lib'],
  // It runs functions in the runtime client that the end-to-end tests use.
  bench: ['test', 'scripts', 'local', 'cli', 'infra', 'functions', 'lib'],
}

const SPECIFIER = /\b(?:from|import|require)\s*\(?\s*(['"`])(\.{1,2}\/[^'"`]+)\1/g

const imports = new Map(
  Object.keys(MAY_IMPORT).flatMap((room) =>
    globSync(`${room}/**/*.{ts,tsx,js,mjs,cjs}`, { exclude: ['**/node_modules/**'] }).map(
      (file): [string, string[]] => {
        const specifiers = [...readFileSync(file, 'utf8').matchAll(SPECIFIER)].map(([, , specifier = '']) => specifier)
        return [file, specifiers.map((specifier) => path.join(path.dirname(file), specifier))]
      },
    ),
  ),
)

const roomOf = (file: string) => file.split('/')[0] ?? ''

test('each room imports only from the rooms below it', () => {
  const upward = [...imports].flatMap(([file, targets]) => {
    const allowed = [roomOf(file), ...(MAY_IMPORT[roomOf(file)] ?? [])]
    return targets.filter((target) => !allowed.includes(roomOf(target))).map((target) => `${file} imports ${target}`)
  })
  expect(upward).toEqual([])
})

test('no files import each other in a circle', () => {
  const finished = new Set<string>()
  const findCircle = (file: string, trail: string[]): string[] | undefined => {
    if (trail.includes(file)) {
      const circle = trail.slice(trail.indexOf(file))
      for (const one of circle) finished.add(one)
      return [...circle, file]
    }
    if (finished.has(file)) return undefined
    for (const target of imports.get(file) ?? []) {
      const circle = findCircle(target, [...trail, file])
      if (circle) return circle
    }
    finished.add(file)
    return undefined
  }
  const circles = [...imports.keys()].flatMap((file) => findCircle(file, [])?.join(' → ') ?? [])
  expect(circles).toEqual([])
})

test('the imports are really read', () => {
  expect(imports.size).toBeGreaterThan(100)
  expect(imports.get('functions/feishu-drive-unsubscribe.ts')).toContain('lib/handlers/lambda.ts')
})
