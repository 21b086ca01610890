/**
 * DingTalk's people, department by department, for the index by which they are found by e-mail address and employee number. All calls
 * are the app's.
 */
import * as v from 'valibot'
import { OperationError } from '../error.ts'
import type { Input } from '../schema.ts'
import type { CodeTable } from '../vendor/vendor.ts'
import { type Ask, answerOf } from './ask.ts'
import { dingtalkQuestion } from './dingtalk-question.ts'

/** A person as the list has them; what the app may not see is left out. */
export type Listed = { userId: string; unionId: string; emails: string[]; employeeNumber: string | undefined }

const gone = {
  kind: 'not_found',
  means: { en: "the department does not exist or is outside the app's scope", zh: '部门不存在或不在应用的权限范围内' },
} as const
/** Of both calls. */
export const dingtalkDirectoryCodes: CodeTable = { 50004: gone, 60003: gone, 60019: gone }

// Numbers and booleans may be quoted.
const whole = v.pipe(v.union([v.number(), v.pipe(v.string(), v.digits())]), v.transform(String))
const text = v.pipe(
  v.nullish(v.union([v.string(), v.number()]), ''),
  v.transform((value) => String(value).trim() || undefined),
)
const departments = v.object({ result: v.nullish(v.array(v.object({ dept_id: whole })), []) })
const page = v.object({
  result: v.object({
    has_more: v.pipe(
      v.union([v.boolean(), v.picklist(['true', 'false'])]),
      v.transform((value) => String(value) === 'true'),
    ),
    next_cursor: v.nullish(whole),
    list: v.nullish(
      v.array(
        v.object({
          userid: v.pipe(v.string(), v.minLength(1)),
          unionid: v.pipe(v.string(), v.minLength(1)),
          job_number: text,
          email: text,
          org_email: text,
        }),
      ),
      [],
    ),
  }),
})

/** Numbers, which an input holds as text. */
const asNumbers = (input: Input) =>
  Object.fromEntries(Object.entries(input).map(([field, value]) => [field, Number(value)]))

/** The next level alone. https://open.dingtalk.com/document/development/user-management-acquires-the-list-departments */
export const dingtalkDepartments = dingtalkQuestion<{ dept_id: string }>({
  name: 'dingtalk-departments',
  path: '/topapi/v2/department/listsub',
  needs: 'qyapi_get_department_list',
  codes: dingtalkDirectoryCodes,
  body: asNumbers,
  wanted: departments,
})

/** Of one department alone. https://open.dingtalk.com/document/development/queries-the-complete-information-of-a-department-user */
export const dingtalkDepartmentPeople = dingtalkQuestion<{ dept_id: string; cursor: string; size: string }>({
  name: 'dingtalk-department-people',
  path: '/topapi/v2/user/list',
  needs: 'qyapi_get_department_member',
  codes: dingtalkDirectoryCodes,
  body: asNumbers,
  wanted: page,
})

/** The root department. */
export const ROOT = '1'
/** As many as a page may have. */
const PAGE_SIZE = '100'

/** The departments below one; none of one that is gone. */
export const listDepartments = async (id: string, ask: Ask): Promise<string[]> => {
  const found = await unlessGone(() => answerOf(dingtalkDepartments, departments, { dept_id: id }, ask))
  return found?.result.map(({ dept_id }) => dept_id) ?? []
}

/** The people of one department, a page at a time. */
export async function* listPeople(id: string, ask: Ask): AsyncGenerator<Listed[]> {
  const seen = new Set<string>()
  for (let cursor = '0'; ; ) {
    const input = { dept_id: id, cursor, size: PAGE_SIZE }
    const found = await unlessGone(() => answerOf(dingtalkDepartmentPeople, page, input, ask))
    if (!found) return
    const { list, has_more, next_cursor } = found.result
    yield list.map(({ userid, unionid, job_number, email, org_email }) => ({
      userId: userid,
      unionId: unionid,
      emails: [email, org_email].filter((address) => address !== undefined),
      employeeNumber: job_number,
    }))
    if (!has_more) return
    if (!next_cursor || seen.has(next_cursor)) throw endless()
    seen.add(next_cursor)
    cursor = next_cursor
  }
}

async function unlessGone<Answer>(answer: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer()
  } catch (error) {
    if (error instanceof OperationError && error.kind === 'not_found') return undefined
    throw error
  }
}

const endless = () =>
  new OperationError('protocol', {
    en: "DingTalk's list of a department's people has no end: a page has more behind it and does not say where.",
    zh: '钉钉的部门用户列表没有终点：某一页称还有更多内容，却未给出下一页。',
  })
