/**
 * DynamoDB: the ledger table. Load it only where the table is needed, not for HTTP calls: its client takes time to load.
 * Every step is one request, so that each can be repeated. A write whose answer is lost is repeated by the SDK and may
 * then find its own item, so compare the item of a refused write with what was written.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/
 */
import {
  type AttributeValue,
  DeleteItemCommand,
  DynamoDBClient,
  type DynamoDBClientConfig,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import { environment } from '../environment.ts'
import { OperationError } from '../error.ts'
import { marshal, marshalAll, unmarshalAll, type Value } from './attributes.ts'
import { awsNowMs, learnTimeFrom } from './clock.ts'
import { condition, keyCondition, Names, type Sort, type Update, updateExpression, type When } from './expressions.ts'
import { callOptions, clientSettings, isPermanent } from './sdk.ts'
import { misconfigured, unavailable } from './table-errors.ts'

/** Of one call with its attempts. */
const TIMEOUT_MS = 5_000

/** The primary key of an item. */
export type Key = { pk: string; sk: string }
/** An item with its attributes. */
export type Item = Key & { [attribute: string]: Value | undefined }

/** What a write did. `ok: false`: its condition did not hold; `item` is the item as it is. `atMs` is AWS's time. */
export type Written = { ok: true; item: Item; atMs: number } | { ok: false; item: Item | undefined; atMs: number }

/** The key attributes of each index. */
const INDEXES = { open: ['pk', 'openIn'], state: ['state', 'since'] } as const

/** What items to read. */
export type Query = {
  index?: keyof typeof INDEXES
  /** The value of the partition key: `pk`, or `state` of the index of this name. */
  partition: string
  sort?: Sort
  limit?: number
  /** False: from the last one backwards. */
  forward?: boolean
  /** Not for the index `state`, which is always some moments behind. */
  consistent?: boolean
  /** `next` of the page before. */
  from?: Key | undefined
}
/** `next` is where the next page begins, if there may be one. */
export type Page = { items: Item[]; next: Key | undefined; atMs: number }

/** A table that an operator's command reads: the settings of its client, and the error that a failed call becomes. */
export type Table = {
  name: string
  settings: DynamoDBClientConfig
  toError: (action: string, error: unknown) => Error
}

let given: Table | undefined
/** Uses this table from now on instead of the one that the environment names. */
export function useTable(table: Table): void {
  given = table
  client = undefined
}

/** The item as the last write left it. */
export async function getItem(key: Key): Promise<{ item: Item | undefined; atMs: number }> {
  const command = new GetItemCommand({ TableName: table(), Key: keyOf(key), ConsistentRead: true })
  const { Item } = await call('GetItem', (client) => client.send(command, callOptions(TIMEOUT_MS)))
  return { item: Item && itemOf(Item), atMs: awsNowMs() }
}

/** Writes an item that does not exist yet. Attributes that are undefined are left out. */
export async function putNewItem(item: Item): Promise<Written> {
  const names = new Names()
  const command = new PutItemCommand({
    TableName: table(),
    Item: marshalAll(item),
    ...condition({ pk: { exists: false } }, names),
    ...names.given(),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
  return write('PutItem', (client) => client.send(command, callOptions(TIMEOUT_MS)).then(() => item))
}

/** Changes an item, or makes it where there is none and `when` allows that; returns it as it is afterwards. */
export async function updateItem(key: Key, { when, ...update }: Update & { when?: When }): Promise<Written> {
  const names = new Names()
  const UpdateExpression = updateExpression(update, names)
  const command = new UpdateItemCommand({
    TableName: table(),
    Key: keyOf(key),
    ...(UpdateExpression && { UpdateExpression }),
    ...condition(when, names),
    ...names.given(),
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
  return write('UpdateItem', async (client) =>
    itemOf((await client.send(command, callOptions(TIMEOUT_MS))).Attributes ?? {}),
  )
}

/** Deletes an item, also one that does not exist, unless `when` forbids it. The item returned is only its key. */
export async function deleteItem(key: Key, when?: When): Promise<Written> {
  const names = new Names()
  const command = new DeleteItemCommand({
    TableName: table(),
    Key: keyOf(key),
    ...condition(when, names),
    ...names.given(),
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  })
  return write('DeleteItem', (client) => client.send(command, callOptions(TIMEOUT_MS)).then(() => key))
}

/** One page: at most `limit` items, and at most 1 MB. */
export async function queryPage({ index, partition, sort, limit, forward, consistent, from }: Query): Promise<Page> {
  const [partitionKey, sortKey] = index ? INDEXES[index] : ['pk', 'sk']
  const names = new Names()
  const KeyConditionExpression = keyCondition(partitionKey, partition, sortKey, sort, names)
  const command = new QueryCommand({
    TableName: table(),
    IndexName: index,
    KeyConditionExpression,
    ...names.given(),
    Limit: limit,
    ScanIndexForward: forward,
    ConsistentRead: consistent,
    ExclusiveStartKey: from && marshalAll(from),
  })
  const { Items = [], LastEvaluatedKey } = await call('Query', (client) =>
    client.send(command, callOptions(TIMEOUT_MS)),
  )
  return { items: Items.map(itemOf), next: LastEvaluatedKey && itemOf(LastEvaluatedKey), atMs: awsNowMs() }
}

/** All items, page after page; `limit` is a page's. */
export async function* queryItems(query: Query): AsyncGenerator<Item> {
  let from = query.from
  do {
    const { items, next } = await queryPage({ ...query, from })
    yield* items
    from = next
  } while (from)
}

const table = () => given?.name ?? environment('LEDGER_TABLE')
const keyOf = ({ pk, sk }: Key) => ({ pk: marshal(pk), sk: marshal(sk) })
const itemOf = (attributes: Record<string, AttributeValue>) => unmarshalAll(attributes) as Item

/** A write's result; `send` returns the item after it. */
async function write(action: string, send: (client: DynamoDBClient) => Promise<Item>): Promise<Written> {
  try {
    return { ok: true, item: await call(action, send), atMs: awsNowMs() }
  } catch (error) {
    const { name, Item } = error as { name: string; Item?: Record<string, AttributeValue> }
    if (name !== 'ConditionalCheckFailedException') throw error
    return { ok: false, item: Item && itemOf(Item), atMs: awsNowMs() }
  }
}

/** Passes a failed condition on; everything else becomes `misconfigured` or `unavailable`. */
async function call<Output>(action: string, send: (client: DynamoDBClient) => Promise<Output>): Promise<Output> {
  try {
    return await send(getClient())
  } catch (error) {
    const { name } = error as Error
    if (name === 'ConditionalCheckFailedException' || error instanceof OperationError) throw error
    if (given) throw given.toError(action, error)
    if (!isPermanent(error)) throw unavailable(table(), action)
    throw misconfigured(table(), action, name)
  }
}

let client: DynamoDBClient | undefined
function getClient(): DynamoDBClient {
  if (client) return client
  client = new DynamoDBClient(given?.settings ?? clientSettings())
  learnTimeFrom(client)
  return client
}
