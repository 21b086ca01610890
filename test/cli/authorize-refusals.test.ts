/** `offboarding users authorize` where the vendor does not give what was asked for: each reason has its own words. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TAGS } from '../../lib/tokens/user-secret.ts'
import { type SecretsManager, startSecretsManager } from '../../local/aws/secrets-manager.ts'
import { type Sandbox, startSandbox } from '../../local/sandbox/sandbox.ts'
import { awsOf, startCommand } from './operator.ts'

const ID = 'test/feishu/user/ou_leaver'
const TOKEN = '/oauth/v3/token'

let sandbox: Sandbox
let secrets: SecretsManager
beforeEach(async () => {
  sandbox = await startSandbox()
  const app = { type: 'self_built', appId: 'cli_sandbox', appSecret: 'sandbox-app-secret' }
  secrets = await startSecretsManager({ secrets: { 'test/feishu/app': app } })
})
afterEach(() => Promise.all([sandbox.close(), secrets.close()]))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Runs the command, with the test as a browser whose user agrees. */
async function authorize() {
  const args = [
    'users',
    'authorize',
    '--vendor',
    'feishu',
    '--open-id',
    'ou_leaver',
    '--port',
    String(await freePort()),
  ]
  const env = {
    ...awsOf(secrets.url),
    FEISHU_APP_SECRET_ID: 'test/feishu/app',
    FEISHU_USER_SECRET_PREFIX: 'test/feishu/user/',
    FEISHU_BASE_URL: sandbox.url,
    FEISHU_OAUTH_TOKEN_URL: sandbox.url + TOKEN,
    LEDGER_TABLE: 'test-ledger',
    AWS_ENDPOINT_URL_DYNAMODB: secrets.url,
  }
  const { ended, until } = startCommand(args, { env })
  const { headers } = await fetch(await until('stdout', /^(.*)\n/), { redirect: 'manual' })
  await fetch(headers.get('location') ?? '')
  return ended
}

test.each([
  ['feishu-code-unknown', /20003.*code is unknown.*[\s\S]*Run the command again/],
  ['feishu-code-expired', /20004.*code has expired.*[\s\S]*within five minutes/],
  ['feishu-code-used', /20065.*used before.*[\s\S]*counts once/],
  ['feishu-pkce-failed', /20049.*PKCE.*[\s\S]*FEISHU_OAUTH_TOKEN_URL/],
  ['feishu-redirect-differs', /20071.*redirect URL.*[\s\S]*Register the redirect URL/],
  ['feishu-no-path', /no such path.*[\s\S]*FEISHU_OAUTH_TOKEN_URL/],
  ['feishu-access-policy', /access policy.*[\s\S]*administrator/],
])('%s', async (name, told) => {
  sandbox.case(name, true)
  const { code, stderr } = await authorize()
  expect([code, stderr]).toEqual([1, expect.stringMatching(told)])
  expect(stderr).not.toContain('offline_access')
  expect(secrets.secrets.has(ID)).toBe(false)
})

test('a page of HTML in place of an answer', async () => {
  sandbox.answer({ path: TOKEN }, { html: true }, 2)
  const { code, stderr } = await authorize()
  expect([code, stderr]).toEqual([1, expect.stringMatching(/not an answer.*[\s\S]*proxies/)])
  expect(stderr).not.toContain('offline_access')
})

test('what the vendor repeats of a secret is not shown', async () => {
  const secret = 'sandbox-app-secret'
  const msg = `${Buffer.from(secret).toString('base64')} ${encodeURIComponent(`"${secret}"`)} ${secret.slice(3, 16)}`
  sandbox.answer({ path: TOKEN }, { status: 400, body: { code: 4711, error_description: msg } }, 2)
  const { code, stdout, stderr } = await authorize()
  expect([code, stderr]).toEqual([1, expect.stringMatching(/4711 \(\[redacted\] %22\[redacted\]%22 \[redacted\]\)/)])
  for (const part of msg.split(' ')) expect(stdout + stderr).not.toContain(part)
})

test('without offline_access the access token is stored, and the reason told', async () => {
  sandbox.case('feishu-no-refresh-token', true)
  const { code, stderr } = await authorize()
  expect([code, stderr]).toEqual([1, expect.stringMatching(/offline_access missing[\s\S]*Stored the access token/)])
  const { versions, tags } = secrets.secrets.get(ID) ?? {}
  const [version] = [...(versions?.values() ?? [])]
  expect(JSON.parse(version?.content.SecretString ?? '')).toMatchObject({ renewable: false })
  expect(Object.fromEntries(tags ?? [])).toEqual({ [TAGS.state]: 'not-renewable', [TAGS.owner]: 'ou_leaver' })
})
