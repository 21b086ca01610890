/** `offboarding users authorize`, with the test as the browser. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as v from 'valibot'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Io, processIo } from '../../cli/io.ts'
import { dingtalkConsent, feishuConsent } from '../../cli/users/consent.ts'
import { marshalAll } from '../../lib/aws/attributes.ts'
import { TAGS, userSecret } from '../../lib/tokens/user-secret.ts'
import { type SecretsManager, startSecretsManager } from '../../local/aws/secrets-manager.ts'
import { type Sandbox, sampleWorld, startSandbox } from '../../local/sandbox/sandbox.ts'
import { KMS_KEY, STAGE, STAGE_ARGS } from '../deployed-stage.ts'
import { type QuickLedger, startQuickLedger } from '../ledger.ts'
import { awsOf, startCommand } from './operator.ts'

const FEISHU = { prefix: 'test/feishu/user/', id: 'ou_leaver', args: ['--vendor', 'feishu', '--open-id', 'ou_leaver'] }
const DINGTALK = {
  prefix: 'test/dingtalk/user/',
  id: 'sandboxUnionId01iE',
  args: ['--vendor', 'dingtalk', '--union-id', 'sandboxUnionId01iE'],
}
const FEISHU_APP = { type: 'self_built', appId: 'cli_sandbox', appSecret: 'sandbox-app-secret' }
const DINGTALK_APP = {
  type: 'third_party_personal',
  clientId: 'sandbox-client-id',
  clientSecret: 'sandbox-client-secret',
}
const LEDGER = 'test-ledger'
const OLD = {
  accessToken: 'u-old',
  accessTokenExpiresAt: '2020-01-01T00:00:00Z',
  refreshToken: 'ur-old',
  refreshTokenExpiresAt: '2020-01-08T00:00:00Z',
}

let sandbox: Sandbox
let secrets: SecretsManager
let ledger: QuickLedger
const heard: string[] = []

async function begin(world = sampleWorld()) {
  sandbox = await startSandbox({ world })
  ledger = await startQuickLedger(LEDGER)
  secrets = await startSecretsManager({
    secrets: { 'test/feishu/app': FEISHU_APP, 'test/dingtalk/app': DINGTALK_APP },
  })
}
const end = () => Promise.all([sandbox.close(), secrets.close(), ledger.close()])
beforeEach(() => begin())
afterEach(async () => {
  const { feishu, dingtalk } = sandbox.state.tokens
  const issued = [feishu, dingtalk].flatMap(({ access, refresh, codes }) => [
    ...[access, refresh, codes].flatMap((book) => [...book.keys()]),
  ])
  for (const secret of [...issued, FEISHU_APP.appSecret, DINGTALK_APP.clientSecret, OLD.refreshToken])
    expect(heard.join('\n')).not.toContain(secret)
  heard.length = 0
  await end()
})

/** Begins anew with a world in which the consent page is answered by somebody else, or with a no. */
async function consenting(consent: { userId: string; denied?: boolean }) {
  await end()
  const world = sampleWorld()
  await begin({ ...world, feishu: { ...world.feishu, consent } })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const known = () => ({
  FEISHU_APP_SECRET_ID: 'test/feishu/app',
  FEISHU_USER_SECRET_PREFIX: FEISHU.prefix,
  FEISHU_BASE_URL: sandbox.url,
  FEISHU_OAUTH_TOKEN_URL: `${sandbox.url}/oauth/v3/token`,
  DINGTALK_APP_SECRET_ID: 'test/dingtalk/app',
  DINGTALK_USER_SECRET_PREFIX: DINGTALK.prefix,
  DINGTALK_BASE_URL: sandbox.url,
  LEDGER_TABLE: LEDGER,
})

async function authorize(args: string[], env: Record<string, string> = known(), sleep?: Io['sleep']) {
  const port = args.includes('--port') ? [] : ['--port', String(await freePort())]
  const { ended, until } = startCommand(['users', 'authorize', ...args, ...port], {
    env: { ...awsOf(secrets.url), AWS_ENDPOINT_URL_DYNAMODB: ledger.url, ...env },
    ...(sleep && { sleep }),
  })
  const done = ended.then((result) => {
    heard.push(result.stdout, result.stderr)
    return result
  })
  return { ended: done, pageUrl: until('stdout', /^(.*)\n/) }
}

/** Waits as asked, but for the seconds between two tries. */
const sleepLong: Io['sleep'] = async (ms, signal) => (ms > 10_000 ? processIo().sleep(ms, signal) : undefined)

/** Opens the consent page as a browser does, and returns where it sends the browser. */
async function redirectOf(pageUrl: string): Promise<string> {
  const { status, headers } = await fetch(pageUrl, { redirect: 'manual' })
  expect(status).toBe(302)
  return headers.get('location') ?? ''
}

async function open(url: string, init?: RequestInit) {
  const response = await fetch(url, init)
  const text = await response.text()
  heard.push(text)
  return { status: response.status, text, headers: response.headers }
}

const contentOf = (id: string, stage = 'AWSCURRENT') => {
  const versions = [...(secrets.secrets.get(id)?.versions.values() ?? [])]
  return JSON.parse(versions.find(({ stages }) => stages.has(stage))?.content.SecretString ?? 'null')
}
const writes = () =>
  ['CreateSecret', 'PutSecretValue', 'RestoreSecret', 'TagResource'].map((name) => secrets.count(name))

function expectStored(id: string, accessTokens: Map<string, { userId?: string }>, owner: string) {
  const stored = v.parse(userSecret, contentOf(id))
  expect(accessTokens.get(stored.accessToken)?.userId).toBe(owner)
  expect(Math.abs(Date.now() - Date.parse(stored.authorizedAt ?? ''))).toBeLessThan(60_000)
  expect(Object.fromEntries(secrets.secrets.get(id)?.tags ?? [])).toEqual({
    [TAGS.refreshTokenExpiresAt]: stored.refreshTokenExpiresAt,
    [TAGS.state]: 'active',
    [TAGS.owner]: owner,
  })
}

describe('a granted consent', () => {
  test('of Feishu fills the secret that serverless.yml names', async () => {
    const id = `subscription-offboarding/${STAGE}/feishu/user/ou_leaver`
    secrets.seed(`subscription-offboarding/${STAGE}/feishu/app`, FEISHU_APP)
    const { FEISHU_BASE_URL, FEISHU_OAUTH_TOKEN_URL } = known()
    const args = [...FEISHU.args, ...STAGE_ARGS]
    const run = await authorize(args, { FEISHU_BASE_URL, FEISHU_OAUTH_TOKEN_URL })
    const pageUrl = new URL(await run.pageUrl)
    const query = Object.fromEntries(pageUrl.searchParams)
    expect(pageUrl.pathname).toBe('/open-apis/authen/v1/authorize')
    expect(query).toMatchObject({ client_id: 'cli_sandbox', response_type: 'code', code_challenge_method: 'S256' })
    expect(query.scope?.split(' ').sort()).toEqual([
      'calendar:calendar:readonly',
      'docs:event:subscribe',
      'offline_access',
    ])
    const page = await open(await redirectOf(pageUrl.href))
    expect([page.status, page.text]).toEqual([200, expect.stringMatching(/Access granted[\s\S]+授权成功/)])
    expect(page.headers.get('cache-control')).toBe('no-store')
    const { code, stdout, stderr } = await run.ended
    expect([code, stdout]).toEqual([0, `${pageUrl.href}\n`])
    expect(stderr).toContain(`Secret "${id}" in ap-southeast-1: will be created.`)
    expect(stderr).toContain(query.redirect_uri)
    expectStored(id, sandbox.state.tokens.feishu.access, 'ou_leaver')
    expect(secrets.requests.find(({ operation }) => operation === 'CreateSecret')?.input.KmsKeyId).toBe(KMS_KEY)
  })

  test('of DingTalk, by a third-party personal app', async () => {
    const [pk, sk] = [`user#${DINGTALK.prefix}${DINGTALK.id}`, 'renewal']
    ledger.items.set(pk, new Map([[sk, marshalAll({ pk, sk, version: 'old' })]]))
    const run = await authorize(DINGTALK.args)
    const pageUrl = new URL(await run.pageUrl)
    expect(pageUrl.pathname).toBe('/oauth2/auth')
    expect(Object.fromEntries(pageUrl.searchParams)).toMatchObject({ scope: 'openid', prompt: 'consent' })
    expect((await open(await redirectOf(pageUrl.href))).status).toBe(200)
    expect((await run.ended).code).toBe(0)
    expectStored(DINGTALK.prefix + DINGTALK.id, sandbox.state.tokens.dingtalk.access, DINGTALK.id)
    // What the ledger has noted of the tokens before is gone.
    expect([...(ledger.items.get(pk) ?? [])]).toEqual([])
  })

  test('is kept although the ledger cannot forget what it knows of the tokens before', async () => {
    ledger.fail('*', { type: 'InternalServerError', status: 500 }, 100)
    const run = await authorize(DINGTALK.args)
    await open(await redirectOf(await run.pageUrl))
    const { code, stderr } = await run.ended
    expect([code, stderr]).toEqual([0, expect.stringContaining('This does no harm.')])
    expectStored(DINGTALK.prefix + DINGTALK.id, sandbox.state.tokens.dingtalk.access, DINGTALK.id)
  })

  test.each([
    ['exists', undefined, 'gets a new version'],
    ['is scheduled for deletion', Date.now() + 86_400_000, 'will be restored'],
  ])('replaces a secret that %s, as a new version', async (_, deletedDate, told) => {
    const id = FEISHU.prefix + FEISHU.id
    const secret = secrets.seed(id, OLD, { tags: { [TAGS.state]: 'gone', team: 'hr' } })
    if (deletedDate) secret.deletedDate = deletedDate
    const run = await authorize(FEISHU.args)
    await open(await redirectOf(await run.pageUrl))
    expect(await run.ended).toMatchObject({ code: 0, stderr: expect.stringContaining(told) })
    expect(contentOf(id, 'AWSPREVIOUS')).toEqual(OLD)
    expect(secret.deletedDate).toBeUndefined()
    expect(secret.tags.get('team')).toBe('hr')
    secret.tags.delete('team')
    expectStored(id, sandbox.state.tokens.feishu.access, 'ou_leaver')
  })

  test('counts once: a second use is refused, and so is every other request', async () => {
    sandbox.answer({ path: '/oauth/v3/token' }, { slowMs: 500 })
    const run = await authorize(FEISHU.args)
    const redirect = await redirectOf(await run.pageUrl)
    const forged = new URL(redirect)
    forged.searchParams.set('state', 'guessed')
    const refused = await open(forged.href)
    expect([refused.status, refused.text]).toEqual([400, expect.stringMatching(/Refused[\s\S]+已拒绝/)])
    forged.searchParams.delete('state')
    expect((await open(forged.href)).status).toBe(400)
    expect((await open(redirect.replace('/callback', '/favicon.ico'))).status).toBe(404)
    const posted = await open(redirect, { method: 'POST' })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
    const [first, second] = await Promise.all([open(redirect), open(redirect)])
    expect([first.status, second.status].sort()).toEqual([200, 410])
    expect(await run.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('wrong state') })
    expect(sandbox.requests.filter(({ path }) => path === '/oauth/v3/token')).toHaveLength(1)
  })
})

