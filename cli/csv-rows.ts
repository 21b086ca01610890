/** Reading CSV files, whose problems are named by line. No text here repeats a cell: it may be a person's address. */
import { readFileSync } from 'node:fs'
import { CsvError } from 'csv-parse'
import { parse } from 'csv-parse/sync'
import { printable } from '../lib/schema.ts'
import { UsageError } from './command.ts'
import { type Io, log } from './io.ts'

/** The most rows that are taken at once. */
export const MOST_ROWS = 5_000
/** Wrong rows that are shown. */
const SHOWN = 20

/** A row, with the line on which it ends. */
export type CsvRow = { line: number; cells: string[] }

/** The text of the file, which may be a pipe: reading it again gives nothing. Throws `UsageError`. */
export function readText(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new UsageError(`${file} could not be read (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new UsageError(`${file} is not UTF-8: in the spreadsheet, save it as "CSV UTF-8". Nothing was sent.`)
  }
}

/** The rows of the file's text, the first of which names the columns. Throws `UsageError`. */
export function readRows(file: string, text: string): CsvRow[] {
  try {
    const rows = parse(text, { bom: true, trim: true, skip_empty_lines: true, info: true }) as unknown as Parsed[]
    return rows.map(({ record, info }) => ({ line: info.lines, cells: record }))
  } catch (error) {
    // Its message may repeat what is in the file.
    if (error instanceof CsvError) throw new UsageError(`${file}, line ${error.lines}: ${toProblem(error.code)}`)
    throw error
  }
}

/** What csv-parse returns with `info`, which its types leave out. */
type Parsed = { record: string[]; info: { lines: number } }

const toProblem = (code: string): string =>
  code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH'
    ? 'it has not as many cells as there are columns'
    : `it is no CSV (${code})`

/** Throws `UsageError` unless each column is there once and known, and each of `needed` is there. */
export function assertColumns(file: string, columns: string[], known: string[], needed: string[] = []): void {
  const refuse = (problem: string): never => {
    throw new UsageError(`${file}, line 1: ${problem}. Known are ${known.join(', ')}. Nothing was sent.`)
  }
  for (const column of columns) if (!known.includes(column)) refuse(`"${printable(column)}" is not a known column`)
  for (const column of needed) if (!columns.includes(column)) refuse(`the column ${column} is missing`)
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index)
  if (repeated) refuse(`the column ${repeated} is there twice`)
}

/** Throws `UsageError` for no rows below the columns, or too many. */
export function assertCount(file: string, rows: CsvRow[]): void {
  if (rows.length === 0) throw new UsageError(`${file} has no rows below its columns`)
  if (rows.length > MOST_ROWS)
    throw new UsageError(`${file} has ${rows.length} rows; at most ${MOST_ROWS} are taken at once. Nothing was sent.`)
}

/** Lists what is wrong, row by row, and throws `UsageError`, if there is anything. */
export function refuseWrong(io: Io, file: string, wrong: string[]): void {
  if (wrong.length === 0) return
  for (const one of wrong.slice(0, SHOWN)) log(io, one)
  if (wrong.length > SHOWN) log(io, `  … and ${wrong.length - SHOWN} more`)
  throw new UsageError(`${file} has wrong rows, see above. Nothing was sent.`)
}
