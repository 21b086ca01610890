/** Answers on demand: given, broken, silent. */

import { afterAll, expect, test, vi } from 'vitest'
import { subscriptions } from '../../../local/sandbox/state.ts'
import { call, drive, internal, leaver, post, sandbox, start, unsubscription } from './caller.ts'

const delaysMs: number[] = []
// What earlier files of this process have imported sleeps in earnest, and later files are not to find what does not.
vi.hoisted(() => vi.resetModules())
afterAll(() => {
  vi.doUnmock('node:timers/promises')
  vi.resetModules()
})
vi.mock('node:timers/promises', () => ({ setTimeout: async (ms: number) => void delaysMs.push(ms) }))

const subscribed = () => subscriptions(sandbox.state).feishu.calendar.includes('ou_leaver')

test('exactly the given answer, so many times, then the vendor’s own; other calls are left alone', async () => {
  await start()
  sandbox.answer(
    { method: 'POST', path: unsubscription },
    { status: 503, headers: { 'Retry-After': '7' }, body: { busy: true } },
    2,
  )
  expect((await post('/v1.0/oauth2/accessToken', internal)).status).toBe(200)
  for (let n = 0; n < 2; n++) {
    const reply = await call('POST', unsubscription, leaver)
    expect([reply.status, reply.headers.get('retry-after'), reply.json]).toEqual([503, '7', { busy: true }])
    expect(reply.headers.get('x-tt-logid')).not.toBeNull()
  }
  expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
  sandbox.answer({ path: /delete_subscribe\?file_type=docx$/ }, { code: 1069601, message: 'again' })
  expect((await call('DELETE', drive('x'))).json).toMatchObject({ code: 1069601, msg: 'again' })
  sandbox.answer({ path: '/open-apis/drive/v1/files/:file_token/delete_subscribe' }, { status: 200, body: 'plain' })
  expect((await call('DELETE', drive('y'))).text).toBe('plain')
})

test.each([
  ['before', false, true],
  ['before', true, false],
  ['after-headers', false, false],
] as const)('reset %s (handled: %s) breaks the call; still subscribed: %s', async (reset, handled, stays) => {
  await start()
  sandbox.answer({ path: unsubscription }, { reset, handled })
  await expect(call('POST', unsubscription, leaver)).rejects.toThrow()
  expect(subscribed()).toBe(stays)
  expect(sandbox.requests.at(-1)?.status).toBe(0)
})

test.each(['headers', 'body'] as const)('stalled %s never end, until the sandbox closes', async (stall) => {
  await start()
  sandbox.answer({ path: unsubscription }, { stall })
  let became = 'waiting'
  const stalled = call('POST', unsubscription, leaver).then(
    () => (became = 'answered'),
    () => (became = 'ended'),
  )
  while (sandbox.requests.length === 0) await new Promise(setImmediate)
  // Who comes later is answered.
  await call('POST', unsubscription, leaver)
  expect(became).toBe('waiting')
  await sandbox.close()
  await stalled
  expect(became).toBe('ended')
})

test('truncated, HTML, oversized and slow', async () => {
  await start()
  sandbox.answer({ path: unsubscription }, { truncated: true })
  const truncated = await call('POST', unsubscription, leaver)
  expect([truncated.status, truncated.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8'])
  expect(() => JSON.parse(truncated.text)).toThrow()
  sandbox.answer({ path: unsubscription }, { html: true, status: 502 })
  expect(await call('POST', unsubscription, leaver)).toMatchObject({
    status: 502,
    text: expect.stringMatching(/^<!doctype html>/),
  })
  sandbox.answer({ path: unsubscription }, { oversized: 3_000_000 })
  const { text, json } = await call('POST', unsubscription, leaver)
  expect(text.length).toBeGreaterThan(3_000_000)
  expect(json).toMatchObject({ code: 0, result: true })
  delaysMs.length = 0
  sandbox.answer({ path: unsubscription }, { slowMs: 60_000 })
  expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
  expect(delaysMs).toEqual([60_000])
})
