/** Turns a person as HR knows them into the offboarding events that name them by ids. */
import { environment } from '../environment.ts'
import { OperationError, type Text } from '../error.ts'
import { mergeParts } from '../event-part.ts'
import type { Leaving, Person } from '../leaving-event.ts'
import type { FoundRecord } from '../ledger/leavings.ts'
import { findIndexed, hasIndex } from '../ledger/people-index.ts'
import { listRegistered } from '../ledger/register.ts'
import type { EventPart } from '../operation-docs.ts'
import { type Ask, askOnce } from '../people/ask.ts'
import { collect } from '../people/collect.ts'
import { type Found, findPerson, type VendorName } from '../people/find-person.ts'

/** Who was found, and what the leaver has: a part of an event for each target, and the approvals that are left to an operator. */
type Resolved = {
  found: Map<VendorName, Found>
  custodian: Found | undefined
  parts: EventPart[]
  approvalCodes: string[]
}

/** The vendors at which a leaver is looked for, by the variable `VENDORS`. */
const vendors = (): VendorName[] => environment('VENDORS').split(',') as VendorName[]

/**
 * Finds the leaver at every vendor, the custodian where there is something to watch, and what the leaver has. Throws an
 * `OperationError` whose text names no address and no number: of a kind that is parked when the event is to be rejected, else when it is
 * to be tried again.
 */
export async function resolveLeaving({ leaver, custodian }: Leaving, asking: Ask): Promise<Resolved> {
  // What is asked of this leaver is asked anew for every event: it may have changed since the last one.
  const ask = askOnce(asking)
  const found = new Map(
    await Promise.all(
      vendors().map(async (vendor): Promise<[VendorName, Found]> => [vendor, await find(vendor, leaver, ask)]),
    ),
  )
  refuseUnlessOne(found)
  const inFeishu = idsOf(found.get('feishu'))
  const tenantKey = leaver.feishu?.tenantKey
  const watcher = custodian && inFeishu && (await findCustodian(inTenant(custodian, tenantKey), ask))
  if (watcher && watcher.state !== 'found')
    throw refusal(watcher, { en: 'The custodian was not found.', zh: '未找到接管人。' }, [['feishu', watcher]])
  const custodianId = idsOf(watcher)?.openId
  if (custodianId && custodianId === inFeishu?.openId) throw new OperationError('invalid_request', SAME_PERSON)

  const parts: EventPart[] = []
  const approvalCodes = new Set<string>()
  let refused: OperationError | undefined
  const ids = { unionId: idsOf(found.get('dingtalk'))?.unionId, openId: inFeishu?.openId }
  for (const { vendor, findings } of collect({ ...ids, custodianId, tenantKey }, ask, listRegistered))
    for await (const { target, error, approvalCode } of findings) {
      if (error) {
        refused = plain(error)
        if (!isForGood(error)) throw refused
        const one = found.get(vendor)
        if (one?.state === 'found') found.set(vendor, { ...one, reason: notListed(refused) })
      }
      if (target) parts.push(target)
      if (approvalCode) approvalCodes.add(approvalCode)
    }
  // Otherwise it would seem that there was nothing to end.
  if (refused && parts.length === 0) throw refused
  return { found, custodian: watcher, parts, approvalCodes: [...approvalCodes] }
}

/** What is refused for good, as the list of a person without stored tokens, is left out; what else they have goes on. */
const isForGood = ({ queue }: OperationError): boolean => queue === 'park' || queue === 'gone'

const notListed = ({ detail }: OperationError): Text => ({
  en: `not all that they have could be listed: ${detail.en}`,
  zh: `未能列出其全部内容：${detail.zh}`,
})

const SAME_PERSON: Text = {
  en: 'The custodian is the leaver: name a person who stays.',
  zh: '接管人与离职者为同一人：请指定留任的人员。',
}

const idsOf = (found: Found | undefined) => (found?.state === 'found' ? found.ids : undefined)

/** The custodian is looked for where the leaver is. */
const inTenant = (person: Person, tenantKey: string | undefined): Person =>
  tenantKey === undefined ? person : { ...person, feishu: { tenantKey, ...person.feishu } }

async function find(vendor: VendorName, person: Person, ask: Ask): Promise<Found> {
  try {
    return await findPerson(vendor, person, ask, hasIndex() ? findIndexed : undefined)
  } catch (error) {
    throw error instanceof OperationError ? plain(error) : error
  }
}

/** For so long a custodian who was found serves the leavers that follow: many leave their calendars to one. */
const CUSTODIAN_MS = 60_000
const MOST_CUSTODIANS = 100
/** By what is known of them; the oldest comes first. */
const custodians = new Map<string, { finding: Promise<Found>; atMs: number }>()

