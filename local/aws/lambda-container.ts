/** One container of a function: a worker thread with its own environment, and the deadline that ends it. */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

export type FunctionOptions = {
  name: string
  /** The bundle, for instance `dist/NAME/index.mjs`. */
  entry: string
  exportName?: string
  /** The whole environment of the function; nothing of this process' environment gets in. */
  env?: Record<string, string>
  timeoutMs?: number
  /**
   * How long a container may take to load its bundle, 10 s by default, before the function's own timeout begins to count
   * for that too. Lambda then starts anew, within that timeout: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
   */
  initTimeoutMs?: number
  memoryMb?: number
  region?: string
  account?: string
  /** Containers at once; further invocations wait for a free one. 10 by default. */
  maxContainers?: number
  /** Called for every line on stdout or stderr, before the invocation that wrote it settles. */
  onLine?: (line: LogLine) => void
}

/** A line of a function's output; the request id is that of the invocation under way. */
export type LogLine = { functionName: string; requestId: string | undefined; stream: 'stdout' | 'stderr'; line: string }

/** A failed invocation. `name` and `message` are those of the error in the handler. */
export class FunctionError extends Error {
  readonly requestId: string
  readonly trace: string[]

  constructor(name: string, message: string, requestId: string, trace: string[] = []) {
    super(message)
    this.name = name
    this.requestId = requestId
    this.trace = trace
  }
}

/** What the thread is started with, sent, and reports. */
export type WorkerSettings = { entry: string; exportName: string; gate: SharedArrayBuffer }
export type Job = { event: string; deadline: number; context: Record<string, unknown> }
export type Report =
  | { kind: 'ready' }
  | { kind: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { kind: 'done'; result: string }
  | { kind: 'failed'; type: string; message: string; trace: string[] }

/** One worker thread, busy with at most one invocation. */
export type Container = {
  /** Loads the module when called without a job, once, before any other call. */
  run(job: Job | undefined, requestId: string): Promise<unknown>
  /** Resolves when the thread has ended. */
  stop(): Promise<unknown>
  readonly broken: boolean
}

const INIT_TIMEOUT_MS = 10_000

/** Where Node.js keeps compiled code, which halves what a start costs; as for the commands in cli/offboarding.js. */
const CODE_CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/offboarding/code')

/** Starts a worker thread. Its first `run`, without a job, waits for the module to load. */
export function startContainer(options: FunctionOptions, timeoutMs: number): Container {
  const gate = new SharedArrayBuffer(4)
  const settings: WorkerSettings = {
    entry: pathToFileURL(path.resolve(options.entry)).href,
    exportName: options.exportName ?? 'handler',
    gate,
  }
  const worker = new Worker(path.join(import.meta.dirname, 'lambda-worker.ts'), {
    workerData: settings,
    // The thread takes the cache's place out of its environment again.
    env: { ...options.env, NODE_COMPILE_CACHE: CODE_CACHE },
    execArgv: [],
    argv: [],
  })
  let current: { requestId: string; settle(outcome: Report | FunctionError): void } | undefined
  let broken = false
  const partial = { stdout: '', stderr: '' }

  function output(stream: 'stdout' | 'stderr', text: string): void {
    const lines = (partial[stream] + text).split('\n')
    partial[stream] = lines.pop() ?? ''
    for (const line of lines)
      options.onLine?.({ functionName: options.name, requestId: current?.requestId, stream, line })
  }

  worker.on('message', (message: Report) => {
    if (message.kind === 'output') return output(message.stream, message.text)
    for (const stream of ['stdout', 'stderr'] as const) if (partial[stream]) output(stream, '\n')
    current?.settle(message)
  })
  const fail = (name: string, message: string, trace?: string[]) => {
    broken = true
    current?.settle(new FunctionError(name, message, current.requestId, trace))
  }
  worker.on('error', (error: Error) => fail(error.name, error.message, error.stack?.split('\n')))
  worker.on('exit', (code) => fail('Runtime.ExitError', `Runtime exited with status ${code}`))

  return {
    get broken() {
      return broken
    },
    stop: () => worker.terminate(),
    run(job, requestId) {
      return new Promise((resolve, reject) => {
        const limit = job ? timeoutMs : (options.initTimeoutMs ?? INIT_TIMEOUT_MS) + timeoutMs
        const timer = setTimeout(() => {
          fail('Sandbox.Timedout', `Task timed out after ${(limit / 1000).toFixed(2)} seconds`)
          void worker.terminate()
        }, limit)
        current = {
          requestId,
          settle(outcome) {
            clearTimeout(timer)
            current = undefined
            if (outcome instanceof FunctionError) reject(outcome)
            else if (outcome.kind === 'failed')
              reject(new FunctionError(outcome.type, outcome.message, requestId, outcome.trace))
            else resolve(outcome.kind === 'done' ? JSON.parse(outcome.result) : undefined)
          },
        }
        if (!job) return
        worker.postMessage(job)
        Atomics.store(new Int32Array(gate), 0, 1)
        Atomics.notify(new Int32Array(gate), 0)
      })
    },
  }
}
