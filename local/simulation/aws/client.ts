/** An AWS client whose calls are answered by the simulation that this module's container belongs to. */
import type { Host } from '../host.ts'

declare const host: Host

export class Command<Input extends object> {
  readonly input: Input
  constructor(input: Input) {
    this.input = input
  }
}

export class Client {
  send(command: Command<object>): Promise<Record<string, unknown>> {
    return host.aws(command.constructor.name.replace(/Command$/, ''), command.input)
  }
}
