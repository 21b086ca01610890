/** The JSON Schemas of the events that the stack publishes, for systems that listen to them. */
import type { ConversionConfig } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { OUTCOME_SOURCE, OUTCOME_TYPES } from '../../lib/aws/eventbridge.ts'
import {
  type CompletionDetail,
  completion,
  type HeldDetail,
  hold,
  type OutcomeDetail,
  outcome,
} from '../../lib/outcome-event.ts'
import { describe } from './event-schema.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { EVENT_ID, ID, REQUEST_ID, TIME } from './samples.ts'

const UTC = 'ISO 8601, in UTC.'
const TEXTS = {
  offboardingId: 'The id of the offboarding, as its event has it.',
  operation: 'The operation that the target is for.',
  kind: 'What kind of failure it was; docs/runbook.md has a section for each.',
  scope:
    'What the failure is about: the item, the user who acts, the whole bucket, or the AWS services behind the functions.',
  code: "The vendor's code.",
  requestId: "What the vendor's support asks for.",
  hint: 'What to do.',
  eventId: 'The id of the event that asked for it.',
}

/** What is published, by the name of its schema. */
const PUBLISHED = {
  outcome: {
    title: 'Outcome of a target',
    types: [OUTCOME_TYPES.finished, OUTCOME_TYPES.parked, OUTCOME_TYPES.rejected],
    schema: outcome,
    texts: {
      ...TEXTS,
      offboardingId: 'The id of the offboarding, as its event has it; null where the event has none that can be read.',
      operation: 'The operation that the target is for; null for a rejected event.',
      input: 'The target: the parameters of the call; null for a rejected event.',
      outcome:
        'changed: done now. unchanged: was so already. gone: the vendor does not know the id. planned: a dry run. ' +
        'parked: needs an operator. rejected: the event is invalid, and nothing of it is done.',
      expected: 'Of a dry run: what a real run would do.',
      attempts: 'How many times the vendor was called.',
      eventId: `${TEXTS.eventId} Null where the message has none that can be read.`,
      finishedAt: UTC,
    },
    examples: [
      {
        offboardingId: ID,
        operation: 'feishu-calendar-unsubscribe',
        input: { open_id: 'ou_leaver' },
        outcome: 'changed',
        code: '0',
        requestId: REQUEST_ID,
        attempts: 1,
        eventId: EVENT_ID,
        finishedAt: TIME,
      },
      {
        offboardingId: ID,
        operation: 'feishu-drive-unsubscribe',
        input: { file_token: 'doxcnSandboxForbidden', file_type: 'docx' },
        outcome: 'parked',
        kind: 'forbidden',
        scope: 'item',
        code: '1061004',
        requestId: REQUEST_ID,
        hint: 'Give the acting identity access to this resource, or act as a user who has it.',
        attempts: 1,
        eventId: EVENT_ID,
        finishedAt: TIME,
      },
      {
        offboardingId: ID,
        operation: null,
        input: null,
        outcome: 'rejected',
        kind: 'invalid_request',
        hint: 'colour is not a known field; known are offboardingId, dryRun, feishu, dingtalk.',
        attempts: 0,
        eventId: EVENT_ID,
        finishedAt: TIME,
      },
    ] satisfies OutcomeDetail[],
  },
  completed: {
    title: 'End of a sending',
    types: [OUTCOME_TYPES.completed],
    schema: completion,
    texts: {
      completionId: 'The same however often the event is delivered.',
      offboardingId: TEXTS.offboardingId,
      eventId: TEXTS.eventId,
      redrive: '0 for the event itself, then 1 more for each redrive.',
      dryRun: 'Whether it was a dry run.',
      counts: 'How many targets ended with each outcome.',
      completedAt: UTC,
    },
    examples: [
      {
        completionId: 'c2f8a1d07b3e5d64',
        offboardingId: ID,
        eventId: EVENT_ID,
        redrive: 0,
        dryRun: false,
        counts: { changed: 26, parked: 2 },
        completedAt: TIME,
      },
    ] satisfies CompletionDetail[],
  },
  held: {
    title: 'Hold of a bucket',
    types: [OUTCOME_TYPES.held],
    schema: hold,
    texts: {
      operation: TEXTS.operation,
      bucket: 'What shares one rate limit: the app of one tenant.',
      kind: TEXTS.kind,
      scope: TEXTS.scope,
      code: TEXTS.code,
      requestId: TEXTS.requestId,
      hint: TEXTS.hint,
      since: `Since when nothing of the bucket is sent. ${UTC}`,
      nextTryAt: `When the next call is tried. ${UTC}`,
    },
    examples: [
      {
        operation: 'feishu-drive-unsubscribe',
        bucket: 'feishu:default',
        kind: 'misconfigured',
        scope: 'bucket',
        code: '99991672',
        requestId: REQUEST_ID,
        hint: 'Enable the scope that the message names for the app, and publish a new version of the app.',
        since: TIME,
        nextTryAt: '2026-11-27T10:05:00.000Z',
      },
    ] satisfies HeldDetail[],
  },
} satisfies Record<string, Published>

type Published = {
  title: string
  types: string[]
  schema: v.GenericSchema
  texts: Record<string, string>
  examples: object[]
}

/** Of all that is published, by the name of its schema; a schema allows fields that later versions add. */
export const outcomeDetails = (config: ConversionConfig = {}) =>
  Object.entries(PUBLISHED).map(([name, { title, types, schema: source, texts, examples }]) => {
    const { $schema, ...schema } = jsonSchemaOf(source, config)
    describe(schema, texts)
    return { name, title, types, schema, examples, $schema }
  })

/** The schemas as files of docs/, by path. */
export const outcomeSchemas = (): Record<string, JsonSchema> =>
  Object.fromEntries(
    outcomeDetails().map(({ name, title, types, schema, examples, $schema }) => [
      `docs/${name}-event.schema.json`,
      {
        $schema,
        $id: `urn:subscription-offboarding:schema:${name}-event`,
        title,
        description:
          `\`detail\` of an EventBridge event with the source "${OUTCOME_SOURCE}" and the detail-type ` +
          `${types.map((type) => `"${type}"`).join(', ')}. Delivered at least once. Later versions may add fields.`,
        ...schema,
        examples: examples as JsonSchema['examples'],
      },
    ]),
  )
