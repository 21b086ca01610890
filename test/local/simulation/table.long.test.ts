import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import {
  deleteItem,
  getItem,
  type Item,
  type Key,
  putNewItem,
  queryPage,
  updateItem,
} from '../../../lib/aws/dynamodb.ts'
import type { When } from '../../../lib/aws/expressions.ts'
import type { DynamoDb } from '../../../local/aws/dynamodb.ts'
import { AwsError, type AwsJsonService, startAwsJson } from '../../../local/aws/json-server.ts'
import { Table } from '../../../local/simulation/table.ts'
import { startLedger } from '../../ledger.ts'

// Whatever lib/aws/dynamodb.ts asks, the simulation's table and dynalite answer alike.

const RUNS = Number(process.env.TABLE_RUNS ?? 12)
const table = new Table()
let dynalite: DynamoDb
let both: AwsJsonService
const compared = new Map<string, number>()
const differences: object[] = []

beforeAll(async () => {
  dynalite = await startLedger()
  const compare = (operation: string) => async (input: object) => {
    const [expected, actual] = await Promise.allSettled([
      dynalite.run(operation, input),
      (async () => table.run(operation, input))(),
    ])
    const [one, other] = [comparable(expected), comparable(actual)]
    if (!isDeepStrictEqual(one, other)) differences.push({ operation, input, dynalite: one, table: other })
    const answer = expected.status === 'fulfilled' ? operation : `${operation} refused`
    compared.set(answer, (compared.get(answer) ?? 0) + 1)
    if (expected.status === 'rejected') throw expected.reason
    return expected.value
  }
  const operations = ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query']
  both = await startAwsJson(Object.fromEntries(operations.map((operation) => [operation, compare(operation)])))
  vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', both.url)
})
afterAll(async () => {
  await both.close()
  await dynalite.close()
})

/** An answer or a refusal; sets have no order, and only the simulation leaves out counts. */
function comparable(result: PromiseSettledResult<object>): unknown {
  if (result.status === 'fulfilled') {
    const { Count: _, ScannedCount: __, ...answer } = result.value as Record<string, unknown>
    return sorted(answer)
  }
  const { type, details } = result.reason as AwsError
  return result.reason instanceof AwsError ? sorted({ type, details }) : result.reason
}
const sorted = (value: object) =>
  JSON.parse(JSON.stringify(value), (key, part) => (key === 'SS' && Array.isArray(part) ? part.sort() : part))

const text = fc.constantFrom('a', 'ab', 'b', 'open', '2026-11-27T10:00:00Z')
const number = fc.integer({ min: -3, max: 12 })
const key = fc.record({ pk: fc.constantFrom('p1', 'p2'), sk: fc.constantFrom('s1', 's2', 't1', 't2') })
const values = fc.record(
  {
    openIn: text,
    state: fc.constantFrom('open', 'finished'),
    since: text,
    text,
    count: number,
    flag: fc.boolean(),
    list: fc.array(fc.oneof(number, text, fc.constant(null)), { maxLength: 3 }),
    map: fc.record({ inner: fc.boolean() }),
    names: fc.constantFrom(new Set(['x']), new Set(['x', 'y'])),
  },
  { requiredKeys: [] },
)
/** With sort keys of its own in both indexes: where they are the same, the order is not defined. */
function unique({ key: { pk, sk }, values }: { key: Key; values: Partial<Item> }): Partial<Item> {
  const { since, openIn } = values
  return { ...values, since: since && `${since}${sk}${pk}`, openIn: openIn && `${openIn}${sk}${pk}` }
}
const single = fc.oneof(text, number)
const attribute = fc.constantFrom('pk', 'openIn', 'text', 'count', 'flag', 'nothing')
const check = fc.oneof(
  single,
  fc.boolean(),
  fc.record({ exists: fc.boolean() }),
  fc.record({ below: single }),
  fc.record({ above: single }),
)
const tests = fc.dictionary(attribute, check, { minKeys: 1, maxKeys: 2 })
const when = fc.option(fc.oneof(tests, fc.array(tests, { minLength: 1, maxLength: 3 })), { nil: undefined })
const added = fc.record({ total: number, seen: fc.constantFrom(new Set(['x']), new Set(['z'])) }, { requiredKeys: [] })
const sort = fc.oneof(
  fc.constantFrom('s1', 't2', 'as1p1', 'opens2p1', '2026-11-27T10:00:00Zs1p1'),
  fc.record({ beginsWith: fc.constantFrom('s', 'a', '2026') }),
  fc.record({ between: fc.constant<[string, string]>(['a', 's2']) }),
  fc.constant(undefined),
)

const steps = {
  put: fc.record({ key, values }).map((given) => () => putNewItem({ ...unique(given), ...given.key })),
  update: fc.record({ key, values, once: fc.record({ first: single }), added, when }).map((given) => () => {
    const { openIn, ...set } = unique(given)
    return updateItem(given.key, {
      set: { ...set, openIn },
      setOnce: given.once,
      add: given.added,
      remove: openIn ? [] : ['openIn'],
      ...(given.when && { when: given.when as When }),
    })
  }),
  delete: fc.record({ key, when }).map((given) => () => deleteItem(given.key, given.when as When | undefined)),
  get: key.map((given) => () => getItem(given)),
  query: fc
    .record({
      index: fc.constantFrom(undefined, 'open', 'state'),
      key,
      sort,
      limit: fc.constantFrom(undefined, 1, 2),
      forward: fc.boolean(),
    })
    .map(({ index, key, sort, limit, forward }) => async () => {
      const partition = index === 'state' ? 'open' : key.pk
      const query = {
        partition,
        forward,
        consistent: index !== 'state',
        ...(index && { index: index as 'open' | 'state' }),
        ...(sort && { sort }),
        ...(limit && { limit }),
      }
      const { next } = await queryPage(query)
      if (next) await queryPage({ ...query, from: next })
    }),
}

test('the table of the simulation answers as dynalite does', async () => {
  const step = fc.oneof(
    { arbitrary: steps.put, weight: 3 },
    { arbitrary: steps.update, weight: 4 },
    { arbitrary: steps.delete, weight: 1 },
    { arbitrary: steps.get, weight: 1 },
    { arbitrary: steps.query, weight: 3 },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 20 }), async (run) => {
      for (const one of run) await one()
      expect(differences).toEqual([])
    }),
    { numRuns: RUNS, seed: 15, endOnFailure: true },
  )
  for (const answer of [
    'GetItem',
    'PutItem',
    'UpdateItem',
    'DeleteItem',
    'Query',
    'PutItem refused',
    'UpdateItem refused',
  ])
    expect(compared.get(answer), answer).toBeGreaterThan(0)
})
