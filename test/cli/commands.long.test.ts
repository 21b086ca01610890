/** Every subcommand alike: its help, `--json`, colors, suggestions, exit codes, and what it says where AWS refuses it. */
import { globSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { STAGE_ARGS } from '../deployed-stage.ts'
import { run, startCommand, startLocalStack } from './operator.ts'

const ROWS = path.join(mkdtempSync(path.join(tmpdir(), 'commands-')), 'rows.csv')
writeFileSync(ROWS, 'vendor,person,operation,approval_code\nfeishu,ou_1,feishu-approval-unsubscribe,A\n')
const REGISTRATION = ['feishu-approval-unsubscribe', '--open-id', 'ou_1', '--input', 'approval_code=A']

/** A port that nothing listens at. */
async function findPort(): Promise<string> {
  const server = createServer()
  const { port } = new URL(await listen(server))
  await close(server)
  return port
}

/** By its words, what each command needs at least; all that there are. */
const COMMANDS: Record<string, string[]> = {
  discover: ['--feishu-open-id', 'ou_1'],
  offboard: ['local/events/offboarding.json', '--no-follow'],
  follow: ['hr-1'],
  cancel: ['hr-1'],
  list: [],
  report: ['hr-1'],
  export: ['--from', '2026-01-01'],
  'register add': REGISTRATION,
  'register remove': REGISTRATION,
  'register list': ['--open-id', 'ou_1'],
  'register import': [ROWS],
  'letters list': [],
  'letters show': ['--id', '6f1c2a90'],
  'letters redrive': ['--all', '--yes'],
  'letters discard': ['--all', '--yes'],
  'users list': [],
  'users forget': ['--gone'],
  'users authorize': ['--vendor', 'feishu', '--open-id', 'ou_1', '--port', await findPort()],
  smoke: [],
}
const ALL = Object.keys(COMMANDS)
const GROUPS = ['', 'register', 'letters', 'users']
const split = (words: string) => words.split(' ').filter(Boolean)
const call = (words: string) => [...split(words), ...(COMMANDS[words] ?? [])]

/** The names below `Commands:`. */
const namesIn = (help: string) =>
  [...(help.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(
    ([, name]) => name ?? '',
  )

const WORDS = /\b(nobody|somebody|whoever|tells?|told|mend(s|ed)?|holds? (a|an|the|no|it)|sake|give --)\b/i

test('plain words alone are in what commands print', () => {
  for (const file of globSync('cli/**/*.ts')) {
    const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    const texts = [...code.matchAll(/(['"`])((?:(?!\1)[^\\]|\\.)*?)\1/g)].map(([, , text = '']) => text)
    expect([file, texts.filter((text) => WORDS.test(text.replaceAll(/\$\{[^}]*\}/g, '')))]).toEqual([file, []])
  }
})

test('they are all that the help lists', async () => {
  const found = await Promise.all(
    GROUPS.map(async (group) =>
      namesIn((await run([...split(group), '-h'])).stdout).map((name) => `${group} ${name}`.trim()),
    ),
  )
  expect(
    found
      .flat()
      .filter((words) => !/help$/.test(words) && !GROUPS.includes(words))
      .sort(),
  ).toEqual(ALL.toSorted())
})

describe.each([...GROUPS, ...ALL])('offboarding %s', (words) => {
  test('has help of the usual form, in 80 columns', async () => {
    const { code, stdout, stderr } = await run([...split(words), '-h'])
    expect([code, stderr]).toEqual([0, ''])
    const usage = `^Usage: offboarding ${words}${words && ' '}\\[options\\].*\\n`
    expect(stdout).toMatch(
      new RegExp(
        `${usage}\\n[A-Z][\\s\\S]+\\.\\n[\\s\\S]*\\nOptions:\\n  -[\\s\\S]+\\nExamples[^\\n]*:\\n[\\s\\S]*npx offboarding ${words}`,
      ),
    )
    if (words === '' || ALL.includes(words)) expect(stdout).toMatch(/^Exit codes?\b/m)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
    expect((await run(['help', ...split(words)])).stdout).toBe(stdout)
  })

  test('colors the titles of its help on a terminal alone, and not with NO_COLOR', async () => {
    const args = [...split(words), '-h']
    const plain = (await run(args)).stdout
    const colored = (await run(args, { isTerminal: true })).stdout
    expect(colored).toContain('\u001b[1mOptions:\u001b[22m')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what colors are made of
    expect(colored.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain)
    expect((await run(args, { isTerminal: true, env: { NO_COLOR: '1' } })).stdout).toBe(plain)
  })
})

describe.each(ALL)('offboarding %s', (words) => {
  test('suggests the name that was meant, of itself and of an option', async () => {
    const [name = '', ...rest] = split(words).toReversed()
    const typed = [...rest.toReversed(), `${name.slice(0, 1)}${name.slice(2)}`]
    for (const args of [typed, ['help', ...typed], [...typed, '--help']]) {
      const { code, stdout, stderr } = await run(args)
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(/Did you mean .*\?\)\nRun "npx /)])
      expect(stderr).toMatch(new RegExp(`(Did you mean|of) .*\\b${name}\\b`))
    }
    const { code, stderr } = await run([...call(words), '--stagee', 'x'])
    expect([code, stderr]).toEqual([
      2,
      `offboarding ${words}: unknown option '--stagee' (Did you mean --stage?)\nRun "npx offboarding ${words} --help" for usage.\n`,
    ])
  })

  test('says in one line that no local stack answers', async () => {
    expect(await run([...call(words), '--local', 'http://127.0.0.1:1'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `offboarding ${words}: no local stack answers at http://127.0.0.1:1: run "npm start" in another terminal, or name a deployed stage with --stage\n`,
    })
  })

  test.each([
    ['--stage', 'Prod', /--stage must be/],
    ['--region', 'nowhere', /--region must be/],
    ['--param', 'nosuch=1', /no such parameter/],
  ])('refuses %s %s', async (option, value, problem) => {
    const stage = option === '--stage' ? [] : ['--stage', 'dev']
    const { code, stderr } = await run([...call(words), ...stage, option, value])
    expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringMatching(problem)])
  })
})

describe('where AWS refuses', () => {
  /** Answers every request with this error, and a message that nobody may see. */
  let type = ''
  const server = createServer((_, response) =>
    response
      .writeHead(400, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': type })
      .end(JSON.stringify({ __type: type, message: 'planted' })),
  )
  let url = ''
  beforeAll(async () => {
    url = await listen(server)
  })
  afterAll(() => close(server))

  const KEYS = { AWS_ACCESS_KEY_ID: 'planted', AWS_SECRET_ACCESS_KEY: 'planted', AWS_SESSION_TOKEN: 'planted' }
  const NO_KEYS = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true' }

  async function failed(words: string, keys: Record<string, string>, error = ''): Promise<string> {
    type = error
    const { code, stdout, stderr } = await run([...call(words), ...STAGE_ARGS], {
      env: { ...keys, AWS_ENDPOINT_URL: url, AWS_MAX_ATTEMPTS: '1' },
      sleep: async () => {},
    })
    expect(`${code}\n${stdout}${stderr}`).not.toMatch(/planted|^\s+at |node_modules/m)
    expect([code, stdout]).toEqual([1, ''])
    // What was done until then.
    return stderr.replace(/^(Compiling|Secrets? "|Sent 0 of 1\.).*\n/gm, '')
  }

  test.each(ALL)('%s says in one line that there are no credentials', async (words) => {
    expect(await failed(words, NO_KEYS)).toBe(
      `offboarding ${words}: no AWS credentials found: set AWS_PROFILE, or log in to AWS first\n`,
    )
  })

  test.each(ALL)('%s says in one line that the session has expired', async (words) => {
    expect(await failed(words, KEYS, 'ExpiredTokenException')).toBe(
      `offboarding ${words}: the AWS session has expired: log in to AWS again\n`,
    )
  })

  test.each(ALL)('%s says in one line that the credentials are not accepted', async (words) => {
    expect(await failed(words, KEYS, 'UnrecognizedClientException')).toBe(
      `offboarding ${words}: AWS does not accept these credentials: check AWS_PROFILE, --region and this machine's clock\n`,
    )
  })

  const OF_STAGE = [
    'discover',
    'offboard',
    'follow',
    'list',
    'report',
    'export',
    'register add',
    'register list',
    'letters list',
    'smoke',
  ]
  test.each(OF_STAGE)('%s says in one line what the stage does not have', async (words) => {
    expect(await failed(words, KEYS, 'ResourceNotFoundException')).toMatch(
      /^offboarding [\w ]+: there is no (table|queue|event bus|function|secret) \S+ here: check stage, region and account\n$/,
    )
  })
})

describe('beside the local stack', () => {
  const ID = 'hr-2026-000123'
  let stack: Awaited<ReturnType<typeof startLocalStack>>
  const here = (...args: string[]) => run([...args, '--local', stack.local], { isTerminal: false })
  beforeAll(async () => {
    stack = await startLocalStack('--no-event')
    await here('offboard', 'local/events/offboarding.json')
  }, 240_000)
  afterAll(() => stack.stop())

  test('each command that reads prints JSON and nothing else with --json', async () => {
    let letters: { id: string }[] = []
    while (letters.length === 0) letters = JSON.parse((await here('letters', 'list', '--json')).stdout)
    const reading = [
      [['discover', '--feishu-open-id', 'ou_leaver'], 0],
      [['list'], 0],
      [['report', ID], 1],
      [['export', '--from', '2026-01-01'], 0],
      [['export', '--offboarding', ID], 0],
      [['register', 'list', '--open-id', 'ou_leaver'], 0],
      [['letters', 'list'], 0],
      [['letters', 'show', '--id', letters[0]?.id.slice(0, 8) ?? ''], 0],
      [['users', 'list'], 0],
      [['smoke', '--open-id', 'ou_leaver'], 0],
    ] as const
    for (const [words, exitCode] of reading) {
      const { code, stdout, stderr } = await here(...words, '--json')
      expect([words, code]).toEqual([words, exitCode])
      expect(() => JSON.parse(stdout), `${words}: ${stdout}${stderr}`).not.toThrow()
      expect(stdout.length).toBeGreaterThan(2)
    }
  }, 120_000)

  test('follow prints a line of JSON for each offboarding, and one report of many without --json', async () => {
    await here('offboard', '--id', 'hr-2', '--approval-code', '7C468A54-8745-2245-9675-08B7C63E7A85')
    const { code, stdout } = await here('follow', 'hr-2', ID, '--json')
    const lines = stdout.trimEnd().split('\n')
    expect([code, lines.map((line) => JSON.parse(line).offboardingId)]).toEqual([1, ['hr-2', ID]])
    expect(JSON.parse(lines[1] ?? '')).toEqual(JSON.parse((await here('report', ID, '--json')).stdout))
    const table = (await here('follow', 'hr-2', ID)).stdout.trim().split('\n')
    // What needs an operator comes first.
    expect(table.slice(2, 4).map((line) => line.split(' ')[0])).toEqual([ID, 'hr-2'])
    expect(await here('follow', 'hr-2', '--json')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\{.*\}\n$/),
    })
  }, 120_000)

  test('the rows of a report fit 100 columns, what needs an operator first; the reasons have what was left out', async () => {
    const { stdout } = await here('report', ID)
    const [rows = '', reasons = ''] = stdout.split('\n\n')
    expect(rows.split('\n').filter((line) => line.length > 100)).toEqual([])
    expect(rows.split('\n')[2]).toMatch(/ parked +\S+Z$/)
    expect(reasons).toMatch(/^parked: .+\n {2}forbidden: .+ \(code 1069603, request \w+\)$/m)
  })

  test('colors what needs an operator on a terminal alone, and not with NO_COLOR', async () => {
    const args = ['report', ID, '--local', stack.local]
    const plain = (await run(args)).stdout
    expect(plain).not.toContain('\u001b')
    expect((await run(args, { isTerminal: true })).stdout).toMatch(/\[31m.+ parked /)
    expect((await run(args, { isTerminal: true, env: { NO_COLOR: '1' } })).stdout).toBe(plain)
  })

  test.each([
    [['report', 'nosuch']],
    [['report', 'nosuch', '--follow']],
    [['follow', 'nosuch']],
    [['follow', ID, 'nosuch']],
    [['offboard', '--follow', 'nosuch']],
    [['cancel', 'nosuch']],
    [['export', '--offboarding', 'nosuch']],
  ])('an unknown offboarding is reported without a wait: %j', async (args) => {
    const waits: number[] = []
    const { code, stdout, stderr } = await run([...args, '--local', stack.local], {
      sleep: async (waitMs) => void waits.push(waitMs),
    })
    expect([code, stdout, waits]).toEqual([1, '', []])
    expect(stderr).toMatch(/^offboarding \w+: nothing is (known|scheduled) .+\n$/m)
    expect(stderr).not.toContain('To go on')
  })

  test('users and their consent are those of the local stack', async () => {
    expect((await here('users', 'forget', '--id', 'ou_custodian', '--yes')).stderr).toContain(
      'Scheduled for deletion: 1.',
    )
    expect((await here('users', 'list')).stdout).toMatch(/^feishu +ou_custodian .+ scheduled$/m)
    expect((await here('users', 'forget', '--restore', '--id', 'ou_custodian')).code).toBe(0)

    const words = ['users', 'authorize', '--vendor', 'feishu', '--open-id', 'ou_leaver', '--port', await findPort()]
    const { ended, until } = startCommand([...words, '--local', stack.local])
    const { headers } = await fetch(await until('stdout', /^(.*)\n/), { redirect: 'manual' })
    await fetch(headers.get('location') ?? '')
    expect(await ended).toMatchObject({ code: 0, stderr: expect.stringContaining('Stored the tokens of ou_leaver.') })
    expect((await here('users', 'list')).stdout).toMatch(/^feishu +ou_leaver +active /m)
  })
})
