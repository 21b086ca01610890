import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Table } from '../../../local/simulation/table.ts'

// lib/aws/dynamodb.ts in a simulated container, whose clock is five minutes ahead of AWS's.

vi.mock('@aws-sdk/client-dynamodb', () => import('../../../local/simulation/dynamodb.ts'))

const AHEAD_MS = 300_000
const failures: object[] = []
let calls = 0
let table = new Table()
vi.stubGlobal('host', {
  sleep: async () => {},
  date: () => new Date(Date.now() - AHEAD_MS).toUTCString(),
  async aws(operation: string, input: object) {
    calls++
    const failure = failures.shift()
    if (failure) throw failure
    try {
      return table.run(operation, input)
    } catch (error) {
      const { type, status, details } = error as { type: string; status: number; details: object }
      throw { name: type, $metadata: { httpStatusCode: status }, ...details }
    }
  },
})

let ledger: typeof import('../../../lib/aws/dynamodb.ts')
beforeEach(async () => {
  vi.stubEnv('AWS_REGION', 'simulated')
  vi.stubEnv('LEDGER_TABLE', 'ledger')
  ledger = await import('../../../lib/aws/dynamodb.ts')
  calls = 0
  failures.length = 0
  table = new Table()
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => void vi.useRealTimers())

const throttle = { name: 'ThrottlingException', $metadata: { httpStatusCode: 400 } }
const silence = { name: 'TimeoutError' }

test('conditions, items and times are as outside', async () => {
  const key = { pk: 'user#x', sk: 'renewal' }
  const { atMs } = await ledger.putNewItem({ ...key, version: 1 })
  expect(Math.abs(atMs + AHEAD_MS - Date.now())).toBeLessThan(1_000)
  expect(await ledger.putNewItem(key)).toMatchObject({ ok: false, item: { version: 1 } })
  expect(await ledger.updateItem(key, { set: { n: 1 }, when: { version: 1 } })).toMatchObject({ ok: true })
  expect((await ledger.getItem(key)).item).toEqual({ ...key, version: 1, n: 1 })
  expect(table.units).toEqual({ read: 1, write: 3 })
})

test('what may pass is tried three times, what may not once', async () => {
  failures.push(throttle, silence)
  expect(await ledger.getItem({ pk: 'a', sk: 'b' })).toMatchObject({ item: undefined })
  expect(calls).toBe(3)
  failures.push(throttle, silence, { name: 'InternalServerError', $metadata: { httpStatusCode: 500 } })
  await expect(ledger.getItem({ pk: 'a', sk: 'b' })).rejects.toMatchObject({ kind: 'unavailable' })
  expect(calls).toBe(6)
  failures.push({ name: 'AccessDeniedException', $metadata: { httpStatusCode: 400 } })
  await expect(ledger.getItem({ pk: 'a', sk: 'b' })).rejects.toMatchObject({ kind: 'misconfigured' })
  expect(calls).toBe(7)
})
