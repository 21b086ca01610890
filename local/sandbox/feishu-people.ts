/** Feishu's address book: ids by e-mail or mobile, one person by id, and the directory's filter. */

import { type AdmittedCall, firstRefusal, type GuardedRoute, type Rule } from './call.ts'
import type { FeishuCode } from './codes.ts'
import { feishuApp, feishuFailure, feishuOk, ofTenant } from './feishu-gateway.ts'
import { choices, type FeishuUser } from './world.ts'

type Rules = readonly Rule<FeishuCode, AdmittedCall>[]

const limits = [
  { calls: 1000, seconds: 60 },
  { calls: 50, seconds: 1 },
]

const ofCaller = (call: AdmittedCall): FeishuUser[] =>
  call.state.world.feishu.users.filter((user) => ofTenant(call, user))

const hasResigned = ({ status }: FeishuUser): boolean => status === 'resigned' || status === 'deleted'

/** Whether the app was granted the scope of a field; `custom` ones are never given to store apps. */
function sees(call: AdmittedCall, scope: string, custom = false): boolean {
  const app = feishuApp(call.state.world, call.caller.appId)
  return app?.scopes?.includes(scope) !== false && !(custom && app?.type === 'store')
}

const idTypes = { open_id: 'openId', union_id: 'unionId', user_id: 'userId' } as const

const idTypeOf = ({ query }: AdmittedCall): (typeof idTypes)[keyof typeof idTypes] | undefined =>
  idTypes[(query.get('user_id_type') ?? 'open_id') as keyof typeof idTypes]

/** A user_id is given to apps that may read it, and to no store app. */
const idOf = (user: FeishuUser, call: AdmittedCall): string | undefined => {
  const type = idTypeOf(call)
  if (type === undefined || (type === 'userId' && !sees(call, 'contact:user.employee_id:readonly', true)))
    return undefined
  return user[type]
}

const statusOf = (user: FeishuUser) => ({
  is_frozen: user.status === 'frozen',
  is_resigned: hasResigned(user),
  is_activated: !hasResigned(user),
  is_exited: false,
  is_unjoin: false,
})

const texts = (value: unknown): string[] | undefined =>
  value === undefined || (Array.isArray(value) && value.every((entry) => typeof entry === 'string'))
    ? ((value ?? []) as string[])
    : undefined

/** A number of mainland China stands with its country code or without. */
const bare = (mobile: string | undefined): string | undefined => mobile?.replace(/^\+86/, '')

const wrongLists: Rules = [
  [99992402, ({ json }) => [texts(json?.emails), texts(json?.mobiles)].some((list) => !list || list.length > 50)],
  [99992402, (call) => idTypeOf(call) === undefined],
]

/**
 * https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/contact-v3/user/batch_get_id. An address or number that is unknown, of
 * somebody outside the contact scope, or of somebody who has resigned (unless asked for) is answered alike, without `user_id`; the
 * enterprise mailbox never matches.
 */
const batchGetId: GuardedRoute = {
  api: 'feishu',
  method: 'POST',
  path: '/open-apis/contact/v3/users/batch_get_id',
  as: ['tenant'],
  scopes: ['contact:user.id:readonly'],
  limits,
  handle(call) {
    const refusal = firstRefusal(wrongLists, call, feishuFailure)
    if (refusal !== undefined) return refusal
    const { emails = [], mobiles = [], include_resigned } = (call.json ?? {}) as Record<string, string[] | undefined>
    const isSeen = (user: FeishuUser) => !user.outOfScope && (Boolean(include_resigned) || !hasResigned(user))
    const entry = (asked: object, isMeant: (user: FeishuUser) => boolean) => {
      const user = ofCaller(call).find((it) => isSeen(it) && isMeant(it))
      const user_id = user && idOf(user, call)
      if (user === undefined || user_id === undefined) return asked
      return { user_id, ...asked, ...(sees(call, 'contact:user.employee:readonly') && { status: statusOf(user) }) }
    }
    const isSame = (one: string | undefined, other: string) => one?.toLowerCase() === other.toLowerCase()
    return feishuOk({
      user_list: [
        ...emails.map((email) => entry({ email }, (user) => isSame(user.email, email))),
        ...mobiles.map((mobile) => entry({ mobile }, (user) => bare(user.mobile) === bare(mobile))),
      ],
    })
  },
}

const meant = (call: AdmittedCall): FeishuUser | undefined => {
  const type = idTypeOf(call)
  return ofCaller(call).find((user) => type !== undefined && user[type] === call.params.user_id)
}

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/contact-v3/user/get; it answers for people who have left. */
const userGet: GuardedRoute = {
  api: 'feishu',
  method: 'GET',
  path: '/open-apis/contact/v3/users/:user_id',
  as: ['tenant', 'user'],
  scopes: ['contact:contact.base:readonly', 'contact:contact:readonly_as_app', 'contact:contact:access_as_app'],
  limits,
  handle(call) {
    const refusals: Rules = [
      [40001, () => idTypeOf(call) === undefined],
      [41012, () => meant(call) === undefined],
      [41050, () => meant(call)?.outOfScope === true],
    ]
    const refusal = firstRefusal(refusals, call, feishuFailure)
    const user = meant(call)
    if (refusal !== undefined || user === undefined) return refusal ?? feishuFailure(41012)
    const seen = (field: string, value: unknown, scope: string, custom = false) =>
      value !== undefined && sees(call, scope, custom) ? { [field]: value } : {}
    return feishuOk({
      user: {
        open_id: user.openId,
        ...(user.unionId && { union_id: user.unionId }),
        ...seen('user_id', user.userId, 'contact:user.employee_id:readonly', true),
        ...seen('employee_no', user.employeeNumber, 'contact:user.employee_number:read'),
        ...seen('email', user.email, 'contact:user.email:readonly', true),
        ...seen('enterprise_email', user.enterpriseEmail, 'contact:user.employee:readonly'),
        ...seen('mobile', user.mobile, 'contact:user.phone:readonly', true),
        ...seen('status', statusOf(user), 'contact:user.employee:readonly'),
      },
    })
  },
}

