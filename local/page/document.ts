/** What the page reads out of the OpenAPI document. */
import type { Text } from '../../lib/error.ts'

type Schema = { $ref?: string; type?: string; enum?: string[] }
export type Parameter = {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  description: string
  'x-description-zh': string
  schema: Schema
  /** Values by what comes of them; `changed` succeeds. */
  examples?: Record<string, { value: string }>
}
export type Example = { value: { kind?: string; title?: string; hint?: string; message?: string; outcome?: string } }
type Response = {
  description: string
  'x-description-zh'?: string
  content: Record<string, { examples: Record<string, Example> }>
}
type Method = {
  operationId: string
  tags: string[]
  summary: string
  'x-summary-zh': string
  description: string
  'x-description-zh': string
  /** The vendor's page, of an operation. */
  externalDocs?: { url: string }
  requestBody?: { content: Record<string, { examples: Record<string, { value: object }> }> }
  parameters: (Parameter | { $ref: string })[]
  responses: Record<string, Response>
}
export type Document = {
  tags: { name: string; description: string; 'x-description-zh': string }[]
  paths: Record<string, Record<string, Method>>
  components: { parameters: Record<string, Parameter> }
}

export type ApiOperation = {
  name: string
  method: string
  path: string
  vendor: Text
  summary: Text
  description: Text
  /** Left out where it calls no vendor. */
  contract: string | undefined
  /** A body to begin with, as JSON; empty for a route without one. */
  body: string
  parameters: Parameter[]
  responses: Record<string, Response>
}

export function operationsOf({ tags, paths, components }: Document): ApiOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const tag = tags.find(({ name }) => name === operation.tags[0])
      return {
        name: operation.operationId,
        method: method.toUpperCase(),
        path,
        vendor: { en: tag?.description ?? '', zh: tag?.['x-description-zh'] ?? '' },
        summary: { en: operation.summary, zh: operation['x-summary-zh'] },
        description: textOf(operation),
        contract: operation.externalDocs?.url,
        body: bodyOf(operation),
        parameters: operation.parameters
          .map((it) => ('$ref' in it ? components.parameters[it.$ref.split('/').at(-1) ?? ''] : it))
          .filter((it) => it !== undefined)
          // The page's own language goes there.
          .filter((it) => it.in !== 'header'),
        responses: operation.responses,
      }
    }),
  )
}

function bodyOf({ requestBody }: Method): string {
  const [example] = Object.values(requestBody?.content['application/json']?.examples ?? {})
  return example ? JSON.stringify(example.value, null, 2) : ''
}

export const textOf = (it: { description: string; 'x-description-zh'?: string }): Text => ({
  en: it.description,
  zh: it['x-description-zh'] ?? it.description,
})
