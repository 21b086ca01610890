/** Feishu's user tokens: refresh, consent, and their codes. */

import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { World } from '../../../local/sandbox/sandbox.ts'
import { bearer, call, leaver, pass, post, sandbox, start, unsubscription } from './caller.ts'

const client = { client_id: 'cli_sandbox', client_secret: 'sandbox-app-secret' }
const request = { ...client, grant_type: 'refresh_token', refresh_token: 'ur-sandbox-leaver' }
const refresh = (change: object = {}, path = '/oauth/v3/token') => post(path, { ...request, ...change })

test('a refresh token works once; the old access token lives a minute more', async () => {
  await start()
  const { json } = await refresh()
  expect(json).toEqual({
    code: 0,
    access_token: expect.stringMatching(/^u-/),
    expires_in: 7200,
    refresh_token: expect.any(String),
    refresh_token_expires_in: 604_800,
    token_type: 'Bearer',
    scope: expect.stringContaining('offline_access'),
  })
  expect(await refresh()).toMatchObject({ status: 400, json: { code: 20073, error: 'invalid_grant' } })
  expect((await call('POST', unsubscription, leaver)).json.code).toBe(0)
  expect((await call('POST', unsubscription, bearer(String(json.access_token)))).json.code).toBe(0)
  pass(60)
  expect((await call('POST', unsubscription, leaver)).json.code).toBe(99991677)
  expect((await refresh({ refresh_token: json.refresh_token })).json.code).toBe(0)
  expect(sandbox.state.tokenCalls).toEqual({ '/oauth/v3/token refresh_token': 3 })
})

test('of many at once exactly one wins', async () => {
  await start()
  const codes = (await Promise.all(Array.from({ length: 20 }, () => refresh()))).map(({ json }) => json.code)
  expect(codes.filter((code) => code === 0)).toHaveLength(1)
  expect(codes.filter((code) => code === 20073)).toHaveLength(19)
})

test('v2 and form bodies work too, and narrowing without offline_access ends the chain', async () => {
  await start()
  const form = new URLSearchParams({ ...request, scope: 'calendar:calendar' }).toString()
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  const { json } = await call('POST', '/open-apis/authen/v2/oauth/token', headers, form)
  expect(json).toMatchObject({ code: 0, scope: 'calendar:calendar' })
  expect(json).not.toHaveProperty('refresh_token')
})

const tokenOf = (change: object) => (world: World) => Object.assign(world.feishu.users[0]?.tokens?.[0] ?? {}, change)
const appIs = (change: object) => (world: World) => Object.assign(world.feishu.apps[0] ?? {}, change)
const userIs = (change: object) => (world: World) => Object.assign(world.feishu.users[0] ?? {}, change)
const rows: [number, string, object, ((world: World) => void)?][] = [
  [20001, 'no refresh token', { refresh_token: '' }],
  [20001, 'no grant type', { grant_type: '' }],
  [20002, 'a wrong secret', { client_secret: 'wrong' }],
  [20008, 'a deleted user', {}, userIs({ status: 'deleted' })],
  [20009, 'an app not installed', {}, appIs({ tenants: [] })],
  [20010, 'a user who may not use the app', {}, userIs({ appForbidden: true })],
  [
    20021,
    'a resigned user, other reading',
    {},
    (world) => {
      userIs({ status: 'resigned' })(world)
      world.unconfirmed = { feishuResignedRefresh: 20021 }
    },
  ],
  [20024, 'another client', { client_id: 'cli_sandbox_store', client_secret: 'sandbox-store-secret' }],
  [20026, 'an unknown token', { refresh_token: 'ur-unknown' }],
  [20026, 'a token of v1', {}, tokenOf({ refreshStatus: 'v1' })],
  [20036, 'another grant type', { grant_type: 'password' }],
  [20037, 'an expired token', {}, tokenOf({ refreshExpiresIn: -1 })],
  [20037, 'consent of a year ago', {}, tokenOf({ authorizedAgo: 31_536_000 })],
  [20048, 'an unknown client', { client_id: 'cli_unknown' }],
  [20064, 'a revoked token', {}, tokenOf({ refreshStatus: 'revoked' })],
  [20066, 'a frozen user', {}, userIs({ status: 'frozen' })],
  [20066, 'a resigned user', {}, userIs({ status: 'resigned' })],
  [20067, 'a scope twice', { scope: 'drive:drive drive:drive' }],
  [20068, 'a scope not granted', { scope: 'im:message' }],
  [20069, 'a disabled app', {}, appIs({ disabled: true })],
  [20073, 'a used token', {}, tokenOf({ refreshStatus: 'used' })],
  [20074, 'an app that may not refresh', {}, appIs({ refreshForbidden: true })],
]
test.each(rows)('%i: %s', async (code, _name, change, world) => {
  await start(world)
  const reply = await refresh(change)
  expect(reply).toMatchObject({
    status: 400,
    json: { code, error: expect.any(String), error_description: expect.any(String) },
  })
  expect(reply.json).not.toHaveProperty('msg')
  const status = sandbox.state.tokens.feishu.refresh.get('ur-sandbox-leaver')?.status
  if (world === undefined) expect(status).toBe('live')
})

