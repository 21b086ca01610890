/** The OpenAPI document of the HTTP API, from the operations' contracts, the error tables and serverless.yml. */
import { readFileSync } from 'node:fs'
import type { Operation as Entry } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import { dingtalkUserTokenCodes } from '../../lib/dingtalk/codes.ts'
import { authorizeDingtalkUser } from '../../lib/dingtalk/tokens.ts'
import { KINDS, type Kind, OperationError, type Text, toOperationError } from '../../lib/error.ts'
import { feishuOauthCodes } from '../../lib/feishu/token-codes.ts'
import { authorizeFeishuUser } from '../../lib/feishu/tokens.ts'
import type { Operation } from '../../lib/operation.ts'
import { SHARED_FIELDS } from '../../lib/operation-docs.ts'
import { type Input, parse } from '../../lib/schema.ts'
import { judge } from '../../lib/vendor/classify.ts'
import type { Credential, Meaning } from '../../lib/vendor/vendor.ts'
import { throttleMs, urlOf } from '../../lib/vendor/vendor-call.ts'
import type { Answer, Gateway } from '../../local/sandbox/call.ts'
import { dingtalkCodes } from '../../local/sandbox/codes.ts'
import { dingtalkGateway } from '../../local/sandbox/dingtalk.ts'
import { feishuGateway } from '../../local/sandbox/feishu-gateway.ts'
import { DEFINITIONS, having, type JsonSchema, jsonSchemaOf, plain, REFERENCES } from './json-schema.ts'
import { OFFBOARDINGS_TAG, offboardingRoutes, offboardingSchemas } from './offboarding-routes.ts'
import { failures, nullable, object } from './responses.ts'

/** Texts of the parameters that every route takes. */
const PARAMETERS: Record<string, Text> = {
  dry_run: {
    en: 'Checks input, secret and token, asks the vendor by calls that only read what would become of it, and answers that and the request it would send. Changes no subscription; may renew and store the user’s token.',
    zh: '检查输入、密钥与令牌，以只读调用向厂商查询结果会如何，并给出该结果与将要发送的请求。不改变任何订阅；与其他调用一样，可能刷新并保存用户令牌。',
  },
  offboarding_id: {
    en: 'Your id of the offboarding that the call belongs to. The call is then recorded in the ledger, with its caller and outcome, and the answer takes some milliseconds longer.',
    zh: '本次调用所属离职处理的编号（由您指定）。调用及其调用方与结果将记入台账，应答会延迟数毫秒。',
  },
  'Accept-Language': {
    en: 'Chinese before English here makes `title`, `detail` and `hint` Chinese.',
    zh: '若中文优先于英文，则 title、detail、hint 以中文返回。',
  },
}

const VENDORS: Record<'feishu' | 'dingtalk', { title: Text; host: string; gateway: Gateway; done: Answer }> = {
  feishu: {
    title: { en: 'Feishu / Lark', zh: '飞书 / Lark' },
    host: 'https://open.feishu.cn',
    gateway: feishuGateway,
    done: { status: 200, json: { code: 0, msg: 'success', data: {} } },
  },
  dingtalk: {
    title: { en: 'DingTalk', zh: '钉钉' },
    host: 'https://api.dingtalk.io',
    gateway: dingtalkGateway,
    done: { status: 200, json: { result: true } },
  },
}

const REQUEST_ID = '0A1B2C3D4E5F60718293A4B5C6D7E8F9'

