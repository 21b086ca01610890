/** The AsyncAPI document: what the stack's event bus takes and what it publishes. */
import { readFileSync } from 'node:fs'
import { loadOperations } from '../../infra/operations.ts'
import { OUTCOME_SOURCE, OUTCOME_TYPES, typeOfOutcome } from '../../lib/aws/eventbridge.ts'
import { LEAVING } from '../../lib/leaving-event.ts'
import { OFFBOARDING } from '../../lib/offboarding-event.ts'
import { SHARED_FIELDS } from '../../lib/operation-docs.ts'
import type { OutcomeDetail } from '../../lib/outcome-event.ts'
import { ENDED, REGISTERED, registrationOf } from '../../lib/register-event.ts'
import { describe, eventSchema, offboardingDetail } from './event-schema.ts'
import { DEFINITIONS, having, type JsonSchema, jsonSchemaOf, plain, REFERENCES, ref } from './json-schema.ts'
import { LEAVING_EXAMPLE, leavingDetail } from './leaving-schema.ts'
import { outcomeDetails } from './outcome-schemas.ts'
import { EVENT_ID } from './samples.ts'

/** `receive`: the stack takes it; `send`: the stack puts it on the bus. */
type Message = {
  type: string
  action: ('receive' | 'send')[]
  summary: string
  detail: JsonSchema
  examples: object[]
}

const SUMMARIES: Record<(typeof OUTCOME_TYPES)[keyof typeof OUTCOME_TYPES], string> = {
  [OUTCOME_TYPES.finished]: 'A target is done, found done, or unknown to the vendor; or a dry run has checked it.',
  [OUTCOME_TYPES.parked]: 'A target needs an operator: it is in the dead-letter queue.',
  [OUTCOME_TYPES.rejected]: 'An event is invalid: nothing of it is done, and it is in the dead-letter queue.',
  [OUTCOME_TYPES.completed]: 'Every target of an event, or of a redrive of it, has ended.',
  [OUTCOME_TYPES.held]: 'Nothing of a rate-limit bucket is sent until an operator acts, or since an hour.',
}

/** `UserOffboarding`. */
const nameOf = (type: string) => type.replaceAll(' ', '')

/** docs/asyncapi.json */
export async function asyncApi() {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const { id, nameId } = jsonSchemaOf(DEFINITIONS.id).$defs as Record<string, JsonSchema>
  const messages = [...(await ordered()), ...published()]
  const byName = <Part>(partOf: (message: Message, name: string) => Part) =>
    Object.fromEntries(messages.map((message) => [nameOf(message.type), partOf(message, nameOf(message.type))]))
  return {
    asyncapi: '3.0.0',
    id: 'urn:subscription-offboarding',
    info: {
      title: 'Subscription offboarding',
      version,
      description:
        'Events on the bus of a stage. Each is described as EventBridge delivers it; a sender passes `source`, `detail-type` and ' +
        '`detail` to PutEvents, and EventBridge adds the rest. Every event may be delivered more than once, and in any order.',
      license: { name: 'MIT' },
      tags: [{ name: 'offboarding' }],
    },
    defaultContentType: 'application/json',
    servers: {
      eventBridge: {
        host: 'events.{region}.amazonaws.com',
        protocol: 'https',
        description: 'Amazon EventBridge; events are put with PutEvents and delivered to the targets of rules.',
        variables: { region: { default: 'ap-southeast-1', description: 'Where the stage is deployed.' } },
        security: [{ $ref: '#/components/securitySchemes/sigv4' }],
      },
    },
    channels: {
      bus: {
        address: 'subscription-offboarding-{stage}',
        title: 'Event bus',
        description: 'Its name; its ARN is an output of the stack.',
        servers: [{ $ref: '#/servers/eventBridge' }],
        parameters: { stage: { description: 'The stage.', examples: ['dev', 'prod'] } },
        messages: byName((_, name) => ({ $ref: `#/components/messages/${name}` })),
      },
    },
    operations: Object.fromEntries(
      messages.flatMap(({ type, action, summary }) =>
        action.map((one) => [
          `${one}${nameOf(type)}`,
          {
            action: one,
            title: type,
            description: summary,
            channel: { $ref: '#/channels/bus' },
            messages: [{ $ref: `#/channels/bus/messages/${nameOf(type)}` }],
          },
        ]),
      ),
    ),
    components: {
      messages: byName(({ type, action, summary, examples }, name) => ({
        name,
        title: type,
        summary,
        payload: envelope(type, action.includes('receive'), ref(name)),
        examples: examples.map((detail) => ({ payload: example(type, action.includes('receive'), detail) })),
      })),
      schemas: { Id: id, NameId: nameId, ...byName(({ detail }) => detail) },
      securitySchemes: {
        sigv4: {
          type: 'httpApiKey',
          in: 'header',
          name: 'Authorization',
          description: 'AWS Signature Version 4 of the service events, with permission events:PutEvents on the bus.',
        },
      },
    },
  }
}

