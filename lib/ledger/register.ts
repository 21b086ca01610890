/**
 * The register: what was subscribed for whom, since no vendor lists approvals and documents. Entries that have ended expire with the rest
 * of the ledger; until then they show that a subscription was known once.
 */
import { awsNowMs } from '../aws/clock.ts'
import { type Item, type Key, queryItems, updateItem } from '../aws/dynamodb.ts'
import { fingerprint } from '../fingerprint.ts'
import type { Operation } from '../operation.ts'
import { nameSubscriber, type Registration, type Subscriber } from '../register-event.ts'
import type { Input } from '../schema.ts'
import { getExpiry } from './offboardings.ts'

/** A registered subscription. Times in ISO 8601. */
export type Entry = Registration & { registeredAt: string; source: string }

type Contract = Pick<Operation, 'name' | 'path'>

type Stored = Item & { operation: string; input: string; person: string; changedAt: string; endedAt?: string } & Pick<
    Entry,
    'registeredAt' | 'source'
  >

/** Entries of one resource lie together: it is what the operation's path names, else all of the input. */
const getRegisterPartition = ({ name, path }: Contract, input: Input): string => {
  const named = [...path.matchAll(/:(\w+)/g)].map(([, field = '']) => input[field])
  return `register#${name}#${named.length > 0 ? fingerprint(named) : fingerprintOf(input)}`
}

/** The same for the same fields in any order; those that are left out do not count. */
const fingerprintOf = (input: Input): string =>
  fingerprint(
    Object.entries(input)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )

const getEntryKey = (operation: Contract, { person, input }: Registration): Key => ({
  pk: getRegisterPartition(operation, input),
  sk: `${nameSubscriber(person)}#${fingerprintOf(input)}`,
})

/** By which the index `state` finds the person's entries. */
const getState = (person: Subscriber): string => `register#${nameSubscriber(person)}`

/**
 * Enters a subscription, or takes it out, as an event of `at` says (ISO 8601). Of several events of one subscription the latest counts,
 * in whatever order and however often they come.
 */
export async function recordRegistered(
  operation: Contract,
  registration: Registration,
  { at, source }: { at: string; source: string },
): Promise<void> {
  const changedAt = toMilliseconds(at)
  await updateItem(getEntryKey(operation, registration), {
    set: {
      ...attributesOf(registration),
      source,
      registeredAt: changedAt,
      changedAt,
      state: getState(registration.person),
      since: changedAt,
    },
    remove: ['endedAt', 'expiresAt'],
    when: notAfter(changedAt),
  })
}

export async function recordEnded(operation: Contract, registration: Registration, at: string): Promise<void> {
  const changedAt = toMilliseconds(at)
  await updateItem(getEntryKey(operation, registration), {
    set: { ...attributesOf(registration), changedAt, endedAt: changedAt, expiresAt: getExpiry(Date.parse(at)) },
    remove: ['state', 'since'],
    when: notAfter(changedAt),
  })
}

/**
 * The input, and the same without its tenant. A store app's subscription may be registered without: it is then ended in the tenant of the
 * person who leaves.
 */
const withoutTenant = (input: Input): Input[] =>
  input.tenant_key === undefined ? [input] : [input, { ...input, tenant_key: undefined }]

const getRegisterPartitions = (operation: Contract, input: Input): Set<string> =>
  new Set(withoutTenant(input).map((one) => getRegisterPartition(operation, one)))

/** Takes out the subscription of everyone for whom it is registered: the vendor has ended it, or knows it no more. */
export async function recordEndedForAll(operation: Contract, input: Input, at: string): Promise<void> {
  const ended = withoutTenant(input).map(fingerprintOf)
  for (const partition of getRegisterPartitions(operation, input))
    for await (const item of queryItems({ partition, consistent: true })) {
      const entry = entryOf(item as Stored)
      if (item.endedAt === undefined && ended.includes(fingerprintOf(entry.input)))
        await recordEnded(operation, entry, at)
    }
}

/** What is registered for the person and has not ended, the oldest first. The index is some moments behind. */
export async function* listRegistered(person: Subscriber): AsyncGenerator<Entry> {
  for await (const item of queryItems({ index: 'state', partition: getState(person) })) yield entryOf(item as Stored)
}

/** Whether what the operation ends with this input, a document or an approval, was ever registered, for anyone and in any way. */
export async function wasRegistered(operation: Contract, input: Input): Promise<boolean> {
  const nowS = awsNowMs() / 1_000
  for (const partition of getRegisterPartitions(operation, input))
    for await (const { expiresAt } of queryItems({ partition })) if (Number(expiresAt ?? nowS + 1) > nowS) return true
  return false
}

const attributesOf = ({ person, operation, input }: Registration) => ({
  person: JSON.stringify(person),
  operation,
  input: JSON.stringify(input),
})

const entryOf = ({ person, operation, input, registeredAt, source }: Stored): Entry => ({
  person: JSON.parse(person),
  operation,
  input: JSON.parse(input),
  registeredAt,
  source,
})

/** So that times of events, in whole seconds, and of outcomes compare as texts. */
const toMilliseconds = (at: string): string => new Date(at).toISOString()

/** Of an event's time and an outcome's in the same second, the later to arrive counts. */
const notAfter = (changedAt: string) => [
  { changedAt: { exists: false } },
  { changedAt: { below: changedAt } },
  { changedAt },
]
