/** HTTP for HR systems: asks for an offboarding, and shows what has become of them. No operation: it calls no vendor. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda'
import { answerOffboardings } from '../lib/handlers/offboardings.ts'

/** Answers a request of API Gateway, payload 2.0. */
export const handler = (
  event: APIGatewayProxyEventV2,
  { awsRequestId }: Context,
): Promise<APIGatewayProxyStructuredResultV2> => answerOffboardings(event, awsRequestId)
