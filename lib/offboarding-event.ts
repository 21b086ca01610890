/** The event that starts an offboarding: what its `detail` may hold. */
import * as v from 'valibot'
import { OperationError } from './error.ts'
import { eventTypeFits, FILE_TYPES, fileToken } from './feishu/drive-file.ts'
import { exactly, id, nameId, openId } from './schema.ts'

/** The event's `detail-type`. */
export const OFFBOARDING = 'User Offboarding'

const nullish = <Schema extends v.GenericSchema>(schema: Schema) => v.optional(v.nullable(schema))

type Check = v.BaseValidation<unknown, unknown, v.BaseIssue<unknown>>

/**
 * What valibot's own does: names the field of a check. That one looks each issue up among all that were there before, which takes
 * seconds where a list has thousands.
 */
const forward = ((check: Check, [key]: [string]): Check => ({
  ...check,
  '~run'(dataset, config) {
    const before = dataset.issues?.length ?? 0
    const checked = check['~run'](dataset, config)
    const field = { type: 'unknown' as const, origin: 'value' as const, input: checked.value, key, value: undefined }
    for (const issue of checked.issues?.slice(before) ?? []) Object.assign(issue, { path: [field] })
    return checked
  },
})) as unknown as typeof v.forward

const file = v.pipe(
  exactly({
    fileToken,
    fileType: v.picklist(FILE_TYPES),
    eventType: nullish(v.string()),
    openId: nullish(openId),
  }),
  forward(
    v.partialCheck(
      [['fileType'], ['eventType']],
      ({ fileType, eventType }) => eventTypeFits(fileType, eventType),
      'folder_event_type',
    ),
    ['eventType'],
  ),
)

const feishu = v.pipe(
  exactly({
    tenantKey: v.optional(nameId),
    openId: v.optional(openId),
    calendar: v.optional(v.boolean()),
    calendarAcls: v.optional(exactly({ openId, calendarIds: v.array(id) })),
    approvalCodes: v.optional(v.array(id)),
    files: v.optional(v.array(file)),
  }),
  forward(
    v.partialCheck(
      [['calendar'], ['openId']],
      ({ calendar, openId }) => !calendar || openId !== undefined,
      'calendar_needs_open_id',
    ),
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
  v.check(({ feishu, dingtalk }) => countTargets({ feishu, dingtalk }) > 0, 'no_target'),
)

/** Everything below a vendor that is `true` or an item of a list is one target. */
function countTargets(fields: object): number {
  return Object.values(fields).reduce((sum, value) => {
    if (Array.isArray(value)) return sum + value.length
    return sum + (typeof value === 'object' && value !== null ? countTargets(value) : Number(value === true))
  }, 0)
}

export type Offboarding = v.InferOutput<typeof offboarding>

/**
 * The event, if it asks for no more than `maxTargets`. Throws `invalid_request` otherwise: it would have to be split, and
 * must not be half-applied.
 */
export function withinTargets(event: Offboarding, maxTargets: number): Offboarding {
  const { feishu, dingtalk } = event
  const targets = countTargets({ feishu, dingtalk })
  if (targets <= maxTargets) return event
  throw new OperationError(
    'invalid_request',
    {
      en: `The event names ${targets} targets; at most ${maxTargets} are taken at once.`,
      zh: `该事件包含 ${targets} 个对象，一次最多接受 ${maxTargets} 个。`,
    },
    {
      hint: {
        en: 'Split it into several events, or deploy with a higher maxTargetsPerEvent.',
        zh: '请拆分为多个事件，或以更大的 maxTargetsPerEvent 重新部署。',
      },
    },
  )
}