interface Condition {
  field?: unknown
  operator?: unknown
  value?: unknown
}

const filterFields: Record<string, (user: FeishuUser) => unknown> = {
  'work_info.job_number': (user) => user.employeeNumber,
  'base_info.email': (user) => user.email,
  'base_info.mobile': (user) => user.mobile,
}

const conditionsOf = ({ json }: AdmittedCall): Condition[] => {
  const { conditions } = (json?.filter ?? {}) as { conditions?: unknown }
  return Array.isArray(conditions) ? conditions : []
}

/** The texts that a condition's `value` holds: JSON inside a string. `undefined` when it does not fit the operator. */
function valuesOf({ operator, value }: Condition): string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(String(value))
    const list = operator === 'in' ? parsed : [parsed]
    return Array.isArray(list) ? texts(list) : undefined
  } catch {
    return undefined
  }
}

const pageOf = ({ json }: AdmittedCall) => {
  const { page_size = 20, page_token = '' } = (json?.page_request ?? {}) as { page_size?: number; page_token?: string }
  return { size: page_size, offset: Number(/^(?:|page_(\d+))$/.exec(page_token)?.[1] ?? (page_token ? Number.NaN : 0)) }
}

const employeeIdTypes = { open_id: 'openId', union_id: 'unionId', employee_id: 'userId' } as const

const employeeIdType = ({ query }: AdmittedCall) =>
  employeeIdTypes[(query.get('employee_id_type') ?? 'open_id') as keyof typeof employeeIdTypes]

// Conditions on departments are not known here.
const filterRefusals: Rules = [
  [2220001, (call) => employeeIdType(call) === undefined || texts(call.json?.required_fields) === undefined],
  [2220001, (call) => conditionsOf(call).length === 0 || conditionsOf(call).length > 10],
  [2221005, ({ json }) => json?.page_request === undefined],
  [2220010, (call) => !(pageOf(call).size >= 0 && pageOf(call).size <= 100)],
  [2221004, (call) => Number.isNaN(pageOf(call).offset)],
  [2220009, (call) => conditionsOf(call).some(({ field }) => typeof field !== 'string')],
  [2220012, (call) => conditionsOf(call).some(({ field }) => !Object.hasOwn(filterFields, String(field)))],
  [2220013, (call) => conditionsOf(call).some(({ operator }) => operator !== 'eq' && operator !== 'in')],
  [2220014, (call) => conditionsOf(call).some((condition) => valuesOf(condition) === undefined)],
]

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/directory-v1/employee/filter */
const employeesFilter: GuardedRoute = {
  api: 'feishu',
  method: 'POST',
  path: '/open-apis/directory/v1/employees/filter',
  as: ['tenant', 'user'],
  scopes: ['directory:employee:list'],
  limits,
  handle(call) {
    const refusal = firstRefusal(filterRefusals, call, feishuFailure)
    if (refusal !== undefined) return refusal
    const wanted = texts(call.json?.required_fields) ?? []
    const listsResigned = choices(call.state.world).feishuDirectoryResigned === 'listed'
    const found = ofCaller(call).filter(
      (user) =>
        !user.outOfScope &&
        (listsResigned || !hasResigned(user)) &&
        conditionsOf(call).every((condition) =>
          valuesOf(condition)?.includes(String(filterFields[String(condition.field)]?.(user))),
        ),
    )
    const { size, offset } = pageOf(call)
    const goesOn = offset + size < found.length
    const page = found.slice(offset, offset + size)
    const seesNumbers = sees(call, 'directory:employee.work.job_number:read')
    const field = (name: string, value: unknown) =>
      wanted.includes(name) ? { [name.slice(name.indexOf('.') + 1)]: value } : {}
    return feishuOk({
      employees: page.map((user) => ({
        base_info: {
          employee_id: 'not-required',
          ...field('base_info.employee_id', user[employeeIdType(call)]),
          ...field('base_info.is_resigned', hasResigned(user)),
        },
        work_info: {
          ...(seesNumbers && field('work_info.job_number', user.employeeNumber)),
          ...field('work_info.staff_status', hasResigned(user) ? 2 : 1),
        },
      })),
      page_response: { has_more: goesOn, page_token: goesOn ? `page_${offset + size}` : '' },
      abnormals:
        !seesNumbers && wanted.includes('work_info.job_number')
          ? page.map(({ openId }) => ({
              id: openId,
              row_error: 0,
              field_errors: { 'work_info.job_number': '1000' },
            }))
          : [],
    })
  },
}

export const feishuPeople = [batchGetId, userGet, employeesFilter]