/** docs/openapi.json */
export async function openApi() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const paths: Record<string, Record<string, unknown>> = {}
  for (const operation of await loadOperations()) {
    const [method = '', path = ''] = operation.route.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation, path) }
  }
  Object.assign(paths, offboardingRoutes())
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
    paths,
    webhooks: callbacks(),
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
      parameters: {
        dryRun: parameter('dry_run', 'query', false, { type: 'boolean', default: false }, PARAMETERS),
        offboardingId: parameter('offboarding_id', 'query', false, { $ref: '#/components/schemas/Id' }, PARAMETERS),
        acceptLanguage: parameter('Accept-Language', 'header', false, { type: 'string' }, PARAMETERS),
      },
      schemas: { Id: id, NameId: nameId, ...SCHEMAS, ...(await offboardingSchemas()) },
    },
  }
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
          { ...SHARED_FIELDS, ...docs.fields },
        ),
        ...(sample[field] !== undefined && { examples: examplesOf(samples, field) }),
      })),
      { $ref: '#/components/parameters/dryRun' },
      { $ref: '#/components/parameters/offboardingId' },
      { $ref: '#/components/parameters/acceptLanguage' },
    ],
    responses: { 200: success(operation, sample), ...failures(name, errorsOf(operation, sample, actsAs === 'user')) },
  }
}

