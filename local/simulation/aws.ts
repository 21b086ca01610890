/** Stands for the clients of AWS's SDK in a simulated container: what lib/aws uses of them, their retries included. */

import type { Host } from './host.ts'
import { setTimeout as sleep } from './timers-promises.ts'

declare const host: Host

const MAX_ATTEMPTS = 3
const RETRY_MS = 100

type Next = (args: object) => Promise<{ response: { headers: { date: string } } }>

export class Command {
  readonly input: object
  constructor(input: object) {
    this.input = input
  }
}

/** Sends a command as the operation that its class is named after. */
export class Client {
  readonly retryMs: number = RETRY_MS
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
      const isTransient =
        error.name === 'ThrottlingException' || (error.$metadata?.httpStatusCode ?? this.unknownStatus) >= 500
      if (!isTransient || attempts === MAX_ATTEMPTS) throw error
      await sleep(Math.random() * this.retryMs * 2 ** attempts)
    }
  }

  /** The status of an error without one. */
  readonly unknownStatus: number = 0
}

export class SecretsManagerClient extends Client {}
export class GetSecretValueCommand extends Command {}
export class ListSecretsCommand extends Command {}
export class PutSecretValueCommand extends Command {}
export class TagResourceCommand extends Command {}
export class UpdateSecretVersionStageCommand extends Command {}

export class SQSClient extends Client {}
export class ChangeMessageVisibilityBatchCommand extends Command {}
export class DeleteMessageBatchCommand extends Command {}
export class DeleteMessageCommand extends Command {}
export class ReceiveMessageCommand extends Command {}
export class SendMessageBatchCommand extends Command {}
export class SendMessageCommand extends Command {}

export class EventBridgeClient extends Client {}
export class PutEventsCommand extends Command {}
