/**
 * What DingTalk answers about people: a userid by a mobile or a unionId, and the ids of a userid. It has no lookup by e-mail
 * address or employee number. All calls are the app's.
 */
import * as v from 'valibot'
import { OperationError } from '../error.ts'
import { shortenMobile } from '../leaving-event.ts'
import { holdsSecret } from '../redact.ts'
import { nameId } from '../schema.ts'
import type { CodeTable } from '../vendor/vendor.ts'
import { type Ask, answerOf } from './ask.ts'
import { dingtalkQuestion } from './dingtalk-question.ts'

const unknown = { kind: 'not_found', means: { en: 'no such user', zh: '找不到该用户' } } as const
/** Of all these lookups. */
export const dingtalkPeopleCodes: CodeTable = {
  33012: unknown,
  // https://open.dingtalk.com/document/development/server-api-error-codes-1
  50002: {
    kind: 'not_found',
    means: { en: "the user is outside the app's contact scope", zh: '用户不在应用的通讯录权限范围内' },
  },
  60121: unknown,
  40104: { kind: 'not_found', means: { en: 'no mobile of this organization', zh: '企业中无此手机号' } },
}

const text = v.pipe(
  v.string(),
  v.minLength(1),
  v.check((id) => !holdsSecret(id)),
)
const userOnly = v.object({ result: v.object({ userid: text }) })
// As an event may hold it.
const unionId = v.pipe(
  text,
  v.check((id) => v.is(nameId, id)),
)
const seen = v.optional(v.unknown())
const ids = v.object({
  result: v.object({ userid: text, unionid: unionId, email: seen, org_email: seen, job_number: seen }),
})

/** Someone who has left is not found. https://open.dingtalk.com/document/development/query-users-by-phone-number */
export const dingtalkUserByMobile = dingtalkQuestion<{ mobile: string }>({
  name: 'dingtalk-user-by-mobile',
  path: '/topapi/v2/user/getbymobile',
  needs: 'qyapi_get_member_by_mobile',
  codes: dingtalkPeopleCodes,
  wanted: userOnly,
})

/** https://open.dingtalk.com/document/development/query-user-details */
export const dingtalkUser = dingtalkQuestion<{ userid: string }>({
  name: 'dingtalk-user',
  path: '/topapi/v2/user/get',
  needs: 'qyapi_get_member',
  codes: dingtalkPeopleCodes,
  wanted: ids,
})

/** https://open.dingtalk.com/document/development/query-a-user-by-the-union-id */
export const dingtalkUserByUnionId = dingtalkQuestion<{ unionid: string }>({
  name: 'dingtalk-user-by-union-id',
  path: '/topapi/user/getbyunionid',
  needs: 'qyapi_get_member',
  codes: dingtalkPeopleCodes,
  wanted: userOnly,
})

/** The userid of who has this mobile; undefined when nobody is found. */
export const dingtalkUserIdOfMobile = async (mobile: string, ask: Ask): Promise<string | undefined> =>
  found(async () => {
    return (await answerOf(dingtalkUserByMobile, userOnly, { mobile: shortenMobile(mobile) }, ask)).result.userid
  })

/** A person's unionId, and the addresses and number that DingTalk says they have; none where the app may not see them. */
type DingtalkPerson = { unionId: string; email: string[]; number: string[] }

/** The person of a userid; undefined when it is unknown. */
export const dingtalkPersonOf = async (userId: string, ask: Ask): Promise<DingtalkPerson | undefined> =>
  found(async () => {
    const { unionid, email, org_email, job_number } = (await answerOf(dingtalkUser, ids, { userid: userId }, ask))
      .result
    return { unionId: unionid, email: texts(email, org_email), number: texts(job_number) }
  })

const texts = (...values: unknown[]): string[] =>
  values.flatMap((value) => (typeof value === 'string' || typeof value === 'number' ? String(value).trim() : []))

/** Of the userids that an index has under an address or number, those of whom DingTalk does not say that they have another by now. */
export async function keepOwners(ids: string[], way: 'email' | 'number', text: string, ask: Ask): Promise<string[]> {
  const people = await Promise.all(ids.map((id) => dingtalkPersonOf(id, ask)))
  return ids.filter((_, index) => {
    const said = people[index]?.[way] ?? []
    return said.length === 0 || said.some((one) => one.toLowerCase() === text.toLowerCase())
  })
}

/** The userid of a unionId; undefined when it is unknown. */
export const dingtalkUserIdOf = async (unionId: string, ask: Ask): Promise<string | undefined> =>
  found(async () => (await answerOf(dingtalkUserByUnionId, userOnly, { unionid: unionId }, ask)).result.userid)

async function found<Answer>(answer: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer()
  } catch (error) {
    if (error instanceof OperationError && error.kind === 'not_found') return undefined
    throw error
  }
}
