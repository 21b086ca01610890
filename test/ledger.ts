/** The ledger's table: as the template has it in a DynamoDB of its own, and as the simulation's, which is quick. */
import { vi } from 'vitest'
import { ledger } from '../infra/ledger.ts'
import { type DynamoDb, startDynamoDb } from '../local/aws/dynamodb.ts'
import { AwsError, type AwsJsonOptions, type AwsJsonService, startAwsJson } from '../local/aws/json-server.ts'
import { Table } from '../local/simulation/table.ts'
import { answerClients } from './services.ts'

/** The properties of the table that infra/ledger.ts describes. */
async function ledgerProperties(): Promise<Record<string, unknown>> {
  const variables: Record<string, unknown> = { 'sls:stage': 'test', 'self:custom': { checked: { removal: {} } } }
  const { Resources } = await ledger({ resolveVariable: async (name: string) => variables[name] })
  return Resources.Ledger.Properties
}

/** Starts the table and stubs the environment. The client in lib/aws/dynamodb.ts keeps to the first one of a test file. */
export async function startLedger(): Promise<DynamoDb> {
  const properties = await ledgerProperties()
  const name = String(properties.TableName)
  const service = await startDynamoDb({ tables: [{ name, properties }] })
  const variables = { AWS_REGION: 'ap-southeast-1', AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' }
  for (const [key, value] of Object.entries({
    ...variables,
    LEDGER_TABLE: name,
    AWS_ENDPOINT_URL_DYNAMODB: service.url,
  }))
    vi.stubEnv(key, value)
  return service
}

export type QuickLedger = AwsJsonService & Pick<Table, 'items'>

export const TABLE_OPERATIONS = ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query']

/**
 * Starts the table `name` for what lib/aws/dynamodb.ts asks of it, which test/local/simulation/table.long.test.ts finds
 * answered as dynalite does. Its items can be read and set without a request.
 */
export async function startQuickLedger(name: string, options: AwsJsonOptions = {}): Promise<QuickLedger> {
  const table = new Table()
  const run = (operation: string) => (input: { TableName?: string }) => {
    if (input.TableName === name) return table.run(operation, input)
    throw new AwsError('ResourceNotFoundException', `no table ${input.TableName}`)
  }
  const service = await startAwsJson(
    Object.fromEntries(TABLE_OPERATIONS.map((operation) => [operation, run(operation)])),
    options,
  )
  return { ...service, items: table.items }
}

/**
 * Starts that table and stubs the environment, for modules that have local/simulation/dynamodb.ts in place of AWS's client:
 * `vi.mock('@aws-sdk/client-dynamodb', () => import(…))` in the test.
 */
export async function startLedgerHere(): Promise<QuickLedger> {
  const ledger = await startQuickLedger('test-ledger', { isServed: false })
  vi.stubEnv('AWS_REGION', 'ap-southeast-1')
  vi.stubEnv('LEDGER_TABLE', 'test-ledger')
  const stopAnswering = answerClients(() => ledger)
  return {
    ...ledger,
    async close() {
      stopAnswering()
      await ledger.close()
    },
  }
}
