/** An operation is complete, or one sentence names the file and the field that is missing. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { feishuConsent } from '../../cli/users/consent.ts'
import { assertDistinct, completeOperation, IncompleteOperation } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { parse } from '../../lib/schema.ts'
import sample from '../../local/events/offboarding.json' with { type: 'json' }
import { dingtalkGateway } from '../../local/sandbox/dingtalk.ts'
import { feishuGateway } from '../../local/sandbox/feishu-gateway.ts'
import { routes } from '../../local/sandbox/router.ts'

const operations = await loadOperations()

/** The calls of real runs, and those that dry runs ask instead. */
const calls = operations.flatMap(({ name, operation }) => [
  { name, operation },
  ...(operation.question?.expect ? [{ name: `${name}, asked`, operation: operation.question }] : []),
])

describe.each(calls)('$name', ({ name, operation }) => {
  test('has its call in the sandbox', () => {
    const request = `${operation.method} ${operation.path}`
    const file = operation.vendor.name === 'feishu' ? 'feishu-operations' : 'dingtalk'
    const known = routes.map(({ method, path }) => `${method} ${path}`)
    expect(known, `local/sandbox/${file}.ts has no route ${request}, which functions/${name}.ts calls`).toContain(
      request,
    )
  })

  test('has its codes in the sandbox', () => {
    const gateway = operation.vendor.name === 'feishu' ? feishuGateway : dingtalkGateway
    const missing = Object.keys(operation.codes).filter((code) => gateway.failure(code, undefined) === undefined)
    expect(missing, `local/sandbox/codes.ts does not have these codes of functions/${name}.ts`).toEqual([])
  })

  test('is allowed by what users consent to', () => {
    process.env.FEISHU_USER_SECRET_PREFIX = 'test/'
    const { scopes } = feishuConsent('ou_leaver')
    const route = routes.find(({ method, path }) => method === operation.method && path === operation.path)
    // Whoever signs in to DingTalk consents to all.
    if (operation.vendor.name !== 'feishu' || !route?.as?.includes('user')) return
    const enough = route.scopes.some((scope) => scopes.operations.includes(scope))
    expect(enough, `cli/users/consent.ts asks for none of ${route.scopes.join(', ')}, which ${name} needs`).toBe(true)
  })
})

test.each(operations)('$name has targets in the sample event', ({ name, operation }) => {
  const targets = operation.targets(parse(offboarding, sample))
  expect(targets, `local/events/offboarding.json names no target of ${name}`).not.toEqual([])
})

