/** What in docs/ is made from the code, and the commands that texts name. */
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generated } from '../../scripts/docs.ts'
import { run } from '../cli/operator.ts'

const { scripts }: { scripts: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'))

test.each(Object.entries(await generated()))('%s is up to date: npm run docs', (file, text) => {
  expect(readFileSync(file, 'utf8')).toBe(text)
})

const COMMANDS = [...(await run(['-h'])).stdout.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name]) => name ?? '')

// In manuals, in help texts and hints, and in what alarms say.
test.each(globSync(['*.md', 'docs/**/*.md', '{functions,lib,infra,cli,local,scripts}/**/*.{ts,tsx}']))(
  'every command that %s names is in package.json',
  (file) => {
    const text = readFileSync(file, 'utf8')
    const named = text.matchAll(/\bnpm run (?:--?[\w-]+ )*([a-z][\w:-]*\w)/g)
    const unknown = [...named].map(([, name = '']) => name).filter((name) => !Object.hasOwn(scripts, name))
    expect(unknown).toEqual([])
    const commands = [...text.matchAll(/\bnpx offboarding (?!help\b)([a-z]+)/g)].map(([, name]) => name ?? '')
    expect(commands.filter((name) => !COMMANDS.includes(name))).toEqual([])
  },
)

test('manuals, help texts and hints name commands', () => {
  for (const file of ['README.md', 'docs/runbook.md', 'docs/operate.md', 'cli/offboard.ts', 'lib/feishu/tokens.ts'])
    expect(readFileSync(file, 'utf8')).toMatch(/npm run \w|npx offboarding \w/)
})
