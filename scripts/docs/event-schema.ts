/** The JSON Schema of an offboarding event's `detail`, for whoever sends one. */
import { OFFBOARDING, offboarding } from '../../lib/offboarding-event.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'

/** What each field says, by its path. */
const FIELDS: Record<string, string> = {
  offboardingId: 'Your own id of this offboarding; outcome events and log lines carry it.',
  dryRun:
    'Checks input, secrets and tokens of every target and changes no subscription; may renew and store users’ tokens.',
  feishu: 'What to end, and what to watch, in Feishu or Lark.',
  'feishu.tenantKey': 'The tenant, for store apps only.',
  'feishu.openId': 'open_id of the leaver; required when calendar is true.',
  'feishu.calendar': "Ends the leaver's calendar change events; needs the leaver's own token.",
  'feishu.calendarAcls': "Watches who gains access to the leaver's calendars while they change hands.",
  'feishu.calendarAcls.openId': 'open_id of the custodian, who is told of the changes.',
  'feishu.calendarAcls.calendarIds': 'The calendars to watch.',
  'feishu.approvalCodes': "Approval definitions whose events end. They are the app's, not the leaver's.",
  'feishu.files': 'Documents whose events end.',
  'feishu.files[].fileToken': "The document's token.",
  'feishu.files[].fileType': "The document's type.",
  'feishu.files[].eventType': 'Required for a folder; any other type may not have one.',
  'feishu.files[].openId': "Ends this user's subscription instead of the app's.",
  dingtalk: 'What to end in DingTalk.',
  'dingtalk.unionId': 'unionId of the leaver, not the userid.',
  'dingtalk.calendarIds': "The calendars of type 'subscribed' that the leaver no longer follows.",
}

/** docs/offboarding-event.schema.json */
export function eventSchema(): JsonSchema {
  const { $schema, ...schema } = jsonSchemaOf(offboarding)
  for (const [path, description] of Object.entries(FIELDS)) fieldAt(schema, path).description = description
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
      {
        offboardingId: 'hr-2026-000123',
        feishu: {
          openId: 'ou_leaver',
          calendar: true,
          calendarAcls: { openId: 'ou_custodian', calendarIds: ['feishu.cn_team@group.calendar.feishu.cn'] },
          approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A85'],
          files: [
            { fileToken: 'doxcnSandbox01', fileType: 'docx' },
            { fileToken: 'fldcnSandbox01', fileType: 'folder', eventType: 'file.created_in_folder_v1' },
          ],
        },
        dingtalk: { unionId: 'sandboxUnionId01iE', calendarIds: ['sandboxCalendar01='] },
      },
    ],
  }
}

/** The schema of one field: `feishu.files[].fileToken`. */
function fieldAt(schema: JsonSchema, path: string): JsonSchema {
  return path.split(/\.|(?=\[\])/).reduce((parent, step) => {
    const child = step === '[]' ? parent.items : parent.properties?.[step]
    if (typeof child === 'object' && !Array.isArray(child)) return child
    throw new Error(`the offboarding event has no field ${path}`)
  }, schema)
}
