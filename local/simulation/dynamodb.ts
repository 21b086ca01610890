/** Stands for `@aws-sdk/client-dynamodb` in a simulated container: what lib/aws/dynamodb.ts uses of it, with its retries. */
import type { Host } from './host.ts'
import { setTimeout as sleep } from './timers-promises.ts'

declare const host: Host

type Next = (args: object) => Promise<{ response: { headers: { date: string } } }>

const MAX_ATTEMPTS = 3
const RETRY_MS = 50

class Command {
  readonly input: object
  constructor(input: object) {
    this.input = input
  }
}

/** Sends a command as the operation that its class is named after. */
export class DynamoDBClient {
  #around = (next: Next): Next => next
  readonly middlewareStack = {
    add: (around: (next: Next) => Next) => {
      this.#around = around
    },
  }

  async send(command: Command): Promise<unknown> {
    const operation = command.constructor.name.replace(/Command$/, '')
    for (let attempts = 1; ; attempts++) {
      let answer: PromiseSettledResult<unknown> | undefined
      await this.#around(async () => {
        ;[answer] = await Promise.allSettled([host.aws(operation, command.input)])
        return { response: { headers: { date: host.date() } } }
      })({})
      if (answer?.status === 'fulfilled') return answer.value
      const error: { name?: string; $metadata?: { httpStatusCode: number } } = answer?.reason ?? {}
      const isTransient = error.name === 'ThrottlingException' || !((error.$metadata?.httpStatusCode ?? 500) < 500)
      if (!isTransient || attempts === MAX_ATTEMPTS) throw error
      await sleep(Math.random() * RETRY_MS * 2 ** attempts)
    }
  }
}

export class GetItemCommand extends Command {}
export class PutItemCommand extends Command {}
export class UpdateItemCommand extends Command {}
export class DeleteItemCommand extends Command {}
export class QueryCommand extends Command {}