describe('nothing is stored', () => {
  test.each([
    ['a consent that is declined', { userId: 'ou_leaver', denied: true }, /declined to grant/, /拒绝了授权/],
    ['a consent by somebody else', { userId: 'ou_custodian' }, /by ou_custodian, not by ou_leaver/, /ou_custodian/],
  ])('after %s', async (_, consent, told, shown) => {
    await consenting(consent)
    const run = await authorize(FEISHU.args)
    const page = await open(await redirectOf(await run.pageUrl))
    expect([page.status, page.text]).toEqual([400, expect.stringMatching(shown)])
    const { code, stderr } = await run.ended
    expect([code, stderr]).toEqual([1, expect.stringMatching(told)])
    expect(writes()).toEqual([0, 0, 0, 0])
  })

  test.each([
    ['/oauth/v3/token', { code: 20010 }, /20010/],
    ['/oauth/v3/token', { status: 200, body: { code: 0, access_token: 'x', expires_in: 7200 } }, /offline_access/],
    ['/open-apis/authen/v1/user_info', { code: 99991679 }, /99991679/],
    ['/open-apis/authen/v1/user_info', { html: true as const }, /not an answer/],
  ])('after a failure of %s: %j', async (path, script, told) => {
    // A refused credential is read again and tried once more, the question for the owner twice more.
    sandbox.answer({ path }, script, 3)
    const run = await authorize(FEISHU.args, known(), sleepLong)
    expect((await open(await redirectOf(await run.pageUrl))).status).toBe(400)
    expect(await run.ended).toMatchObject({ code: 1, stderr: expect.stringMatching(told) })
    expect(writes()).toEqual([0, 0, 0, 0])
  })

  test('but they are after one failure to say whose the tokens are', async () => {
    sandbox.answer({ path: '/open-apis/authen/v1/user_info' }, { status: 503, body: 'down' })
    const run = await authorize(FEISHU.args, known(), sleepLong)
    expect((await open(await redirectOf(await run.pageUrl))).status).toBe(200)
    expect(await run.ended).toMatchObject({ code: 0 })
  })

  test('when nobody answers in time', async () => {
    const waits: number[] = []
    const run = await authorize([...FEISHU.args, '--timeout', '77'], known(), async (waitMs) => void waits.push(waitMs))
    await run.pageUrl
    expect(await run.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('not granted within 77 s') })
    expect(waits).toEqual([77_000])
  })

  test('when Secrets Manager refuses it; the page says that it failed', async () => {
    secrets.fail('CreateSecret', { type: 'AccessDeniedException' })
    const run = await authorize(FEISHU.args)
    expect((await open(await redirectOf(await run.pageUrl))).text).toContain('Authorization failed')
    expect(await run.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('secretsmanager:CreateSecret') })
  })
})

