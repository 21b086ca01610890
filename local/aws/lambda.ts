/** Runs a bundle as Lambda does: own environment, deadline, one invocation per container, containers reused. */
import { randomUUID } from 'node:crypto'
import { devNull } from 'node:os'
import { type Container, FunctionError, type FunctionOptions, startContainer } from './lambda-container.ts'

export type LambdaFunction = {
  readonly name: string
  readonly arn: string
  /** Containers alive now, and containers ever started (cold starts). */
  readonly containers: { alive: number; started: number }
  /** Runs the handler and returns what it returns after a JSON round trip. Rejects with `FunctionError`. */
  invoke(event: unknown): Promise<unknown>
  /** Stops every container; pending invocations reject. */
  close(): Promise<void>
}

/** Prepares a function; the first container starts with the first invocation. */
export function createFunction(options: FunctionOptions): LambdaFunction {
  const { name, region = 'ap-southeast-1', account = '000000000000', timeoutMs = 3000, memoryMb = 128 } = options
  const arn = `arn:aws:lambda:${region}:${account}:function:${name}`
  const limit = options.maxContainers ?? 10
  const idle: Container[] = []
  const alive = new Set<Container>()
  const waiting: (() => void)[] = []
  let busy = 0
  let started = 0
  let closed = false

  const logGroupName = `/aws/lambda/${name}`
  const base = {
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: arn,
    memoryLimitInMB: String(memoryMb),
    logGroupName,
    logStreamName: '$LATEST',
  }
  const env = {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_LOG_GROUP_NAME: logGroupName,
    AWS_LAMBDA_LOG_STREAM_NAME: '$LATEST',
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    ...options.env,
  }

  async function invoke(event: unknown): Promise<unknown> {
    const requestId = randomUUID()
    if (busy >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else busy++
    try {
      if (closed) throw new FunctionError('Runtime.Closed', `${name} is closed`, requestId)
      const container = takeIdle() ?? (await start(requestId))
      const deadline = Date.now() + timeoutMs
      const context = { ...base, awsRequestId: requestId }
      try {
        return await container.run({ event: JSON.stringify(event) ?? 'null', deadline, context }, requestId)
      } finally {
        if (container.broken) alive.delete(container)
        else idle.push(container)
      }
    } finally {
      const next = waiting.shift()
      if (next) next()
      else busy--
    }
  }

  function takeIdle(): Container | undefined {
    const container = idle.pop()
    if (!container?.broken) return container
    alive.delete(container)
    return takeIdle()
  }

  async function start(requestId: string): Promise<Container> {
    started++
    const container = startContainer({ ...options, env }, timeoutMs)
    alive.add(container)
    try {
      await container.run(undefined, requestId)
    } catch (error) {
      alive.delete(container)
      await container.stop()
      throw error
    }
    return container
  }

  return {
    name,
    arn,
    get containers() {
      return { alive: alive.size, started }
    },
    invoke,
    async close() {
      closed = true
      await Promise.all([...alive].map((container) => container.stop()))
    },
  }
}
