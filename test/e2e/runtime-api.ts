/** The Lambda Runtime API (2018-06-01) on loopback, and the runtime's own client running a function against it. */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'

type RuntimeError = { errorType: string; errorMessage: string; trace: string[] }
/** What the function answered, or the error it ended with. */
export type Invocation =
  | { kind: 'response'; body: unknown; ms: number }
  | { kind: 'error'; error: RuntimeError; ms: number }

export type Runtime = {
  /** Resolves when the function waits for its first event, with the error when it never will. */
  initialised: Promise<{ ms: number; error?: RuntimeError }>
  /** Hands one event over, to be answered within `timeoutMs`, and waits for the answer. */
  invoke(event: unknown, timeoutMs?: number): Promise<Invocation>
  /** All it printed. */
  log(): string
  /** Its process. */
  pid: number
  close(): Promise<void>
}

const client = path.join(import.meta.dirname, 'node_modules', 'aws-lambda-ric', 'index.mjs')

/** Starts `handler` of the unpacked zip in `taskRoot`, as Lambda does for a new container. */
export async function startRuntime(options: {
  taskRoot: string
  handler: string
  functionName: string
  env: Record<string, string>
}): Promise<Runtime> {
  const { taskRoot, handler, functionName, env } = options
  const startedAtMs = performance.now()
  const initialised = Promise.withResolvers<{ ms: number; error?: RuntimeError }>()
  const answers = new Map<string, (result: { kind: string; body: string }) => void>()
  let next: { event: string; id: string; timeoutMs: number } | undefined
  let waiting: ServerResponse | undefined

  /** Gives the waiting runtime the event, once there are both. */
  function deliver() {
    if (!waiting || !next) return
    waiting.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': next.id,
      'lambda-runtime-deadline-ms': String(Date.now() + next.timeoutMs),
      'lambda-runtime-invoked-function-arn': `arn:aws:lambda:${env.AWS_REGION}:000000000000:function:${functionName}`,
    })
    waiting.end(next.event)
    waiting = next = undefined
  }

  const server = createServer(async (request, response) => {
    const [, id = '', kind = ''] = /\/runtime\/(?:invocation\/)?([^/]+)(?:\/(\w+))?$/.exec(request.url ?? '') ?? []
    const body = await text(request)
    if (id === 'next') {
      initialised.resolve({ ms: performance.now() - startedAtMs })
      waiting = response
      return deliver()
    }
    if (id === 'init') initialised.resolve({ ms: performance.now() - startedAtMs, error: JSON.parse(body) })
    else answers.get(id)?.({ kind, body })
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const child = spawn(process.execPath, [client, handler], {
    cwd: taskRoot,
    env: {
      ...env,
      PATH: process.env.PATH,
      TZ: ':UTC',
      _HANDLER: handler,
      LAMBDA_TASK_ROOT: taskRoot,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_LAMBDA_FUNCTION_NAME: functionName,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${functionName}`,
      AWS_LAMBDA_LOG_STREAM_NAME: 'local',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const exited = once(child, 'exit')
  exited.then(() => initialised.reject(new Error(`the runtime ended before its first event:\n${output}`)))
  initialised.promise.catch(() => {})

  return {
    initialised: initialised.promise,
    invoke(event, timeoutMs = 29_000) {
      const id = randomUUID()
      const sentAtMs = performance.now()
      return new Promise((resolve, reject) => {
        answers.set(id, ({ kind, body }) => {
          const ms = performance.now() - sentAtMs
          resolve(
            kind === 'response' ? { kind, body: JSON.parse(body), ms } : { kind: 'error', error: JSON.parse(body), ms },
          )
        })
        exited.then(() => reject(new Error(`the runtime ended:\n${output}`)))
        next = { event: JSON.stringify(event), id, timeoutMs }
        deliver()
      })
    },
    log: () => output,
    pid: child.pid ?? 0,
    async close() {
      child.kill('SIGKILL')
      await exited
      server.closeAllConnections()
      server.close()
    },
  }
}
