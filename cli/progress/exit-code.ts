/** What a report means for the exit code. */
import { isGone, needsOperator } from '../../lib/report/rows.ts'
import type { Report } from '../../lib/report/summary.ts'

/** 1 when something has not ended or needs an operator, else 3 when something is gone, unless that is fine, else 0. */
export function getExitCode({ rows, unplanned }: Report, { goneIsFine = false } = {}): number {
  if (unplanned.length > 0 || rows.some((row) => needsOperator(row) || row.outcome === 'open')) return 1
  return !goneIsFine && rows.some(isGone) ? 3 : 0
}
