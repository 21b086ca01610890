/** DynamoDB on loopback, in memory: tables made from CloudFormation properties, in `dynalite`. */
import { Readable } from 'node:stream'
import dynalite from 'dynalite'
import { AwsError, type AwsJsonService, startAwsJson } from './json-server.ts'

type DynamoDbOptions = {
  /** Properties of `AWS::DynamoDB::Table`, intrinsic functions resolved. */
  tables: { name: string; properties: Record<string, unknown> }[]
}

export type DynamoDb = AwsJsonService & {
  /** Does one operation without a request being recorded; throws `AwsError`. */
  run(operation: string, input: object): Promise<Record<string, unknown>>
}

const OPERATIONS = ['DescribeTable', 'GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query', 'Scan'] as const

/** The properties that dynalite has; others, such as encryption and expiry, it does not have. */
const TABLE_PROPERTIES = [
  'AttributeDefinitions',
  'KeySchema',
  'LocalSecondaryIndexes',
  'GlobalSecondaryIndexes',
  'BillingMode',
]

/** Starts the service, which makes its tables when it is first asked for one. Any signature will do. */
export async function startDynamoDb({ tables }: DynamoDbOptions): Promise<DynamoDb> {
  let made: Promise<DynamoDb['run']> | undefined
  const run: DynamoDb['run'] = async (operation, input) => {
    made ??= createTables(tables)
    return (await made)(operation, input)
  }
  const service = await startAwsJson(
    Object.fromEntries(OPERATIONS.map((operation) => [operation, (input: object) => run(operation, input)])),
  )
  return { ...service, run }
}

async function createTables(tables: DynamoDbOptions['tables']): Promise<DynamoDb['run']> {
  const run = createDynamoDb()
  for (const { name, properties } of tables) {
    const wanted = Object.entries(properties).filter(([property]) => TABLE_PROPERTIES.includes(property))
    await run('CreateTable', { TableName: name, ...Object.fromEntries(wanted) })
    const isActive = async () =>
      ((await run('DescribeTable', { TableName: name })).Table as { TableStatus: string }).TableStatus === 'ACTIVE'
    while (!(await isActive())) await new Promise(setImmediate)
  }
  return run
}

type Write = { TableName?: string; Key?: object; Item?: Record<string, unknown> }

/** A dynalite of its own, called without a network. */
function createDynamoDb(): DynamoDb['run'] {
  const server = dynalite({ createTableMs: 0 })
  const run: DynamoDb['run'] = (operation, input) =>
    new Promise((resolve, reject) => {
      const request = Object.assign(Readable.from([Buffer.from(JSON.stringify(input))]), {
        method: 'POST',
        url: '/',
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': `DynamoDB_20120810.${operation}`,
          authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=local',
          'x-amz-date': 'now',
        },
      })
      const response = {
        statusCode: 200,
        setHeader() {},
        end(body: string) {
          const output = JSON.parse(body)
          if (response.statusCode === 200) return resolve(output)
          const type = String(output.__type).replace(/^.*#/, '')
          reject(new AwsError(type, output.message ?? type, response.statusCode))
        },
      }
      server.emit('request', request, response)
    })

  let turn: Promise<unknown> = Promise.resolve()
  return (operation, input) => {
    // One after another, so that the item of a refused write is the one that it was refused for.
    const result = turn.then(() =>
      run(operation, input).catch(async (error) => {
        const isRefused = error instanceof AwsError && error.type === 'ConditionalCheckFailedException'
        if (isRefused && 'ReturnValuesOnConditionCheckFailure' in input)
          throw new AwsError(error.type, error.message, error.status, await readItem(run, input as Write))
        throw error
      }),
    )
    turn = result.catch(() => {})
    return result
  }
}

/** dynalite does not know `ReturnValuesOnConditionCheckFailure`. */
async function readItem(run: DynamoDb['run'], { TableName, Key, Item = {} }: Write): Promise<object> {
  const { pk, sk } = Item
  const found = await run('GetItem', { TableName, Key: Key ?? { pk, sk }, ConsistentRead: true })
  return found.Item ? { Item: found.Item } : {}
}
