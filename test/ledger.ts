/** The ledger table of the template in a DynamoDB of its own, and the variables that lead the functions to it. */
import { vi } from 'vitest'
import { ledger } from '../infra/ledger.ts'
import { type DynamoDb, startDynamoDb } from '../local/aws/dynamodb.ts'

/** The properties of the table that infra/ledger.ts describes. */
export async function ledgerProperties(): Promise<Record<string, unknown>> {
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
