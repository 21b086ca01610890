/** The ids of people who were found, by each of them: a later event may name one alone, when no vendor answers for it any more. */
import { awsNowMs } from '../aws/clock.ts'
import { getItem, updateItem } from '../aws/dynamodb.ts'
import { getExpiry } from './offboardings.ts'

/** A person's ids at one vendor: of Feishu always `openId`, of DingTalk always `unionId`. */
export type PersonIds = {
  openId?: string | undefined
  unionId?: string | undefined
  userId?: string | undefined
  tenantKey?: string | undefined
}

/** Partition keys: `person#feishu#OPEN_ID`, else with the id's name, as in `person#dingtalk#userId#USER_ID`. */
const partitionsOf = (vendor: string, { openId, unionId, userId }: PersonIds): string[] => [
  ...(openId ? [`person#${vendor}#${openId}`] : []),
  ...(unionId ? [`person#${vendor}#unionId#${unionId}`] : []),
  ...(userId ? [`person#${vendor}#userId#${userId}`] : []),
]

/** Keeps the ids under each of them. A userId can be given to another person later: the newest counts. */
export async function keepIds(vendor: string, ids: PersonIds): Promise<void> {
  const expiresAt = getExpiry(awsNowMs())
  await Promise.all(
    partitionsOf(vendor, ids).map((pk) => updateItem({ pk, sk: 'ids' }, { set: { ...ids, expiresAt } })),
  )
}

/** The ids that are kept under the first of these; undefined where there are none. */
export async function findIds(vendor: string, known: PersonIds): Promise<PersonIds | undefined> {
  const [pk = ''] = partitionsOf(vendor, known)
  return (await getItem({ pk, sk: 'ids' })).item as PersonIds | undefined
}
