/** The report of an offboarding: for a terminal, a program, a spreadsheet and a ticket. */

import { describeApproval } from '../../lib/people/collect.ts'
import { formatHold, type Wait } from '../../lib/report/hold.ts'
import { toJson } from '../../lib/report/json.ts'
import {
  type Entry,
  formatCounts,
  formatOutcome,
  formatTarget,
  groupByOperation,
  hasReason,
  isGone,
  isUnresolved,
  needsOperator,
  type Row,
} from '../../lib/report/rows.ts'
import type { PersonFound, Report } from '../../lib/report/summary.ts'
import { formatCsv } from '../csv.ts'
import { type Io, paint } from '../io.ts'
import { fitTable, formatCount, formatTable, formatTime } from '../table.ts'

/** `leaver at feishu: found, openId ou_…`, or why not. */
export function formatPerson({ role, vendor, state, ids, reason }: PersonFound): string {
  const known = Object.entries(ids).map(([name, id]) => `${name} ${id}`)
  return `${role} at ${vendor}: ${[state.replace('_', ' '), ...known].join(', ')}${reason ? `: ${reason}` : ''}`
}

/** A report, those of its rows that are to be shown, and where: a terminal may show colors. */
type Format = (report: Report, shown: Row[], stdout?: Pick<Io['stdout'], 'isTTY'>) => string

/** Head and rows; the history is shown where a target has been tried more than once. */
function tableOf(shown: Row[]): { head: string[]; rows: string[][] } {
  const hasHistory = shown.some(({ history }) => history.length > 1)
  const head = ['operation', 'target', 'outcome', 'code', 'time', 'vendor request id']
  return {
    head: hasHistory ? [...head, 'history'] : head,
    rows: shown.map((row) => {
      const { operation, outcome, kind, code, time, requestId, history } = row
      return [
        operation ?? '-',
        formatTarget(row),
        outcome === 'open' && kind ? `open (${kind})` : formatOutcome(row),
        code ?? '-',
        formatTime(time),
        requestId ?? '-',
        ...(hasHistory ? [history.length > 1 ? formatHistory(history) : '-'] : []),
      ]
    }),
  }
}

/** `parked 2026-11-27T10:00:00Z, changed 2026-11-27T11:00:00Z` */
const formatHistory = (history: Entry[]): string =>
  history.map((entry) => `${formatOutcome(entry)} ${formatTime(entry.time)}`).join(', ')

/** `39 targets: 37 changed, 1 parked`; what is gone; what an operation has not queued; dry runs that are not shown. */
function formatSum({ rows, isDryRun, unplanned, hasDryRuns }: Report): string {
  const targets = formatCount(rows.length, 'target')
  const gone = rows.filter(isGone).length
  const known = formatCounts(rows.filter((row) => !isGone(row)))
  return [
    `${targets}${isDryRun ? ' of a dry run' : ''}${known || gone === 0 ? `: ${known || 'none'}` : ''}`,
    ...(gone > 0
      ? [
          `${gone} ${isDryRun ? 'would be gone' : 'gone'}: unknown to the vendor, check ${gone === 1 ? 'the id' : 'the ids'}`,
        ]
      : []),
    ...(unplanned.length > 0 ? [`Not queued yet: ${unplanned.join(', ')}`] : []),
    ...(hasDryRuns ? ['Its dry runs: --dry-run'] : []),
  ].join('. ')
}

/** Of each operation, where there are several. */
function sumsOf({ rows }: Report): [string, string][] {
  const groups = groupByOperation(rows)
  return groups.length > 1
    ? groups.map(([operation, some]) => [operation, `${some.length}: ${formatCounts(some)}`])
    : []
}

/** Which operations are held, until when and why. */
const holdsOf = ({ waits }: Report): { subject: string; reason: string }[] =>
  [...(waits ?? [])].flatMap(([operation, { untilMs, hold }]) => {
    if (!hold) return []
    const next = formatTime(new Date(untilMs).toISOString())
    const subject = `held: ${operation} since ${formatTime(new Date(hold.sinceMs).toISOString())}, next try at ${next}`
    return [{ subject, reason: formatHold(hold) }]
  })

/** What a terminal's table leaves out, in this order, where it would be too wide. */
const SPARE = ['history', 'vendor request id', 'code']

