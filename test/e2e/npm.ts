/** The project's commands as a user with AWS credentials runs them. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import type { Keys } from './aws.ts'

type Run = { url: string; region: string; deployer: Keys }

type Ended = { code: number | null; output: string }

const tryAs = ({ url, region, deployer }: Run, file: string, args: string[]): Promise<Ended> =>
  tryRun(file, args, {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: deployer.accessKeyId,
    AWS_SECRET_ACCESS_KEY: deployer.secretAccessKey,
  })

/** Runs `npm run SCRIPT -- ARGS` and returns its exit code and all it printed. */
export const tryNpmRun = (run: Run, script: string, args: string[]): Promise<Ended> =>
  tryAs(run, 'npm', ['run', '--silent', script, '--', ...args])

/** Runs `osls COMMAND ARGS` with the bundles as they are, of which the first stage was made. */
export const tryOsls = (run: Run, command: string, args: string[]): Promise<Ended> =>
  tryAs(run, 'npx', ['osls', command, ...args])

/** What one of these printed. Throws when it failed. */
export async function printedBy(running: Promise<Ended>): Promise<string> {
  const { code, output } = await running
  if (code !== 0) throw new Error(`ended with ${code}:\n${output}`)
  return output
}

/** How often osls asks how far CloudFormation is, in milliseconds: 5,000 otherwise. */
const OSLS = { SLS_AWS_MONITORING_FREQUENCY: '500' }

/** `env` comes on top of the environment, of which nothing about AWS or vitest is passed on. */
export function tryRun(file: string, args: string[], env: Record<string, string>) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS_|VITEST|NODE_ENV$|NODE_OPTIONS$)/.test(name))
  return new Promise<Ended>((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: path.join(import.meta.dirname, '../..'),
      env: { ...Object.fromEntries(inherited), ...OSLS, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output }))
  })
}
