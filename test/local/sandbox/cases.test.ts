/** What the vendors answer on a bad day, switched on by name; and what v3 of Feishu's OAuth is stricter about. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cases } from '../../../local/sandbox/cases.ts'
import { match } from '../../../local/sandbox/router.ts'
import { type Sandbox, sampleWorld, startSandbox } from '../../../local/sandbox/sandbox.ts'

let sandbox: Sandbox
beforeEach(async () => {
  sandbox = await startSandbox()
})
afterEach(() => sandbox.close())

const ask = async (method: string, path: string, headers: Record<string, string> = {}, body?: object) => {
  const response = await fetch(sandbox.url + path, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    redirect: 'manual',
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: text.startsWith('{') ? JSON.parse(text) : {},
  }
}
const app = { client_id: 'cli_sandbox', client_secret: 'sandbox-app-secret' }
const refresh = (refresh_token = 'ur-sandbox-leaver') =>
  ask('POST', '/oauth/v3/token', {}, { ...app, grant_type: 'refresh_token', refresh_token })

/** A call that a case is about. */
const CALLS = [
  ['POST', '/oauth/v3/token'],
  ['POST', '/open-apis/auth/v3/tenant_access_token/internal'],
  ['GET', '/open-apis/authen/v1/user_info'],
  ['POST', '/open-apis/approval/v4/approvals/A/unsubscribe'],
  ['POST', '/v1.0/oauth2/userAccessToken'],
  ['POST', '/v1.0/calendar/users/u/calendars/c/unsubscribe'],
] as const

describe('a case', () => {
  test.each(Object.keys(cases))('%s is answered from when it is switched on until it is switched off', async (name) => {
    const { target, script } = cases[name] ?? { target: { path: '' }, script: { slowMs: 0 } }
    const call = CALLS.find(([method, path]) => {
      const { path: wanted, method: only = method } = target
      const found = match(method, path)
      return only === method && (typeof wanted === 'string' ? found.route?.path === wanted : wanted.test(path))
    })
    const [method, path] = call ?? ['POST', 'no call that it is about']
    const normal = await ask(method, path)
    expect((await ask('PUT', `/_sandbox/cases/${name}`)).json).toMatchObject({ case: name, on: true })
    for (let n = 0; n < 2; n++) {
      const answer = await ask(method, path)
      if ('status' in script && 'body' in script) {
        expect(answer.status).toBe(script.status)
        expect(answer.text).toBe(typeof script.body === 'string' ? script.body : JSON.stringify(script.body))
      } else if ('html' in script) expect(answer.text).toContain('<html>')
    }
    await ask('DELETE', `/_sandbox/cases/${name}`)
    expect((await ask(method, path)).status).toBe(normal.status)
  })

  test('is listed with what it shows and whether it is on', async () => {
    await ask('PUT', '/_sandbox/cases/dingtalk-banned')
    const { json } = await ask('GET', '/_sandbox/cases')
    expect(Object.keys(json)).toEqual(Object.keys(cases))
    expect(json['dingtalk-banned']).toEqual({ shows: cases['dingtalk-banned']?.shows, on: true })
    expect(json['dingtalk-busy'].on).toBe(false)
  })

  test('that is unknown is refused', async () => {
    expect(await ask('PUT', '/_sandbox/cases/nonsense')).toMatchObject({
      status: 400,
      text: /* names it */ expect.stringContaining('nonsense'),
    })
  })

  test('waits for answers that were ordered', async () => {
    sandbox.case('feishu-oauth-down', true)
    sandbox.answer({ path: '/oauth/v3/token' }, { code: 20050 })
    expect((await refresh()).json.code).toBe(20050)
    expect((await refresh()).json.code).toBe(20072)
  })
})

test('an answer with other fields does what was asked', async () => {
  sandbox.case('feishu-no-refresh-token', true)
  const { status, json } = await refresh()
  expect([status, Object.keys(json)]).toEqual([200, ['code', 'access_token', 'expires_in', 'token_type', 'scope']])
  expect(sandbox.state.tokens.feishu.access.has(json.access_token)).toBe(true)
  expect((await refresh()).json.code).toBe(20073)
})

test.each([
  ['spent', 20073],
  ['kept', 0],
] as const)('a refresh token that got no successor is %s', async (choice, code) => {
  await sandbox.close()
  const world = sampleWorld()
  world.unconfirmed = { feishuRefreshWithoutSuccessor: choice }
  for (const { tokens = [] } of world.feishu.users) for (const pair of tokens) pair.scope = 'calendar:calendar'
  sandbox = await startSandbox({ world })
  expect((await refresh()).json).not.toHaveProperty('refresh_token')
  expect((await refresh()).json.code).toBe(code)
})

test.each([
  ['/oauth/v3/token', 20049],
  ['/open-apis/authen/v2/oauth/token', 0],
])('%s answers a verifier that no challenge asked for with %i', async (path, code) => {
  const redirect_uri = 'http://127.0.0.1:1/callback'
  const query = new URLSearchParams({ client_id: app.client_id, response_type: 'code', redirect_uri, state: 's' })
  const { headers } = await ask('GET', `/open-apis/authen/v1/authorize?${query}`)
  const granted = new URL(headers.get('location') ?? '').searchParams.get('code')
  const exchange = { ...app, grant_type: 'authorization_code', code: granted, redirect_uri }
  expect((await ask('POST', path, {}, { ...exchange, code_verifier: 'v'.repeat(43) })).json.code).toBe(code)
  if (code !== 0) expect((await ask('POST', path, {}, exchange)).json.code).toBe(0)
})

test.each([
  ['present', 200, 0],
  ['frozen', 200, 20022],
  ['resigned', 200, 20021],
  ['deleted', 200, 20008],
] as const)('user_info of somebody %s', async (status, http, code) => {
  for (const user of sandbox.state.world.feishu.users) user.status = status
  const answer = await ask('GET', '/open-apis/authen/v1/user_info', { authorization: 'Bearer u-sandbox-leaver' })
  expect([answer.status, answer.json.code]).toEqual([http, code])
})

test("a success of DingTalk's has its request id in a header alone", async () => {
  const { headers, json } = await ask(
    'POST',
    '/v1.0/oauth2/accessToken',
    {},
    { appKey: 'sandbox-app-key', appSecret: 'sandbox-app-secret' },
  )
  expect(headers.get('x-acs-request-id')).toMatch(/^[0-9A-F]{32}$/)
  expect(json).not.toHaveProperty('requestid')
})
