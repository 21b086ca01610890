/** How an operator's command reaches the ledger of a stack. */
import { useTable } from '../../lib/aws/dynamodb.ts'
import { toCommandError } from '../aws-errors.ts'
import type { Connection } from './connection.ts'

/** Has the functions in lib/ledger ask the stack's table from now on. They throw `CommandError`. */
export function useLedger({ variables, settings }: Connection): void {
  const { LEDGER_TABLE: name = '' } = variables
  useTable({
    name,
    settings: settings('dynamodb'),
    toError: (action, error) => toCommandError(`dynamodb:${action}`, name, error),
  })
}
