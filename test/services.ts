/** Services of AWS that a stand-in for its clients calls in this process, where no time-out of theirs can pass. */
import type { AwsJsonService } from '../local/aws/json-server.ts'
import { clientError } from '../local/simulation/aws-calls.ts'
import type { Host } from '../local/simulation/host.ts'

/** Has local/simulation/{aws,dynamodb}.ts call the service of an operation, and undici.ts the vendor. Returns how to end that. */
export function answerClients(
  serviceOf: (operation: string) => Pick<AwsJsonService, 'call'>,
  vendor?: Host['vendor'],
): () => void {
  const copy = (value: object) => JSON.parse(JSON.stringify(value))
  const host: Partial<Host> = {
    sleep: async () => {},
    ...(vendor && { vendor }),
    date: () => new Date().toUTCString(),
    async aws(operation, input) {
      try {
        return copy(await serviceOf(operation).call(operation, copy(input)))
      } catch (error) {
        throw clientError(error)
      }
    },
  }
  Object.assign(globalThis, { host })
  return () => void Reflect.deleteProperty(globalThis, 'host')
}
