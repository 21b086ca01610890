/** What Feishu and Lark answer about people: ids by what HR knows, and one person's ids and state. All calls are the app's. */
import * as v from 'valibot'
import { OperationError } from '../error.ts'
import { feishu } from '../feishu/feishu.ts'
import { internalFault, invalidParameter } from '../feishu/meanings.ts'
import { shortenMobile } from '../leaving-event.ts'
import { holdsSecret } from '../redact.ts'
import { openId } from '../schema.ts'
import type { Identity } from '../vendor/vendor.ts'
import { type Ask, answerOf, type Question } from './ask.ts'

const pace = { perSecond: 50, perMinute: 1_000 }
const asTenant = ({ tenant_key }: { tenant_key: string | undefined }): Identity => ({
  as: 'tenant',
  tenantKey: tenant_key,
})
/** Feishu leaves out what the app may not see. */
const flag = v.nullish(v.boolean(), false)
const text = v.nullish(
  v.pipe(
    v.string(),
    v.check((id) => !holdsSecret(id)),
  ),
)

/** An empty one is none. */
const openIdText = v.pipe(
  text,
  v.check((id) => !id || v.is(openId, id)),
)

const idList = v.object({
  data: v.object({
    user_list: v.nullish(
      v.array(v.object({ user_id: openIdText, email: v.nullish(v.string()), mobile: v.nullish(v.string()) })),
      [],
    ),
  }),
})

/**
 * Who is unknown, outside the app's contact scope, or has resigned, is answered by an entry without an id.
 * https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/contact-v3/user/batch_get_id
 */
export const feishuUserIds: Question<{
  email: string | undefined
  mobile: string | undefined
  include_resigned: 'true' | undefined
  tenant_key: string | undefined
}> = {
  name: 'feishu-user-ids',
  needs: 'contact:user.id:readonly',
  vendor: feishu,
  method: 'POST',
  path: '/open-apis/contact/v3/users/batch_get_id',
  query: [],
  body: ({ email, mobile, include_resigned }) => ({
    ...(email !== undefined && { emails: [email] }),
    ...(mobile !== undefined && { mobiles: [mobile] }),
    ...(include_resigned && { include_resigned: true }),
  }),
  pace,
  identity: asTenant,
  codes: { 40001: invalidParameter, 40003: internalFault },
  succeeded: (json) => v.is(idList, json),
}

/** The open_ids of who has this address and of who has this mobile. Throws for an answer about anyone else. */
export async function feishuIdsOf(
  { email, mobile, tenantKey, isResigned = false }: Names & { isResigned?: boolean },
  ask: Ask,
): Promise<string[]> {
  const include_resigned = isResigned ? 'true' : undefined
  const names = { email, mobile: mobile && shortenMobile(mobile) }
  const { data } = await answerOf(feishuUserIds, idList, { ...names, include_resigned, tenant_key: tenantKey }, ask)
  for (const one of data.user_list) {
    const hasOtherEmail = one.email && one.email.toLowerCase() !== email?.toLowerCase()
    if (hasOtherEmail || (one.mobile && !isSameMobile(one.mobile, mobile ?? ''))) throw anotherPerson()
  }
  return data.user_list.flatMap(({ user_id }) => user_id || [])
}

/** One of them may stand without its country code. */
function isSameMobile(...mobiles: [string, string]): boolean {
  const [a = '', b = ''] = mobiles.map((mobile) => mobile.replace(/\D/g, '')).sort((x, y) => x.length - y.length)
  return a !== '' && b.endsWith(a)
}

const anotherPerson = () =>
  new OperationError('protocol', {
    en: 'Feishu answered with an address or a mobile that was not asked for.',
    zh: '飞书应答中的邮箱或手机号并非所查询的。',
  })

type Names = { email?: string | undefined; mobile?: string | undefined; tenantKey?: string | undefined }

const distinct = (ids: (string | null | undefined)[]): string[] => [...new Set(ids.filter((id) => !!id))] as string[]

const employees = v.object({
  data: v.object({
    employees: v.nullish(
      v.array(v.object({ base_info: v.nullish(v.object({ employee_id: openIdText, is_resigned: flag })) })),
      [],
    ),
  }),
})

/** https://open.feishu.cn/document/directory-v1/employee/filter */
export const feishuEmployees: Question<{
  number: string
  employee_id_type: 'open_id'
  tenant_key: string | undefined
}> = {
  name: 'feishu-employees',
  needs: 'directory:employee:list',
  vendor: feishu,
  method: 'POST',
  path: '/open-apis/directory/v1/employees/filter',
  query: ['employee_id_type'],
  body: ({ number }) => ({
    // Values are JSON inside a text.
    filter: { conditions: [{ field: 'work_info.job_number', operator: 'eq', value: JSON.stringify(number) }] },
    required_fields: ['base_info.employee_id', 'base_info.is_resigned'],
    page_request: { page_size: 10 },
  }),
  pace,
  identity: asTenant,
  codes: Object.fromEntries(
    [2220001, 2220009, 2220010, 2220012, 2220013, 2220014, 2221004, 2221005].map((code) => [code, invalidParameter]),
  ),
  succeeded: (json) => v.is(employees, json),
}

/** The open_ids of those with this employee number who have not resigned, and of those who have. */
export async function feishuIdsOfNumber(
  number: string,
  tenantKey: string | undefined,
  ask: Ask,
): Promise<{ present: string[]; resigned: string[] }> {
  const input = { number, employee_id_type: 'open_id' as const, tenant_key: tenantKey }
  const { data } = await answerOf(feishuEmployees, employees, input, ask)
  const ids = (isResigned: boolean) =>
    distinct(
      data.employees.map(({ base_info }) => (base_info?.is_resigned === isResigned ? base_info.employee_id : null)),
    )
  return { present: ids(false), resigned: ids(true) }
}

const user = v.object({
  data: v.object({
    user: v.object({
      open_id: openIdText,
      union_id: text,
      user_id: text,
      status: v.nullish(v.object({ is_resigned: flag, is_exited: flag })),
    }),
  }),
})

/** https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/contact-v3/user/get */
export const feishuUser: Question<{
  user_id: string
  user_id_type: 'open_id' | 'union_id' | 'user_id'
  tenant_key: string | undefined
}> = {
  name: 'feishu-user',
  needs: 'contact:contact.base:readonly',
  vendor: feishu,
  method: 'GET',
  path: '/open-apis/contact/v3/users/:user_id',
  query: ['user_id_type'],
  pace,
  identity: asTenant,
  codes: {
    40001: invalidParameter,
    40003: internalFault,
    41012: { kind: 'not_found', means: { en: 'no such user id', zh: '用户 ID 无效' } },
    41050: {
      kind: 'forbidden',
      means: { en: "the user is outside the app's contact scope", zh: '用户不在应用的通讯录权限范围内' },
    },
  },
  succeeded: (json) => v.is(user, json),
}

/** The person's ids, as far as the app may see them, and whether they have left. */
export async function feishuPersonOf(
  id: { user_id: string; user_id_type: 'open_id' | 'union_id' | 'user_id' },
  tenantKey: string | undefined,
  ask: Ask,
): Promise<{ openId?: string; unionId?: string; userId?: string; hasLeft: boolean }> {
  const { data } = await answerOf(feishuUser, user, { ...id, tenant_key: tenantKey }, ask)
  const { open_id, union_id, user_id, status } = data.user
  return {
    ...(open_id && { openId: open_id }),
    ...(union_id && { unionId: union_id }),
    ...(user_id && { userId: user_id }),
    hasLeft: status?.is_resigned === true || status?.is_exited === true,
  }
}
