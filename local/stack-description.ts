/** What the local stack says of itself, so that the operator's commands find their way to it. */
import { getStackNames, getVendorVariables, type StackDescription } from '../cli/stack/connection.ts'
import type { Stack } from './stack.ts'

/** What `npm start` serves at `STACK_PATH`; `env` is what it sets over the template's variables. */
export function describeStack(
  stack: Stack,
  { speed, env }: { speed: number; env: Record<string, string> },
): StackDescription {
  return {
    names: getStackNames(stack.wiring),
    region: stack.region,
    endpoints: {
      sqs: stack.queues.url,
      eventbridge: stack.bus.url,
      secretsmanager: stack.secretsManager.url,
      dynamodb: stack.dynamoDb.url,
      scheduler: stack.scheduler.url,
      lambda: stack.lambda.url,
    },
    variables: getVendorVariables([...stack.wiring.functions.map((one) => one.env), env]),
    speed,
  }
}
