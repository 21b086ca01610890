/** Tables for spreadsheets. */

/** As RFC 4180 has it, each line ended. What a spreadsheet would take for a formula gets an apostrophe before it. */
export const formatCsv = (rows: string[][]): string =>
  rows.map((row) => `${row.map(formatCell).join(',')}\r\n`).join('')

function formatCell(text: string): string {
  const harmless = /^[=+\-@＝＋－＠\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
