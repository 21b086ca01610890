/** Who the leaver is at the vendors, and what they have there: asked, and shown as it is answered. */
import { OperationError } from '../../lib/error.ts'
import { feishuDocumentStatus } from '../../lib/feishu/document-status.ts'
import type { Person } from '../../lib/leaving-event.ts'
import { listRegistered } from '../../lib/ledger/register.ts'
import { collect, type Finding, type Leaver } from '../../lib/people/collect.ts'
import { findPerson, type VendorName } from '../../lib/people/find-person.ts'
import { printable } from '../../lib/schema.ts'
import { type Io, log } from '../io.ts'
import type { Connection } from '../stack/connection.ts'
import { documentFindings, type EventFile } from './documents.ts'
import { paced, patient } from './pace.ts'

/** Who was found at a vendor, or why not. */
type FoundPerson = { vendor: string; state: string; ids: string[]; reason: string | null }

/** A line of the answer, with the list that it stands in. */
export type Listed = Finding & { list: string }

/**
 * Finds the leaver at each vendor of which no id is given, and shows who was found. No leaver: found nowhere, or it is not clear who is
 * meant. `isSure`: no lookup failed.
 */
export async function identify(
  io: Io,
  given: Leaver,
  person: Person,
  { variables }: Connection,
  signal: AbortSignal,
): Promise<{ leaver: Leaver | undefined; isSure: boolean; people: FoundPerson[] }> {
  const people: FoundPerson[] = []
  const { VENDORS = 'feishu,dingtalk' } = variables
  const ids: Leaver = { ...given }
  const problems: string[] = []
  const wanted = VENDORS.split(',').filter(
    (vendor) => (vendor === 'feishu' ? given.openId : given.unionId) === undefined,
  )
  io.stdout.write('Leaver\n')
  for (const vendor of wanted as VendorName[]) {
    const { tenantKey } = given
    const found = await findPerson(
      vendor,
      { ...person, ...(tenantKey && { feishu: { tenantKey } }) },
      patient(io, signal),
    ).catch((error) => {
      if (!(error instanceof OperationError)) throw error
      return { state: 'unknown' as const, reason: { en: `${error.kind}: ${error.hint.en}` } }
    })
    if (found.state === 'found') {
      if (vendor === 'feishu') ids.openId = found.ids.openId
      else ids.unionId = found.ids.unionId
    } else problems.push(found.state)
    const ofVendor =
      found.state === 'found' ? Object.values(found.ids).flatMap((one) => (one ? printable(one) : [])) : []
    const reason = found.state === 'found' ? null : printable(found.reason.en, 1_000)
    people.push({ vendor, state: found.state, ids: ofVendor, reason })
    const sign = found.state === 'found' ? '+' : found.state === 'unknown' ? '?' : '-'
    io.stdout.write(`  ${sign} ${vendor}: ${reason ?? ['found', ...ofVendor].join(' ')}\n`)
  }
  io.stdout.write('\n')
  const isNobody = ids.openId === undefined && ids.unionId === undefined
  if (isNobody || problems.includes('ambiguous')) {
    log(io, isNobody ? 'The leaver was found nowhere.' : 'It is not clear who leaves.')
    return { leaver: undefined, isSure: false, people }
  }
  return { leaver: ids, isSure: !problems.includes('unknown'), people }
}

/** Shows what the vendors answer, as they answer, and returns it. */
export async function findAll(
  io: Io,
  leaver: Leaver,
  files: EventFile[],
  { speed }: Connection,
  signal: AbortSignal,
): Promise<Listed[]> {
  const all: Listed[] = []
  const show = async (title: string, findings: AsyncIterable<Finding>) => {
    io.stdout.write(`${title}\n`)
    const before = all.length
    for await (const finding of findings) {
      io.stdout.write(`  ${finding.isUnknown ? '?' : finding.target ? '+' : '-'} ${finding.text}\n`)
      all.push({ ...finding, list: title })
    }
    if (all.length === before) io.stdout.write('  none\n')
    io.stdout.write('\n')
  }
  for (const { title, findings } of collect(leaver, patient(io, signal), listRegistered)) await show(title, findings)
  if (files.length > 0) {
    const { perMinute = 1 } = feishuDocumentStatus.pace
    if (files.length > perMinute)
      log(io, `${files.length} documents to check; Feishu allows ${perMinute} checks a minute.`)
    await show('Feishu documents', documentFindings(files, leaver.tenantKey, paced(io, { perMinute, speed }, signal)))
  }
  io.stdout.write(`+ in the event   - not in it   ? could not be determined
No vendor lists the approvals and documents that a person is subscribed to: only those that are registered are shown.\n`)
  return all
}
