/** Tables and times on a terminal. */

/** Columns as wide as their longest cell, two spaces apart; with `rule`, a line below the head. */
export function formatTable(head: string[], rows: string[][], { rule = false } = {}): string {
  const widths = head.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length),
  )
  const ruled = rule ? [widths.map((width) => '─'.repeat(width))] : []
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [head, ...ruled, ...rows].map(line).join('\n')
}

/** An ISO 8601 time to the second; `-` for none. */
export const formatTime = (time: string): string => time.replace(/\.\d+Z$/, 'Z') || '-'
