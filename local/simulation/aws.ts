/** Stands for the clients of AWS's SDK in a simulated container: what lib/aws uses of them, their retries included. */

import type { Host } from './host.ts'
import { setTimeout as sleep } from './timers-promises.ts'

declare const host: Host

const MAX_ATTEMPTS = 3
const RETRY_MS = 100

class Command {
  readonly input: object
  constructor(input: object) {
    this.input = input
  }
}

/** Sends a command as the operation that its class is named after. */
class Client {
  async send(command: Command): Promise<unknown> {
    const operation = command.constructor.name.replace(/Command$/, '')
    for (let attempts = 1; ; attempts++) {
      try {
        return await host.aws(operation, command.input)
      } catch (error) {
        const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode: number } }
        const isTransient = name === 'ThrottlingException' || ($metadata?.httpStatusCode ?? 0) >= 500
        if (!isTransient || attempts === MAX_ATTEMPTS) throw error
      }
      await sleep(Math.random() * RETRY_MS * 2 ** attempts)
    }
  }
}

export class SecretsManagerClient extends Client {}
export class GetSecretValueCommand extends Command {}
export class ListSecretsCommand extends Command {}
export class PutSecretValueCommand extends Command {}
export class TagResourceCommand extends Command {}
export class UpdateSecretVersionStageCommand extends Command {}

export class SQSClient extends Client {}
export class ChangeMessageVisibilityBatchCommand extends Command {}
export class SendMessageBatchCommand extends Command {}
export class SendMessageCommand extends Command {}

export class EventBridgeClient extends Client {}
export class PutEventsCommand extends Command {}
