/** Offboardings as a browser shows them, read from the ledger while a page is open. */

import { loadOperations, type Operations, readWaits } from '../../cli/progress/waits.ts'
import type { Connection } from '../../cli/stack/connection.ts'
import { useLedger } from '../../cli/stack/ledger.ts'
import { listByState, type Records, readRecords, STATES } from '../../lib/ledger/records.ts'
import type { Wait } from '../../lib/report/hold.ts'
import type { Row } from '../../lib/report/rows.ts'
import { type PersonFound, summarize } from '../../lib/report/summary.ts'

/** One offboarding: its targets, and what its operations wait for. */
export type Card = {
  message: 'offboarding'
  /** The offboarding's, or the event's where a rejected event names none. */
  id: string
  isNamed: boolean
  /** Times in ISO 8601. `activeAt`: when something was sent, or became of a target, last. */
  startedAt: string
  activeAt: string
  isDryRun: boolean
  isEnded: boolean
  rows: Row[]
  waits: Record<string, Wait>
  people: PersonFound[]
  /** Chinese for why a person was not found, which `people` has in English. */
  reasons: Record<string, string>
  approvalCodes: string[]
}

const POLL_MS = 200

/**
 * Calls `onChange` with each offboarding, and again with each that has changed. Looks only while `isWatched`, and rests for as
 * long as it took to look. Returns what ends it.
 */
export function watchOffboardings(
  connection: Connection,
  isWatched: () => boolean,
  onChange: (card: Card) => void,
): () => void {
  useLedger(connection)
  const loading = loadOperations(connection)
  /** By offboarding, its states when it was read last; and each card as it was shown last. */
  const seen = new Map<string | null, string>()
  const shown = new Map<string, string>()
  let isStopped = false

  const look = async () => {
    const operations = await loading
    const states = new Map<string | null, string>()
    for (const state of STATES)
      for await (const one of listByState(state)) {
        const { offboardingId } = one
        states.set(offboardingId, `${states.get(offboardingId) ?? ''} ${state} ${'since' in one ? one.since : ''}`)
      }
    for (const [id, state] of states) {
      if (seen.get(id) === state && !state.includes(' open ')) continue
      for (const card of await readCards(id, operations, connection.speed)) {
        const text = JSON.stringify(card)
        if (shown.get(card.id) !== text) onChange(card)
        shown.set(card.id, text)
      }
      seen.set(id, state)
    }
  }
  const run = async () => {
    while (!isStopped) {
      const startedAtMs = Date.now()
      if (isWatched()) await look().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, Math.max(POLL_MS, Date.now() - startedAtMs)))
    }
  }
  void run()
  return () => {
    isStopped = true
  }
}

async function readCards(id: string | null, operations: Operations, speed: number): Promise<Card[]> {
  const records = await readRecords(id)
  if (id !== null) return toCard(id, records, operations, speed)
  const cards = records.rejections.map((one) =>
    toCard(one.eventId, { ...records, rejections: [one] }, operations, speed),
  )
  return (await Promise.all(cards)).flat()
}

async function toCard(id: string, records: Records, operations: Operations, speed: number): Promise<Card[]> {
  const report = summarize(id, records, { operations: [...operations.keys()] })
  if (!report) return []
  const { rows, isDryRun, unplanned, people, approvalCodes } = report
  const { sendings, rejections, leavings } = records
  const started = [...sendings, ...rejections, ...leavings].map(({ sentAt }) => sentAt).sort()
  const active = [...started, ...rows.flatMap(({ time, history }) => [time, ...history.map((one) => one.time)])].sort()
  const found = leavings.flatMap((one) => [
    ...Object.values(one.found ?? {}),
    ...(one.custodian ? [one.custodian] : []),
  ])
  const card: Card = {
    message: 'offboarding',
    id,
    isNamed: records.rejections.every(({ offboardingId }) => offboardingId !== null),
    startedAt: started[0] ?? '',
    activeAt: active.at(-1) ?? '',
    isDryRun,
    isEnded: unplanned.length === 0 && rows.every(({ outcome }) => outcome !== 'open'),
    rows,
    waits: Object.fromEntries(await readWaits(records, report, operations, speed)),
    people,
    reasons: Object.fromEntries(found.flatMap(({ reason }) => (reason ? [[reason.en, reason.zh]] : []))),
    approvalCodes,
  }
  return [card]
}
