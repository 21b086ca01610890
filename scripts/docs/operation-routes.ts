/** The operations' routes, as the OpenAPI document has them. */
import type { Operation as Entry } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import type { Operation } from '../../lib/operation.ts'
import { SHARED_FIELDS } from '../../lib/operation-docs.ts'
import type { Input } from '../../lib/schema.ts'
import { judge } from '../../lib/vendor/classify.ts'
import { NO_QUESTION } from '../../lib/vendor/rehearse.ts'
import { urlOf } from '../../lib/vendor/vendor-call.ts'
import type { Answer } from '../../local/sandbox/call.ts'
import { type JsonSchema, jsonSchemaOf, plain, REFERENCES } from './json-schema.ts'
import { errorsOf } from './operation-errors.ts'
import { parameter, parameterRef, SHARED_PARAMETERS } from './parameters.ts'
import { failures } from './responses.ts'
import { failureOf, response, VENDORS } from './vendor-answers.ts'

/** The routes by path and method. */
export async function operationRoutes() {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of await loadOperations()) {
    const [method = '', path = ''] = operation.route.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation, path) }
  }
  return paths
}

function describe({ name, operation, docs, page, actsAs }: Entry, path: string) {
  const { vendor, pace, input } = operation
  const { summary, samples } = docs
  const sample = samples.changed
  const perSecond = pace.perSecond && { en: `${pace.perSecond} calls a second`, zh: `每秒 ${pace.perSecond} 次` }
  const perMinute = pace.perMinute && { en: `${pace.perMinute} calls a minute`, zh: `每分钟 ${pace.perMinute} 次` }
  const limits = [perSecond, perMinute].filter((limit) => typeof limit === 'object')
  return {
    operationId: name,
    tags: [vendor.name],
    summary: summary.en,
    'x-summary-zh': summary.zh,
    description: `The vendor allows ${limits.map(({ en }) => en).join(' and ')} for each app and tenant.`,
    'x-description-zh': `厂商限频（每个应用与租户）：${limits.map(({ zh }) => zh).join('，')}。`,
    externalDocs: { url: page },
    parameters: [
      ...Object.entries(input.entries).map(([field, schema]) => ({
        ...parameter(
          field,
          path.includes(`{${field}}`) ? 'path' : 'query',
          schema.type !== 'optional',
          { ...plain(jsonSchemaOf(schema, REFERENCES)), ...onlyValueOf(field, jsonSchemaOf(input, REFERENCES)) },
          { ...SHARED_FIELDS, ...docs.fields }[field],
        ),
        ...(sample[field] !== undefined && { examples: examplesOf(samples, field) }),
      })),
      ...Object.keys(SHARED_PARAMETERS).map(parameterRef),
    ],
    responses: { 200: success(operation, sample), ...failures(name, errorsOf(operation, sample, actsAs === 'user')) },
  }
}

/** The only value that a field may have wherever a rule of the whole input asks for it. */
function onlyValueOf(field: string, { then: rule }: JsonSchema): JsonSchema {
  const wanted = typeof rule === 'object' ? rule.properties?.[field] : undefined
  return typeof wanted === 'object' && wanted.const !== undefined ? { enum: [wanted.const] } : {}
}

const examplesOf = (samples: Entry['docs']['samples'], field: string) =>
  Object.fromEntries(
    Object.entries(samples).flatMap(([becomes, { [field]: value }]) =>
      value === undefined ? [] : [[becomes, { value }]],
    ),
  )

function success(operation: Operation, sample: Input) {
  const { name, vendor, method, codes } = operation
  const unchanged = Object.entries(codes).find(([, meaning]) => 'outcome' in meaning)?.[0]
  const outcomeOf = (answer: Answer) => {
    const { outcome, answer: read } = judge({ ...operation }, response(operation, answer))
    return { operation: name, outcome, upstream: { code: read.code, requestId: read.requestId } }
  }
  const { host, done } = VENDORS[vendor.name]
  const url = urlOf({ ...operation, vendor: { ...vendor, baseUrl: () => host } }, sample)
  const examples = [
    outcomeOf(done),
    ...(unchanged ? [outcomeOf(failureOf(operation, unchanged))] : []),
    {
      operation: name,
      outcome: 'planned',
      ...expectation(operation),
      request: { method, url },
    },
  ]
  return {
    description: 'Done, or what would be done.',
    content: {
      'application/json': {
        schema: {
          $ref: '#/components/schemas/Result',
          type: 'object',
          properties: { operation: { const: name }, outcome: { enum: examples.map(({ outcome }) => outcome) } },
        },
        examples: Object.fromEntries(examples.map((value) => [value.outcome, { value }])),
      },
    },
  }
}

/** What a dry run expects whose question is answered well. */
function expectation(operation: Operation) {
  const { question, vendor } = operation
  if (!question) return { expected: 'unchecked', upstream: { code: null, requestId: null }, hint: NO_QUESTION.en }
  if (!question.expect) return { expected: 'change', upstream: { code: null, requestId: null } }
  const { code, requestId } = vendor.parse({}, response(operation, VENDORS[vendor.name].done))
  return { expected: 'change', upstream: { code: vendor.name === 'feishu' ? '0' : code, requestId } }
}
