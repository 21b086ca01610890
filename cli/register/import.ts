/** `offboarding register import`: many subscriptions out of a CSV file. */
import { Command } from 'commander'
import { type Ending, REGISTERED, type Registration } from '../../lib/register-event.ts'
import { readText, withOptions } from '../command.ts'
import { assertColumns, assertCount, MOST_ROWS, readRows, refuseWrong } from '../csv-rows.ts'
import { sendEvents } from '../event/send-events.ts'
import { type Io, log } from '../io.ts'
import { type ConnectionOptions, connect, connectionOptions } from '../stack/connection.ts'
import { findIssues, loadEnding, readDocument } from './registration.ts'

const PROGRESS_ROWS = 500
const OWN_COLUMNS = ['vendor', 'person', 'operation']

export const importCommand = (io: Io): Command =>
  withOptions(
    new Command('import')
      .summary('enter the subscriptions in a CSV file')
      .description(
        'Checks every row of a CSV file, then enters all of them. Its first line names the columns: vendor (feishu or ' +
          "dingtalk), person (open_id or unionId), operation, and the fields of the operations, as in file_token, which may be a document's address. A cell that " +
          `a row does not need is empty. At most ${MOST_ROWS} rows. Entering a row twice does no harm: after a failure, run it again.`,
      )
      .argument('<file.csv>'),
    connectionOptions(),
  )
    .addHelpText(
      'after',
      `
Exit code 0: all events were sent. 1: the command failed. 2: wrong options or a
wrong row, nothing was sent. 130: interrupted.

Examples, with the file:
  vendor,person,operation,file_token,file_type,approval_code
  feishu,ou_xxxxxxxx,feishu-drive-unsubscribe,doxcnXXXX,docx,
  feishu,ou_xxxxxxxx,feishu-approval-unsubscribe,,,7C468A54-8745-2245-9675-08B7

  npx offboarding register import subscriptions.csv --stage prod`,
    )
    .action(async (file: string, options: ConnectionOptions) => {
      const registrations = readRegistrations(io, file, await loadEnding())
      const connection = await connect(io, options)
      const signal = io.catchInterrupt()
      let sent = 0
      const count = `of ${registrations.length}`
      try {
        await sendEvents(connection, REGISTERED, registrations, ({ length: more }) => {
          const before = sent
          sent += more
          if (Math.floor(sent / PROGRESS_ROWS) > Math.floor(before / PROGRESS_ROWS)) log(io, `${sent} ${count} sent`)
          signal.throwIfAborted()
        })
      } catch (error) {
        log(io, `Sent ${sent} ${count}. Run the same command again: what was sent twice does no harm.`)
        if (!signal.aborted) throw error
        io.exitCode = 130
        return
      }
      log(io, `Sent ${sent} ${count}.`)
    })

/** The file's registrations. Throws `UsageError` when any is wrong, having listed the wrong rows. */
function readRegistrations(io: Io, file: string, operations: Ending[]): Registration[] {
  const [head, ...rows] = readRows(file, readText(file))
  const columns = checkColumns(file, head?.cells ?? [], operations)
  assertCount(file, rows)
  const registrations = rows.map(({ cells }) => toRegistration(columns, cells))
  const wrong = registrations.flatMap((registration, index) =>
    findIssues(operations, registration).map(
      ([field, { en }]) => `  line ${rows[index]?.line}: ${toColumn(field)} ${en}`,
    ),
  )
  refuseWrong(io, file, wrong)
  return registrations as Registration[]
}

/** The columns, each once and known. */
function checkColumns(file: string, columns: string[], operations: Ending[]): string[] {
  const fields = operations.flatMap(({ input }) => Object.keys((input as unknown as { entries: object }).entries))
  assertColumns(file, columns, [...OWN_COLUMNS, ...new Set(fields)], OWN_COLUMNS)
  return columns
}

/** What the row says, unchecked; an empty cell says nothing. */
function toRegistration(columns: string[], cells: string[]): { person: object; operation: unknown; input: object } {
  const given = columns.flatMap((column, index) => (cells[index] ? [[column, cells[index]] as const] : []))
  const { vendor = '', person, operation } = Object.fromEntries(given) as Record<string, string | undefined>
  return {
    person: { [vendor]: vendor === 'dingtalk' ? { unionId: person } : { openId: person } },
    operation,
    input: readDocument(Object.fromEntries(given.filter(([column]) => !OWN_COLUMNS.includes(column)))),
  }
}

/** The column that a field of the event came from: `input.file_type` is file_type, `person.feishu.openId` is person. */
const toColumn = (field: string): string => {
  const [part = '', vendor, id] = field.split('.')
  if (part === 'input') return vendor ?? part
  return part === 'person' && vendor !== undefined && id === undefined ? 'vendor' : part
}
