/** Follows many offboardings at once. */
import { readRecords } from '../../lib/ledger/records.ts'
import { isUnresolved, needsOperator } from '../../lib/report/rows.ts'
import { type Report, summarize } from '../../lib/report/summary.ts'
import { printable } from '../../lib/schema.ts'
import { CommandError } from '../command.ts'
import { type Io, log } from '../io.ts'
import type { Connection } from '../stack/connection.ts'
import { useLedger } from '../stack/ledger.ts'
import { formatCount } from '../table.ts'
import { PLANNING_MS, POLL_MS } from './follow.ts'

/** Offboardings that are read at once; the local table is slow beside the functions that write to it. */
const READ_AT_ONCE = { local: 2, deployed: 16 }
/** So many looks in a row may fail, once one has succeeded. */
const FAILED_LOOKS = 10

/** What is followed of an offboarding: the event that was sent just now, or all that there is. */
export type Followed = { offboardingId: string; eventId?: string | undefined; dryRun?: boolean }

/**
 * Shows progress on standard error until all have ended, and returns what became of each, in order. Throws what `signal` was aborted
 * with, and when some of them are unknown or are not planned.
 */
export async function followAll(
  io: Io,
  connection: Connection,
  all: readonly Followed[],
  signal: AbortSignal,
): Promise<Report[]> {
  useLedger(connection)
  const where = connection.isLocal ? 'local' : 'deployed'
  const operations = Object.keys(connection.names.operations)
  const reports = new Map<Followed, Report>()
  const progress = new ProgressOfAll(io, all.length)
  const hasEnded = (one: Followed): boolean => {
    const { rows, unplanned } = reports.get(one) ?? { rows: [], unplanned: operations }
    return unplanned.length === 0 && !rows.some(({ outcome }) => outcome === 'open')
  }
  const look = async (one: Followed) => {
    signal.throwIfAborted()
    const { offboardingId, eventId, dryRun } = one
    const records = await readRecords(offboardingId, { history: false })
    const report = summarize(offboardingId, records, { operations, eventId, dryRun })
    if (report) reports.set(one, report)
  }
  let open = [...all]
  let changedAtMs = Date.now()
  let before = ''
  let failed = FAILED_LOOKS
  try {
    for (;;) {
      const startedAtMs = Date.now()
      try {
        for (let first = 0; first < open.length; first += READ_AT_ONCE[where])
          await Promise.all(open.slice(first, first + READ_AT_ONCE[where]).map(look))
        failed = 0
      } catch (error) {
        if (signal.aborted || ++failed > FAILED_LOOKS) throw error
      }
      const unknown = open.filter((one) => one.eventId === undefined && !reports.has(one))
      if (failed === 0 && unknown.length > 0)
        throw new CommandError(
          `nothing is known of ${unknown.map(({ offboardingId }) => printable(offboardingId, 256)).join(', ')}`,
        )
      const tookMs = Date.now() - startedAtMs
      open = open.filter((one) => !hasEnded(one))
      progress.show([...reports.values()], all.length - open.length)
      if (open.length === 0) return all.map((one) => reports.get(one) as Report)
      const known = open.map((one) => reports.get(one))
      const state = known.map((report) => `${report?.unplanned.length} ${report?.rows.length}`).join()
      if (state !== before || known.some((report) => report?.rows.some(isUnresolved))) changedAtMs = Date.now()
      before = state
      const isUnplanned = known.some((report) => !report || report.unplanned.length > 0)
      if (isUnplanned && Date.now() - changedAtMs > PLANNING_MS[where])
        throw new CommandError(
          `not queued yet: ${formatCount(open.length, 'offboarding')}. See the logs and the queue ${connection.names.undeliveredEventsQueue}`,
        )
      const { least, perTarget } = POLL_MS[where]
      const rows = known.reduce((sum, report) => sum + (report?.rows.length ?? 1), 0)
      await io.sleep(Math.max(least, tookMs, perTarget * rows), signal)
    }
  } finally {
    progress.end()
  }
}

/** A bar that is redrawn where the stream is a terminal, else a line for each tenth. */
class ProgressOfAll {
  readonly #io: Io
  readonly #count: number
  readonly #logged = new Set<string>()

  constructor(io: Io, count: number) {
    this.#io = io
    this.#count = count
  }

  show(reports: Report[], ended: number): void {
    const { stderr } = this.#io
    const rows = reports.flatMap((report) => report.rows)
    const attention = reports.filter((report) => report.rows.some(needsOperator)).length
    const finding = rows.filter(isUnresolved)
    const text = [
      `${ended}/${this.#count} leavers ended`,
      ...(attention > 0 ? [`${attention} with something for an operator`] : []),
      ...(finding.length > 0 ? [`${finding.length} being found`] : []),
    ].join(', ')
    if (stderr.isTTY) {
      const filled = Math.round((12 * ended) / this.#count)
      const line = `[${'█'.repeat(filled).padEnd(12, '·')}] ${text}`
      stderr.write(`\r\u001b[K${line.slice(0, (stderr.columns || 80) - 1)}`)
      return
    }
    this.#log(`ended ${Math.floor((10 * ended) / this.#count)}`, text)
    for (const { kind, code, hint } of finding)
      if (kind)
        this.#log(
          `${kind} ${code}`,
          `finding a leaver: ${[kind, code].filter(Boolean).join(' ')}: ${printable(hint ?? '', 500)}`,
        )
  }

  end(): void {
    if (this.#io.stderr.isTTY) this.#io.stderr.write('\n')
  }

  #log(subject: string, line: string): void {
    if (this.#logged.has(subject)) return
    this.#logged.add(subject)
    log(this.#io, line)
  }
}
