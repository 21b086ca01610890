/** The event that starts an offboarding: what its `detail` may hold. */
import * as v from 'valibot'
import { eventTypeFits, FILE_TYPES } from './drive-file.ts'
import { exactly, id, nameId } from './schema.ts'

/** The event's `detail-type`. */
export const OFFBOARDING = 'User Offboarding'

const nullish = <Schema extends v.GenericSchema>(schema: Schema) => v.optional(v.nullable(schema))

const file = v.pipe(
  exactly({
    fileToken: id,
    fileType: v.picklist(FILE_TYPES),
    eventType: nullish(v.string()),
    openId: nullish(nameId),
  }),
  v.forward(
    v.check(({ fileType, eventType }) => eventTypeFits(fileType, eventType), 'folder_event_type'),
    ['eventType'],
  ),
)

const feishu = v.pipe(
  exactly({
    tenantKey: v.optional(nameId),
    openId: v.optional(nameId),
    calendar: v.optional(v.boolean()),
    calendarAcls: v.optional(exactly({ openId: nameId, calendarIds: v.array(id) })),
    approvalCodes: v.optional(v.array(id)),
    files: v.optional(v.array(file)),
  }),
  v.forward(
    v.check(({ calendar, openId }) => !calendar || openId !== undefined, 'calendar_needs_open_id'),
    ['openId'],
  ),
)

/** `detail` of the event. Only `offboardingId` and one target are required; an unknown field makes it invalid. */
export const offboarding = v.pipe(
  exactly({
    offboardingId: id,
    dryRun: v.optional(v.boolean(), false),
    feishu: v.optional(feishu),
    dingtalk: v.optional(exactly({ unionId: nameId, calendarIds: v.array(id) })),
  }),
  v.check(
    ({ feishu, dingtalk }) =>
      feishu?.calendar === true ||
      [feishu?.calendarAcls?.calendarIds, feishu?.approvalCodes, feishu?.files, dingtalk?.calendarIds].some(
        (targets) => targets !== undefined && targets.length > 0,
      ),
    'no_target',
  ),
)

export type Offboarding = v.InferOutput<typeof offboarding>
