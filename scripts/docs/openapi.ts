/** The OpenAPI document of the HTTP API, from the operations' contracts, the error tables and serverless.yml. */
import { readFileSync } from 'node:fs'
import { KINDS } from '../../lib/error.ts'
import { callbackRoutes } from './callback-routes.ts'
import { DEFINITIONS, having, type JsonSchema, jsonSchemaOf, nullable, object } from './json-schema.ts'
import { OFFBOARDINGS_TAG, offboardingRoutes } from './offboarding-routes.ts'
import { offboardingSchemas } from './offboarding-schemas.ts'
import { operationRoutes } from './operation-routes.ts'
import { SHARED_PARAMETERS } from './parameters.ts'
import { VENDORS } from './vendor-answers.ts'

/** docs/openapi.json */
export async function openApi() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const { id, nameId } = jsonSchemaOf(DEFINITIONS.id).$defs as Record<string, JsonSchema>
  return {
    openapi: '3.1.1',
    info: {
      title: 'Subscription offboarding',
      version,
      summary: 'Ends the event subscriptions of people who leave, one vendor call for each route.',
      description:
        'Parameters travel in the path and query; a body other than `{}` is refused, and so is an unknown parameter. ' +
        'For HR systems `POST /offboardings` takes a leaver in its body, and two routes show what became of them. ' +
        'A rate limit of up to five seconds is waited out; a longer one is answered with `Retry-After`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [
      {
        url: 'https://{apiId}.execute-api.{region}.amazonaws.com',
        description: 'A deployed stage',
        variables: { apiId: { default: 'apiId' }, region: { default: 'ap-southeast-1' } },
      },
      { url: 'http://127.0.0.1:8787', description: 'npm start, without authentication' },
    ],
    // Which one is a deploy parameter: auth=iam, the default, or auth=jwt.
    security: [{ sigv4: [] }, { jwt: [] }],
    tags: Object.entries(VENDORS)
      .map(([name, { title }]) => ({
        name,
        description: title.en,
        'x-description-zh': title.zh,
      }))
      .concat(OFFBOARDINGS_TAG),
    paths: { ...(await operationRoutes()), ...offboardingRoutes() },
    webhooks: callbackRoutes(),
    components: {
      securitySchemes: {
        sigv4: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'AWS Signature Version 4 of the service execute-api, with permission execute-api:Invoke.',
          'x-amazon-apigateway-authtype': 'awsSigv4',
        },
        jwt: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token of the issuer and for an audience that the stack was deployed with.',
        },
      },
      parameters: SHARED_PARAMETERS,
      schemas: { Id: id, NameId: nameId, ...SCHEMAS, ...(await offboardingSchemas()) },
    },
  }
}

const upstream = {
  code: { ...nullable('string'), description: "The vendor's code." },
  requestId: { ...nullable('string'), description: "What the vendor's support asks for." },
}
const SCHEMAS = {
  Result: {
    ...object(
      {
        operation: { type: 'string' },
        outcome: {
          enum: ['changed', 'unchanged', 'planned'],
          description: 'Done now; was already so; would be done (dry run).',
        },
        expected: {
          enum: ['change', 'unchanged', 'gone', 'parked', 'unchecked'],
          description:
            'In a dry run only, what a real run would do: change it; find it so already; not find it; need an operator. ' +
            '`unchecked`: the vendor did not say. `kind` and `hint` say why.',
        },
        kind: { enum: Object.keys(KINDS), description: 'Of the refusal or failure that a dry run met.' },
        scope: { enum: ['item', 'user', 'bucket', 'us'], description: 'What that is about.' },
        detail: { type: 'string', description: 'What was refused or failed.' },
        hint: { type: 'string', description: 'What to do about it, or why the vendor did not say.' },
        upstream: object(upstream),
        request: {
          ...object({ method: { enum: ['POST', 'DELETE'] }, url: { type: 'string' } }),
          description: 'What would be sent; in a dry run only.',
        },
      },
      ['expected', 'kind', 'scope', 'detail', 'hint', 'request'],
    ),
    if: having({ outcome: { const: 'planned' } }),
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
    then: having({ expected: true, request: true }),
    else: having({ expected: false, kind: false, scope: false, detail: false, hint: false, request: false }, []),
  },
  Problem: {
    ...object(
      {
        type: { enum: Object.keys(KINDS).map((kind) => `urn:subscription-offboarding:error:${kind}`) },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string', description: 'What failed.' },
        instance: { type: 'string', description: 'The Lambda request id.' },
        kind: { enum: Object.keys(KINDS) },
        operation: { type: 'string' },
        retryable: { type: 'boolean', description: 'Whether the same call can succeed later.' },
        retryAfterMs: { type: 'integer', minimum: 0, description: 'How long to wait. Milliseconds.' },
        hint: { type: 'string', description: 'What to do: one imperative sentence.' },
        upstream: {
          ...object({
            vendor: { enum: Object.keys(VENDORS) },
            status: { type: 'integer' },
            ...upstream,
            message: { type: 'string' },
          }),
          description: "The vendor's own answer, where there was one.",
        },
      },
      ['retryAfterMs', 'upstream'],
    ),
    description: 'Problem details (RFC 9457). `title`, `detail` and `hint` follow Accept-Language: English or Chinese.',
    if: having({ retryable: { const: true } }),
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
    then: having({ retryAfterMs: true }),
    else: having({ retryAfterMs: false }, []),
  },
  GatewayError: { ...object({ message: { type: 'string' } }), description: "API Gateway's own answer." },
}
