/** What in docs/ is made from the code, and the commands that texts name. */
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { start } from '../../local/start.ts'
import { generated } from '../../scripts/docs.ts'
import { run, startHere } from '../cli/operator.ts'

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

// Of those that are a program of this repository, started last; osls, vitest, biome and tsc have help of their own.
describe('--help gives an example of', () => {
  const own = Object.entries(scripts).flatMap(([name, script]) => {
    // npm's own, which nobody calls by name.
    if (name === 'postinstall') return []
    const [, file, words = ''] = /(?:^|&& )node (\S+\.[jt]s)((?: \w+)*)$/.exec(script) ?? []
    return file ? [[name, file, words.split(' ').filter(Boolean)] as const] : []
  })
  test.each(own)('npm run %s', async (name, file, words) => {
    const args = [...words, '--help']
    const { stdout, stderr } =
      file === 'cli/offboarding.js'
        ? await run(args)
        : file === 'local/start.ts'
          ? await startHere((io) => start(args, io)).ended
          : spawnSync(process.execPath, [file, ...args], { encoding: 'utf8' })
    const command = words.length > 0 ? `npx offboarding ${words.join(' ')}` : `npm (run )?(--silent )?${name}`
    expect(stdout, stderr).toMatch(new RegExp(`^ .*${command}\\b`, 'm'))
  })
})