async function findCustodian(person: Person, ask: Ask): Promise<Found> {
  const key = JSON.stringify(person)
  const known = custodians.get(key)
  if (known && Date.now() - known.atMs < CUSTODIAN_MS) return known.finding
  const finding = find('feishu', person, ask)
  custodians.delete(key)
  custodians.set(key, { finding, atMs: Date.now() })
  const [oldest] = custodians.keys()
  if (custodians.size > MOST_CUSTODIANS && oldest !== undefined) custodians.delete(oldest)
  const found = await finding.catch(() => undefined)
  if (found?.state !== 'found') custodians.delete(key)
  return finding
}

/** The error without the vendor's own words, which may repeat what was asked for. */
function plain({ kind, hint, upstream, retryAfterMs, scope, detail }: OperationError): OperationError {
  if (!upstream) return new OperationError(kind, detail, { hint, retryAfterMs, scope })
  const { vendor, code, status } = upstream
  const text = code ?? `HTTP ${status}`
  return new OperationError(
    kind,
    { en: `${vendor} answered ${text}. ${hint.en}`, zh: `${vendor} 返回 ${text}。${hint.zh}` },
    { hint, retryAfterMs, scope, upstream: { ...upstream, message: '' } },
  )
}

/** Throws when the leaver was found nowhere, or what was given belongs to two people. */
function refuseUnlessOne(found: ReadonlyMap<VendorName, Found>): void {
  const all = [...found]
  const ambiguous = all.find(([, { state }]) => state === 'ambiguous')
  if (ambiguous) throw refusal(ambiguous[1], REFUSALS.unclear, all)
  if (all.some(([, { state }]) => state === 'found')) return
  const resigned = all.find(([, { state }]) => state === 'resigned')
  throw refusal((resigned ?? all[0])?.[1], REFUSALS.nowhere, all)
}

/** With the reason of each vendor. */
function refusal(found: Found | undefined, what: Text, all: [VendorName, Found][]): OperationError {
  const reasons = all.map(([vendor, one]): Text => {
    if (one.state === 'found') return { en: `${NAMES[vendor].en}: found.`, zh: `${NAMES[vendor].zh}：已找到。` }
    return { en: `${NAMES[vendor].en}: ${one.reason.en}`, zh: `${NAMES[vendor].zh}：${one.reason.zh}` }
  })
  return new OperationError(found?.state === 'ambiguous' ? 'invalid_request' : 'not_found', {
    en: [what, ...reasons].map(({ en }) => en).join(' '),
    zh: [what, ...reasons].map(({ zh }) => zh).join(''),
  })
}

/** What a refusal begins with; the reason of each vendor follows. */
export const REFUSALS = {
  unclear: { en: 'It is not clear who leaves.', zh: '无法确定离职者是谁。' },
  nowhere: { en: 'The leaver was found nowhere.', zh: '未找到离职者。' },
} satisfies Record<string, Text>

export const NAMES: Record<VendorName, Text> = {
  feishu: { en: 'Feishu', zh: '飞书' },
  dingtalk: { en: 'DingTalk', zh: '钉钉' },
}

/** What the ledger keeps of a person found or not found. */
export const recordOf = (found: Found): FoundRecord =>
  found.state === 'found'
    ? { state: 'found', ...found.ids, ...(found.reason && { reason: found.reason }) }
    : { state: found.state, reason: found.reason }

/** Larger events are refused by EventBridge, with room for what goes around the detail. Bytes. */
const MOST_BYTES = 200_000

/** Details of offboarding events that together ask for all the parts; each within `maxTargets` and what EventBridge takes. */
export function detailsOf(
  { offboardingId, dryRun, leaver }: Leaving,
  parts: EventPart[],
  maxTargets: number,
): EventPart[] {
  const runs: EventPart[][] = []
  let bytes = 0
  for (const part of parts) {
    const size = Buffer.byteLength(JSON.stringify(part))
    const run = runs.at(-1)
    if (!run || run.length === maxTargets || bytes + size > MOST_BYTES) {
      runs.push([part])
      bytes = size
    } else {
      run.push(part)
      bytes += size
    }
  }
  const { tenantKey } = leaver.feishu ?? {}
  return runs.map((run) => {
    const isFeishu = tenantKey !== undefined && run.some((part) => 'feishu' in part)
    return mergeParts([{ offboardingId, dryRun }, ...(isFeishu ? [{ feishu: { tenantKey } }] : []), ...run])
  })
}
