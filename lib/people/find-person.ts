/** Finds a person at a vendor by what HR knows of them. No text here repeats an address or a number. */
import { OperationError, type Text } from '../error.ts'
import type { Person } from '../leaving-event.ts'
import type { PersonIds } from '../ledger/people.ts'
import type { Vendor } from '../vendor/vendor.ts'
import type { Ask } from './ask.ts'
import { dingtalkPersonOf, dingtalkUserIdOf, dingtalkUserIdOfMobile, keepOwners } from './dingtalk-people.ts'
import { feishuIdsOf, feishuIdsOfNumber, feishuPersonOf } from './feishu-people.ts'

export type VendorName = Vendor['name']

/** `not_asked`: the vendor has no lookup for what is known of the person. Of one who is found, `reason` says what could not be listed. */
export type Found =
  | { state: 'found'; ids: PersonIds; reason?: Text }
  | { state: 'not_found' | 'ambiguous' | 'resigned' | 'not_asked'; reason: Text }

/** The userids of those whom an index has under an address or number. */
type FindIndexed = (way: 'email' | 'number', text: string) => Promise<string[]>

/**
 * Finds the person: an id wins over an e-mail address, that over a mobile, that over an employee number. The first way that finds
 * decides; address and mobile must agree, and with an address or mobile so must an employee number of which the vendor says whose
 * it is, as must ids of one vendor. At DingTalk an address and a number are looked up in the index, if there is one, which may be older
 * than what DingTalk says of those it names. Throws the `OperationError` with which a lookup failed.
 */
export const findPerson = (vendor: VendorName, person: Person, ask: Ask, findIndexed?: FindIndexed): Promise<Found> =>
  vendor === 'feishu' ? findInFeishu(person, ask) : findInDingtalk(person, ask, findIndexed)

async function findInFeishu({ feishu = {}, email, mobile, employeeNumber }: Person, ask: Ask): Promise<Found> {
  const { tenantKey, openId, unionId, userId } = feishu
  if (openId ?? unionId ?? userId) return describe(feishu, ask)
  const names = { email, mobile, tenantKey }
  const nameCount = [email, mobile].filter((name) => name !== undefined).length
  const hasName = nameCount > 0
  if (!hasName && employeeNumber === undefined) return { state: 'not_asked', reason: NO_WAY.feishu }
  const describeOne = (ids: string[]): Promise<Found> | Found => {
    const [only, ...others] = new Set(ids)
    return others.length > 0 ? AMBIGUOUS.feishu : describe({ openId: only, tenantKey }, ask)
  }
  const byNumber = async () =>
    employeeNumber === undefined ? NONE : await feishuIdsOfNumber(employeeNumber, tenantKey, ask)
  const describeNamed = async (ids: string[]): Promise<Found> => {
    const { present, resigned } = await byNumber().catch(unlessRefused(NONE))
    const numbered = [...present, ...resigned]
    const agrees = numbered.length === 0 || ids.some((id) => numbered.includes(id))
    return agrees ? describeOne(ids) : AMBIGUOUS.feishu
  }
  const byName = hasName ? await feishuIdsOf(names, ask) : []
  if (hasName && byName.length >= nameCount) return describeNamed(byName)
  // What finds nobody may be that of someone else, who has resigned. Asked for only now: it costs one more call.
  const withResigned = hasName ? await feishuIdsOf({ ...names, isResigned: true }, ask) : []
  if (byName.length > 0) return describeNamed([...byName, ...withResigned])
  const { present, resigned } = await byNumber()
  if (present.length > 0) return describeOne([...present, ...withResigned])
  // Without a scope of its own Feishu does not say who of the found has resigned.
  return withResigned.length + resigned.length > 0 ? RESIGNED : { state: 'not_found', reason: UNKNOWN.feishu }
}

const NONE: Awaited<ReturnType<typeof feishuIdsOfNumber>> = { present: [], resigned: [] }

/** An app that may not ask for what would only confirm who was found finds people all the same. */
const unlessRefused =
  <None>(none: None) =>
  (error: unknown): None => {
    if (!(error instanceof OperationError) || error.retryable) throw error
    return none
  }

/** The ids of a person of whom one is known. What the app may not see of a known open_id is left out. */
async function describe(known: PersonIds, ask: Ask): Promise<Found> {
  const { tenantKey, openId, unionId, userId } = known
  const id = openId
    ? { user_id: openId, user_id_type: 'open_id' as const }
    : unionId
      ? { user_id: unionId, user_id_type: 'union_id' as const }
      : { user_id: userId ?? '', user_id_type: 'user_id' as const }
  try {
    const { hasLeft, ...ids } = await feishuPersonOf(id, tenantKey, ask)
    const all: PersonIds = { ...ids, ...known }
    if (Object.entries(ids).some(([name, id]) => all[name as keyof PersonIds] !== id)) return AMBIGUOUS.feishu
    // What needs the person's own token ends as gone; the rest can still be done.
    if (hasLeft) return openId ? { state: 'found', ids: all } : RESIGNED
    return all.openId ? { state: 'found', ids: all } : { state: 'not_found', reason: UNKNOWN.feishu }
  } catch (error) {
    if (!(error instanceof OperationError)) throw error
    if (error.kind === 'not_found') return { state: 'not_found', reason: UNKNOWN.feishu }
    const isUnseen = error.upstream?.code === OUTSIDE_SCOPE
    if (openId && (isUnseen || LACKS_SCOPE.includes(error.upstream?.code ?? ''))) return { state: 'found', ids: known }
    if (isUnseen) return { state: 'not_found', reason: UNKNOWN.feishu }
    throw error
  }
}