test('20063 for a malformed body, 20070 for two ways of client authentication', async () => {
  await start()
  expect((await call('POST', '/oauth/v3/token', {}, '{')).json.code).toBe(20063)
  const basic = `Basic ${Buffer.from('cli_sandbox:sandbox-app-secret').toString('base64')}`
  const headers = { Authorization: basic, 'Content-Type': 'application/json' }
  expect((await call('POST', '/oauth/v3/token', headers, JSON.stringify(request))).json.code).toBe(20070)
})

test('reuse may revoke the successors, if the world says so', async () => {
  await start((world) => {
    world.unconfirmed = { feishuRefreshReuse: 'revokes-successors' }
  })
  const { refresh_token } = (await refresh()).json
  expect((await refresh()).json.code).toBe(20073)
  expect((await refresh({ refresh_token })).json.code).toBe(20064)
})

const redirect_uri = 'http://127.0.0.1:3999/callback'
const consent = async (more: Record<string, string> = {}) => {
  const query = new URLSearchParams({
    client_id: 'cli_sandbox',
    response_type: 'code',
    redirect_uri,
    state: 'xyz',
    ...more,
  })
  const reply = await call('GET', `/open-apis/authen/v1/authorize?${query}`)
  expect(reply.status).toBe(302)
  return new URL(reply.headers.get('location') ?? '')
}

test.each([
  [42, 20049],
  [43, 0],
  [128, 0],
  [129, 20049],
])('a verifier of %i characters is answered with %i', async (length, code) => {
  await start()
  const code_verifier = 'v'.repeat(length)
  const to = await consent({ code_challenge: code_verifier })
  const grant = { grant_type: 'authorization_code', code: to.searchParams.get('code'), redirect_uri }
  expect((await post('/oauth/v3/token', { ...client, ...grant, code_verifier })).json.code).toBe(code)
})

test('consent is not asked for with a method of PKCE that does not exist', async () => {
  await start()
  const query = new URLSearchParams({ ...client, response_type: 'code', redirect_uri, code_challenge: 'v'.repeat(43) })
  query.set('code_challenge_method', 'S512')
  expect((await call('GET', `/open-apis/authen/v1/authorize?${query}`)).status).toBe(400)
})

test('consent with PKCE gives a code that is exchanged once, for the user it was given by', async () => {
  await start()
  const code_verifier = randomBytes(32).toString('base64url')
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
  const to = await consent({
    code_challenge,
    code_challenge_method: 'S256',
    scope: 'offline_access calendar:calendar',
  })
  expect([to.origin + to.pathname, to.searchParams.get('state')]).toEqual([redirect_uri, 'xyz'])
  const exchange = { ...client, grant_type: 'authorization_code', code: to.searchParams.get('code'), redirect_uri }
  const attempt = async (change: object) => (await post('/oauth/v3/token', { ...exchange, ...change })).json
  expect((await attempt({})).code).toBe(20049)
  expect((await attempt({ code_verifier: 'wrong' })).code).toBe(20049)
  expect((await attempt({ code_verifier, redirect_uri: 'http://127.0.0.1:1/' })).code).toBe(20071)
  expect((await attempt({ code_verifier, code: 'unknown' })).code).toBe(20003)
  const pair = await attempt({ code_verifier })
  expect(pair).toMatchObject({
    code: 0,
    scope: 'offline_access calendar:calendar',
    refresh_token: expect.any(String),
  })
  expect((await attempt({ code_verifier })).code).toBe(20065)
  const { json } = await call('GET', '/open-apis/authen/v1/user_info', bearer(String(pair.access_token)))
  expect(json.data).toMatchObject({ open_id: 'ou_leaver' })
})

test('a code ends after five minutes; a user may decline', async () => {
  await start()
  const code = (await consent()).searchParams.get('code')
  pass(300)
  const exchange = { ...client, grant_type: 'authorization_code', code, redirect_uri }
  expect((await post('/oauth/v3/token', exchange)).json.code).toBe(20004)
  sandbox.state.world.feishu.consent = { userId: 'ou_leaver', denied: true }
  const declined = (await consent()).searchParams
  expect([declined.get('error'), declined.get('state'), declined.has('code')]).toEqual(['access_denied', 'xyz', false])
})
