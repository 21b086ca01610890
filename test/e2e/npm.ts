/** The project's commands as a user with AWS credentials runs them. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import type { Keys } from './aws.ts'

type Run = { url: string; region: string; deployer: Keys }

/** Runs `npm run SCRIPT -- ARGS` and returns its exit code and all it printed. */
export async function tryNpmRun({ url, region, deployer }: Run, script: string, args: string[]) {
  return tryRun('npm', ['run', '--silent', script, '--', ...args], {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: deployer.accessKeyId,
    AWS_SECRET_ACCESS_KEY: deployer.secretAccessKey,
  })
}

/** The same, but a failure is thrown. */
export async function npmRun(run: Run, script: string, args: string[]): Promise<string> {
  const { code, output } = await tryNpmRun(run, script, args)
  if (code !== 0) throw new Error(`npm run ${script} -- ${args.join(' ')} ended with ${code}:\n${output}`)
  return output
}

/** How often osls asks how far CloudFormation is, in milliseconds: 5,000 otherwise. */
const OSLS = { SLS_AWS_MONITORING_FREQUENCY: '500' }

/** `env` comes on top of the environment, of which nothing about AWS or vitest is passed on. */
export function tryRun(file: string, args: string[], env: Record<string, string>) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AWS_|VITEST|NODE_ENV$|NODE_OPTIONS$)/.test(name))
  return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
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
