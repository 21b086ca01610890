/** Takes what Feishu and DingTalk push: tickets, and departures. No operation: no caller of ours uses its routes. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { answerPush } from '../lib/handlers/callbacks.ts'

export const handler = (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => answerPush(event)
