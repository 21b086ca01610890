/** The JSON Schema of the `detail` of an event that says who leaves. */
import type { ConversionConfig } from '@valibot/to-json-schema'
import { LEAVING, leaving } from '../../lib/leaving-event.ts'
import { describe } from './event-schema.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { ID } from './samples.ts'

export const LEAVING_EXAMPLE = {
  offboardingId: ID,
  leaver: { email: 'leaver@corp.example', mobile: '+8613800000000', employeeNumber: '10023' },
  custodian: { email: 'custodian@corp.example' },
}

const LEAVING_FIELDS: Record<string, string> = {
  offboardingId: 'Your own id of this offboarding.',
  dryRun: 'Finds the leaver and says what would be done; changes no subscription.',
  leaver:
    'Who leaves. One way to find them is enough; an id wins over an address, that over a mobile, that over a number.',
  custodian: "Who takes over, and will watch access to the leaver's calendars.",
}
const PERSON_FIELDS: Record<string, string> = {
  email: 'The e-mail address in Feishu; DingTalk has no lookup by address.',
  mobile: 'With its country code; a number of mainland China may stand without.',
  employeeNumber: 'The employee number.',
  feishu: 'Ids in Feishu or Lark.',
  'feishu.tenantKey': 'The tenant, for store apps only.',
  'feishu.openId': 'The open_id.',
  'feishu.userId': 'The user_id.',
  'feishu.unionId': 'The union_id.',
  dingtalk: 'Ids in DingTalk.',
  'dingtalk.userId': 'The userid.',
  'dingtalk.unionId': 'The unionId.',
}

/** The detail's schema, every field with its text. */
export function leavingDetail(config: ConversionConfig = {}): JsonSchema {
  const schema = jsonSchemaOf(leaving, config)
  const people = ['leaver', 'custodian'].flatMap((role) =>
    Object.entries(PERSON_FIELDS).map(([field, text]) => [`${role}.${field}`, text]),
  )
  describe(schema, { ...LEAVING_FIELDS, ...Object.fromEntries(people) })
  return schema
}

/** docs/leaving-event.schema.json */
export function leavingSchema(): JsonSchema {
  const { $schema, ...schema } = leavingDetail()
  return {
    $schema,
    $id: 'urn:subscription-offboarding:schema:leaving-event',
    title: LEAVING,
    description: `\`detail\` of an EventBridge event with the detail-type "${LEAVING}". An event that this schema does not allow is rejected whole.`,
    ...schema,
    examples: [LEAVING_EXAMPLE],
  }
}
