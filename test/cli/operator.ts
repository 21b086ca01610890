/** An operator at a terminal: the commands as child processes, and all they have said. */
import { spawn } from 'node:child_process'

export type Ended = { code: number | null; stdout: string; stderr: string }

const running = new Set<() => void>()

/**
 * Starts `cli/NAME.ts`, or the local stack for `start`. The environment is this process's without AWS and vendor
 * variables, and what is given.
 */
export function startCommand(name: string, args: string[], env: Record<string, string>) {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(AWS|FEISHU|DINGTALK)_/.test(key))
  const file = name === 'start' ? 'local/start.ts' : `cli/${name}.ts`
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () => void child.kill()
  running.add(stop)
  const said = { stdout: '', stderr: '' }
  const line = Promise.withResolvers<string>()
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk
    if (said.stdout.includes('\n')) line.resolve(said.stdout.split('\n')[0] ?? '')
  })
  child.stderr.on('data', (chunk) => (said.stderr += chunk))
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => {
      running.delete(stop)
      line.reject(new Error(`${name} ended with ${code}: ${said.stderr}`))
      resolve({ code, ...said })
    }),
  )
  line.promise.catch(() => {})
  return { ended, firstLine: line.promise, said, interrupt: () => void child.kill('SIGINT') }
}

export const stopCommands = () => running.forEach((stop) => void stop())

/** Credentials and endpoint of the emulator. */
export const awsOf = (url: string) => ({
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
})