/** What the stack is asked for. Two of them it sends itself: HTTP puts an event on the bus, and who leaves becomes an event with ids. */
async function ordered(): Promise<Message[]> {
  const { examples = [] } = await eventSchema()
  const registration = await registrationDetail()
  const registered = [
    {
      person: { feishu: { openId: 'ou_leaver' } },
      operation: 'feishu-drive-unsubscribe',
      input: { file_token: 'doxcnSandbox01', file_type: 'docx' },
    },
  ]
  return [
    {
      type: OFFBOARDING,
      action: ['receive', 'send'],
      summary: 'Ends subscriptions by the ids that the vendors know.',
      detail: plain(await offboardingDetail(REFERENCES)),
      examples: examples as object[],
    },
    {
      type: LEAVING,
      action: ['receive', 'send'],
      summary: 'Says who leaves as HR knows them; becomes a User Offboarding with the ids that were found.',
      detail: plain(leavingDetail(REFERENCES)),
      examples: [LEAVING_EXAMPLE],
    },
    {
      type: REGISTERED,
      action: ['receive'],
      summary: 'A subscription was made: it is ended when its person leaves.',
      detail: registration,
      examples: registered,
    },
    {
      type: ENDED,
      action: ['receive'],
      summary: 'A subscription was ended by other means.',
      detail: registration,
      examples: registered,
    },
  ]
}

/** A subscription, for each operation that ends one. */
async function registrationDetail(): Promise<JsonSchema> {
  const operations = (await loadOperations()).filter(({ operation }) => !operation.starts)
  const contracts = operations.map(({ operation }) => operation)
  return {
    anyOf: operations.map(({ name, operation, docs }) => {
      const schema = plain(jsonSchemaOf(registrationOf(contracts, name), REFERENCES))
      const texts = { ...SHARED_FIELDS, ...docs.fields }
      const inputs = Object.keys(operation.input.entries).map((field) => [`input.${field}`, texts[field]?.en])
      const [vendor, id] = operation.vendor.name === 'feishu' ? ['feishu', 'openId'] : ['dingtalk', 'unionId']
      describe(schema, {
        person: 'Whose subscription it is; where the input names a user, that user.',
        [`person.${vendor}`]: 'The person in the vendor.',
        [`person.${vendor}.${id}`]: `The person's ${id}.`,
        operation: 'The operation that ends it.',
        input: 'What that needs, by the fields of its route.',
        ...Object.fromEntries(inputs),
      })
      return { ...schema, properties: { ...schema.properties, operation: { const: name } } }
    }),
  }
}

/** What the stack publishes: each detail-type with the outcomes that it is published for. */
function published(): Message[] {
  return outcomeDetails(REFERENCES).flatMap(({ name, types, schema, examples }) =>
    types.map((type): Message => {
      const isOurs = (outcome: unknown) => typeOfOutcome(outcome as OutcomeDetail['outcome']) === type
      const { outcome } = schema.properties ?? {}
      if (name !== 'outcome' || typeof outcome !== 'object')
        return { type, action: ['send'], summary: SUMMARIES[type], detail: schema, examples }
      const properties = { ...schema.properties, outcome: { ...outcome, enum: outcome.enum?.filter(isOurs) ?? [] } }
      return {
        type,
        action: ['send'],
        summary: SUMMARIES[type],
        detail: { ...schema, properties },
        examples: examples.filter((one) => 'outcome' in one && isOurs(one.outcome)),
      }
    }),
  )
}

/** The event as EventBridge delivers it. https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
function envelope(type: string, isReceived: boolean, detail: JsonSchema): JsonSchema {
  return having({
    version: { const: '0' },
    id: { type: 'string', description: 'The same each time the event is delivered.' },
    'detail-type': { const: type },
    source: isReceived
      ? { type: 'string', minLength: 1, description: 'The deploy parameter `source`, hr.offboarding unless set.' }
      : { const: OUTCOME_SOURCE },
    account: { type: 'string', pattern: '^\\d{12}$' },
    time: { type: 'string', description: 'ISO 8601, in UTC.' },
    region: { type: 'string' },
    resources: { type: 'array', items: { type: 'string' } },
    detail,
  })
}

const example = (type: string, isReceived: boolean, detail: object) => ({
  version: '0',
  id: EVENT_ID,
  'detail-type': type,
  source: isReceived ? 'hr.offboarding' : OUTCOME_SOURCE,
  account: '123456789012',
  time: '2026-11-27T10:00:00Z',
  region: 'ap-southeast-1',
  resources: [],
  detail,
})
