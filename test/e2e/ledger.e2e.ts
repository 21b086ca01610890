import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { beforeAll, expect, inject, it, vi } from 'vitest'
import { deleteItem, getItem, putNewItem, queryPage, updateItem } from '../../lib/aws/dynamodb.ts'
import { STAGE } from './setup.ts'

// The deployed ledger table, asked by the functions' own code.

const cloud = inject('cloud')
const TableName = `${STAGE}-ledger`
const client = new DynamoDBClient({
  endpoint: cloud.url,
  region: cloud.region,
  credentials: cloud.root,
  maxAttempts: 1,
})

beforeAll(() => {
  vi.stubEnv('AWS_REGION', cloud.region)
  vi.stubEnv('AWS_ACCESS_KEY_ID', cloud.root.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', cloud.root.secretAccessKey)
  vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', cloud.url)
  vi.stubEnv('LEDGER_TABLE', TableName)
})

// Encryption, recovery and expiry are left to test/infra/ledger.test.ts: the emulator's CloudFormation drops them.
it('is as the template says', async () => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName }))
  expect(Table).toMatchObject({
    TableStatus: 'ACTIVE',
    BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    LocalSecondaryIndexes: [{ IndexName: 'open' }],
    GlobalSecondaryIndexes: [{ IndexName: 'state' }],
  })
})

it('refuses a conditional write with the item as it is', async () => {
  const key = { pk: 'user#e2e', sk: 'renewal' }
  expect(await putNewItem({ ...key, version: 1 })).toMatchObject({ ok: true })
  expect(await putNewItem({ ...key, version: 2 })).toMatchObject({ ok: false, item: { version: 1 } })
  const free = [
    { version: 1, lockedUntilMs: { exists: false } },
    { version: 1, lockedUntilMs: { below: 5 } },
  ]
  const lock = (owner: string) => updateItem(key, { set: { owner, lockedUntilMs: 10 }, when: free })
  expect(await lock('first')).toMatchObject({ ok: true, item: { owner: 'first', version: 1 } })
  expect(await lock('second')).toMatchObject({ ok: false, item: { owner: 'first' } })
  expect(await deleteItem(key, { owner: 'second' })).toMatchObject({ ok: false, item: { owner: 'first' } })
  expect(await deleteItem(key, { owner: 'first' })).toMatchObject({ ok: true })
  const { item, atMs } = await getItem(key)
  expect(item).toBeUndefined()
  expect(Math.abs(atMs - Date.now())).toBeLessThan(2_000)
})

it('finds open targets consistently, and sendings by their state', async () => {
  const pk = 'offboarding#e2e'
  const open = { index: 'open', partition: pk, sort: 'e1#00', limit: 1, consistent: true } as const
  await putNewItem({ pk, sk: 'sending#e1#00', state: 'open', since: '2026-11-27T10:00:00Z', planned: new Set(['a']) })
  for (const n of [1, 2]) await putNewItem({ pk, sk: `target#e1#00#${n}`, openIn: 'e1#00' })
  for (const n of [1, 2]) {
    expect((await queryPage(open)).items).toHaveLength(1)
    const done = { set: { outcome: 'changed' }, setOnce: { begunAt: 'now' }, add: { attempts: 1 }, remove: ['openIn'] }
    expect(await updateItem({ pk, sk: `target#e1#00#${n}` }, done)).toMatchObject({
      item: { begunAt: 'now', attempts: 1 },
    })
  }
  expect((await queryPage(open)).items).toEqual([])
  const { items } = await queryPage({ index: 'state', partition: 'open', sort: { beginsWith: '2026-11-27T10:00:00Z' } })
  expect(items).toMatchObject([{ pk, planned: new Set(['a']) }])
})