describe('before anybody is asked', () => {
  test('a taken port is named', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    const { ended } = await authorize([...FEISHU.args, '--port', String(port)])
    expect(await ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`port ${port} is taken`) })
    taken.close()
  })

  test.each([
    ['missing', FEISHU.args, { FEISHU_APP_SECRET_ID: 'test/nowhere' }, undefined, 'does not exist'],
    ['of an unknown type', FEISHU.args, {}, { ...FEISHU_APP, type: 'web' }, 'invalid field "type"'],
    [
      'one whose users have no tokens',
      DINGTALK.args,
      {},
      { type: 'internal', appKey: 'k', appSecret: 'planted' },
      'is of type internal',
    ],
  ])('an app secret that is %s is named', async (_, args, env, app, told) => {
    if (app) secrets.seed(args === FEISHU.args ? 'test/feishu/app' : 'test/dingtalk/app', app)
    const result = await (await authorize(args, { ...known(), ...env })).ended
    expect(result).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(told) })
    expect(result.stderr).not.toContain('planted')
  })

  test.each([
    [['--vendor', 'slack'], 'Allowed choices are feishu, dingtalk'],
    [['--vendor', 'dingtalk', '--open-id', 'ou_x'], 'needs --union-id'],
    [['--vendor', 'feishu', '--open-id', 'a/b'], 'It may contain only'],
    [['--vendor', 'feishu', '--open-id', 'leaver@corp.example'], '--open-id must begin with ou_'],
    [[...FEISHU.args, '--timeout', '0'], "option '--timeout <seconds>' argument '0' is invalid. It must be"],
    [[...FEISHU.args, '--stage', 'prod'], '--stage has no effect while FEISHU_APP_SECRET_ID is set'],
    [[...FEISHU.args, '--param', 'feishuBaseUrll=x'], 'no such parameter'],
    [[...FEISHU.args, '--bogus'], "unknown option '--bogus'"],
  ])('%j is one clear line and exit code 2', async (args, told) => {
    const { code, stderr } = await (await authorize(args)).ended
    expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(told)])
  })

  test('--help shows the options and an example', async () => {
    const { code, stdout } = await (await authorize(['--help'])).ended
    expect([code, stdout]).toEqual([0, expect.stringContaining('npx offboarding users authorize --vendor feishu')])
  })
})

