/** Who called over HTTP. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { printable } from '../schema.ts'

/** As API Gateway's authorizer says: the ARN of an IAM identity, or the subject of a token. */
export function callerOf({ requestContext }: APIGatewayProxyEventV2): string | undefined {
  const { iam, jwt } = (requestContext as { authorizer?: Authorizer }).authorizer ?? {}
  const caller = iam?.userArn ?? jwt?.claims?.sub
  return caller === undefined ? undefined : printable(String(caller), 256)
}

type Authorizer = { iam?: { userArn?: string }; jwt?: { claims?: { sub?: unknown } } }
