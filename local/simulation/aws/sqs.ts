/** Stands for `@aws-sdk/client-sqs` in a simulated container. */
import { Client, Command } from './client.ts'

export class SQSClient extends Client {}
export class ChangeMessageVisibilityBatchCommand extends Command<object> {}
export class SendMessageBatchCommand extends Command<object> {}
export class SendMessageCommand extends Command<object> {}
