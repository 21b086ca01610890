/** How the OpenAPI document describes what goes wrong. */
import { KINDS, type OperationError, type Text } from '../../lib/error.ts'
import { problem } from '../../lib/handlers/problem.ts'

const LANGUAGES = ['en', 'zh'] as const

/** A response for each status that one of the function's errors has, and what API Gateway answers by itself. */
export function failures(name: string, errors: OperationError[]) {
  const statuses = new Set([...errors.map(({ status }) => status), ...Object.keys(GATEWAY).map(Number)])
  return Object.fromEntries(
    [...statuses].sort().map((status) => {
      const here = errors.filter((error) => error.status === status)
      const kinds = here.map(({ kind }) => kind)
      const gateway = GATEWAY[status]
      const examples = here.flatMap((error) =>
        LANGUAGES.map((language) => {
          const { body = '' } = problem(error, { operation: name, instance: 'the-request-id', language })
          return [`${error.kind}_${language}`, { value: JSON.parse(body) }]
        }),
      )
      const content = {
        ...(here.length > 0 && {
          'application/problem+json': {
            schema: {
              $ref: '#/components/schemas/Problem',
              type: 'object',
              properties: { status: { const: status }, kind: { enum: kinds }, operation: { const: name } },
            },
            examples: Object.fromEntries(examples),
          },
        }),
        ...(gateway && {
          'application/json': {
            schema: { $ref: '#/components/schemas/GatewayError' },
            examples: { gateway: { value: { message: gateway.message } } },
          },
        }),
      }
      const meanings = [...kinds.map((kind) => KINDS[kind].title), ...(gateway ? [gateway.means] : [])]
      // Required only where every answer has it; elsewhere the kind says when.
      const retryable = kinds.filter((kind) => KINDS[kind].retryable)
      const always = retryable.length === kinds.length && !gateway
      const headers = {
        ...(retryable.length > 0 && { 'Retry-After': { ...RETRY_AFTER, required: always } }),
        ...(here.length > 0 && { 'Content-Language': { ...CONTENT_LANGUAGE, required: !gateway } }),
      }
      return [
        status,
        {
          description: meanings.map(({ en }) => en).join('; '),
          'x-description-zh': meanings.map(({ zh }) => zh).join('；'),
          ...(Object.keys(headers).length > 0 && { headers }),
          content,
        },
      ]
    }),
  )
}

const RETRY_AFTER = { description: 'Seconds until a repeat can succeed.', schema: { type: 'integer', minimum: 1 } }
const CONTENT_LANGUAGE = {
  description: 'The language of `title`, `detail` and `hint`.',
  schema: { enum: [...LANGUAGES] },
}

/** Answers that never were a function's. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html */
const GATEWAY: Record<number, { message: string; means: Text }> = {
  401: {
    message: 'Unauthorized',
    means: { en: 'No valid bearer token (auth=jwt)', zh: '没有有效的 Bearer 令牌（auth=jwt）' },
  },
  403: {
    message: 'Forbidden',
    means: { en: 'Not signed by who may call it (auth=iam)', zh: '签名缺失或无调用权限（auth=iam）' },
  },
  // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
  429: {
    message: 'Too Many Requests',
    means: { en: 'More requests than the stage takes', zh: '请求超过该环境的上限' },
  },
  500: {
    message: 'Internal Server Error',
    means: { en: 'The gateway could not call the function', zh: '网关无法调用函数' },
  },
  503: {
    message: 'Service Unavailable',
    means: { en: 'The function did not answer the gateway', zh: '函数未应答网关' },
  },
}
