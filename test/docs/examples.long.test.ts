/**
 * Every example in the READMEs and in docs/: JSON is valid by a schema, and shell commands are run against a local stack, one by one.
 * Those that need a stage of AWS, or an id of the reader's, are parsed by the command itself. An example that no rule knows fails.
 */
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js'
import { Command } from 'commander'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { loadOperations } from '../../infra/operations.ts'
import { LEAVING, leaving } from '../../lib/leaving-event.ts'
import { OFFBOARDING, offboarding } from '../../lib/offboarding-event.ts'
import { registrationOf } from '../../lib/register-event.ts'
import { issuesOf } from '../../lib/schema.ts'
import { start } from '../../local/start.ts'
import { run, startHere, startProcess } from '../cli/operator.ts'
import { commandsOf, type Example, examplesOf, pages } from './examples.ts'
import { type Keys, startSignedApi } from './signed-api.ts'

const KEYS: Keys = { accessKeyId: 'AKID', secretAccessKey: 'secret', sessionToken: 'token', region: 'ap-southeast-1' }
/** What stands for something of the reader's own, or needs a stage. */
const OF_THE_READER = /\b([A-Z]+_)?ID\b|x{4}|--stage\b/
const SHELL = ['sh', 'bash', 'shell']
/** Drawings, and what a command prints. */
const NO_EXAMPLE = ['', 'text', 'http']

const endings = (await loadOperations()).map(({ operation }) => operation)
const read = (file: string) => readFileSync(file, 'utf8')
const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
const parameters = Object.keys(parse(read('serverless.yml'), { logLevel: 'silent' }).params.default)

/** The folder that the reader is in. */
function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'examples-'))
  for (const name of ['docs', 'local']) symlinkSync(path.resolve(name), path.join(folder, name))
  writeFileSync(path.join(folder, 'leavers.csv'), 'offboardingId,email\nhr-csv-1,leaver@corp.example\n')
  return folder
}

const folder = makeFolder()

type Stack = Awaited<ReturnType<typeof startStack>>
/** `npm start` in another terminal, on a free port and with time running fast. */
async function startStack() {
  const stack = startProcess('local/start.ts', ['--port', '0', '--speed', '1000'])
  const local = await stack.until('stderr', /up at (http:\S+?)\. /)
  const sandbox = await stack.until('stderr', /both vendors is at (http:\S+?),/)
  await stack.until('stderr', /Ctrl-C ends it/)
  const stop = async () => {
    stack.child.kill('SIGINT')
    await stack.ended
  }
  return { local, sandbox, stop }
}

/** Started for the first example that needs it. */
let started: Promise<Stack> | undefined
function getStack(): Promise<Stack> {
  started ??= startStack()
  return started
}
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await (await started)?.stop()
})

type Context = { isParsed: boolean }

/** Files that an example names without a folder are in the reader's. */
const inFolder = (args: string[]) =>
  args.map((arg) => (/^[\w-]+\.(json|csv)$/.test(arg) ? path.join(folder, arg) : arg))

