/** Leavers out of a CSV file, whose columns are the fields of the event. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { leaving } from '../../lib/leaving-event.ts'
import { issuesOf } from '../../lib/schema.ts'
import { readText } from '../command.ts'
import { assertColumns, assertCount, readRows, refuseWrong } from '../csv-rows.ts'
import type { Io } from '../io.ts'

const ID = 'offboardingId'

type Entries = { [name: string]: { wrapped?: { entries?: Entries } } }

/** The fields of a person: `email`, `feishu.openId`. */
const fieldsOf = (entries: Entries): string[] =>
  Object.entries(entries).flatMap(([name, { wrapped }]) =>
    wrapped?.entries ? fieldsOf(wrapped.entries).map((field) => `${name}.${field}`) : [name],
  )

const PERSON_FIELDS = fieldsOf(leaving.entries.leaver.entries as unknown as Entries)

/** Those of the custodian begin with `custodian.`. */
const COLUMNS = [ID, ...PERSON_FIELDS, ...PERSON_FIELDS.map((field) => `custodian.${field}`)]

/** An event's detail that its row says. */
type LeavingRow = { offboardingId: string } & Record<string, unknown>

/**
 * The details of the events that the file asks for. A row without an `offboardingId` gets one from the file's content and its line, the
 * same whenever the file is read; it says nothing of the person. Throws `UsageError` when anything is wrong, having listed the wrong rows.
 */
export function readLeavers(io: Io, file: string): LeavingRow[] {
  const text = readText(file)
  const [head, ...rows] = readRows(file, text)
  const columns = head?.cells ?? []
  assertColumns(file, columns, COLUMNS)
  assertCount(file, rows)
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 12)
  // A dash in front would make options of the ids.
  const name =
    path
      .basename(file, path.extname(file))
      .replace(/[^\w-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 40) || 'leavers'
  const details = rows.map(({ line, cells }) => toDetail(columns, cells, `${name}-${digest}-${line}`))
  const lines = new Map<string, number>()
  const wrong = rows.flatMap(({ line }, index) => {
    const detail = details[index] as LeavingRow
    const issues = issuesOf(leaving, detail).map(([field, { en }]) => `  line ${line}: ${toColumn(field)} ${en}`)
    const other = lines.get(detail.offboardingId)
    lines.set(detail.offboardingId, other ?? line)
    return other === undefined ? issues : [...issues, `  line ${line}: ${ID} is the same as on line ${other}`]
  })
  refuseWrong(io, file, wrong)
  return details
}

/** What the row says, unchecked; an empty cell says nothing. */
function toDetail(columns: string[], cells: string[], ownId: string): LeavingRow {
  const detail: LeavingRow = { [ID]: ownId, leaver: {} }
  columns.forEach((column, index) => {
    const value = cells[index]
    if (!value) return
    const names =
      column === ID || column.startsWith('custodian.') ? column.split('.') : ['leaver', ...column.split('.')]
    const last = names.pop() as string
    const parent = names.reduce<Record<string, unknown>>((object, key) => {
      object[key] ??= {}
      return object[key] as Record<string, unknown>
    }, detail)
    parent[last] = value
  })
  return detail
}

/** The column that a field of the event came from. */
const toColumn = (field: string): string => (field === 'leaver' ? 'the leaver' : field.replace(/^leaver\./, ''))
