/** What follows when a vendor says that a person has left, is frozen, or that their tokens have ended. */
import * as v from 'valibot'
import { audit } from '../audit.ts'
import { publishDeparture, putOnBus } from '../aws/eventbridge.ts'
import { secretText, tagSecret, withSecret } from '../aws/secrets-manager.ts'
import { environment } from '../environment.ts'
import { fingerprint } from '../fingerprint.ts'
import { LEAVING } from '../leaving-event.ts'
import { isTaken, recordTaken } from '../ledger/callbacks.ts'
import { findIds } from '../ledger/people.ts'
import { TAGS, type TokenState } from '../tokens/user-secret.ts'
import type { Vendor } from '../vendor/vendor.ts'
import type { News, Person } from './news.ts'
import { CALLBACKS, Refusal } from './push.ts'

type PersonNews = Exclude<News, { type: 'ticket' }>
type DepartureNews = Extract<News, { type: 'departure' }>

/**
 * Does what `ON_DEPARTURE` says about a departure, and marks the user of revoked tokens. An event that was taken before changes
 * nothing. What has been done is kept when all of it is: after a failure the vendor's next try does it again. Throws `Refusal` for a
 * departure of which it is not known whether it concerns the organization that is served.
 */
export async function takePerson(vendor: Vendor['name'], news: PersonNews, isStore: boolean): Promise<void> {
  const mode = environment('ON_DEPARTURE')
  if (news.type === 'departure' && (mode === 'ignore' || !(await isOwn(vendor, news)))) return
  const about = { operation: CALLBACKS, vendor, eventId: news.id }
  if (await isTaken(vendor, news.id)) return audit({ message: 'repeated', ...about })
  if (news.type === 'revoked') await markRevoked(news.person, about)
  else await announce(vendor, news, { isOffboarded: mode === 'offboard', isStore, about })
  await recordTaken(vendor, news.id)
}

const suite = v.object({ authCorpId: v.optional(secretText) })

/**
 * DingTalk pushes to a suite what happens in every organization that has it; the secret names the one that is served. Throws `Refusal`
 * where the event names none: its userId may be that of another person there. An internal app has one organization, and its secret names none.
 */
async function isOwn(vendor: Vendor['name'], { tenant }: DepartureNews): Promise<boolean> {
  if (vendor === 'feishu') return true
  return withSecret(environment('DINGTALK_APP_SECRET_ID'), suite, async ({ authCorpId }) => {
    if (authCorpId === undefined) return true
    if (tenant === undefined) throw new Refusal(400, 'shape')
    return authCorpId === tenant
  })
}

type About = { operation: string; vendor: string; eventId: string }

/** Announces the departure, and orders the offboarding if that is wanted. */
async function announce(
  vendor: Vendor['name'],
  { id, atMs, departure, tenant, person }: DepartureNews,
  { isOffboarded, isStore, about }: { isOffboarded: boolean; isStore: boolean; about: About },
): Promise<void> {
  const ids = vendor === 'dingtalk' ? await withUnionId(person) : person
  const offboardingId = `departure-${vendor}-${fingerprint(id).slice(0, 16)}`
  const hint = vendor === 'dingtalk' && ids.unionId === undefined ? NO_UNION_ID : undefined
  const named = { ...(isStore && { tenantKey: tenant }), ...ids }
  if (isOffboarded) await putOnBus(LEAVING, [{ offboardingId, leaver: { [vendor]: named } }])
  await publishDeparture({
    vendor,
    reason: departure,
    ...(tenant !== undefined && { tenant }),
    ids,
    eventId: id,
    departedAt: new Date(atMs).toISOString(),
    offboardingId: isOffboarded ? offboardingId : null,
    ...(hint && { hint }),
  })
  audit({
    message: 'departed',
    ...about,
    outcome: departure,
    ...nameOf(ids),
    ...(isOffboarded && { offboardingId }),
    ...(hint && { hint }),
  })
}

const NO_UNION_ID =
  'The ledger does not know the unionId of this userId, and DingTalk may no longer return it. Look it up and send an event that names it.'

/** Events of an internal app name a userId alone. */
async function withUnionId(person: Person): Promise<Person> {
  if (person.unionId !== undefined || person.userId === undefined) return person
  const { unionId } = (await findIds('dingtalk', { userId: person.userId })) ?? {}
  return { ...person, ...(unionId !== undefined && { unionId }) }
}

const nameOf = ({ openId, unionId, userId }: Person) => {
  const person = openId ?? unionId ?? userId
  return person === undefined ? {} : { person }
}

/**
 * Marks the stored user. The tokens stay, and the next renewal asks the vendor: where it gives new ones the mark is wrong, and taken
 * away. https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/authentication-management/auth-v4/user_access_token/events/revoked
 */
async function markRevoked({ openId = '' }: Person, about: About): Promise<void> {
  const secretId = environment('FEISHU_USER_SECRET_PREFIX') + openId
  const isStored = await tagSecret(secretId, { [TAGS.state]: 'reauthorization-required' satisfies TokenState })
  if (isStored) audit({ message: 'revoked', ...about, secretId })
}