/** `npx offboarding ARGS`. An offboarding for later is put off from today: the time of the example will be past one day. */
async function offboard(given: string[], { isParsed }: Context): Promise<void> {
  const inAnHour = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 16)}+00:00`
  const args = inFolder(given).map((arg, index, all) => (all[index - 1] === '--at' ? inAnHour : arg))
  // It replaces no file, and the page in the other language may have had it written.
  for (const [option, file] of optionsOf(args))
    if (option === 'output' || option === 'event') rmSync(file, { force: true })
  const { code, stdout, stderr } = isParsed
    ? await parseOnly(args)
    : await run([...args, '--local', (await getStack()).local], { typed: 'yes\n', sleep: async () => {} })
  // 1: something needs an operator, and what that is has been printed; a failure prints nothing there.
  expect(code, `offboarding ${args.join(' ')}\n${stderr}`).toBeOneOf(stdout ? [0, 1, 3] : [0])
}

/** Runs a command up to what it does. */
async function parseOnly(args: string[]) {
  const action = Command.prototype.action
  const spy = vi.spyOn(Command.prototype, 'action').mockImplementation(function (this: Command, fn) {
    return action.call(this, this.commands.length > 0 ? fn : () => {})
  })
  try {
    return await run(args)
  } finally {
    spy.mockRestore()
  }
}

const oslsCommands: Map<string, { options: Record<string, { shortcut?: string }> }> = createRequire(import.meta.url)(
  'osls/lib/cli/commands-schema',
)

async function osls(args: string[]): Promise<void> {
  const first = args.findIndex((arg) => arg.startsWith('-'))
  const words = first < 0 ? args : args.slice(0, first)
  const options = Object.keys(oslsCommands.get(words.join(' '))?.options ?? {})
  for (const [name, value] of optionsOf(args.slice(words.length))) {
    expect(options).toContain(name)
    if (name === 'function') expect(existsSync(`functions/${value}.ts`), value).toBe(true)
    if (name === 'param') expect(parameters).toContain(value.split('=')[0])
  }
}

/** `--name value` and `--name=value`. */
function optionsOf(args: string[]): [name: string, value: string][] {
  return args.flatMap((arg, index): [string, string][] => {
    const [, name, value = args[index + 1] ?? ''] = /^--([\w-]+)(?:=(.*))?$/s.exec(arg) ?? []
    return name ? [[name, value]] : []
  })
}

/** What examples ask of the AWS CLI: each call with its options. */
const AWS: Record<string, string[]> = {
  'iam create-policy': ['policy-name', 'policy-document'],
  'secretsmanager create-secret': ['name', 'secret-string'],
  'lambda get-account-settings': ['query'],
  'events describe-rule': ['name'],
  'events put-events': ['entries'],
}
const DETAILS: Record<string, Parameters<typeof issuesOf>[0]> = { [LEAVING]: leaving, [OFFBOARDING]: offboarding }

/** What each kind of secret has at least, by the end of its name. */
const SECRETS: Record<string, string> = {
  '/app': 'type',
  'feishu/callback': 'verificationToken',
  'dingtalk/callback': 'aesKey',
  '/robot': 'url',
}

/** A secret in a file is the reader's own. */
function checkSecret(secretName: string, value: string): void {
  const [, field = 'no rule knows the secret'] = Object.entries(SECRETS).find(([end]) => secretName.endsWith(end)) ?? []
  expect(value.startsWith('file://') ? { [field]: value } : JSON.parse(value), secretName).toHaveProperty(field)
}

async function aws([service = '', call = '', ...args]: string[]): Promise<void> {
  const known = AWS[`${service} ${call}`]
  if (!known) throw new Error(`no rule knows aws ${service} ${call}`)
  const secretName = args[args.indexOf('--name') + 1] ?? ''
  for (const [name, value] of optionsOf(args)) {
    expect(known).toContain(name)
    if (name === 'policy-document')
      expect(JSON.parse(read(path.join(folder, value.replace('file://', ''))))).toHaveProperty('Statement')
    if (name === 'secret-string') checkSecret(secretName, value)
    if (name === 'entries')
      for (const { DetailType, Detail, EventBusName, Source } of JSON.parse(value)) {
        expect(issuesOf(DETAILS[DETAILS[DetailType] ? DetailType : ''] ?? leaving, JSON.parse(Detail))).toEqual([])
        expect([EventBusName, Source]).toEqual([expect.stringMatching(/^subscription-offboarding-/), 'hr.offboarding'])
      }
  }
}

/** Stands for the address of a deployed API, where requests must be signed. */
const API_URL = 'https://api.example'

/** Runs curl, at the addresses that this stack has. */
async function curl(args: string[]): Promise<void> {
  const { local, sandbox } = await getStack()
  const signed = await startSignedApi(local, KEYS)
  try {
    const here = args.map((arg) =>
      arg
        .replace('http://127.0.0.1:8787', local)
        .replace(/^SANDBOX/, sandbox)
        .replace(API_URL, signed.url),
    )
    const { stdout } = await promisify(execFile)('curl', ['--silent', '--fail-with-body', ...here])
    expect(stdout).not.toBe('')
  } finally {
    await signed.close()
  }
}

async function vitest(args: string[]): Promise<void> {
  const files = args.filter((arg) => /\.ts$/.test(arg))
  expect(files.filter((file) => !existsSync(file))).toEqual([])
}

/** A script of package.json with arguments. */
async function script(name: string, args: string[], context: Context): Promise<void> {
  expect(Object.keys(scripts)).toContain(name)
  const [program = '', ...words] = (scripts[name] ?? '').split(' && ').at(-1)?.split(' ') ?? []
  if (program === 'osls') return osls([...words, ...args])
  if (program === 'vitest') return vitest(args)
  if (words[0] === 'cli/offboarding.js') return offboard([...words.slice(1), ...args], context)
  if (words[0] === 'local/start.ts')
    return expect(await startHere((io) => start([...args, '--help'], io)).ended).toMatchObject({ code: 0 }) as never
  if (args.length > 0) throw new Error(`no rule knows the arguments of npm run ${name}`)
}

/** By the first words of a command; what follows is given to it. */
const RULES: [words: string, run: (args: string[], context: Context) => unknown][] = [
  ['npx offboarding', offboard],
  ['npx osls', osls],
  ['npx vitest run', vitest],
  ['aws', aws],
  ['curl', curl],
  ['npm ci', (args) => expect(args).toEqual([])],
  ['npm test', (args, context) => script('test', withoutDashes(args), context)],
  ['npm start', (args, context) => script('start', withoutDashes(args), context)],
  [
    'npm run',
    (args, context) => {
      const [name = '', ...rest] = args.filter((arg) => arg !== '--silent')
      return script(name, withoutDashes(rest), context)
    },
  ],
  ['cd', () => {}],
  ['jq', () => {}],
]
/** npm passes on what comes after `--`. */
const withoutDashes = (args: string[]) => {
  if (args.length > 0 && args[0] !== '--') throw new Error(`npm keeps ${args[0]} for itself: -- is missing`)
  return args.slice(1)
}

/** Those that were run: pages in two languages have many in common. */
const done = new Set<string>()

async function runShell(example: Example): Promise<void> {
  const commands = await commandsOf(example, folder, {
    API_URL,
    SANDBOX: 'SANDBOX',
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    AWS_SESSION_TOKEN: KEYS.sessionToken,
  })
  expect(commands.length).toBeGreaterThan(0)
  const name = JSON.stringify(commands)
  if (done.has(name)) return
  for (const command of commands) {
    const [words = '', rule] = RULES.find(([words]) => `${command.join(' ')} `.startsWith(`${words} `)) ?? []
    if (!rule) throw new Error(`no rule knows ${command.join(' ')}`)
    // After a command that was only parsed, the files that it would have written are not there.
    const isWithoutFile = inFolder(command).some((arg) => arg.startsWith(folder) && !existsSync(arg))
    const isParsed = OF_THE_READER.test(command.join(' ')) || (isWithoutFile && OF_THE_READER.test(example.text))
    await rule(command.slice(words.split(' ').length), { isParsed })
  }
  done.add(name)
}

/** Schemas of which an example in JSON must fit one: those of events, and those of the HTTP API. */
const ajv = new Ajv2020({ strict: true })
const { schemas } = JSON.parse(read('docs/openapi.json')).components
const local = (schema: object) =>
  JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas', 'openapi#/$defs'))
ajv.addSchema({ $id: 'openapi', $defs: local(schemas) })
const known: AnySchemaObject[] = [
  ...globSync('docs/*.schema.json').map((file) => JSON.parse(read(file))),
  ...Object.keys(schemas).map((name) => ({ $ref: `openapi#/$defs/${name}` })),
]
const validators = known.map((schema) => ajv.compile(schema))

const byPage = pages
  .map((page) => ({ page, examples: examplesOf(page).filter(({ language }) => !NO_EXAMPLE.includes(language)) }))
  .filter(({ examples }) => examples.length > 0)

test('there are examples in both languages', () => {
  expect(byPage.map(({ page }) => page)).toEqual(
    expect.arrayContaining(['README.md', 'README.zh-CN.md', 'docs/runbook.md', 'docs/runbook.zh-CN.md']),
  )
})

describe.each(byPage)('$page', ({ examples }) => {
  test.each(examples)('line $line', async (example) => {
    const { language, text } = example
    if (language === 'json') {
      const value = JSON.parse(text)
      const isKnown =
        validators.some((validate) => validate(value)) ||
        issuesOf(registrationOf(endings, value.operation), value).length === 0
      return expect(isKnown, `no schema fits ${text}`).toBe(true) as never
    }
    if (!SHELL.includes(language)) throw new Error(`no rule knows an example in ${language}`)
    await runShell(example)
  })
})
