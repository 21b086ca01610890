/** The AsyncAPI document and the schemas of what is published are valid, and every event on the bus is as they say. */
import { readFileSync } from 'node:fs'
import { schemasWithoutId } from '@asyncapi/specs'
import { Ajv } from 'ajv'
import { Ajv2020, type AnySchemaObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { OUTCOME_TYPES } from '../../lib/aws/eventbridge.ts'
import { LEAVING } from '../../lib/leaving-event.ts'
import { OFFBOARDING } from '../../lib/offboarding-event.ts'
import { ENDED, REGISTERED } from '../../lib/register-event.ts'
import type { BusEvent } from '../../local/aws/put-events-entry.ts'
import { type Harness, itemOf, offboardingEvent, startHarness } from '../harness.ts'

type Message = { title: string; payload: AnySchemaObject; examples: { payload: { detail: object } }[] }

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const document = read('docs/asyncapi.json')
const messages: Message[] = Object.values(document.components.messages)
const typesOf = (wanted: string) =>
  Object.values(document.operations as Record<string, { action: string; title: string }>)
    .filter(({ action }) => action === wanted)
    .map(({ title }) => title)

const DRIVE = 'feishu-drive-unsubscribe'
const OUTCOME_SCHEMAS: Record<string, string> = {
  [OUTCOME_TYPES.finished]: 'docs/outcome-event.schema.json',
  [OUTCOME_TYPES.parked]: 'docs/outcome-event.schema.json',
  [OUTCOME_TYPES.rejected]: 'docs/outcome-event.schema.json',
  [OUTCOME_TYPES.completed]: 'docs/completed-event.schema.json',
  [OUTCOME_TYPES.held]: 'docs/held-event.schema.json',
}

/** References into the document as the validator finds them. */
const local = (schema: object) =>
  JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas', 'document#/$defs'))
const ajv = new Ajv2020({ strict: true })
ajv.addSchema({ $id: 'document', $defs: local(document.components.schemas) })
const validators = new Map<string, ValidateFunction>()
/** What of `value` the schema does not allow; a schema may be asked again, under no name. */
const faults = ({ $id: _, ...schema }: AnySchemaObject, value: unknown) => {
  const key = JSON.stringify(schema)
  const validate = validators.get(key) ?? ajv.compile(schema)
  validators.set(key, validate)
  return validate(value) ? undefined : validate.errors
}
const payloadOf = (type: string) => {
  const message = messages.find(({ title }) => title === type)
  if (!message) throw new Error(`docs/asyncapi.json has no message ${type}`)
  return message
}
/** The schema with no field but those it names. */
const closed = (schema: AnySchemaObject) => ({ ...schema, additionalProperties: false })

test('the document is valid by the schema of AsyncAPI 3', () => {
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(
    schemasWithoutId['3.0.0'] as AnySchemaObject,
  )
  expect([validate(document), validate.errors]).toEqual([true, null])
})

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path)
  const missing = references.filter(
    (path) =>
      path.split('/').reduce<Record<string, never> | undefined>((node, key) => node?.[key], document) === undefined,
  )
  expect(references.length).toBeGreaterThan(20)
  expect(missing).toEqual([])
})

test('it has every type of event that the stack takes or publishes', () => {
  expect(typesOf('receive')).toEqual([OFFBOARDING, LEAVING, REGISTERED, ENDED])
  expect(typesOf('send')).toEqual([OFFBOARDING, LEAVING, ...Object.values(OUTCOME_TYPES)])
})

test.each(messages)('$title has examples that its schema allows, which compiles in strict mode', (message) => {
  const payload = local(message.payload)
  expect(message.examples.length).toBeGreaterThan(0)
  for (const { payload: event } of message.examples) {
    expect(faults(payload, event)).toBeUndefined()
    expect(faults(payload, { ...event, 'detail-type': 'another' })).toBeDefined()
    expect(faults(payload, { ...event, detail: {} })).toBeDefined()
  }
})

test.each([...new Set(Object.values(OUTCOME_SCHEMAS)), 'docs/leaving-event.schema.json'])(
  '%s compiles in strict mode, allows its examples and describes every field',
  (file) => {
    const schema = read(file)
    expect(schema.examples.length).toBeGreaterThan(0)
    for (const detail of schema.examples) expect(faults(schema, detail)).toBeUndefined()
    for (const field of Object.values<AnySchemaObject>(schema.properties)) expect(field.description).toMatch(/\.$/)
  },
)

describe('what a stack publishes', () => {
  let harness: Harness
  let events: BusEvent[]
  beforeAll(async () => {
    harness = await startHarness()
    const work = async (detail: object, id: string) => {
      for (const name of operationNames) await harness.invoke(name, offboardingEvent(detail, id))
      const items = (await harness.waiting(DRIVE)).map(({ body }) => body).filter((body) => body.includes(id))
      await harness.queue(DRIVE, items)
    }
    const files = ['doxcnSandbox01', 'doxcnSandbox25', 'doxcnSandboxForbidden', 'doxcnSandboxMissing'].map(
      (fileToken) => ({ fileToken, fileType: 'docx' }),
    )
    await work({ offboardingId: 'hr-1', dryRun: true, feishu: { files } }, 'event-dry')
    await work({ offboardingId: 'hr-1', feishu: { files } }, 'event-real')
    await harness.invoke(DRIVE, offboardingEvent({ offboardingId: 'hr-2', colour: 'red' }, 'event-bad'))
    harness.sandbox.answer({ path: /delete_subscribe/ }, { status: 400, body: { code: 99991672, msg: 'no scope' } }, 2)
    await harness.queue(DRIVE, [itemOf(DRIVE), itemOf(DRIVE, { file_token: 'doxcnSandbox02', file_type: 'docx' })])
    const body = JSON.stringify({ offboardingId: 'hr-3', leaver: { email: 'leaver@corp.example' } })
    const { status } = await harness.http('offboardings', { routeKey: 'POST /offboardings', body })
    expect(status).toBe(202)
    const [asked] = harness.bus.events.filter(({ event }) => event['detail-type'] === LEAVING)
    await harness.invoke('offboarding-resolution', asked?.event)
    const queued = (await harness.aside('offboarding-resolution')).map(({ body }) => body)
    await harness.queue('offboarding-resolution', queued, { isRepeat: true, remainingMs: 300_000 })
    events = harness.bus.events.map(({ event }) => event)
  })
  afterAll(() => harness.close())

  test('is described, every type of it', () => {
    const types = new Set(events.map((event) => event['detail-type']))
    expect([...types].sort()).toEqual(typesOf('send').sort())
    const outcomes = new Set(events.flatMap(({ detail }) => detail.outcome ?? []))
    expect(outcomes).toEqual(new Set(['planned', 'changed', 'unchanged', 'gone', 'parked', 'rejected']))
  })

  test('is as the document and the schemas say, with no other field', () => {
    for (const event of events) {
      const type = event['detail-type']
      expect([event, faults(local(payloadOf(type).payload), event)]).toEqual([event, undefined])
      const file = OUTCOME_SCHEMAS[type]
      if (file) expect([event, faults(closed(read(file)), event.detail)]).toEqual([event, undefined])
    }
  })
})
