/** One report on many offboardings. */

import { formatCounts, hasReason } from '../../lib/report/rows.ts'
import type { Report } from '../../lib/report/summary.ts'
import { formatTable } from '../table.ts'
import { getExitCode } from './exit-code.ts'
import { formatReason, formatSubject } from './report-formats.ts'

/** A row for each offboarding, the sums, then each target that needs an operator or is gone, and why. */
export function formatAll(reports: Report[]): string {
  const targets = reports.flatMap(({ rows }) => rows.filter(({ operation }) => operation !== null))
  const ofCode = (code: number) => reports.filter((report) => getExitCode(report) === code).length
  const [well, attention, gone] = [ofCode(0), ofCode(1), ofCode(3)]
  const isDryRun = reports.some((report) => report.isDryRun)
  return [
    formatTable(
      ['offboarding', 'targets', 'outcome'],
      reports.map(({ offboardingId, rows }) => [
        offboardingId,
        String(rows.filter(({ operation }) => operation !== null).length),
        formatCounts(rows) || 'nothing to end',
      ]),
      { rule: true },
    ),
    '',
    [
      `${reports.length === 1 ? '1 leaver' : `${reports.length} leavers`}${isDryRun ? ' of a dry run' : ''}: ${well} ${isDryRun ? 'would end' : 'ended'} well`,
      ...(attention > 0 ? [`${attention} with something for an operator`] : []),
      ...(gone > 0 ? [`${gone} with an id that the vendor does not know`] : []),
    ].join(', '),
    `${targets.length === 1 ? '1 target' : `${targets.length} targets`}: ${formatCounts(targets) || 'none'}`,
    ...reports.flatMap(({ offboardingId, rows }) =>
      rows.filter(hasReason).map((row) => `${offboardingId}  ${formatSubject(row)}\n  ${formatReason(row)}`),
    ),
  ].join('\n')
}

/** The gravest of the exit codes: 1, else 3, else 0. */
export function getExitCodeOfAll(reports: Report[], options: { goneIsFine?: boolean }): number {
  const codes = reports.map((report) => getExitCode(report, options))
  return codes.includes(1) ? 1 : Math.max(0, ...codes)
}