test.each([
  ['FEISHU_OAUTH_TOKEN_URL', 'https://accounts.feishu.cn/oauth/v3/token', 'https://accounts.feishu.cn/open-apis/'],
  [
    'FEISHU_OAUTH_TOKEN_URL',
    'https://open.larksuite.com/open-apis/authen/v2/oauth/token',
    'https://accounts.larksuite.com/open-apis/',
  ],
  ['DINGTALK_BASE_URL', 'https://api.dingtalk.io', 'https://login.dingtalk.io/oauth2/auth?'],
  ['DINGTALK_BASE_URL', 'https://api.dingtalk.com', 'https://login.dingtalk.com/oauth2/auth?'],
  ['DINGTALK_BASE_URL', 'https://proxy.example', undefined],
])('with %s=%s the consent page is %s', (name, value, page) => {
  for (const [key, known] of Object.entries({ [name]: value, FEISHU_USER_SECRET_PREFIX: 'f/' })) vi.stubEnv(key, known)
  vi.stubEnv('DINGTALK_USER_SECRET_PREFIX', 'd/')
  const consent = name.startsWith('FEISHU') ? feishuConsent('ou_x') : dingtalkConsent('x')
  const pageUrl = () =>
    consent.pageUrl({
      clientId: 'c',
      redirectUri: 'http://127.0.0.1:8788/callback',
      state: 's',
      codeChallenge: 'h',
      scopes: [],
    })
  if (page) expect(pageUrl()).toContain(page)
  else expect(pageUrl).toThrow('No consent page is known for the host proxy.example')
  vi.unstubAllEnvs()
})
