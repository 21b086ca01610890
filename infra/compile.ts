/** The compiled CloudFormation template, made from serverless.yml without an account. */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { access, constants, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'

export type Resource = {
  Type: string
  Condition?: string
  Properties?: Record<string, unknown>
}

export type Template = {
  Parameters?: Record<string, { Default?: unknown }>
  Conditions?: Record<string, unknown>
  Resources: Record<string, Resource>
}

const TEMPLATE_FILE = 'cloudformation-template-update-stack.json'

/** What of the project `osls package` reads, from the folder of serverless.yml; of a function only its name. */
const SOURCES = ['serverless.yml', 'infra']

const root = path.join(import.meta.dirname, '..')
const CACHE_FOLDER = path.join(root, 'node_modules/.cache/offboarding/templates')
const OSLS_FOLDER = path.join(root, 'node_modules/.cache/offboarding/osls')
const KEPT_MS = 7 * 86_400_000

type Options = {
  params?: Record<string, string>
  stage?: string
  /** The folder of serverless.yml; this project's unless given. */
  cwd?: string
  cacheFolder?: string
  /** Called before osls is run, which takes seconds; not when the template is in the cache. */
  onCompile?: () => void
}

/**
 * The template that `osls package` writes, which is the same whatever the functions' bundles contain. It is kept below
 * node_modules by a hash of all that it is made from; an entry that cannot be read or written is no obstacle.
 */
export async function compileTemplate(options: Options = {}): Promise<Template> {
  const { params = {}, stage, cwd = root, cacheFolder = CACHE_FOLDER, onCompile } = options
  const functions = (await readdir(path.join(cwd, 'functions'))).map((file) => path.basename(file, '.ts')).sort()
  const hash = createHash('sha256').update(
    JSON.stringify([osls.version, functions, stage, Object.entries(params).sort()]),
  )
  for (const file of await listSources(cwd)) hash.update(`\0${file}\0`).update(await readFile(path.join(cwd, file)))
  const cached = path.join(cacheFolder, `${hash.digest('hex')}.json`)
  const known = await readTemplateFile(cached).catch(() => undefined)
  if (known) return known
  onCompile?.()
  const template = await packageService({ params, stage, cwd, functions })
  await keep(cached, template).catch(() => {})
  return template
}

async function listSources(cwd: string): Promise<string[]> {
  const lists = SOURCES.map(async (name) => {
    const isFolder = (await stat(path.join(cwd, name))).isDirectory()
    if (!isFolder) return [name]
    const entries = await readdir(path.join(cwd, name), { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(cwd, path.join(entry.parentPath, entry.name)))
  })
  return (await Promise.all(lists)).flat().sort()
}

async function readTemplateFile(file: string): Promise<Template> {
  const template = JSON.parse(await readFile(file, 'utf8')) as Template | null
  if (!template?.Resources) throw new Error(`${file} contains no template`)
  return template
}

/** Writes the file in one step, so that no reader sees half of it, and removes entries that are a week old. */
async function keep(file: string, template: Template): Promise<void> {
  const folder = path.dirname(file)
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const entry = path.join(folder, name)
    if (Date.now() - (await stat(entry)).mtimeMs > KEPT_MS) await rm(entry, { force: true })
  }
  const written = `${file}.${randomUUID()}`
  await writeFile(written, JSON.stringify(template))
  await rename(written, file)
}

/**
 * Runs `osls package` with no credentials in reach. It runs on a copy in which each bundle is empty, for osls packages by way
 * of `.serverless` beside serverless.yml, where two runs at a time would meet.
 */
async function packageService({
  params,
  stage,
  cwd,
  functions,
}: {
  params: Record<string, string>
  stage: string | undefined
  cwd: string
  functions: string[]
}): Promise<Template> {
  const home = await mkdtemp(path.join(tmpdir(), 'osls-'))
  const service = path.join(home, 'service')
  const output = path.join(home, 'package')
  const given = Object.entries(params).flatMap(([key, value]) => ['--param', `${key}=${value}`])
  try {
    for (const name of SOURCES) await cp(path.join(cwd, name), path.join(service, name), { recursive: true })
    // So that Node takes infra/*.ts for the modules they are.
    await writeFile(path.join(service, 'package.json'), '{ "type": "module" }')
    for (const name of functions) {
      const bundle = path.join(service, 'dist', name)
      await mkdir(bundle, { recursive: true })
      await writeFile(path.join(bundle, 'index.mjs'), '')
    }
    await run([oslsBin(), 'package', '--package', output, ...(stage ? ['--stage', stage] : []), ...given], {
      cwd: service,
      env: { ...(await oslsEnvironment(home)), PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, CI: 'true' },
    })
    return await readTemplateFile(path.join(output, TEMPLATE_FILE))
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/**
 * Has osls find no credentials, which are in the home folder, and keep what it makes of its own schema and code, half the work
 * of a run. A folder that cannot be written is no obstacle.
 */
export async function oslsEnvironment(home: string) {
  const folder = await mkdir(OSLS_FOLDER, { recursive: true })
    .then(() => access(OSLS_FOLDER, constants.W_OK))
    .then(() => OSLS_FOLDER)
    .catch(() => home)
  return {
    HOME: home,
    USERPROFILE: home,
    SLS_SCHEMA_CACHE_BASE_DIR: folder,
    NODE_COMPILE_CACHE: path.join(folder, 'code'),
  }
}

const osls = createRequire(import.meta.url)('osls/package.json') as { version: string }
function oslsBin(): string {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('osls/package.json')
  return path.join(path.dirname(manifest), require(manifest).bin.osls)
}

function run(argv: string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, argv, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`osls package failed:\n${output}`))))
  })
}