const OUTSIDE_SCOPE = '41050'
const LACKS_SCOPE = ['99991672', '99991676']

async function findInDingtalk(
  { dingtalk = {}, email, mobile, employeeNumber }: Person,
  ask: Ask,
  findIndexed: FindIndexed | undefined,
): Promise<Found> {
  const { unionId, userId } = dingtalk
  if (unionId) return describeUnionId(unionId, userId, ask)
  if (userId) return foundAs(userId, ask)
  const indexed = (way: 'email' | 'number', text: string | undefined) =>
    findIndexed && text !== undefined && (() => findIndexed(way, text).then((ids) => keepOwners(ids, way, text, ask)))
  const ways = [
    indexed('email', email),
    mobile !== undefined && (async () => [await dingtalkUserIdOfMobile(mobile, ask)].filter((id) => id !== undefined)),
    indexed('number', employeeNumber),
  ].filter((way) => way !== undefined && way !== false)
  if (ways.length === 0) return { state: 'not_asked', reason: NO_WAY.dingtalk }
  for (const [at, way] of ways.entries()) {
    const [id, ...more] = await way()
    if (more.length > 0) return AMBIGUOUS.dingtalk
    const found = id === undefined ? undefined : await foundAs(id, ask)
    if (id === undefined || found?.state !== 'found') continue
    for (const other of ways.slice(at + 1)) {
      const ids = await other().catch(unlessRefused<string[]>([]))
      // Who has left is in the index for some days.
      const others = ids.includes(id) ? [] : await Promise.all(ids.map((one) => foundAs(one, ask)))
      if (others.some(({ state }) => state === 'found')) return AMBIGUOUS.dingtalk
    }
    return found
  }
  return { state: 'not_found', reason: UNKNOWN.dingtalk }
}

async function foundAs(userId: string, ask: Ask): Promise<Found> {
  const { unionId } = (await dingtalkPersonOf(userId, ask)) ?? {}
  return unionId ? { state: 'found', ids: { unionId, userId } } : { state: 'not_found', reason: UNKNOWN.dingtalk }
}

/** The userId is kept for a later event that names nothing else; without the permission to see it they are found all the same. */
async function describeUnionId(unionId: string, userId: string | undefined, ask: Ask): Promise<Found> {
  try {
    const seen = await dingtalkUserIdOf(unionId, ask)
    if (seen === undefined) return { state: 'not_found', reason: UNKNOWN.dingtalk }
    return userId === undefined || userId === seen
      ? { state: 'found', ids: { unionId, userId: seen } }
      : AMBIGUOUS.dingtalk
  } catch (error) {
    if (error instanceof OperationError && error.queue !== 'wait' && error.kind !== 'rate_limited')
      return { state: 'found', ids: { unionId, userId } }
    throw error
  }
}

const UNKNOWN: Record<VendorName, Text> = {
  feishu: {
    en: "unknown, outside the app's contact scope, or resigned: Feishu answers all three alike. An enterprise mailbox never matches: use the contact e-mail address.",
    zh: '不存在、不在应用的通讯录权限范围内，或已离职：飞书对三者的应答相同。企业邮箱无法匹配，请使用联系邮箱。',
  },
  dingtalk: {
    en: "unknown, outside the app's contact scope, or no longer in the organization: DingTalk answers all three alike.",
    zh: '不存在、不在应用的通讯录权限范围内，或已离开组织：钉钉对三者的应答相同。',
  },
}

const NO_WAY: Record<VendorName, Text> = {
  feishu: {
    en: 'not asked: give an e-mail address, a mobile, an employee number or an id of Feishu.',
    zh: '未查询：请提供邮箱、手机号、工号或飞书的 id。',
  },
  dingtalk: {
    en: 'not asked: DingTalk finds people by mobile or id, and not by e-mail address or employee number.',
    zh: '未查询：钉钉只能按手机号或 id 查找，不支持按邮箱或工号查找。',
  },
}

const ambiguous = (id: string): { state: 'ambiguous'; reason: Text } => ({
  state: 'ambiguous',
  reason: {
    en: `two different people: what was given belongs to more than one. Give the ${id}.`,
    zh: `指向两个不同的人：所提供的信息属于多人，请提供 ${id}。`,
  },
})
const AMBIGUOUS = { feishu: ambiguous('open_id'), dingtalk: ambiguous('userId') }

const RESIGNED: { state: 'resigned'; reason: Text } = {
  state: 'resigned',
  reason: {
    en: 'has resigned: their own token has ended with the account, and nothing can be asked in their name.',
    zh: '已离职：其本人令牌已随账号失效，无法再以其身份查询。',
  },
}

/** Every reason why a person has no ids. */
export const REASONS: Text[] = [
  ...[UNKNOWN, NO_WAY].flatMap((byVendor) => Object.values(byVendor)),
  ...[...Object.values(AMBIGUOUS), RESIGNED].map(({ reason }) => reason),
]
