/**
 * The index by which DingTalk's people are found: HMACs of e-mail addresses and employee numbers, and the ids of who has them. Nothing
 * in it is an address or a number. An entry that is not renewed expires after three days.
 */
import { createHmac } from 'node:crypto'
import * as v from 'valibot'
import { awsNowMs } from '../aws/clock.ts'
import { getItem, queryItems, updateItem } from '../aws/dynamodb.ts'
import { withSecret } from '../aws/secrets-manager.ts'
import { environment } from '../environment.ts'

/** What a person is found by. */
export type Way = 'email' | 'number'

/** A person's ids at DingTalk. */
type Indexed = { userId: string; unionId: string }

const KEPT_MS = 3 * 24 * 60 * 60_000
const peopleKey = v.object({ key: v.pipe(v.string(), v.minLength(32)) })

/** An address in any case is the same. */
const partitionOf = (way: Way, text: string): Promise<string> =>
  withSecret(environment('PEOPLE_KEY_SECRET_ID'), peopleKey, async ({ key }) => {
    const hmac = createHmac('sha256', key).update(`${way} ${way === 'email' ? text.toLowerCase() : text}`)
    return `person#dingtalk#${way}#${hmac.digest('hex')}`
  })

/** Whether the stack has the index. */
export const hasIndex = (): boolean => process.env.PEOPLE_KEY_SECRET_ID !== undefined

/** Enters that the person is found by this address or number, or renews that. */
export async function indexPerson(way: Way, text: string, { userId, unionId }: Indexed): Promise<void> {
  const expiresAt = Math.ceil((awsNowMs() + KEPT_MS) / 1_000)
  await updateItem({ pk: await partitionOf(way, text), sk: userId }, { set: { userId, unionId, expiresAt } })
}

/** The userids of all who are found by this address or number. */
export async function findIndexed(way: Way, text: string): Promise<string[]> {
  const found: string[] = []
  const nowS = awsNowMs() / 1_000
  for await (const { userId, expiresAt } of queryItems({ partition: await partitionOf(way, text), consistent: true }))
    if (Number(expiresAt) > nowS) found.push(String(userId))
  return found
}

const PROGRESS = { pk: 'person#dingtalk#index', sk: 'progress' }

/** The departments that a run cut off by time has left, if there was one. */
export async function readProgress(): Promise<string[] | undefined> {
  const { item } = await getItem(PROGRESS)
  return item?.departments === undefined ? undefined : (JSON.parse(String(item.departments)) as string[])
}

/** Keeps the departments that are left; none when the run has ended. */
export async function recordProgress(departments: string[]): Promise<void> {
  await updateItem(
    PROGRESS,
    departments.length > 0
      ? { set: { departments: JSON.stringify(departments), expiresAt: Math.ceil((awsNowMs() + KEPT_MS) / 1_000) } }
      : { set: {}, remove: ['departments'] },
  )
}
