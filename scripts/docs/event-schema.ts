/** The JSON Schema of an offboarding event's `detail`, for those who send it. */

import type { ConversionConfig } from '@valibot/to-json-schema'
import { IncompleteOperation } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import { mergeParts } from '../../lib/event-part.ts'
import { FOLDER_EVENT_TYPE } from '../../lib/feishu/drive-file.ts'
import { OFFBOARDING, offboarding } from '../../lib/offboarding-event.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { ID } from './samples.ts'

/** What the fields say that are no operation's own, by their path. */
const FIELDS: Record<string, string> = {
  offboardingId: 'Your own id of this offboarding; outcome events and log lines carry it.',
  dryRun:
    'Checks input, secrets and tokens of every target and changes no subscription; may renew and store users’ tokens.',
  feishu: 'What to end, and what to watch, in Feishu or Lark.',
  'feishu.tenantKey': 'The tenant: store apps need it, self-built apps refuse it.',
  dingtalk: 'What to end in DingTalk.',
}

/** docs/offboarding-event.schema.json */
export async function eventSchema(): Promise<JsonSchema> {
  const operations = await loadOperations()
  const { $schema, ...schema } = await offboardingDetail()
  const { id, nameId } = schema.$defs as Record<'id' | 'nameId', JsonSchema>
  id.description =
    'An opaque, case-sensitive id. Beyond what this schema says, the functions refuse every invisible character ' +
    '(Unicode category C) and count a character outside the basic plane as two.'
  nameId.description = 'An id that also names a secret.'
  return {
    $schema,
    $id: 'urn:subscription-offboarding:schema:offboarding-event',
    title: OFFBOARDING,
    description:
      `\`detail\` of an EventBridge event with the detail-type "${OFFBOARDING}". At least one target is required; an ` +
      'event that this schema does not allow is rejected whole.',
    ...schema,
    examples: [
      mergeParts([
        { offboardingId: ID },
        ...operations.map(({ docs }) => docs.event.sample),
        { feishu: { files: [{ fileToken: 'fldcnSandbox01', fileType: 'folder', eventType: FOLDER_EVENT_TYPE }] } },
      ]) as NonNullable<JsonSchema['examples']>[number],
    ],
  }
}

/** The detail's schema, every field with its text. */
export async function offboardingDetail(config: ConversionConfig = {}): Promise<JsonSchema> {
  const operations = await loadOperations()
  const schema = jsonSchemaOf(offboarding, config)
  describe(schema, Object.assign({}, FIELDS, ...operations.map(({ docs }) => docs.event.fields)))
  return schema
}

/** Gives every field of the schema its text. */
export function describe(schema: JsonSchema, texts: Record<string, string>): void {
  const fields = new Map(fieldsOf(schema))
  const [unknown] = Object.keys(texts).filter((path) => !fields.has(path))
  if (unknown)
    throw new IncompleteOperation(
      `no event has the field ${unknown}, which has a text (docs.event.fields, scripts/docs)`,
    )
  for (const [path, field] of fields) {
    const text = texts[path]
    if (!text)
      throw new IncompleteOperation(`the field ${path} of an event has no text (docs.event.fields, scripts/docs)`)
    field.description = text
  }
}

/** Every field by its path: `feishu.files[].fileToken`. */
function fieldsOf({ properties = {} }: JsonSchema, parent = ''): [path: string, schema: JsonSchema][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, JsonSchema][] => {
    if (typeof schema === 'boolean') return []
    const path = `${parent}${name}`
    const { items } = schema
    const ofItems = typeof items === 'object' && !Array.isArray(items) ? fieldsOf(items, `${path}[].`) : []
    return [[path, schema], ...fieldsOf(schema, `${path}.`), ...ofItems]
  })
}
