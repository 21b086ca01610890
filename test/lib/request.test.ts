/** How long a vendor may take to answer, and answers in a coding. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { send } from '../../lib/request.ts'
import { until } from '../clock.ts'

/** The one clock of all connections, which may go since an earlier file. */
const undiciClock: { reset(): void } = createRequire(import.meta.url)('undici/lib/util/timers.js')

let response: ServerResponse | undefined
/** What the server answers at once; without it the test answers. */
let ready: { coding: string | undefined; bytes: Buffer } | undefined
const server = createServer((_, opened) => {
  response = opened
  if (!ready) return
  if (ready.coding !== undefined) opened.setHeader('content-encoding', ready.coding)
  opened.end(ready.bytes)
})
// One clock for all tests: undici keeps its timers.
beforeAll(async () => {
  undiciClock.reset()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => {
  response = undefined
  ready = undefined
  server.closeAllConnections()
})
afterAll(() => {
  undiciClock.reset()
  vi.useRealTimers()
  server.close()
})

const ask = (remainingMs: number) => {
  const { port } = server.address() as AddressInfo
  return send({ method: 'POST', url: `http://127.0.0.1:${port}/`, headers: {} }, remainingMs)
}
const letItWork = async () => {
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate)
}

/** Sends, lets `chunk` answer now and then, and returns when it was given up, in steps of `stepMs`. */
async function givenUpAfterMs(remainingMs: number, stepMs: number, chunk?: (response: ServerResponse) => void) {
  let error: unknown
  ask(remainingMs).catch((thrown: unknown) => {
    error = thrown
  })
  await until(() => response !== undefined)
  for (let passedMs = 0; ; passedMs += stepMs) {
    if (response) chunk?.(response)
    await letItWork()
    if (error) {
      expect(error).toMatchObject({ kind: 'timeout' })
      return passedMs
    }
    vi.advanceTimersByTime(stepMs)
  }
}

test.each([2_000, 28_000])('a silent vendor gets the %i ms that there are', async (remainingMs) => {
  expect(await givenUpAfterMs(remainingMs, 500)).toBe(remainingMs)
})

test('so does one that falls silent in the body', async () => {
  const ms = await givenUpAfterMs(28_000, 500, (response) => {
    if (!response.headersSent) response.writeHead(200).write('{')
  })
  expect(ms).toBe(28_000)
})

test('one that answers bit by bit gets no more', async () => {
  expect(await givenUpAfterMs(28_000, 500, (response) => void response.write(' '))).toBe(28_000)
})

test('an answer that takes 25 seconds is an answer', async () => {
  const answer = ask(28_000)
  await until(() => response !== undefined)
  for (let seconds = 0; seconds < 25; seconds++) {
    vi.advanceTimersByTime(1_000)
    await letItWork()
  }
  response?.end('{"code":0}')
  expect(await answer).toMatchObject({ status: 200, text: '{"code":0}' })
})

test('a redirect is an answer, and is not followed', async () => {
  const answer = ask(5_000)
  await until(() => response !== undefined)
  const first = response
  response?.writeHead(302, { location: '/elsewhere' }).end()
  expect(await answer).toMatchObject({ status: 302, headers: { location: '/elsewhere' } })
  expect(response).toBe(first)
})

test('of a header that comes twice the first counts', async () => {
  const answer = ask(5_000)
  await until(() => response !== undefined)
  response?.writeHead(429, { 'x-ogw-ratelimit-reset': ['58', '57'], 'x-tt-logid': ['L1', 'L2'] }).end()
  expect((await answer).headers).toMatchObject({ 'x-ogw-ratelimit-reset': '58', 'x-tt-logid': 'L1' })
})

describe('an encoded answer that was not asked for', () => {
  const text = '{"code":0,"msg":"好"}'
  const codings: [string | undefined, Buffer][] = [
    [undefined, Buffer.from(text)],
    ['identity', Buffer.from(text)],
    ['gzip', gzipSync(text)],
    ['X-GZip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['deflate, gzip', gzipSync(deflateSync(text))],
  ]
  test.each(codings)('is decoded: %s', async (coding, bytes) => {
    ready = { coding, bytes }
    expect((await ask(5_000)).text).toBe(text)
  })

  test('may be empty', async () => {
    ready = { coding: 'gzip', bytes: Buffer.alloc(0) }
    expect((await ask(5_000)).text).toBe('')
  })

  const mebibyte = Buffer.alloc(1024 * 1024, ' ')
  const larger = Buffer.concat([mebibyte, Buffer.from(' ')])
  test('may be as large as any other', async () => {
    ready = { coding: 'gzip', bytes: gzipSync(mebibyte) }
    expect((await ask(5_000)).text).toHaveLength(mebibyte.length)
  })

  const refused: [what: string, coding: string, bytes: Buffer][] = [
    ['larger than 1 MiB', 'gzip', gzipSync(larger)],
    ['larger than 1 MiB in its first coding', 'br, gzip', gzipSync(brotliCompressSync(larger))],
    ['cut', 'gzip', gzipSync(text).subarray(0, 20)],
    ['not what it says', 'br', Buffer.from(text)],
    ['in an unknown coding', 'compress', Buffer.from(text)],
  ]
  test.each(refused)('that is %s is not understood', async (_, coding, bytes) => {
    ready = { coding, bytes }
    await expect(ask(5_000)).rejects.toMatchObject({ kind: 'protocol' })
  })
})
