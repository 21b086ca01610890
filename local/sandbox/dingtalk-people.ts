/** DingTalk's address book as its older API answers: one person by userid, mobile or unionId, and a department's people. */

import { type AdmittedCall, firstRefusal, type GuardedRoute, type Rule } from './call.ts'
import type { DingtalkOapiCode } from './codes.ts'
import { dingtalkApp } from './dingtalk.ts'
import { dingtalkOapiFailure, dingtalkOapiOk } from './dingtalk-oapi.ts'
import { choices, type DingtalkUser } from './world.ts'

interface Subject {
  call: AdmittedCall
  user: DingtalkUser | undefined
}

type Rules = readonly Rule<DingtalkOapiCode, Subject>[]

interface Lookup extends Omit<GuardedRoute, 'api' | 'method' | 'limits' | 'handle'> {
  find?(call: AdmittedCall): DingtalkUser | undefined
  refusals: Rules
  result(call: AdmittedCall, user: DingtalkUser): object
}

const lookup = ({ find, refusals, result, ...route }: Lookup): GuardedRoute => ({
  ...route,
  api: 'dingtalk-oapi',
  method: 'POST',
  limits: [{ calls: 20, seconds: 1 }],
  handle(call) {
    const { world } = call.state
    const user = find?.(call)
    const refusal = firstRefusal(refusals, { call, user }, (code) => dingtalkOapiFailure(code, world))
    return refusal ?? dingtalkOapiOk(result(call, user as DingtalkUser), world)
  },
})

/** A field of the body as text: numbers may be written either way. */
const field = ({ json }: AdmittedCall, name: string): string => String(json?.[name] ?? '')

const inOrganization = ({ caller, state }: AdmittedCall): DingtalkUser[] => {
  const app = dingtalkApp(state.world, caller.appId)
  return state.world.dingtalk.users.filter(({ corpId }) => (corpId ?? app?.corpIds[0]) === caller.tenantKey)
}

const lacks = (name: string): Rules => [[400002, ({ call }) => field(call, name) === '']]

const outOfScope: Rules = [[50002, ({ user }) => user?.outOfScope === true]]

/** What an app sees of a person: mobile and addresses need grants of their own, which third-party apps do not get. */
function profile(user: DingtalkUser, call: AdmittedCall): object {
  const app = dingtalkApp(call.state.world, call.caller.appId)
  const sees = (scope: string) => app?.type === 'internal' && app.scopes?.includes(scope) !== false
  return {
    userid: user.userId,
    unionid: user.unionId,
    name: user.userId,
    job_number: user.employeeNumber ?? '',
    dept_id_list: departmentsOf(user),
    active: true,
    ...(sees('fieldMobile') && { mobile: user.mobile?.replace(/^\+86/, ''), state_code: '86' }),
    ...(sees('fieldEmail') && { email: user.email ?? '', ...(user.orgEmail && { org_email: user.orgEmail }) }),
  }
}

/** The root department. */
const ROOT = 1

const departmentsOf = ({ departments = [ROOT] }: DingtalkUser): number[] => departments

/** https://open.dingtalk.com/document/development/query-user-details */
const userGet = lookup({
  path: '/topapi/v2/user/get',
  as: ['app', 'corp'],
  scopes: ['qyapi_get_member'],
  find: (call) => inOrganization(call).find(({ userId }) => userId === field(call, 'userid')),
  refusals: [
    ...lacks('userid'),
    // Unconfirmed: which of the two codes someone who left gets.
    [60121, ({ call, user }) => user?.hasLeft === true && choices(call.state.world).dingtalkLeftUser === 60121],
    [33012, ({ user }) => user === undefined || user.hasLeft === true],
    ...outOfScope,
  ],
  result: (call, user) => profile(user, call),
})

/** https://open.dingtalk.com/document/development/query-users-by-phone-number: "impossible once the person has left". */
const userByMobile = lookup({
  path: '/topapi/v2/user/getbymobile',
  as: ['app'],
  scopes: ['qyapi_get_member_by_mobile'],
  find: (call) =>
    inOrganization(call).find(
      ({ mobile, hasLeft }) => !hasLeft && mobile?.replace(/^\+86/, '') === field(call, 'mobile').replace(/^\+86/, ''),
    ),
  refusals: [
    ...lacks('mobile'),
    [40104, ({ call }) => !/^\+?\d{6,15}$/.test(field(call, 'mobile'))],
    [60121, ({ user }) => user === undefined],
    ...outOfScope,
  ],
  result: (_call, user) => ({ userid: user.userId }),
})

/** https://open.dingtalk.com/document/development/query-a-user-by-the-union-id */
const userByUnionId = lookup({
  path: '/topapi/user/getbyunionid',
  as: ['app', 'corp'],
  scopes: ['qyapi_get_member'],
  find: (call) => inOrganization(call).find(({ unionId }) => unionId === field(call, 'unionid')),
  refusals: [
    ...lacks('unionid'),
    [60121, ({ user }) => user === undefined || user.hasLeft === true || user.userId === undefined],
    ...outOfScope,
  ],
  result: (_call, user) => ({ contact_type: 0, userid: user.userId }),
})

const isDepartment = (call: AdmittedCall): boolean =>
  Number(field(call, 'dept_id')) === ROOT ||
  call.state.world.dingtalk.departments?.some(({ id }) => id === Number(field(call, 'dept_id'))) === true

const MAX_PAGE = 100

const isPage = (call: AdmittedCall): boolean =>
  /^\d+$/.test(field(call, 'cursor')) && /^\d+$/.test(field(call, 'size')) && Number(field(call, 'size')) <= MAX_PAGE

/** https://open.dingtalk.com/document/development/queries-the-complete-information-of-a-department-user, of one department alone. */
const userList = lookup({
  path: '/topapi/v2/user/list',
  as: ['app', 'corp'],
  scopes: ['qyapi_get_department_member'],
  refusals: [...lacks('dept_id'), [40035, ({ call }) => !isPage(call)], [60019, ({ call }) => !isDepartment(call)]],
  result(call) {
    const department = Number(field(call, 'dept_id'))
    const cursor = Number(field(call, 'cursor'))
    const end = cursor + Number(field(call, 'size'))
    const members = inOrganization(call).filter(
      (user) => user.userId && !user.hasLeft && !user.outOfScope && departmentsOf(user).includes(department),
    )
    const goesOn = end < members.length
    return {
      has_more: goesOn,
      ...(goesOn && { next_cursor: end }),
      list: members.slice(cursor, end).map((user) => profile(user, call)),
    }
  },
})

/** https://open.dingtalk.com/document/development/user-management-acquires-the-list-departments: the next level alone. */
const departmentList: GuardedRoute = {
  api: 'dingtalk-oapi',
  method: 'POST',
  path: '/topapi/v2/department/listsub',
  as: ['app', 'corp'],
  scopes: ['qyapi_get_department_list'],
  limits: [{ calls: 20, seconds: 1 }],
  handle(call) {
    const { world } = call.state
    const parent = Number(field(call, 'dept_id') || ROOT)
    const departments = world.dingtalk.departments ?? []
    if (parent !== ROOT && !departments.some(({ id }) => id === parent)) return dingtalkOapiFailure(60003, world)
    const children = departments.filter(({ parentId }) => parentId === parent)
    return dingtalkOapiOk(
      children.map(({ id, parentId, name }) => ({ dept_id: id, parent_id: parentId, name })),
      world,
    )
  },
}

export const dingtalkPeople = [userGet, userByMobile, userByUnionId, userList, departmentList]
