/** The schemas the code validates with, as JSON Schema 2020-12. */
import { type ConversionConfig, toJsonSchema } from '@valibot/to-json-schema'
import type * as v from 'valibot'
import { type FILE_TYPES, FOLDER_EVENT_TYPE } from '../../lib/feishu/drive-file.ts'
import { id, nameId } from '../../lib/schema.ts'

export type JsonSchema = Exclude<ReturnType<typeof toJsonSchema>, boolean>

export const nullable = (type: string) => ({ type: [type, 'null'] })

/** An object with these fields and no others. */
export const object = (properties: Record<string, unknown>, optional: string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})

/**
 * An object of which only these fields are judged. That it may have others is said outright, for linters that take what a part of a
 * schema does not name for unknown; so are its type and its fields, for Ajv's strict mode.
 */
export const having = (
  properties: NonNullable<JsonSchema['properties']>,
  required: string[] = Object.keys(properties),
): JsonSchema => ({ type: 'object', properties, required, additionalProperties: true })

const FOLDER = 'folder' satisfies (typeof FILE_TYPES)[number]
/** `fileType` and `eventType` as the event spells them, or as the vendor does. */
const folderRule = (fileType: string, eventType: string): JsonSchema => ({
  if: having({ [fileType]: { const: FOLDER } }),
  // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
  then: having({ [eventType]: { const: FOLDER_EVENT_TYPE } }),
  else: having({ [eventType]: { type: 'null' } }, []),
})

/**
 * What each check says, by its message: what a converter cannot read out of a function. Characters are given as ranges
 * that every regular expression engine knows: the code refuses further invisible ones (unassigned, private, of format).
 */
const RULES: Record<string, JsonSchema> = {
  id: {
    pattern:
      '^[^\\s/\\\\?#%\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff]*$',
    not: { enum: ['.', '..'] },
  },
  name: { pattern: '^[A-Za-z0-9_+=.@-]*$', not: { enum: ['.', '..'] } },
  open_id: { pattern: '^ou_[A-Za-z0-9_+=.@-]*$' },
  wiki_token: { not: { anyOf: [{ enum: ['.', '..'] }, { pattern: '^wik[a-z]{2}[A-Za-z0-9]{15,}$' }] } },
  email: { pattern: '^[^\\s\\u0000-\\u001f\\u007f-\\u009f@]+@[^\\s\\u0000-\\u001f\\u007f-\\u009f@]+$' },
  mobile: { pattern: '^(\\+[1-9]\\d{5,14}|1\\d{10})$' },
  employee_number: { pattern: '^[^\\s\\u0000-\\u001f]([^\\u0000-\\u001f]*[^\\s\\u0000-\\u001f])?$' },
  no_way_to_find: {
    anyOf: [
      ...['email', 'mobile', 'employeeNumber'].map((name) => having({ [name]: true })),
      ...[
        ['feishu', 'openId'],
        ['feishu', 'userId'],
        ['feishu', 'unionId'],
        ['dingtalk', 'userId'],
        ['dingtalk', 'unionId'],
      ].map(([vendor = '', id = '']) => having({ [vendor]: having({ [id]: true }) })),
    ],
  },
  // Of two fields, one inside the other's: said in words.
  other_person: {},
  calendar_needs_open_id: {
    if: having({ calendar: { const: true } }),
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's keyword
    then: having({ openId: true }),
  },
}

/** One schema for each thing below `properties` that is a target: a list with an item in it, or a flag that is true. */
function targetsIn(properties: JsonSchema['properties'] = {}): JsonSchema[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    if (typeof schema === 'boolean') return []
    const within = (target: JsonSchema) => having({ [name]: target })
    if (schema.type === 'array') return within({ type: 'array', items: {}, minItems: 1 })
    if (schema.type === 'boolean') return within({ const: true })
    return targetsIn(schema.properties).map(within)
  })
}

function ruleOf(message: unknown, { properties = {} }: JsonSchema): JsonSchema {
  if (message === 'no_target') {
    const { dryRun, ...vendors } = properties
    return { anyOf: targetsIn(vendors) }
  }
  if (message === 'folder_event_type')
    return 'fileType' in properties ? folderRule('fileType', 'eventType') : folderRule('file_type', 'event_type')
  const rule = RULES[String(message)]
  if (rule) return rule
  throw new Error(`scripts/docs/json-schema.ts has no JSON Schema for the check "${message}"`)
}

/** Schemas that others refer to by name. */
export const DEFINITIONS = { id, nameId }

/** The JSON Schema of what `schema` accepts. Throws on whatever it cannot say. */
export function jsonSchemaOf(schema: v.GenericSchema, config: ConversionConfig = {}): JsonSchema {
  return toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode: 'input',
    errorMode: 'throw',
    definitions: DEFINITIONS,
    overrideAction: ({ valibotAction, jsonSchema }) =>
      valibotAction.type === 'check' || valibotAction.type === 'partial_check'
        ? { ...jsonSchema, ...ruleOf((valibotAction as { message?: unknown }).message, jsonSchema) }
        : undefined,
    ...config,
  })
}

/** For schemas that stand inside the OpenAPI document. */
export const REFERENCES: ConversionConfig = {
  overrideRef: ({ referenceId }) =>
    `#/components/schemas/${referenceId.charAt(0).toUpperCase()}${referenceId.slice(1)}`,
}

/** Stands for a schema of the document's components. */
export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** A schema that stands inside the document. */
export function plain({ $schema, $defs, ...schema }: JsonSchema): JsonSchema {
  return schema
}
