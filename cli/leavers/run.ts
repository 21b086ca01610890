/** Offboards leavers as HR knows them: shows what would happen, asks, sends, and follows to the report. */
import { LEAVING } from '../../lib/leaving-event.ts'
import { readRecords } from '../../lib/ledger/records.ts'
import type { Report } from '../../lib/report/summary.ts'
import { confirm, UsageError } from '../command.ts'
import { sendEvents } from '../event/send-events.ts'
import { type Io, log } from '../io.ts'
import { follow } from '../progress/follow.ts'
import { followAll } from '../progress/follow-all.ts'
import { FORMATS } from '../progress/report-formats.ts'
import { formatAll, getExitCodeOfAll } from '../progress/report-of-all.ts'
import type { Connection } from '../stack/connection.ts'
import { useLedger } from '../stack/ledger.ts'
import { formatCount } from '../table.ts'

export type Leavers = {
  details: { offboardingId: string }[]
  /** They are a list, which is sent once and has one report. */
  isList: boolean
  dryRun: boolean
  /** Do not ask. */
  yes: boolean
  /** Wait for the end, and report. */
  isFollowed: boolean
  goneIsFine: boolean
  /** What is done with those that were agreed to, if they are not to be sent now. */
  act?: ((details: { offboardingId: string }[]) => Promise<unknown>) | undefined
  /** The command that goes on following. */
  toFollow: (offboardingId: string) => string
  /** The command that lists offboardings. */
  toList: string
  /** The command once more, where that goes on with a list. */
  again: string
}

/** Throws `UsageError` where a question would have to be asked and there is no terminal to answer it. */
export function assertCanAsk(io: Io, { dryRun, yes }: { dryRun: boolean; yes: boolean }): void {
  if (dryRun || yes || io.stdin.isTTY) return
  throw new UsageError(
    'stdin is not a terminal, so nothing can be asked: pass --dry-run to see what would happen, --yes to offboard. Nothing was sent.',
  )
}

/** Returns the exit code. */
export async function offboardLeavers(io: Io, connection: Connection, leavers: Leavers): Promise<number> {
  const { details, isList, dryRun, yes, isFollowed, goneIsFine, act, toFollow, toList, again } = leavers
  useLedger(connection)
  const signal = io.catchInterrupt()
  const show = (reports: Report[]) => {
    const [report] = reports
    if (isList) io.stdout.write(`\n${formatAll(reports, io.stdout)}\n`)
    else if (report) io.stdout.write(`\n${FORMATS.table(report, report.rows, io.stdout)}\n`)
  }
  /** Logged when it ends too early. */
  let hint: string | undefined
  try {
    const isSent = isList && !dryRun ? await findSent(details) : new Set<string>()
    if (isSent.size > 0) log(io, `Sent before, and not sent again: ${list([...isSent])}.`)
    let wanted = details.filter(({ offboardingId }) => !isSent.has(offboardingId))
    const rejected: Report[] = []

    if (dryRun || (!yes && wanted.length > 0)) {
      const followed = await send(io, connection, wanted, { dryRun: true, isList, signal })
      if (!isFollowed && dryRun) return showFollowing(io, followed, { toFollow, toList })
      const reports = await followEach(io, connection, followed, isList, signal)
      show(reports)
      if (dryRun) return getExitCodeOfAll(reports, { goneIsFine })
      const isRejected = (report: Report | undefined) => !!report?.rows.some(({ outcome }) => outcome === 'rejected')
      rejected.push(...reports.filter(isRejected))
      wanted = wanted.filter((_, index) => !isRejected(reports[index]))
      if (wanted.length === 0 && isSent.size === 0) {
        log(io, 'Nothing was done.')
        return 1
      }
      const many = isList ? ` with ${wanted.length} of ${details.length} leavers` : ''
      if (wanted.length > 0 && !(await confirm(io, `Go on${many}`, signal))) return 1
    }

    if (act) {
      await act(wanted)
      return 0
    }
    hint = isList ? `To go on: ${again}` : `To go on following it: ${toFollow(details[0]?.offboardingId ?? '')}`
    const followed = await send(io, connection, wanted, { dryRun: false, isList, signal })
    if (!isFollowed) return showFollowing(io, followed, { toFollow, toList })
    const before = [...isSent].map((offboardingId) => ({ offboardingId, dryRun: false }))
    const reports = await followEach(io, connection, [...followed, ...before], isList, signal)
    const order = new Map(details.map(({ offboardingId }, index) => [offboardingId, index]))
    const all = [...reports, ...rejected].sort(
      (a, b) => (order.get(a.offboardingId) ?? 0) - (order.get(b.offboardingId) ?? 0),
    )
    show(all)
    return getExitCodeOfAll(all, { goneIsFine })
  } catch (error) {
    if (hint ?? signal.aborted) log(io, hint ?? 'Interrupted: no subscription was changed.')
    if (signal.aborted) return 130
    throw error
  }
}

type Followed = { offboardingId: string; eventId?: string; dryRun: boolean }

async function send(
  io: Io,
  connection: Connection,
  details: { offboardingId: string }[],
  { dryRun, isList, signal }: { dryRun: boolean; isList: boolean; signal: AbortSignal },
): Promise<Followed[]> {
  const what = dryRun ? 'the dry run of ' : ''
  const events = details.map((detail) => ({ ...detail, dryRun }))
  const ids = await sendEvents(connection, LEAVING, events, () => signal.throwIfAborted())
  const followed = details.map(({ offboardingId }, index) => ({ offboardingId, eventId: ids[index] ?? '', dryRun }))
  for (const { offboardingId, eventId } of isList ? [] : followed)
    log(io, `Sent ${what}${offboardingId} as event ${eventId}. Ctrl-C stops following it, not the work.`)
  if (isList) log(io, `Sent ${what}${formatCount(details.length, 'leaver')}.`)
  return followed
}

const followEach = async (
  io: Io,
  connection: Connection,
  followed: Followed[],
  isList: boolean,
  signal: AbortSignal,
): Promise<Report[]> =>
  isList
    ? followAll(io, connection, followed, signal)
    : Promise.all(followed.map((one) => follow(io, connection, { ...one, signal })))

/** Offboardings of which the ledger has a real run that was not rejected. */
async function findSent(details: { offboardingId: string }[]): Promise<Set<string>> {
  const sent = new Set<string>()
  const left = [...details]
  const work = async () => {
    for (let one = left.pop(); one; one = left.pop()) {
      const { offboardingId } = one
      const { leavings, sendings } = await readRecords(offboardingId, { history: false })
      const isReal = ({ dryRun }: { dryRun: boolean }) => !dryRun
      if (sendings.some(isReal) || leavings.some((record) => isReal(record) && record.stage !== 'rejected'))
        sent.add(offboardingId)
    }
  }
  await Promise.all(Array.from({ length: 16 }, work))
  return new Set(details.flatMap(({ offboardingId }) => (sent.has(offboardingId) ? [offboardingId] : [])))
}

function showFollowing(
  io: Io,
  followed: Followed[],
  { toFollow, toList }: Pick<Leavers, 'toFollow' | 'toList'>,
): number {
  for (const { offboardingId } of followed.slice(0, SHOWN)) log(io, `To follow it: ${toFollow(offboardingId)}`)
  if (followed.length > SHOWN) log(io, `… and ${followed.length - SHOWN} more: ${toList} shows them.`)
  return 0
}

const SHOWN = 20

const list = (ids: string[]): string =>
  `${ids.slice(0, SHOWN).join(', ')}${ids.length > SHOWN ? ` and ${ids.length - SHOWN} more` : ''}`
