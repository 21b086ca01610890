/** Follows what becomes of an offboarding, and returns how it ended. */
import { limitOf } from '../../lib/handlers/work-item.ts'
import { readRecords } from '../../lib/ledger/records.ts'
import { isUnresolved } from '../../lib/report/rows.ts'
import { type Report, summarize } from '../../lib/report/summary.ts'
import { CommandError } from '../command.ts'
import type { Io } from '../io.ts'
import type { Connection } from '../stack/connection.ts'
import { useLedger } from '../stack/ledger.ts'
import { Progress } from './progress.ts'
import { loadOperations, readWaits } from './waits.ts'

/** Every operation should have planned by then: an event is tried again after one and two minutes. */
export const PLANNING_MS = { local: 60_000, deployed: 10 * 60_000 }
/** Each look reads every target, so a large offboarding is looked at less often. */
export const POLL_MS = { local: { least: 250, perTarget: 1 }, deployed: { least: 5_000, perTarget: 10 } }

/** Says that the ledger has nothing of an offboarding. */
export const describeUnknown = ({ dryRun = false }: { dryRun?: boolean | undefined } = {}): string =>
  `nothing is known of ${dryRun ? 'a dry run of ' : ''}this offboarding: check its id, and the stage. An event that was just sent takes a few seconds`

type Followed = {
  /** Null for an event that names none. */
  offboardingId: string | null
  /** Only what this event asks for, which was sent just now. */
  eventId?: string | undefined
  dryRun?: boolean | undefined
  signal: AbortSignal
}

/**
 * Shows progress on standard error until everything planned has ended, and returns what became of it. Throws what
 * `signal` was aborted with, and when nothing is known of it or functions do not plan it.
 */
export async function follow(
  io: Io,
  connection: Connection,
  { offboardingId, eventId, dryRun, signal }: Followed,
): Promise<Report> {
  useLedger(connection)
  const where = connection.isLocal ? 'local' : 'deployed'
  const operations = await loadOperations(connection)
  const names = [...operations.keys()]
  const paceOf = (name: string, dryRun: boolean) => {
    const operation = operations.get(name)
    return operation && limitOf(operation, { dryRun }).pace
  }
  const progress = new Progress(io.stderr, { paceOf, speed: connection.speed })
  const read = async (history: boolean) => {
    const records = await readRecords(offboardingId, { history })
    return { records, report: summarize(offboardingId ?? '-', records, { operations: names, eventId, dryRun }) }
  }
  // From when there is something to plan.
  let startedAtMs = Date.now()
  try {
    for (;;) {
      const { records, report } = await read(false)
      if (report) progress.show(report, await readWaits(records, report, operations, connection.speed))
      const unplanned = report?.unplanned ?? names
      const isOpen = report?.rows.some(({ outcome }) => outcome === 'open')
      if (report?.rows.some(isUnresolved)) startedAtMs = Date.now()
      if (report && unplanned.length === 0 && !isOpen) return (await read(true)).report ?? report
      const waitedMs = Date.now() - startedAtMs
      if (!report && eventId === undefined) throw new CommandError(describeUnknown({ dryRun }))
      if (unplanned.length > 0 && waitedMs > PLANNING_MS[where])
        throw new CommandError(
          `not queued yet: ${unplanned.join(', ')}. See the logs and the queue ${connection.names.undeliveredEventsQueue}`,
        )
      const { least, perTarget } = POLL_MS[where]
      await io.sleep(Math.max(least, perTarget * (report?.rows.length ?? 0)), signal)
    }
  } finally {
    progress.end()
  }
}