describe('what is missing is one sentence that names file and field', () => {
  const whole = operations.find(({ name }) => name === 'feishu-drive-unsubscribe')
  if (!whole) throw new Error('the operation these tests take apart is gone')
  const { name, operation, docs, route, vendor, actsAs, question } = whole
  const handler = () => {}
  const text = readFileSync(`functions/${name}.ts`, 'utf8')
  const block = { route, vendor, actsAs, ...(question && { question }) }
  const file = `functions/${name}.ts`

  test('nothing is, of the operation as it stands', () => {
    expect(completeOperation(name, block, { operation, docs, handler, text })).toEqual(whole)
  })

  test.each([
    ['no route', { ...block, route: '' }, {}, `serverless.yml: custom.operations.${name}.route must be`],
    ['a route of another field', { ...block, route: 'POST /{x}' }, {}, `${name}.route has {x}, which operation.input`],
    ['no actsAs', { route, vendor }, {}, `custom.operations.${name}.actsAs must be user or app`],
    ['another vendor', { ...block, vendor: 'dingtalk' }, {}, `custom.operations.${name}.vendor must be feishu`],
    ['no operation', block, { operation: undefined }, `${file} exports no operation`],
    ['another name', block, { operation: { ...operation, name: 'x' } }, `${file}: operation.name must be "${name}"`],
    ['no pace', block, { operation: { ...operation, pace: undefined } }, `${file}: operation.pace is missing`],
    ['an empty pace', block, { operation: { ...operation, pace: {} } }, `${file}: operation.pace is missing`],
    ['no codes', block, { operation: { ...operation, codes: undefined } }, `${file}: operation.codes is missing`],
    [
      'no identity',
      block,
      { operation: { ...operation, identity: undefined } },
      `${file}: operation.identity is missing`,
    ],
    [
      'a path with an unknown parameter',
      block,
      { operation: { ...operation, path: '/files/:token' } },
      `${file}: operation.path has :token, which operation.input has not`,
    ],
    [
      'a query with an unknown field',
      block,
      { operation: { ...operation, query: ['type'] } },
      `${file}: operation.query has type, which operation.input has not`,
    ],
    ['no handler', block, { handler: undefined }, `${file} exports no handler`],
    ["no vendor's page", block, { text: '' }, `${file}: the first comment does not name the vendor's page`],
    ['no docs', block, { docs: undefined }, `${file} exports no docs`],
    ['no Chinese summary', block, { docs: { ...docs, summary: { en: 'x' } } }, `${file}: docs.summary.zh is missing`],
    ['no text of a field', block, { docs: { ...docs, fields: {} } }, `${file}: docs.fields.file_token.en is missing`],
    ['no samples', block, { docs: { ...docs, samples: {} } }, `${file}: docs.samples.changed is missing`],
    [
      'a sample that is not whole',
      block,
      { docs: { ...docs, samples: { changed: { file_type: 'docx' } } } },
      `${file}: docs.samples.changed.file_token is required`,
    ],
    [
      'a sample of no outcome',
      block,
      { docs: { ...docs, samples: { ...docs.samples, odd: {} } } },
      `${file}: docs.samples.odd is named by neither an outcome nor a kind of error`,
    ],
    ['no part of an event', block, { docs: { ...docs, event: {} } }, `${file}: docs.event.sample is missing`],
    [
      'a part of an event that the schema has not',
      block,
      { docs: { ...docs, event: { ...docs.event, sample: { feishu: { fields: ['a'] } } } } },
      `${file}: docs.event.sample.feishu.fields is not a known field`,
    ],
    [
      'a part of an event that asks for something else',
      block,
      { docs: { ...docs, event: { ...docs.event, sample: { feishu: { approvalCodes: ['a'] } } } } },
      `${file}: operation.targets must make docs.samples.changed, and nothing else, of docs.event.sample`,
    ],
    [
      "no texts of the event's fields",
      block,
      { docs: { ...docs, event: { ...docs.event, fields: {} } } },
      `${file}: docs.event.fields is missing`,
    ],
  ])('%s', (_, block, change, sentence) => {
    const module = { operation, docs, handler, text, ...change } as Parameters<typeof completeOperation>[2]
    const build = () => completeOperation(name, block, module)
    expect(build).toThrow(IncompleteOperation)
    expect(build).toThrow(sentence)
  })
})

describe('options and fields of the event belong to one operation each', () => {
  const [first, second] = operations
  if (!first || !second) throw new Error('there are no two operations')
  const withEvent = (event: Partial<typeof second.docs.event>) => ({
    ...second,
    docs: { ...second.docs, event: { ...second.docs.event, ...event } },
  })

  test('they do, as the operations stand', () => {
    expect(() => assertDistinct(operations)).not.toThrow()
  })

  test('an option of another operation', () => {
    const [option] = first.docs.event.options ?? []
    if (!option) throw new Error(`${first.name} has no option`)
    expect(() => assertDistinct([first, withEvent({ options: [option] })])).toThrow(
      new IncompleteOperation(
        `functions/${second.name}.ts: docs.event.options has ${option.name}, which functions/${first.name}.ts has too`,
      ),
    )
  })

  test('a field of another operation', () => {
    const [field = ''] = Object.keys(first.docs.event.fields)
    expect(() => assertDistinct([first, withEvent({ fields: { [field]: 'x' } })])).toThrow(
      new IncompleteOperation(
        `functions/${second.name}.ts: docs.event.fields has ${field}, which functions/${first.name}.ts has too`,
      ),
    )
  })
})
