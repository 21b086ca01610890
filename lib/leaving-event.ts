/** The event that says who leaves as HR knows them: what its `detail` may hold. */
import * as v from 'valibot'
import { exactly, id, nameId, openId } from './schema.ts'

/** The event's `detail-type`. */
export const LEAVING = 'User Leaving'

const email = v.pipe(
  v.string(),
  v.maxLength(254),
  v.check((value) => /^[^\s\p{C}@]+@[^\s\p{C}@]+$/u.test(value), 'email'),
)

/** With its country code; a number of mainland China may stand without. */
const mobile = v.pipe(
  v.string(),
  v.check((value) => /^(\+[1-9]\d{5,14}|1\d{10})$/.test(value), 'mobile'),
)

const employeeNumber = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(64),
  v.check((value) => /^[^\s\p{C}]([^\p{C}]*[^\s\p{C}])?$/u.test(value), 'employee_number'),
)

const person = v.pipe(
  exactly({
    email: v.optional(email),
    mobile: v.optional(mobile),
    employeeNumber: v.optional(employeeNumber),
    feishu: v.optional(
      exactly({
        tenantKey: v.optional(nameId),
        openId: v.optional(openId),
        userId: v.optional(nameId),
        unionId: v.optional(nameId),
      }),
    ),
    dingtalk: v.optional(exactly({ userId: v.optional(nameId), unionId: v.optional(nameId) })),
  }),
  v.check(
    ({ email, mobile, employeeNumber, feishu = {}, dingtalk = {} }) =>
      [
        email,
        mobile,
        employeeNumber,
        feishu.openId,
        feishu.userId,
        feishu.unionId,
        dingtalk.userId,
        dingtalk.unionId,
      ].some((way) => way !== undefined),
    'no_way_to_find',
  ),
)

/**
 * `detail` of the event. `offboardingId`, and one way to find the leaver, are required. An id wins over an e-mail address, that over a
 * mobile, that over an employee number. The custodian will watch access to the leaver's calendars.
 */
export const leaving = exactly({
  offboardingId: id,
  dryRun: v.optional(v.boolean(), false),
  leaver: person,
  custodian: v.optional(person),
})

/** A mobile as both vendors take it: of mainland China without its country code. */
export const shortenMobile = (mobile: string): string => mobile.replace(/^\+86(?=1\d{10}$)/, '')

export type Leaving = v.InferOutput<typeof leaving>
/** A person as HR knows them; one way to find them is enough. */
export type Person = v.InferOutput<typeof person>
