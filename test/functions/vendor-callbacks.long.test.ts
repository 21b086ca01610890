/** Ten thousand forged and broken pushes: no call to a vendor, no write, no crash, one line each. */
import { expect, test } from 'vitest'
import { makePush, type PushOrder } from '../../local/sandbox/push.ts'
import { sealForFeishu } from '../../local/sandbox/seal.ts'
import { CALLBACK_VARIABLES, startHarness } from '../harness.ts'

const ORDERS: PushOrder[] = [
  { event: 'contact.user.deleted_v3', user: 'ou_leaver' },
  { event: 'auth.user_access_token.revoked_v4', user: 'ou_leaver' },
  { event: 'app_ticket' },
  { event: 'check_url' },
  { event: 'user_leave_org', user: 'sandboxUser01' },
  { event: 'suite_ticket' },
]

const question = (key: { encryptKey: string }, token: string) => {
  const { body } = sealForFeishu({ type: 'url_verification', token, challenge: 'c' }, key, Date.now())
  return { body, headers: {}, routeKey: 'POST /feishu/callback' }
}

/** A generator of numbers from 0 to below `most`, the same in every run. */
function numbers(seed = 1) {
  let state = seed
  return (most: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
}

test('10,000 forged and broken pushes do nothing', async () => {
  const harness = await startHarness({ env: CALLBACK_VARIABLES })
  const next = numbers()
  try {
    for (let count = 0; count < 10_000; count++) {
      const order = ORDERS[next(ORDERS.length)] ?? { event: 'check_url' }
      const { path, headers, query, body } = makePush(harness.sandbox.state.world, order, Date.now())
      const at = next(body.length)
      const forge = [
        () => ({ body: body.slice(0, at) }),
        () => ({ body: `${body.slice(0, at)}${String.fromCharCode(33 + next(90))}~${body.slice(at + 1)}` }),
        () => ({ body: '{"a":'.repeat(next(5_000)) }),
        () => ({ body: 'x'.repeat(next(600_000)) }),
        () => ({ body: JSON.stringify({ encrypt: Buffer.from(body).toString('base64') }) }),
        () => ({ body: '<!doctype html>', headers: {}, queryStringParameters: {} }),
        () => ({ body: `${body.slice(0, at)}\u0000\ufffd`, isBase64Encoded: next(2) === 0 }),
        () => ({
          body: JSON.stringify({ encrypt: body }),
          headers: { ...headers, 'x-lark-signature': 'f'.repeat(next(100)) },
          queryStringParameters: { ...query, msg_signature: 'f'.repeat(40), signature: 'f'.repeat(40) },
        }),
        // Questions that verify a URL have no signature: with another key, and with another token.
        () => question({ encryptKey: 'other' }, 'sandbox-verification-token'),
        () => question({ encryptKey: 'sandbox-encrypt-key' }, String(next(1e9))),
      ][next(10)]
      const event = {
        routeKey: `POST ${path}`,
        headers,
        queryStringParameters: query,
        isBase64Encoded: false,
        ...forge?.(),
      }
      const { statusCode } = (await harness.call('vendor-callbacks', event)) as { statusCode: number }
      expect([400, 401]).toContain(statusCode)
    }
    expect(harness.log).toHaveLength(10_000)
    expect(new Set(harness.log.map(({ message }) => message))).toEqual(new Set(['refused']))
    // One read of each callback secret in five minutes.
    expect([...new Set(harness.secrets.requests.map(({ operation }) => operation))]).toEqual(['GetSecretValue'])
    expect(harness.secrets.requests.length).toBeLessThan(10)
    expect([harness.sandbox.requests, harness.dynamoDb.requests, harness.bus.events]).toEqual([[], [], []])
  } finally {
    await harness.close()
  }
})
