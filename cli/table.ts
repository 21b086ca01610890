/** Tables, times and counts on a terminal. */

type Table = { head: string[]; rows: string[][] }

const GAP = 2

const widthsOf = ({ head, rows }: Table): number[] =>
  head.map((title, column) => rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length))

/** Columns as wide as their longest cell; with `rule`, a line below the head. `paint` may color a row's line. */
export function formatTable(
  head: string[],
  rows: string[][],
  { rule = false, paint = (line: string, _row: number): string => line } = {},
): string {
  const widths = widthsOf({ head, rows })
  const format = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(' '.repeat(GAP))
      .trimEnd()
  return [
    format(head),
    ...(rule ? [format(widths.map((width) => '─'.repeat(width)))] : []),
    ...rows.map((row, index) => paint(format(row), index)),
  ].join('\n')
}

/**
 * The table in lines of at most `width` characters: the columns of `spare` are left out in their order until it fits, then the cells of
 * the column `flexible` are shortened in the middle.
 */
export function fitTable(
  table: Table,
  { width = 100, spare = [], flexible }: { width?: number; spare?: string[]; flexible: string },
): Table & { leftOut: string[] } {
  const excessOf = (one: Table) => widthsOf(one).reduce((sum, each) => sum + each + GAP, -GAP) - width
  let fitted = table
  const leftOut: string[] = []
  for (const name of spare) {
    const column = fitted.head.indexOf(name)
    if (column < 0 || excessOf(fitted) <= 0) continue
    const without = (row: string[]) => row.filter((_, index) => index !== column)
    fitted = { head: without(fitted.head), rows: fitted.rows.map(without) }
    leftOut.push(name)
  }
  const excess = excessOf(fitted)
  if (excess <= 0) return { ...fitted, leftOut }
  const column = fitted.head.indexOf(flexible)
  const most = Math.max(flexible.length, (widthsOf(fitted)[column] ?? 0) - excess)
  const rows = fitted.rows.map((row) => row.map((cell, index) => (index === column ? shorten(cell, most) : cell)))
  return { head: fitted.head, rows, leftOut }
}

/** `feishu.cn_te…calendar.feishu.cn` */
function shorten(text: string, most: number): string {
  if (text.length <= most) return text
  const end = Math.floor((most - 1) / 2)
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`
}

/** An ISO 8601 time to the second; `-` for none. */
export const formatTime = (time: string): string => time.replace(/\.\d+Z$/, 'Z') || '-'

/** `1 letter`, `3 letters` */
export const formatCount = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
