/**
 * The thread behind one container: loads the bundle once, then serves one invocation at a time. Between two invocations
 * the thread stands still, as a frozen container does, so nothing runs behind a response.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { Job, Report, WorkerSettings } from './lambda-container.ts'

const port = parentPort
if (!port) throw new Error('lambda-worker.ts runs as a worker thread')
const settings = workerData as WorkerSettings
const gate = new Int32Array(settings.gate)

delete process.env.NODE_COMPILE_CACHE

const report = (message: Report) => port.postMessage(message)

for (const stream of ['stdout', 'stderr'] as const)
  process[stream].write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    report({ kind: 'output', stream, text: typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString() })
    const done = rest.find((item) => typeof item === 'function')
    if (done) process.nextTick(done as () => void)
    return true
  }) as typeof process.stdout.write

/** Stands still until the parent has posted an invocation and opened the gate. */
function nextJob(from: NonNullable<typeof parentPort>): Job {
  for (;;) {
    Atomics.wait(gate, 0, 0)
    Atomics.store(gate, 0, 0)
    const received = receiveMessageOnPort(from)
    if (received) return received.message as Job
  }
}

/** A turn of the event loop: sockets closed while the thread stood still are noticed, output goes out. */
const turn = () => new Promise((resolve) => setTimeout(() => setImmediate(resolve), 0))

function contextOf(job: Job) {
  return {
    ...job.context,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, job.deadline - Date.now()),
  }
}

function failure(error: unknown): Report {
  if (!(error instanceof Error)) return { kind: 'failed', type: typeof error, message: String(error), trace: [] }
  return { kind: 'failed', type: error.name, message: error.message, trace: error.stack?.split('\n') ?? [] }
}

async function load(): Promise<(event: unknown, context: unknown) => unknown> {
  const { [settings.exportName]: handler } = await import(settings.entry)
  const problem = (name: string, message: string) => Object.assign(new Error(message), { name })
  if (typeof handler !== 'function')
    throw problem('Runtime.HandlerNotFound', `${settings.exportName} is undefined or not exported`)
  if (handler.length > 2)
    throw problem('Runtime.CallbackHandlerDeprecated', 'Callback handlers are not supported by Node.js 24')
  return handler
}

let handler: Awaited<ReturnType<typeof load>> | undefined
try {
  handler = await load()
  report({ kind: 'ready' })
} catch (error) {
  report(failure(error))
}

while (handler) {
  const job = nextJob(port)
  await turn()
  try {
    const result = await handler(JSON.parse(job.event), contextOf(job))
    report({ kind: 'done', result: JSON.stringify(result ?? null) })
  } catch (error) {
    report(failure(error))
  }
  await turn()
}
