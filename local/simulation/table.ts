/**
 * DynamoDB for the simulation: one table in memory that knows the requests which lib/aws/dynamodb.ts sends, and no others.
 * test/local/simulation/table.long.test.ts compares it with dynalite.
 */
import type { AttributeValue, QueryInput, UpdateItemInput } from '@aws-sdk/client-dynamodb'
import { AwsError } from '../aws/json-server.ts'

type Attributes = Record<string, AttributeValue>
type Request = Partial<UpdateItemInput> & Partial<QueryInput> & { Item?: Attributes }
type Entry = Attributes | undefined

/** The sort key and partition key of each index, and whether it has whole items or keys alone. */
const INDEXES = {
  open: { partition: 'pk', sort: 'openIn', isWhole: false },
  state: { partition: 'state', sort: 'since', isWhole: true },
}
const TABLE = { partition: 'pk', sort: 'sk', isWhole: true }
const PAGE_BYTES = 1_048_576

export class Table {
  /** By `pk` and `sk`. */
  readonly items = new Map<string, Map<string, Attributes>>()
  /** What an on-demand table is billed by, its indexes included. */
  readonly units = { read: 0, write: 0 }

  /** Does one operation; throws `AwsError` where DynamoDB refuses. */
  run(operation: string, input: object): object {
    const request = input as Request
    const key = request.Key ?? request.Item ?? {}
    if (operation === 'Query') return this.#query(request)
    const before = this.#find(key)
    if (operation === 'GetItem') {
      this.#countRead(sizeOf(before), request.ConsistentRead)
      return before ? { Item: before } : {}
    }
    const after = { PutItem: request.Item, UpdateItem: updated(before ?? key, request), DeleteItem: undefined }
    if (!(operation in after)) throw new AwsError('UnknownOperationException', operation)
    this.#write(key, before, after[operation as keyof typeof after], request)
    return operation === 'UpdateItem' ? { Attributes: after.UpdateItem } : {}
  }

  #find({ pk, sk }: Attributes): Entry {
    return this.items.get(pk?.S ?? '')?.get(sk?.S ?? '')
  }

  #write({ pk, sk }: Attributes, before: Entry, after: Entry, request: Request): void {
    const { ConditionExpression: condition } = request
    this.units.write += Math.ceil(Math.max(1, sizeOf(before), sizeOf(after)) / 1_024)
    if (condition && !testOf(condition, request)(before ?? {}))
      throw new AwsError(
        'ConditionalCheckFailedException',
        'The conditional request failed',
        400,
        before && { Item: before },
      )
    for (const index of Object.values(INDEXES)) {
      const [was, is] = [before, after].map((item) => entryOf(item, index))
      if (JSON.stringify(was) === JSON.stringify(is)) continue
      const hasMoved = was && is && [index.partition, index.sort].some((name) => was[name]?.S !== is[name]?.S)
      this.units.write += (hasMoved ? 2 : 1) * Math.ceil(Math.max(sizeOf(was), sizeOf(is)) / 1_024)
    }
    const partition = this.items.get(pk?.S ?? '') ?? new Map<string, Attributes>()
    if (after) partition.set(sk?.S ?? '', after)
    else partition.delete(sk?.S ?? '')
    this.items.set(pk?.S ?? '', partition)
  }

  #query(request: Request): object {
    const { IndexName, KeyConditionExpression = '', Limit, ExclusiveStartKey: from } = request
    const index = IndexName ? INDEXES[IndexName as keyof typeof INDEXES] : TABLE
    const direction = request.ScanIndexForward === false ? -1 : 1
    const compare = (a: Attributes, b: Attributes) =>
      direction * [index.sort, 'pk', 'sk'].reduce((order, name) => order || compareValues(a[name], b[name]), 0)
    const isWanted = testOf(`(${KeyConditionExpression})`, request)
    const partitions =
      index.partition === 'pk'
        ? [this.items.get(request.ExpressionAttributeValues?.[':0']?.S ?? '')]
        : this.items.values()
    const found = [...partitions]
      .flatMap((items) => [...(items?.values() ?? [])])
      .filter(isWanted)
      .map((item) => entryOf(item, index))
      .filter((entry) => entry !== undefined)
      .filter((entry) => !from || compare(entry, from) > 0)
      .sort(compare)
    let bytes = 0
    const end = found.findIndex((entry, position) => {
      bytes += sizeOf(entry)
      return position + 1 === Limit || bytes > PAGE_BYTES
    })
    const page = end < 0 ? found : found.slice(0, end + 1)
    this.#countRead(bytes, request.ConsistentRead)
    const last = end < 0 ? undefined : page.at(-1)
    return { Items: page, ...(last && { LastEvaluatedKey: pick(last, ['pk', 'sk', index.partition, index.sort]) }) }
  }

  #countRead(bytes: number, isConsistent = false): void {
    this.units.read += Math.max(1, Math.ceil(bytes / 4_096)) * (isConsistent ? 1 : 0.5)
  }
}