/** What the vendors push to a stage with vendorCallbacks=on: no caller of the API uses these routes. */
function callbacks() {
  const refused = (en: string, zh: string, status: number) => ({
    description: en,
    'x-description-zh': zh,
    content: { 'application/json': { schema: object({ status: { const: status } }), example: { status } } },
  })
  const encrypted = object({ encrypt: { type: 'string', description: 'Base64.' } })
  const post = (vendor: 'feishu' | 'dingtalk', page: string, body: object, parameters: object[], answer: object) => ({
    post: {
      operationId: `${vendor}-callback`,
      tags: [vendor],
      summary: `Takes what ${VENDORS[vendor].title.en} pushes, at POST /${vendor}/callback.`,
      'x-summary-zh': `接收${VENDORS[vendor].title.zh}的推送，地址为 POST /${vendor}/callback。`,
      externalDocs: { url: page },
      security: [],
      parameters,
      requestBody: { required: true, content: { 'application/json': { schema: body } } },
      responses: {
        200: {
          description: 'Taken.',
          'x-description-zh': '已接收。',
          content: { 'application/json': { schema: answer } },
        },
        400: refused('Not as the vendor documents it, or more than 256 KB.', '不符合厂商文档，或超过 256 KB。', 400),
        401: refused('The signature, the key, the app or the time does not fit.', '签名、密钥、应用或时间不符。', 401),
        404: refused('This stage has no callback secret of the vendor.', '本环境没有该厂商的回调密钥。', 404),
        500: { description: 'Failed here: push it again.', 'x-description-zh': '本方故障，请重新推送。' },
      },
    },
  })
  const text = (name: string, where: string) => ({ name, in: where, schema: { type: 'string' } })
  return {
    'feishu-callback': post(
      'feishu',
      'https://open.feishu.cn/document/ukTMukTMukTM/uYDNxYjL2QTM24iN0EjN/event-subscription-configure-/encrypt-key-encryption-configuration-case',
      encrypted,
      ['X-Lark-Request-Timestamp', 'X-Lark-Request-Nonce', 'X-Lark-Signature'].map((name) => text(name, 'header')),
      {
        ...object({ challenge: { type: 'string' } }, ['challenge']),
        description: 'With `challenge` when Feishu verifies the URL, else empty.',
      },
    ),
    'dingtalk-callback': post(
      'dingtalk',
      'https://open.dingtalk.com/document/development/http-callback-overview',
      encrypted,
      ['msg_signature', 'signature', 'timestamp', 'nonce'].map((name) => text(name, 'query')),
      {
        ...object({
          msg_signature: { type: 'string' },
          timeStamp: { type: 'string' },
          nonce: { type: 'string' },
          encrypt: { type: 'string' },
        }),
        description: 'The word `success`, encrypted and signed.',
      },
    ),
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

const parameter = (
  name: string,
  where: string,
  required: boolean,
  schema: JsonSchema,
  texts: Partial<Record<string, Text>>,
) => ({
  name,
  in: where,
  required,
  description: texts[name]?.en,
  'x-description-zh': texts[name]?.zh,
  schema,
})

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
  if (!question) return { expected: 'unchecked', upstream: { code: null, requestId: null } }
  if (!question.expect) return { expected: 'change', upstream: { code: null, requestId: null } }
  const { code, requestId } = vendor.parse({}, response(operation, VENDORS[vendor.name].done))
  return { expected: 'change', upstream: { code: vendor.name === 'feishu' ? '0' : code, requestId } }
}

/** One error for each kind of failure the operation can end with, as the functions make it of the vendor's answer. */
function errorsOf(operation: Operation, sample: Input, actsAsUser: boolean): OperationError[] {
  const { vendor, identity } = operation
  const found = new Map<Kind, OperationError>()
  const add = (fail: () => unknown) => {
    const error = thrownBy(fail)
    if (error && !found.has(error.kind)) found.set(error.kind, error)
  }
  const host = new URL(VENDORS[vendor.name].host).host
  const [field = ''] = Object.keys(sample)
  add(() => parse(operation.input, { ...sample, [field]: 'not an id' }))
  add(() => {
    throw toOperationError(undefined)
  })
  add(() => {
    throw new OperationError('timeout', { en: `${host} did not answer in time.`, zh: `${host} 未在时限内应答。` })
  })
  const unlisted: Answer = { status: 400, json: { code: 4711, msg: 'new', message: 'new', requestid: REQUEST_ID } }
  add(() => judge(operation, response(operation, unlisted)))

  const { as, userId } = identity(sample)
  for (const actsAs of new Set<Credential['actsAs']>(actsAsUser ? [as, 'user'] : [as]))
    for (const [code, codes] of codesOf(operation, actsAs))
      add(() =>
        judge(
          {
            ...operation,
            codes,
            actsAs,
            authorizeCommand: actsAs === 'user' && userId ? () => AUTHORIZE[vendor.name](userId) : undefined,
            throttleMs: throttleMs(operation),
          },
          response(operation, failureOf(operation, code)),
        ),
      )
  return (Object.keys(KINDS) as Kind[]).flatMap((kind) => found.get(kind) ?? [])
}

const AUTHORIZE = { feishu: authorizeFeishuUser, dingtalk: authorizeDingtalkUser }

/**
 * Every code that the sandbox can answer too, with the table it belongs to: the operation's, the vendor's, the tokens'. A
 * user's token that is rejected is renewed, and what becomes of that counts.
 */
function codesOf({ codes, vendor }: Operation, actsAs: Credential['actsAs']): [string, Record<string, Meaning>][] {
  const throttles = Object.keys(dingtalkCodes).filter((code) =>
    Object.keys(vendor.codePrefixes).some((prefix) => code.startsWith(prefix)),
  )
  const ofTokens = actsAs === 'user' ? TOKEN_CODES[vendor.name] : {}
  const known = (code: string) => VENDORS[vendor.name].gateway.failure(code, undefined) !== undefined
  const isRenewed = (code: string) => actsAs === 'user' && 'tokenRejected' in (vendor.codes[code] ?? {})
  return [
    ...[...Object.keys(codes), ...Object.keys(vendor.codes), ...throttles].map(
      (code): [string, Record<string, Meaning>] => [code, codes],
    ),
    ...Object.keys(ofTokens).map((code): [string, Record<string, Meaning>] => [code, ofTokens]),
  ].filter(([code]) => known(code) && !isRenewed(code))
}

const TOKEN_CODES = { feishu: feishuOauthCodes, dingtalk: dingtalkUserTokenCodes }

function failureOf({ vendor }: Operation, code: string): Answer {
  const answer = VENDORS[vendor.name].gateway.failure(code, undefined)
  if (answer) return answer
  throw new Error(`the sandbox has no failure ${code}`)
}

/** The answer as it arrives. */
function response({ vendor }: Operation, answer: Answer) {
  const { status, headers = {}, json } = VENDORS[vendor.name].gateway.sign(answer, REQUEST_ID)
  const lowerCase = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return { status, headers: Object.fromEntries(lowerCase), text: JSON.stringify(json) }
}

function thrownBy(fail: () => unknown): OperationError | undefined {
  try {
    fail()
  } catch (error) {
    if (error instanceof OperationError) return error
    throw error
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
