/** The HTTP answers: JSON for what was done, RFC 9457 problem details for what was not. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { KINDS, type OperationError, type Text } from './error.ts'

type Language = keyof Text

/** `zh` when the caller prefers Chinese to English by its Accept-Language, else `en`. */
export function languageOf(event: Pick<APIGatewayProxyEventV2, 'headers'>): Language {
  const ranges = (event.headers['accept-language'] ?? '').slice(0, 500).split(',')
  const weight = (language: Language) =>
    Math.max(
      0,
      ...ranges.flatMap((range) => {
        const [tag = '', ...parameters] = range.trim().toLowerCase().split(';')
        if (tag !== language && !tag.startsWith(`${language}-`)) return []
        const q = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('q='))
        return [q ? Number(q.slice(2)) || 0 : 1]
      }),
    )
  return weight('zh') > weight('en') ? 'zh' : 'en'
}

export const json = (
  statusCode: number,
  body: object,
  headers: Record<string, string> = {},
): APIGatewayProxyStructuredResultV2 => ({
  statusCode,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  body: JSON.stringify(body),
})

/** The problem details of `error`; `instance` is the Lambda request id. */
export function problem(
  error: OperationError,
  { operation, instance, language }: { operation: string; instance: string; language: Language },
): APIGatewayProxyStructuredResultV2 {
  const { kind, detail, hint, retryable, callerWaitMs, upstream } = error
  const { status, title } = KINDS[kind]
  return json(
    status,
    {
      type: `urn:subscription-offboarding:error:${kind}`,
      title: title[language],
      status,
      detail: detail[language],
      instance,
      kind,
      operation,
      retryable,
      ...(callerWaitMs !== undefined && { retryAfterMs: callerWaitMs }),
      hint: hint[language],
      ...(upstream && { upstream }),
    },
    {
      'content-type': 'application/problem+json',
      'content-language': language,
      vary: 'accept-language',
      ...(callerWaitMs !== undefined && { 'retry-after': String(Math.ceil(callerWaitMs / 1_000)) }),
    },
  )
}
