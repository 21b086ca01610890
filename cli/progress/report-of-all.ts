/** One report on many offboardings. */

import { formatCounts, hasReason } from '../../lib/report/rows.ts'
import type { Report } from '../../lib/report/summary.ts'
import { type Io, paint } from '../io.ts'
import { fitTable, formatCount, formatTable } from '../table.ts'
import { getExitCode } from './exit-code.ts'
import { formatReason, formatSubject } from './report-formats.ts'

/** By exit code, how soon a report needs a look. */
const URGENCY = [1, 3, 0]

/** A row for each offboarding, what needs an operator first; the sums; then each target that needs an operator or is gone, and why. */
export function formatAll(all: Report[], stdout: Pick<Io['stdout'], 'isTTY'> = {}): string {
  const codes = new Map(all.map((report) => [report, getExitCode(report)]))
  const urgencyOf = (report: Report) => URGENCY.indexOf(codes.get(report) ?? 0)
  const reports = all.toSorted((a, b) => urgencyOf(a) - urgencyOf(b))
  const targets = reports.flatMap(({ rows }) => rows.filter(({ operation }) => operation !== null))
  const [attention = 0, gone = 0, well = 0] = URGENCY.map(
    (_, urgency) => reports.filter((report) => urgencyOf(report) === urgency).length,
  )
  const isDryRun = reports.some((report) => report.isDryRun)
  const table = {
    head: ['offboarding', 'targets', 'outcome'],
    rows: reports.map(({ offboardingId, rows }) => [
      offboardingId,
      String(rows.filter(({ operation }) => operation !== null).length),
      formatCounts(rows) || 'nothing to end',
    ]),
  }
  const { head, rows } = fitTable(table, { flexible: 'offboarding' })
  const colors = ['red', 'yellow'] as const
  return [
    formatTable(head, rows, {
      rule: true,
      paint: (line, index) => {
        const color = reports[index] && colors[urgencyOf(reports[index])]
        return color ? paint(stdout, color, line) : line
      },
    }),
    '',
    [
      `${formatCount(reports.length, 'leaver')}${isDryRun ? ' of a dry run' : ''}: ${well} ${isDryRun ? 'would end' : 'ended'} well`,
      ...(attention > 0 ? [`${attention} with something for an operator`] : []),
      ...(gone > 0 ? [`${gone} with an id that the vendor does not know`] : []),
    ].join(', '),
    `${formatCount(targets.length, 'target')}: ${formatCounts(targets) || 'none'}`,
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
