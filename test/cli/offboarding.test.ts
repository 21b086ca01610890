/** What `offboarding` says of itself: usage, exit codes, version, and the npm scripts that are its aliases. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { run } from './operator.ts'

test('the npm scripts of each command are its aliases', async () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  const aliases = {
    offboard: 'offboard',
    report: 'report',
    discover: 'discover',
    'dead-letters': 'letters',
    users: 'users',
    authorize: 'users authorize',
    smoke: 'smoke',
  }
  for (const [name, words] of Object.entries(aliases)) {
    expect(scripts[name]).toBe(`node cli/offboarding.js ${words}`)
    const { code, stdout } = await run([...words.split(' '), '-h'])
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(`^Usage: offboarding ${words} [\\s\\S]+npx offboarding ${words}`),
    ])
  }
})

test('--version is that of package.json', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
})

const GROUPS = [[[]], [['letters']], [['users']], [['register']]]
const COMMANDS = [
  [['discover']],
  [['offboard']],
  [['follow']],
  [['cancel']],
  [['list']],
  [['report']],
  [['export']],
  [['smoke']],
  [['register', 'add']],
  [['register', 'remove']],
  [['register', 'list']],
  [['register', 'import']],
  [['letters', 'list']],
  [['letters', 'show']],
  [['letters', 'redrive']],
  [['letters', 'discard']],
  [['users', 'list']],
  [['users', 'forget']],
  [['users', 'authorize']],
]

test.each(COMMANDS)('-h after %j states the default stage and the exit codes', async (words) => {
  const { stdout } = await run([...words, '-h'])
  const flat = stdout.replace(/\s+/g, ' ')
  expect(flat).toMatch(/--stage <stage> [^()]+\(default: the local stack\)/)
  expect(flat).toMatch(/Exit code 0: .+ 1: .+ 2: wrong/)
})

test.each(['docs/operate.md', 'docs/operate.zh-CN.md'])('%s has the exit codes that -h has', async (file) => {
  const { stdout } = await run(['-h'])
  const codes = [...stdout.slice(stdout.indexOf('Exit codes:')).matchAll(/^ {2}(\d+) {2}/gm)].map(([, code]) => code)
  expect(codes).toEqual(['0', '1', '2', '3', '130'])
  const rows = readFileSync(file, 'utf8').matchAll(/^\| (\d+) \| /gm)
  expect([...rows].map(([, code]) => code)).toEqual(codes)
})

test.each([...GROUPS, ...COMMANDS])('-h after %j fits into 80 columns', async (words) => {
  const { stdout } = await run([...words, '-h'])
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
})

test.each([
  [[]],
  [['list']],
  [['export']],
  [['letters']],
  [['letters', 'list']],
  [['letters', 'show']],
  [['letters', 'redrive']],
  [['letters', 'discard']],
  [['users']],
  [['users', 'list']],
  [['users', 'forget']],
  [['users', 'authorize']],
])('-h after %j shows usage, description, options and an example', async (words) => {
  const { code, stdout, stderr } = await run([...words, '-h'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(
    /^Usage: offboarding .*\n\n[A-Z][\s\S]+\.\n\nOptions:\n[\s\S]+\nExamples?:\n {2}.*npx offboarding /,
  )
})

test.each([
  [
    [],
    'offboarding: missing subcommand: expected discover, offboard, follow, cancel, list, report, export, register, letters, users or smoke',
  ],
  [['toString'], 'offboarding: unknown subcommand toString: expected discover, offboard'],
  [['report', 'a', '--\u001b[2J'], "offboarding report: unknown option '--[2J'"],
])('%j is one clear line and exit code 2', async (args, told) => {
  const { code, stderr } = await run(args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(told)])
})