/** A row for each target, the sums, then what is held, needs an operator or is gone, and why. */
const formatText: Format = (report, shown, stdout = {}) => {
  const { head, rows, leftOut } = fitTable(tableOf(shown), { spare: SPARE, flexible: 'target' })
  const sums = sumsOf(report)
  const width = Math.max(...sums.map(([operation]) => operation.length))
  return [
    formatTable(head, rows, { rule: true, paint: (line, index) => paintRow(stdout, shown[index], line) }),
    '',
    formatSum(report),
    ...sums.map(([operation, sum]) => `  ${operation.padEnd(width)}  ${sum}`),
    ...report.people.map(formatPerson),
    ...report.approvalCodes.map(describeApproval),
    ...holdsOf(report).map(({ subject, reason }) => `${subject}\n  ${reason}`),
    ...shown
      .filter(hasReason)
      .map((row) => `${formatSubject(row)}\n  ${formatReason(row)}${formatLeftOut(row, leftOut)}`),
    ...(leftOut.length > 0
      ? [`Left out to fit: ${leftOut.join(', ')}. "report" with --json or --csv has everything.`]
      : []),
  ].join('\n')
}

/** `  (code 1069603, request bd27…)`: what the table leaves out of a row that has a reason. */
function formatLeftOut({ code, requestId }: Row, leftOut: string[]): string {
  const known = [
    leftOut.includes('code') && code ? `code ${code}` : '',
    leftOut.includes('vendor request id') && requestId ? `request ${requestId}` : '',
  ].filter(Boolean)
  return known.length > 0 ? ` (${known.join(', ')})` : ''
}

/** Red: needs an operator. Yellow: something else is to be read about it. */
const paintRow = (stdout: Pick<Io['stdout'], 'isTTY'>, row: Row | undefined, line: string): string =>
  row && hasReason(row) ? paint(stdout, needsOperator(row) ? 'red' : 'yellow', line) : line

/** `parked: feishu-drive-unsubscribe doxcn… docx` */
export const formatSubject = (row: Row): string =>
  isUnresolved(row)
    ? 'open: the leaver is being found'
    : `${formatOutcome(row)}: ${row.operation ?? 'event'} ${formatTarget(row)}`
/** Kind and hint. */
export const formatReason = ({ kind, hint }: Row): string => [kind, hint].filter(Boolean).join(': ')

const formatJson: Format = (report, shown) => JSON.stringify(toJson(report, shown), null, 2)

const CSV_HEAD = [
  'offboardingId',
  'operation',
  'target',
  'outcome',
  'kind',
  'code',
  'requestId',
  'time',
  'hint',
  'history',
  'expected',
]

const formatSpreadsheet: Format = ({ offboardingId, waits }, shown) =>
  formatCsv([
    CSV_HEAD,
    ...shown.map((row) => [
      offboardingId,
      row.operation ?? '',
      row.input ? formatTarget(row) : '',
      row.outcome,
      row.kind ?? '',
      row.code ?? '',
      row.requestId ?? '',
      row.time,
      row.hint ?? (row.outcome === 'open' ? formatWaiting(waits?.get(row.operation ?? '')) : ''),
      formatHistory(row.history),
      row.expected ?? '',
    ]),
  ]).trimEnd()

const formatWaiting = (wait: Wait | undefined): string => (wait?.hold ? `held: ${formatHold(wait.hold)}` : '')

const formatMarkdown: Format = (report, shown) => {
  const line = (cells: string[]) => `| ${cells.map(plain).join(' | ')} |`
  const list = [
    ...sumsOf(report).map(([operation, sum]) => `- ${plain(operation)} ${plain(sum)}`),
    ...report.people.map((person) => `- ${plain(formatPerson(person))}`),
    ...report.approvalCodes.map((code) => `- ${plain(describeApproval(code))}`),
    ...holdsOf(report).map(({ subject, reason }) => `- **${plain(subject)}** ${plain(reason)}`),
    ...shown.filter(hasReason).map((row) => `- **${plain(formatSubject(row))}** ${plain(formatReason(row))}`),
  ]
  const { head, rows } = tableOf(shown)
  return [
    `### Offboarding ${plain(report.offboardingId)}`,
    '',
    plain(formatSum(report)),
    ...(list.length > 0 ? ['', ...list] : []),
    '',
    line(head),
    `|${' --- |'.repeat(head.length)}`,
    ...rows.map(line),
  ].join('\n')
}

/** The text as text: nothing in it is markup, a link, a mention or the end of a table's cell. */
const plain = (text: string): string =>
  text
    .replace(/[\\`*_[\]|~$]/g, '\\$&')
    .replace(/[&<>@]|(?<=www)\.|(?<=:)\//gi, (character) => `&#${character.charCodeAt(0)};`)

/** By the option that asks for it. */
export const FORMATS: Record<'table' | 'json' | 'csv' | 'markdown', Format> = {
  table: formatText,
  json: formatJson,
  csv: formatSpreadsheet,
  markdown: formatMarkdown,
}