/** What an index has of an item: nothing where the item lacks one of its keys. */
function entryOf(item: Entry, { partition, sort, isWhole }: typeof TABLE): Entry {
  if (!item?.[partition] || !item[sort]) return undefined
  return isWhole ? item : pick(item, ['pk', 'sk', sort])
}

/** The item as an update leaves it. */
function updated(item: Attributes, { UpdateExpression = '', ...request }: Request): Attributes {
  const after = { ...item }
  for (const [, verb = '', parts = ''] of UpdateExpression.matchAll(
    /(SET|REMOVE|ADD) (.*?)(?= SET | REMOVE | ADD |$)/g,
  ))
    for (const [, name = '', once, value = ''] of parts.matchAll(/(#\d+)(?: = (if_not_exists)?[^:]*| )?(:\d+)?/g)) {
      const attribute = request.ExpressionAttributeNames?.[name] ?? ''
      const operand = request.ExpressionAttributeValues?.[value]
      if (verb === 'REMOVE') delete after[attribute]
      else if (operand && verb === 'ADD') after[attribute] = sum(item[attribute], operand)
      else if (operand && !(once && item[attribute])) after[attribute] = operand
    }
  return after
}

const sum = (value: AttributeValue | undefined, { N, SS = [] }: AttributeValue): AttributeValue =>
  N === undefined
    ? { SS: [...new Set([...(value?.SS ?? []), ...SS])] }
    : { N: String(Number(value?.N ?? 0) + Number(N)) }

/** Tests whether of an item one of the groups in parentheses holds. */
function testOf(expression: string, request: Request): (item: Attributes) => boolean {
  const value = (name = '') => request.ExpressionAttributeValues?.[name]
  const groups = expression
    .split(' OR ')
    .map((group) => [...group.matchAll(/(\w*)\(?(#\d+)(?:,? (=|<|>|BETWEEN)? ?(:\d+))?(?: AND (:\d+))?/g)])
    .map((tests) =>
      tests.map(([, call, name = '', operator, first, second]) => {
        const attribute = request.ExpressionAttributeNames?.[name] ?? ''
        return (item: Attributes) => {
          const found = item[attribute]
          if (call === 'attribute_exists') return found !== undefined
          if (call === 'attribute_not_exists') return found === undefined
          if (call === 'begins_with') return found?.S?.startsWith(value(first)?.S ?? '') === true
          const order = compareValues(found, value(first))
          if (operator === 'BETWEEN') return order >= 0 && compareValues(found, value(second)) <= 0
          return operator === '=' ? order === 0 : operator === '<' ? order < 0 : order > 0
        }
      }),
    )
  return (item) => groups.some((tests) => tests.every((test) => test(item)))
}

/** Negative, zero or positive; not a number for values of different types, or of none. */
function compareValues(a: AttributeValue | undefined, b: AttributeValue | undefined): number {
  if (a?.N !== undefined && b?.N !== undefined) return Number(a.N) - Number(b.N)
  if (a?.BOOL !== undefined && b?.BOOL !== undefined) return Number(a.BOOL) - Number(b.BOOL)
  if (a?.S === undefined || b?.S === undefined) return Number.NaN
  return a.S < b.S ? -1 : Number(a.S > b.S)
}

const pick = (item: Attributes, names: string[]): Attributes =>
  Object.fromEntries(names.flatMap((name) => (item[name] ? [[name, item[name]]] : [])))

const sizes = new WeakMap<Attributes, number>()

/** About as many bytes as DynamoDB counts. */
function sizeOf(item: Entry): number {
  if (!item) return 0
  const size = sizes.get(item) ?? Buffer.byteLength(JSON.stringify(item))
  sizes.set(item, size)
  return size
}
