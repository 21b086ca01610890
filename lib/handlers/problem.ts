/** The HTTP answers: JSON for what was done, RFC 9457 problem details for what was not. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { KINDS, type OperationError, type Text } from '../error.ts'

type Language = keyof Text

/**
 * `zh` when the caller prefers Chinese to English by its Accept-Language, else `en`. A range of another language counts for
 * neither, `*` for the one that is not named. https://www.rfc-editor.org/rfc/rfc9110#field.accept-language
 */
export function languageOf({ headers }: Partial<Pick<APIGatewayProxyEventV2, 'headers'>>): Language {
  const ranges = (headers?.['accept-language'] ?? '')
    .slice(0, 500)
    .split(',')
    .map((range) => {
      const [tag = '', ...parameters] = range
        .toLowerCase()
        .split(';')
        .map((part) => part.trim())
      return { tag, weight: weightOf(parameters.find((parameter) => parameter.startsWith('q='))) }
    })
  const weightIn = (language: Language) => {
    const named = ranges.filter(({ tag }) => tag === language || tag.startsWith(`${language}-`))
    const fitting = named.length > 0 ? named : ranges.filter(({ tag }) => tag === '*')
    return Math.max(0, ...fitting.map(({ weight }) => weight))
  }
  return weightIn('zh') > weightIn('en') ? 'zh' : 'en'
}

/** A parameter `q=0.5`; left out it is 1, and what is no weight from 0 to 1 is 0. */
function weightOf(parameter: string | undefined): number {
  if (parameter === undefined) return 1
  const weight = Number(parameter.slice(2))
  return weight <= 1 ? weight : 0
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
  const { kind, status, detail, hint, retryable, callerWaitMs, upstream } = error
  const { title } = KINDS[kind]
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
