/** An operator at a terminal: commands called in this process, and programs started beside it. */
import { spawn } from 'node:child_process'
import { PassThrough, Writable } from 'node:stream'
import { vi } from 'vitest'
import { type Io, processIo } from '../../cli/io.ts'
import { start } from '../../local/start.ts'

export type Ended = { code: number | null; stdout: string; stderr: string }

/** This process's environment without variables of AWS and the vendors. */
const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(AWS|FEISHU|DINGTALK)_/.test(key)))

/** What a command writes, and a way to wait for a part of it. */
class Said {
  stdout = ''
  stderr = ''
  readonly #checks = new Set<() => void>()

  add(name: 'stdout' | 'stderr', text: string): void {
    this[name] += text
    for (const check of this.#checks) check()
  }

  /** The match, once there is one. Rejects when the command ends without it. */
  until(name: 'stdout' | 'stderr', pattern: RegExp, ended: Promise<Ended>): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const check = () => {
      const [all, part = all] = pattern.exec(this[name]) ?? []
      if (part !== undefined) resolve(part)
    }
    this.#checks.add(check)
    check()
    ended.then(
      ({ code }) => reject(new Error(`ended with ${code} and without ${pattern} in ${name}: ${this.stderr}`)),
      reject,
    )
    promise.catch(() => {})
    return promise
  }

  toStream(name: 'stdout' | 'stderr'): Writable {
    return new Writable({ write: (chunk, _, done) => done(void this.add(name, String(chunk))), decodeStrings: false })
  }
}

type Options = {
  /** Variables besides this process's own. */
  env?: Record<string, string>
  /** What is typed at the terminal; without it stdin is no terminal. */
  typed?: string
  /** Whether stdout is a terminal. */
  isTerminal?: boolean
  /** Instead of waiting. */
  sleep?: Io['sleep']
}

/** Calls `offboarding ARGS` with modules of its own, as a new process would have. */
export function startCommand(args: string[], { env = {}, ...options }: Options = {}) {
  return startHere(async (io) => {
    for (const name of Object.keys(process.env)) delete process.env[name]
    Object.assign(process.env, clean, env)
    vi.resetModules()
    const { main } = await import('../../cli/main.ts')
    return main(args, io)
  }, options)
}

export const run = (args: string[], options?: Options): Promise<Ended> => startCommand(args, options).ended

/** Calls a program's function with surroundings of its own. */
export function startHere(
  call: (io: Io) => Promise<number>,
  { typed, isTerminal = false, sleep = processIo().sleep }: Omit<Options, 'env'> = {},
) {
  const said = new Said()
  const stopping = new AbortController()
  let isCaught = false
  const stdin = new PassThrough()
  if (typed !== undefined) stdin.write(typed)
  const io: Io = {
    stdin: Object.assign(stdin, { isTTY: typed !== undefined }),
    stdout: Object.assign(said.toStream('stdout'), { isTTY: isTerminal }),
    stderr: said.toStream('stderr'),
    sleep,
    catchInterrupt() {
      isCaught = true
      return stopping.signal
    },
    exitCode: 0,
  }
  const ended = call(io).then((code): Ended => ({ code, stdout: said.stdout, stderr: said.stderr }))
  return {
    ended,
    until: (name: 'stdout' | 'stderr', pattern: RegExp) => said.until(name, pattern, ended),
    /** Ctrl-C. */
    interrupt() {
      if (!isCaught) throw new Error(`Ctrl-C would end it at once: ${said.stderr}`)
      stopping.abort()
    },
  }
}

const running = new Set<() => void>()
export const stopProcesses = () => running.forEach((stop) => void stop())

/** Starts a program of its own: a file of this project on this Node.js, or any other. */
export function startProcess(command: string, args: string[], env: Record<string, string> = {}) {
  const [file, given] = /\.[jt]s$/.test(command) ? [process.execPath, [command, ...args]] : [command, args]
  const child = spawn(file, given, { env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => void child.kill()
  running.add(stop)
  const said = new Said()
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk) => said.add(name, String(chunk)))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      running.delete(stop)
      resolve({ code, stdout: said.stdout, stderr: said.stderr })
    })
  })
  return {
    ended,
    child,
    until: (name: 'stdout' | 'stderr', pattern: RegExp) => said.until(name, pattern, ended),
  }
}

/** `npm start` on a free port, with time running fast: the addresses of its stack and of its sandbox. */
export async function startLocalStack(...args: string[]) {
  const stack = startHere((io) => start(['--port', '0', '--speed', '1000', ...args], io))
  const local = await stack.until('stderr', /up at (http:\S+?)\. /)
  const sandbox = await stack.until('stderr', /both vendors is at (http:\S+?),/)
  await stack.until('stderr', /Ctrl-C ends it/)
  return {
    local,
    sandbox,
    ended: stack.ended,
    async stop(): Promise<void> {
      stack.interrupt()
      await stack.ended
    },
  }
}

/** Credentials and endpoint of the emulator. */
export const awsOf = (url: string) => ({
  AWS_ACCESS_KEY_ID: 'local',
  AWS_SECRET_ACCESS_KEY: 'local',
  AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
})
