import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { Operation } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import { KINDS, type Kind } from '../../lib/error.ts'
import { ACCOUNT_ID, createUser, type Keys, outputsOf, send } from './aws.ts'
import { STAGE } from './setup.ts'
import { vendorState } from './vendors.ts'

// The routes of the deployed HTTP API over plain HTTP, signed as an AWS user's tool signs. The vendors are the sandbox.

const cloud = inject('cloud')
/** The call of a sample, as a caller spells it. */
function requestOf({ route, docs }: Operation, becomes: string, query: Record<string, string> = {}): string {
  const fields = Object.entries({ ...docs.samples.changed, ...docs.samples[becomes] })
  const path = route.replace(/\{(\w+)\}/g, (_, field) => encodeURI(fields.find(([name]) => name === field)?.[1] ?? ''))
  const ofQuery = fields.flatMap(([field, value = '']) => (route.includes(`{${field}}`) ? [] : [[field, value]]))
  const pairs = new URLSearchParams({ ...Object.fromEntries(ofQuery), ...query })
  return pairs.size > 0 ? `${path}?${pairs}` : path
}

/** The samples that the vendor refuses. */
const refusalsOf = ({ docs }: Operation) =>
  (Object.keys(KINDS) as Kind[]).filter((kind) => Object.hasOwn(docs.samples, kind))

const operations = await loadOperations()

/** What docs/openapi.json says API Gateway answers who may not call. */
const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
const refusalOf = (request: string) => {
  const [method = '', path = ''] = request.split(/[ ?]/)
  const template =
    Object.keys(paths).find((it) => new RegExp(`^${it.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path)) ?? ''
  const [[type, { examples }]] = Object.entries(paths[template][method.toLowerCase()].responses[403].content).slice(
    -1,
  ) as [[string, { examples: { gateway: { value: object } } }]]
  return { type, body: examples.gateway.value }
}

let apiId: string
let caller: Keys
let bystander: Keys

beforeAll(async () => {
  apiId = (await outputsOf(cloud, `offboarding-${STAGE}`)).HttpApiId ?? ''
  const Resource = `arn:aws:execute-api:${cloud.region}:${ACCOUNT_ID}:${apiId}/*`
  caller = await createUser(cloud, 'caller', {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'execute-api:Invoke', Resource }],
  })
  bystander = await createUser(cloud, 'bystander')
})

async function call(request: string, keys?: Keys, headers: Record<string, string> = {}) {
  const [method = '', path = ''] = request.split(' ')
  const host = `${apiId}.execute-api.${new URL(cloud.url).host}`
  const answer = await send(cloud, { method, path, service: 'execute-api', host, keys, headers })
  return { status: answer.status, type: answer.headers['content-type'], body: JSON.parse(answer.text) }
}

describe.each(operations)('$name over HTTP', (operation) => {
  const { name } = operation
  const succeeds = requestOf(operation, 'changed')

  it('is done', async () => {
    expect(await call(succeeds, caller)).toMatchObject({
      status: 200,
      body: { operation: name, outcome: 'changed' },
    })
  })

  it('names the field of an invalid request', async () => {
    expect(await call(requestOf(operation, 'changed', { colour: 'red' }), caller)).toMatchObject({
      status: 400,
      type: 'application/problem+json',
      body: { operation: name, kind: 'invalid_request', detail: expect.stringContaining('colour'), retryable: false },
    })
  })

  it.each(refusalsOf(operation))('tells what the vendor refused: %s', async (kind) => {
    expect(await call(requestOf(operation, kind), caller)).toMatchObject({
      status: KINDS[kind].status,
      type: 'application/problem+json',
      body: {
        operation: name,
        kind,
        upstream: { code: expect.any(String), requestId: expect.any(String) },
        hint: expect.any(String),
      },
    })
  })

  it('is closed to who did not sign and to who may not call it', async () => {
    expect(await call(succeeds)).toEqual({ status: 403, ...refusalOf(succeeds) })
    expect(await call(succeeds, bystander)).toMatchObject({ status: 403 })
    const forged = { ...caller, secretAccessKey: `${caller.secretAccessKey}x` }
    expect(await call(succeeds, forged)).toMatchObject({ status: 403 })
  })
})

it('answers in Chinese whoever asks for it', async () => {
  const { body } = await call('POST /feishu/approvals/NOBODY-KNOWS-IT/unsubscribe', caller, {
    'accept-language': 'zh-CN',
  })
  expect(body).toMatchObject({ title: '不存在', status: 404 })
})

it('sends nothing to the vendor in a dry run', async () => {
  const files = '/feishu/files/doxcnSandbox02/delete_subscribe?file_type=sheet'
  const { subscriptions: before } = await vendorState(cloud.sandboxUrl)
  expect(await call(`DELETE ${files}&dry_run=true`, caller)).toMatchObject({
    status: 200,
    body: {
      outcome: 'planned',
      request: { method: 'DELETE', url: expect.stringContaining('/drive/v1/files/doxcnSandbox02/') },
    },
  })
  expect((await vendorState(cloud.sandboxUrl)).subscriptions).toEqual(before)
})

it('does not know other routes', async () => {
  expect(await call('GET /feishu/calendars/unsubscription?open_id=ou_leaver', caller)).toMatchObject({ status: 404 })
})
