/** The compiled CloudFormation template, made from serverless.yml without an account. */
import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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

/**
 * Runs `osls package` with no credentials in reach and returns the template it wrote, which is the same whatever the
 * functions' bundles hold: each stands for one of `functions/` and is empty. It runs on a copy, for osls packages by way of
 * `.serverless` beside serverless.yml, where two runs at a time would meet.
 */
export async function compileTemplate(
  options: { params?: Record<string, string>; stage?: string; cwd?: string } = {},
): Promise<Template> {
  const home = await mkdtemp(path.join(tmpdir(), 'osls-'))
  const service = path.join(home, 'service')
  const output = path.join(home, 'package')
  const params = Object.entries(options.params ?? {}).flatMap(([key, value]) => ['--param', `${key}=${value}`])
  const stage = options.stage ? ['--stage', options.stage] : []
  try {
    const from = options.cwd ?? process.cwd()
    for (const name of ['serverless.yml', 'infra'])
      await cp(path.join(from, name), path.join(service, name), { recursive: true })
    // So that Node takes infra/*.ts for the modules they are.
    await writeFile(path.join(service, 'package.json'), '{ "type": "module" }')
    for (const file of await readdir(path.join(from, 'functions'))) {
      const bundle = path.join(service, 'dist', path.basename(file, '.ts'))
      await mkdir(bundle, { recursive: true })
      await writeFile(path.join(bundle, 'index.mjs'), '')
    }
    await run([oslsBin(), 'package', '--package', output, ...stage, ...params], {
      cwd: service,
      env: { PATH: process.env.PATH, HOME: home, USERPROFILE: home, TMPDIR: process.env.TMPDIR, CI: 'true' },
    })
    return JSON.parse(await readFile(path.join(output, TEMPLATE_FILE), 'utf8'))
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

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
