/** The report of an offboarding for a program: what `report --json` writes and the API answers. */
import { countExpected, countOutcomes, groupByOperation, type Row } from './rows.ts'
import type { Report } from './summary.ts'

/** The counts are those of all targets, `shown` are the ones to list. */
export function toJson(
  { offboardingId, isDryRun, rows, unplanned, waits, people, approvalCodes }: Report,
  shown: Row[],
) {
  const { open: _, gone: __, ...counts } = countOutcomes(rows)
  const operations = groupByOperation(rows).map(([name, some]) => [name, countOutcomes(some)] as const)
  const only = (outcome: string) =>
    Object.fromEntries(
      operations.flatMap(([name, { [outcome]: count }]) => (count === undefined ? [] : [[name, count]])),
    )
  return {
    offboardingId,
    isDryRun,
    counts,
    ...(isDryRun && { expected: countExpected(rows) }),
    operations: Object.fromEntries(operations),
    gone: only('gone'),
    notFinished: only('open'),
    notPlanned: unplanned,
    held: Object.fromEntries(
      [...(waits ?? [])].flatMap(([operation, { untilMs, hold: { sinceMs, ...why } = {} }]) =>
        sinceMs === undefined ? [] : [[operation, { since: new Date(sinceMs), nextTryAt: new Date(untilMs), ...why }]],
      ),
    ),
    people,
    approvalCodes,
    targets: shown,
  }
}
