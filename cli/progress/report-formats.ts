/** The report of an offboarding: for a terminal, a program, a spreadsheet and a ticket. */
import { formatTable } from '../table.ts'
import { countsOf, type Ledger, needsSomebody, type Result, targetOf } from './ledger.ts'

const HEAD = ['operation', 'target', 'outcome', 'code', 'time', 'vendor request id']

const rowOf = (one: Result): string[] => [
  one.operation ?? '-',
  targetOf(one),
  one.outcome,
  one.code ?? '-',
  secondsOf(one.time),
  one.requestId ?? '-',
]

const secondsOf = (time: string): string => time.replace(/\.\d+Z$/, 'Z')

/** `39 targets: 38 changed, 1 parked` and, where some have not ended, how many. */
function summaryOf({ results, open, isDryRun }: Ledger): string {
  const targets = results.length === 1 ? '1 target' : `${results.length} targets`
  const ended = `${targets}${isDryRun ? ' of a dry run' : ''}: ${countsOf(results) || 'none'}`
  const waiting = [...open].map(([operation, items]) => `${items} of ${operation}`)
  return waiting.length > 0 ? `${ended}. Not finished yet: ${waiting.join(', ')}` : ended
}

/** A row for each target, the sum, then what needs somebody and why. */
function tableOf(ledger: Ledger): string {
  const reasons = ledger.results.filter(needsSomebody).map((one) => `${subjectOf(one)}\n  ${reasonOf(one)}`)
  return [formatTable(HEAD, ledger.results.map(rowOf), { rule: true }), '', summaryOf(ledger), ...reasons].join('\n')
}

/** `parked: feishu-drive-unsubscribe doxcn… docx` */
const subjectOf = (one: Result): string => `${one.outcome}: ${one.operation ?? 'event'} ${targetOf(one)}`
const reasonOf = ({ kind, hint }: Result): string => [kind, hint].filter(Boolean).join(': ')

function jsonOf(ledger: Ledger, offboardingId: string): string {
  const { results, open, isDryRun } = ledger
  const counts = Object.fromEntries(
    [...Map.groupBy(results, ({ outcome }) => outcome)].map(([key, some]) => [key, some.length]),
  )
  return JSON.stringify(
    { offboardingId, isDryRun, counts, notFinished: Object.fromEntries(open), targets: results },
    null,
    2,
  )
}

/** As RFC 4180 has it. What a spreadsheet would take for a formula gets an apostrophe before it. */
function csvOf({ results }: Ledger, offboardingId: string): string {
  const cell = (text: string) => {
    const harmless = /^[=+\-@＝＋－＠\t\r]/.test(text) ? `'${text}` : text
    return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
  }
  const head = ['offboardingId', 'operation', 'target', 'outcome', 'kind', 'code', 'requestId', 'time', 'hint']
  const rows = results.map((one) => [
    offboardingId,
    one.operation ?? '',
    one.input ? targetOf(one) : '',
    one.outcome,
    one.kind ?? '',
    one.code ?? '',
    one.requestId ?? '',
    one.time,
    one.hint ?? '',
  ])
  return [head, ...rows].map((row) => row.map(cell).join(',')).join('\r\n')
}

function markdownOf(ledger: Ledger, offboardingId: string): string {
  const line = (row: string[]) => `| ${row.map(plain).join(' | ')} |`
  const reasons = ledger.results
    .filter(needsSomebody)
    .map((one) => `- **${plain(subjectOf(one))}** ${plain(reasonOf(one))}`)
  return [
    `### Offboarding ${plain(offboardingId)}`,
    '',
    plain(summaryOf(ledger)),
    ...(reasons.length > 0 ? ['', ...reasons] : []),
    '',
    line(HEAD),
    `|${' --- |'.repeat(HEAD.length)}`,
    ...ledger.results.map((one) => line(rowOf(one))),
  ].join('\n')
}

/** The text as text: nothing in it is markup, a link, a mention or the end of a table's cell. */
const plain = (text: string): string =>
  text
    .replace(/[\\`*_[\]|~$]/g, '\\$&')
    .replace(/[&<>@]|(?<=www)\.|(?<=:)\//gi, (character) => `&#${character.charCodeAt(0)};`)

/** By the option that asks for it. */
export const FORMATS: Record<'table' | 'json' | 'csv' | 'markdown', (ledger: Ledger, offboardingId: string) => string> =
  {
    table: tableOf,
    json: jsonOf,
    csv: csvOf,
    markdown: markdownOf,
  }
