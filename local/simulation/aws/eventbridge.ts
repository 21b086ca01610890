/** Stands for `@aws-sdk/client-eventbridge` in a simulated container. */
import { Client, Command } from './client.ts'

export class EventBridgeClient extends Client {}
export class PutEventsCommand extends Command<object> {}
