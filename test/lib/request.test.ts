/** How long a vendor that does not answer is borne. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { send } from '../../lib/request.ts'
import { until } from '../clock.ts'

/** The one clock of all connections, which may go since an earlier file. */
const undiciClock: { reset(): void } = createRequire(import.meta.url)('undici/lib/util/timers.js')

let response: ServerResponse | undefined
const server = createServer((_, opened) => {
  response = opened
})
// One clock for all tests: undici keeps its timers.
beforeAll(async () => {
  undiciClock.reset()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => {
  response = undefined
  server.closeAllConnections()
})
afterAll(() => {
  undiciClock.reset()
  vi.useRealTimers()
  server.close()
})

/** Sends, lets `chunk` answer now and then, and returns when it was given up, in steps of `stepMs`. */
async function givenUpAfterMs(remainingMs: number, stepMs: number, chunk?: (response: ServerResponse) => void) {
  let error: unknown
  const { port } = server.address() as AddressInfo
  const sent = send({ method: 'POST', url: `http://127.0.0.1:${port}/`, headers: {} }, remainingMs)
  sent.catch((thrown: unknown) => {
    error = thrown
  })
  await until(() => response !== undefined)
  for (let passedMs = 0; ; passedMs += stepMs) {
    if (response) chunk?.(response)
    for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
    if (error) {
      expect(error).toMatchObject({ kind: 'timeout' })
      return passedMs
    }
    vi.advanceTimersByTime(stepMs)
  }
}

test('a silent vendor is borne until the deadline', async () => {
  expect(await givenUpAfterMs(2_000, 100)).toBe(2_000)
})

test('of a long deadline a silent vendor gets 10 seconds', async () => {
  const ms = await givenUpAfterMs(29_000, 500)
  expect(ms).toBeGreaterThanOrEqual(10_000)
  // undici looks about twice a second.
  expect(ms).toBeLessThanOrEqual(11_500)
})

test('one that falls silent in the body gets as long from there', async () => {
  const ms = await givenUpAfterMs(29_000, 500, (response) => {
    if (!response.headersSent) response.writeHead(200).write('{')
  })
  expect(ms).toBeGreaterThanOrEqual(10_000)
  expect(ms).toBeLessThanOrEqual(11_500)
})

test('one that answers bit by bit gets 13 seconds in all', async () => {
  expect(await givenUpAfterMs(29_000, 500, (response) => void response.write(' '))).toBe(13_000)
})
