/** `offboarding discover`, as an operator uses it: beside a stack, whose vendors are the sandbox. */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { STACK_PATH, type StackDescription } from '../../cli/stack/connection.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { issuesOf } from '../../lib/schema.ts'
import { type SecretsManager, startSecretsManager } from '../../local/aws/secrets-manager.ts'
import { sampleSecrets } from '../../local/sample-secrets.ts'
import { type Sandbox, sampleWorld, startSandbox, type World } from '../../local/sandbox/sandbox.ts'
import { until } from '../clock.ts'
import { discoveryPolicy, permits } from '../docs/policies.ts'
import { type QuickLedger, startQuickLedger } from '../ledger.ts'
import { run as call, startCommand } from './operator.ts'

const LEAVER = 'ou_leaver'
const UNION_ID = 'sandboxUnionId01iE'
const CALENDARS = '/open-apis/calendar/v4/calendars'
const VARIABLES = {
  FEISHU_APP_SECRET_ID: 'test/feishu/app',
  FEISHU_USER_SECRET_PREFIX: 'test/feishu/user/',
  DINGTALK_APP_SECRET_ID: 'test/dingtalk/app',
  DINGTALK_USER_SECRET_PREFIX: 'test/dingtalk/user/',
  MAX_TARGETS_PER_EVENT: '2000',
  LEDGER_TABLE: 'test-ledger',
}
const folder = mkdtempSync(path.join(tmpdir(), 'discover-'))
let files = 0
const newFile = () => path.join(folder, `event${files++}.json`)

let url = ''
let description: StackDescription
const server = createServer((request, response) => {
  response.writeHead(request.url === STACK_PATH ? 200 : 404).end(JSON.stringify(description))
})
beforeAll(async () => {
  url = await listen(server)
})
afterAll(() => close(server))

let sandbox: Sandbox
let secrets: SecretsManager
let ledger: QuickLedger
/** A world and the stack beside it. */
async function start(change: (world: World) => void = () => {}, { speed = 60, maxTargets = 2_000 } = {}) {
  const world = sampleWorld()
  change(world)
  sandbox = await startSandbox({ world, speed })
  secrets = await startSecretsManager({ secrets: sampleSecrets(world, VARIABLES) })
  ledger = await startQuickLedger(VARIABLES.LEDGER_TABLE)
  const nowhere = 'http://127.0.0.1:9'
  description = {
    names: {
      bus: 'bus',
      source: '',
      deadLetterQueue: '',
      undeliveredEventsQueue: '',
      operations: {},
    },
    region: 'ap-southeast-1',
    endpoints: { sqs: nowhere, eventbridge: nowhere, secretsmanager: secrets.url, dynamodb: ledger.url },
    variables: {
      ...VARIABLES,
      MAX_TARGETS_PER_EVENT: String(maxTargets),
      ...sandbox.variables,
    },
    speed,
  }
}
const heard: string[] = []
afterEach(async () => {
  expect(heard.join('\n')).not.toMatch(/sandbox-(app|suite)-secret|u-sandbox|ur-sandbox|sandbox-ding-/)
  heard.length = 0
  await Promise.all([sandbox?.close(), secrets?.close(), ledger?.close()])
})

/** What `run` waited, in milliseconds. */
let waits: number[] = []
const command = (...args: string[]) => startCommand(['discover', ...args, '--local', url])
async function run(...args: string[]) {
  waits = []
  const sleep = async (waitMs: number) => void waits.push(waitMs)
  const ended = await call(['discover', ...args, '--local', url], { sleep })
  heard.push(ended.stdout, ended.stderr)
  return ended
}
const linesOf = (stdout: string) => stdout.split('\n').filter((line) => /^ {2}[-+?] /.test(line))
const eventOf = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const calls = (route: string) => sandbox.requests.filter(({ path }) => path.includes(route)).length

test("a document's address will do", async () => {
  await start()
  const addresses = [
    'docx/doxcnSandbox01',
    'sheets/doxcnSandbox02?sheet=a',
    'base/doxcnSandbox03',
    'drive/folder/fldcnSandbox01#x',
  ]
  const { stdout } = await run(...addresses.flatMap((address) => ['--file', `https://corp.feishu.cn/${address}`]))
  expect(linesOf(stdout)).toEqual([
    '  + doxcnSandbox01 docx, the app: subscribed',
    '  + doxcnSandbox02 sheet, the app: subscribed',
    '  + doxcnSandbox03 bitable, the app: subscribed',
    '  + fldcnSandbox01 folder, the app: subscribed',
  ])
})

describe('a leaver as HR knows them', () => {
  const NAMED = ['--email', 'leaver@corp.example', '--mobile', '+8613800000000']

  test('is found at both vendors, and the event names them by ids alone', async () => {
    await start()
    const file = newFile()
    const result = await run(...NAMED, '--custodian-open-id', 'ou_custodian', '--output', file)
    expect(result.code).toBe(0)
    expect(linesOf(result.stdout).slice(0, 2)).toEqual([
      '  + feishu: found ou_leaver on_leaver leaver01',
      `  + dingtalk: found ${UNION_ID} sandboxUser01`,
    ])
    expect(eventOf(file)).toMatchObject({
      feishu: { openId: LEAVER, calendar: true, calendarAcls: { openId: 'ou_custodian' } },
      dingtalk: { unionId: UNION_ID, calendarIds: ['sandboxCalendar01=', 'sandboxCalendar02='] },
    })
    expect(result.stdout + result.stderr + readFileSync(file, 'utf8')).not.toMatch(/corp\.example|8613800000000/)
  })

  test('may be found at one vendor, and an id that is given is not looked for', async () => {
    await start()
    const number = await run('--employee-number', '10027')
    expect(number.code).toBe(1)
    expect(linesOf(number.stdout).slice(0, 2)).toEqual([
      '  + feishu: found ou_feishu_only on_feishu_only feishuonly01',
      expect.stringMatching(/^ {2}- dingtalk: not asked: DingTalk finds people by mobile or id/),
    ])
    const { code, stdout } = await run('--email', 'leaver@corp.example', '--dingtalk-union-id', UNION_ID)
    expect([code, calls('/topapi/')]).toEqual([0, 0])
    expect(stdout).toContain('sandboxCalendar01=')
  })

  test.each([
    ['nobody@corp.example', 'The leaver was found nowhere.'],
    ['resigned@corp.example', 'The leaver was found nowhere.'],
  ])('%s: %s', async (email, problem) => {
    await start()
    const { code, stderr } = await run('--email', email)
    expect([code, stderr, calls(CALENDARS)]).toEqual([1, `${problem}\n`, 0])
  })

  test('two different people are nobody', async () => {
    await start()
    const { code, stderr } = await run('--employee-number', '10030', '--dingtalk-union-id', UNION_ID)
    expect([code, stderr, calls(CALENDARS)]).toEqual([1, 'It is not clear who leaves.\n', 0])
  })

  test('a lookup that is refused is shown as not determined', async () => {
    await start((world) => {
      for (const app of world.feishu.apps) app.appSecret = 'other'
    })
    await secrets.close()
    secrets = await startSecretsManager({ secrets: sampleSecrets(sampleWorld(), VARIABLES) })
    description.endpoints.secretsmanager = secrets.url
    const { code, stdout } = await run(...NAMED)
    expect([code, linesOf(stdout)[0]]).toEqual([1, expect.stringMatching(/^ {2}\? feishu: misconfigured: /)])
  })
})

describe('DingTalk', () => {
  test('calendars of type subscribed go into the event, others are shown', async () => {
    await start()
    const file = newFile()
    const { code, stdout } = await run('--dingtalk-union-id', UNION_ID, '--id', 'hr-7', '--output', file)
    expect([code, linesOf(stdout)]).toEqual([
      0,
      [
        '  + sandboxCalendar01=  subscribed  reader  Holidays',
        '  + sandboxCalendar02=  subscribed  owner  Releases  (perhaps their own; strike it if it is to stay)',
        '  - sandboxCalendarPrimary=  primary  owner  My calendar',
      ],
    ])
    expect(stdout).toContain('No vendor lists the approvals and documents that a person is subscribed to')
    expect(eventOf(file)).toEqual({
      offboardingId: 'hr-7',
      dingtalk: { unionId: UNION_ID, calendarIds: ['sandboxCalendar01=', 'sandboxCalendar02='] },
    })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(sandbox.requests.filter(({ method, path }) => method !== 'GET' && !path.includes('oken'))).toEqual([])
  })

  test.each([{ response: { calendars: [] } }, { response: {} }, { response: { calendars: null } }])(
    'nobody follows anything: %j',
    async (json) => {
      await start()
      sandbox.answer({ path: /\/calendars$/ }, { status: 200, body: json })
      const file = newFile()
      const { code, stdout, stderr } = await run('--dingtalk-union-id', UNION_ID, '--output', file)
      expect([code, linesOf(stdout), stderr]).toEqual([0, ['  - none'], 'Nothing was found to send.\n'])
      expect(existsSync(file)).toBe(false)
    },
  )

  test.each([[{}], [{ errcode: 0, errmsg: 'ok' }], [{ response: { calendars: [{ id: 7 }] } }]])(
    'an answer of another shape is not taken for an empty list: %j',
    async (json) => {
      await start()
      sandbox.answer({ path: /\/calendars$/ }, { status: 200, body: json })
      const { code, stdout } = await run('--dingtalk-union-id', UNION_ID)
      expect([code, linesOf(stdout)]).toEqual([1, [expect.stringMatching(/^ {2}\? protocol: /)]])
    },
  )

  test('a missing permission is told with its name, and what another vendor tells is still written', async () => {
    await start((world) => Object.assign(world.dingtalk.apps[0] ?? {}, { scopes: ['Calendar.Calendar.Write'] }))
    const file = newFile()
    const { code, stdout, stderr } = await run(
      '--dingtalk-union-id',
      UNION_ID,
      '--feishu-open-id',
      LEAVER,
      '--output',
      file,
    )
    expect([code, stderr]).toEqual([1, expect.stringContaining('Some things could not be determined')])
    expect(linesOf(stdout)[0]).toMatch(
      /^ {2}\? misconfigured: dingtalk answered Forbidden\.AccessDenied\.AccessTokenPermissionDenied .+ Grant the permission in the developer console\. Missing: Calendar\.Event\.Read, Calendar\.Calendar\.Read\. \(request [0-9A-F]+\)$/,
    )
    expect(eventOf(file)).toMatchObject({ feishu: { openId: LEAVER, calendar: true } })
  })

  test('somebody unknown', async () => {
    await start()
    const { code, stdout } = await run('--dingtalk-union-id', 'nobody')
    expect([code, stdout]).toEqual([1, expect.stringContaining('? invalid_request: dingtalk answered paramIllegal')])
    expect(stdout).toContain('Use the unionId, not the userid.')
  })

  test('what a vendor repeats of a secret is not shown, encoded or in part', async () => {
    await start()
    const secret = 'sandbox-app-secret'
    const parts = [
      `${'x'.repeat(250)}${secret}`,
      Buffer.from(`"${secret}"`).toString('base64'),
      [...secret].map((char) => `&#${char.charCodeAt(0)};`).join(''),
      secret.slice(2, 14).toUpperCase(),
    ]
    const calendars = parts.map((summary, index) => ({ id: `id${index}`, summary, type: 'other', privilege: 'reader' }))
    sandbox.answer({ path: /\/calendars$/ }, { status: 200, body: { response: { calendars } } })
    const { stdout } = await run('--dingtalk-union-id', UNION_ID)
    expect(linesOf(stdout)).toHaveLength(parts.length)
    for (const line of linesOf(stdout)) expect(line).toMatch(/\[redac/)
    for (const part of [...parts.slice(1), secret.slice(0, 12)]) expect(stdout).not.toContain(part)
  })

  test('what a vendor sends cannot command the terminal, nor become an id that no event may hold', async () => {
    await start()
    const calendars = [
      { id: 'a/../b', summary: '\u001b[2J\u009b31m\u202e', type: 'subscribed', privilege: '\u0007' },
      { id: 'good=', summary: 'x\r\n  + forged', type: 'subscribed', privilege: 'VIEW_DETAIL' },
    ]
    sandbox.answer({ path: /\/calendars$/ }, { status: 200, body: { response: { calendars } } })
    const file = newFile()
    const { code, stdout, stderr } = await run('--dingtalk-union-id', UNION_ID, '--output', file)
    expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/\p{C}/u)
    expect([code, linesOf(stdout)]).toEqual([
      1,
      [
        expect.stringMatching(/^ {2}\? a\/\.\.\/b .+\(no event can hold this id\)$/),
        '  + good=  subscribed  VIEW_DETAIL  x  + forged',
      ],
    ])
    expect(eventOf(file).dingtalk.calendarIds).toEqual(['good='])
  })
})

describe('the register', () => {
  const register = async (operation: string, input: Record<string, string>, at: string) => {
    const { useTable } = await import('../../lib/aws/dynamodb.ts')
    const { recordRegistered } = await import('../../lib/ledger/register.ts')
    const { loadOperations } = await import('../../infra/operations.ts')
    const contract = (await loadOperations()).find(({ name }) => name === operation)?.operation
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    useTable({
      name: VARIABLES.LEDGER_TABLE,
      settings: { endpoint: ledger.url, region: 'ap-southeast-1', credentials },
      toError: (_, error) => error as Error,
    })
    if (!contract) throw new Error(operation)
    const registration = { person: { feishu: { openId: LEAVER } }, operation, input }
    await recordRegistered(contract, registration, { at, source: 'test' })
  }

  test('has documents for the event, and approvals that are left to the operator', async () => {
    await start()
    await register(
      'feishu-drive-unsubscribe',
      { file_token: 'doxcnSandbox01', file_type: 'docx' },
      '2026-11-21T00:00:00Z',
    )
    await register('feishu-approval-unsubscribe', { approval_code: 'CODE-1' }, '2026-11-22T00:00:00Z')
    const file = newFile()
    const { code, stdout } = await run('--feishu-open-id', LEAVER, '--output', file)
    expect([code, linesOf(stdout).slice(-2)]).toEqual([
      0,
      [
        '  + feishu-drive-unsubscribe doxcnSandbox01 docx',
        '  - approval CODE-1 is registered; it belongs to the app: add it with --approval-code to end it for everyone',
      ],
    ])
    expect(eventOf(file).feishu).toEqual({
      openId: LEAVER,
      calendar: true,
      files: [{ fileToken: 'doxcnSandbox01', fileType: 'docx' }],
    })
  })

  test('that cannot be read leaves something undetermined', async () => {
    await start()
    ledger.fail('Query', { type: 'AccessDeniedException', status: 400 })
    const { code, stdout } = await run('--feishu-open-id', LEAVER)
    expect([code, linesOf(stdout).at(-1)]).toEqual([1, expect.stringMatching(/^ {2}\? the register was not read: /)])
  })
})

describe('Feishu calendars', () => {
  const CUSTODIAN = ['--custodian-open-id', 'ou_custodian']
  const owned = (name: string) => `feishu.cn_${name}@group.calendar.feishu.cn`

  test('those the leaver owns are to be watched; others are shown', async () => {
    await start()
    const file = newFile()
    const { code, stdout } = await run('--feishu-open-id', LEAVER, ...CUSTODIAN, '--output', file)
    expect([code, linesOf(stdout)]).toEqual([
      0,
      [
        `  + ${owned('project')}  shared  owner  Project`,
        `  + ${owned('team')}  shared  owner  Team`,
        `  + ${owned('private')}  shared  owner  Private`,
        `  - ${owned('deleted')}  shared  owner  deleted  Closed project`,
        `  + ${owned('leaver')}  primary  owner  Leaver  (needs to be shared with the custodian; else strike it)`,
        `  - ${owned('holidays')}  shared  reader  Holidays`,
        '  + Feishu has no API to check this subscription, so the event always ends it',
      ],
    ])
    const calendarIds = ['project', 'team', 'private', 'leaver'].map(owned)
    expect(eventOf(file).feishu).toEqual({
      openId: LEAVER,
      calendar: true,
      calendarAcls: { openId: 'ou_custodian', calendarIds },
    })
  })

  test('without a custodian they are shown, and not in the event', async () => {
    await start()
    const file = newFile()
    const { stdout } = await run('--feishu-open-id', LEAVER, '--output', file)
    expect(linesOf(stdout)[0]).toBe(
      `  - ${owned('project')}  shared  owner  Project  (who is to watch it? --custodian-open-id)`,
    )
    expect(eventOf(file).feishu).toEqual({ openId: LEAVER, calendar: true })
  })

  test('to the end of the list, and no calendar twice; more targets than one event takes become several', async () => {
    const more = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        calendarId: `c${from + index}@x`,
        type: 'shared' as const,
        owner: LEAVER,
        access: [],
        aclSubscribers: [],
      }))
    await start(({ feishu }) => feishu.calendars.push(...more(0, 1_200), ...more(1_199, 1)), { maxTargets: 500 })
    const file = newFile()
    const args = ['--feishu-open-id', LEAVER, ...CUSTODIAN, '--output', file, '--id', 'many']
    const { code, stderr } = await run(...args)
    expect([code, calls(CALENDARS)]).toEqual([0, 3])
    const parts = [file, ...[2, 3].map((part) => file.replace('.json', `-${part}.json`))]
    for (const part of parts) expect(stderr).toContain(`${part}: `)
    const events = parts.map(eventOf)
    for (const event of events) expect([event.offboardingId, issuesOf(offboarding, event)]).toEqual(['many', []])
    const ids = events.flatMap(({ feishu }) => feishu.calendarAcls.calendarIds)
    expect([ids.length, new Set(ids).size]).toEqual([1_204, 1_204])
    expect(events.map(({ feishu }) => feishu.calendar)).toEqual([undefined, undefined, true])
    expect(events.map(({ feishu }) => feishu.calendarAcls.calendarIds.length)).toEqual([500, 500, 204])

    expect((await run(...args, '--id', 'again')).code).toBe(2)
    writeFileSync(`${path.dirname(file)}/blocked-2.json`, 'mine')
    const blocked = await run(...args.with(-3, path.join(folder, 'blocked.json')))
    expect([blocked.code, existsSync(path.join(folder, 'blocked.json'))]).toEqual([2, false])
  })

  test.each([
    [{ has_more: true, page_token: 'same', calendar_list: [] }, /has no end/],
    [{ has_more: true }, /has no end/],
  ])('a list without an end is not followed for ever: %j', async (data, told) => {
    await start()
    sandbox.answer({ path: CALENDARS }, { status: 200, body: { code: 0, msg: 'success', data } }, 100)
    const { code, stdout } = await run('--feishu-open-id', LEAVER)
    expect([code, linesOf(stdout)[0]]).toEqual([1, expect.stringMatching(/^ {2}\? protocol: /)])
    expect(stdout).toMatch(told)
    expect(calls(CALENDARS)).toBeLessThan(4)
  })

  test('what an earlier page told stays when a later one is refused', async () => {
    await start()
    const calendar = { calendar_id: 'c1@x', summary: '', type: 'shared', role: 'owner' }
    const data = { has_more: true, page_token: 'gone', calendar_list: [calendar] }
    sandbox.answer({ path: CALENDARS }, { status: 200, body: { code: 0, msg: 'success', data } })
    const { code, stdout } = await run('--feishu-open-id', LEAVER, ...CUSTODIAN)
    expect([code, linesOf(stdout).slice(0, 2)]).toEqual([
      1,
      [
        '  + c1@x  shared  owner',
        expect.stringMatching(/^ {2}\? unavailable: feishu answered 190008 .+ Begin again\./),
      ],
    ])
  })

  test.each([
    ['the scope is not granted', 'reauthorization_required', '99991679', { scope: 'offline_access' }],
    [
      'the token was revoked',
      'reauthorization_required',
      '20064',
      { expiresIn: -1, refreshStatus: 'revoked' as const },
    ],
  ])('%s', async (_, kind, code, change) => {
    await start((world) => Object.assign(world.feishu.users[0]?.tokens?.[0] ?? {}, change))
    const { code: exitCode, stdout } = await run('--feishu-open-id', LEAVER)
    expect([exitCode, linesOf(stdout)[0]]).toEqual([1, expect.stringMatching(`^  \\? ${kind}: .*${code}`)])
  })

  test('who has left, and who has never consented', async () => {
    await start()
    const left = await run('--feishu-open-id', 'ou_resigned')
    expect([left.code, linesOf(left.stdout)[0]]).toEqual([
      1,
      expect.stringContaining('? not_found: feishu answered 195100'),
    ])
    const never = await run('--feishu-open-id', 'ou_nobody')
    expect([never.code, linesOf(never.stdout)[0]]).toEqual([
      1,
      expect.stringContaining('npx offboarding users authorize --vendor feishu --open-id ou_nobody'),
    ])
  })

  test('a token that has expired is renewed, and stored before it is used', async () => {
    await start((world) => Object.assign(world.feishu.users[0]?.tokens?.[0] ?? {}, { expiresIn: -1 }))
    const before = secrets.count('PutSecretValue')
    const { code } = await run('--feishu-open-id', LEAVER)
    expect([code, secrets.count('PutSecretValue') > before]).toEqual([0, true])
    expect((await run('--feishu-open-id', LEAVER)).code).toBe(0)
    expect(sandbox.state.tokenCalls['/oauth/v3/token refresh_token']).toBe(1)
  })

  test('Ctrl-C meanwhile waits until the renewed token is stored, and asks no more', async () => {
    await start((world) => Object.assign(world.feishu.users[0]?.tokens?.[0] ?? {}, { expiresIn: -1 }))
    sandbox.answer({ path: '/oauth/v3/token' }, { slowMs: 500 })
    const file = newFile()
    const args = ['--feishu-open-id', LEAVER, '--file', 'doxcnSandbox01:docx', '--output', file]
    const renewing = command(...args)
    await until(() => calls('/oauth/v3/token') === 1)
    renewing.interrupt()
    expect([(await renewing.ended).code, calls('/get_subscribe'), existsSync(file)]).toEqual([130, 0, false])
    expect((await run('--feishu-open-id', LEAVER)).code).toBe(0)
    expect(sandbox.state.tokenCalls['/oauth/v3/token refresh_token']).toBe(1)
  })

  test('waits as long as the vendor asks, and goes on', async () => {
    await start()
    const body = { code: 99991400, msg: 'request trigger frequency limit' }
    sandbox.answer({ path: CALENDARS }, { status: 429, headers: { 'x-ogw-ratelimit-reset': '3' }, body })
    const { code, stderr } = await run('--feishu-open-id', LEAVER)
    expect([code, stderr]).toEqual([0, expect.stringContaining('The vendor asks to wait for 3 s …')])
    expect(waits).toEqual([3_000])
  })
})

describe('documents', () => {
  const SAMPLES = ['docx', 'sheet', 'bitable']
  const sample = (index: number) => `doxcnSandbox${String(index).padStart(2, '0')}:${SAMPLES[(index - 1) % 3]}`
  const filesOf = (...tokens: string[]) => tokens.flatMap((file) => ['--file', file])

  test.each(['false', 'refused'] as const)('each by what Feishu says, a "no" said either way (%s)', async (said) => {
    await start((world) => {
      world.unconfirmed = { feishuUnsubscribedStatus: said }
    })
    const tokens = [sample(1), sample(9), 'doxcnSandboxForbidden:docx', 'doxcnNone:docx', 'fldcnSandbox01:folder']
    const file = newFile()
    const { code, stdout } = await run(...filesOf(...tokens, sample(1)), '--output', file)
    expect([code, linesOf(stdout)]).toEqual([
      1,
      [
        '  + doxcnSandbox01 docx, the app: subscribed',
        '  - doxcnSandbox09 bitable, the app: not subscribed',
        expect.stringMatching(
          /^ {2}\? doxcnSandboxForbidden docx, the app: forbidden: feishu answered 1069603 .+ Make the app /,
        ),
        expect.stringMatching(/^ {2}- doxcnNone docx, the app: not_found: feishu answered 1069604 /),
        '  + fldcnSandbox01 folder, the app: subscribed',
      ],
    ])
    expect(eventOf(file).feishu).toEqual({
      files: [
        { fileToken: 'doxcnSandbox01', fileType: 'docx' },
        { fileToken: 'fldcnSandbox01', fileType: 'folder', eventType: 'file.created_in_folder_v1' },
      ],
    })
  })

  test('what every further document would meet as well is not asked again, as the same identity', async () => {
    await start((world) => Object.assign(world.feishu.apps[0] ?? {}, { scopes: ['calendar:calendar'] }))
    const args = ['--feishu-open-id', 'ou_nobody', ...filesOf(sample(1), sample(2)), '--user-file', sample(3)]
    const { code, stdout } = await run(...args)
    expect([code, calls('/get_subscribe')]).toEqual([1, 1])
    expect(linesOf(stdout).slice(-3)).toEqual([
      expect.stringMatching(
        /^ {2}\? doxcnSandbox01 docx, the app: misconfigured: .+ Any one of: docs:event:subscribe, docs:doc, /,
      ),
      '  ? doxcnSandbox02 sheet, the app: not asked',
      expect.stringMatching(
        /^ {2}\? doxcnSandbox03 bitable, ou_nobody: reauthorization_required: Secret .+ does not exist\./,
      ),
    ])
  })

  test("a user's subscription is asked for, and ended, in their name", async () => {
    await start()
    const file = newFile()
    const args = ['--feishu-open-id', 'ou_custodian', '--user-file', 'doxcnSandboxForbidden:docx', '--output', file]
    const { code, stdout } = await run(...args)
    expect([code, stdout]).toEqual([
      0,
      expect.stringContaining('+ doxcnSandboxForbidden docx, ou_custodian: subscribed'),
    ])
    expect(eventOf(file).feishu.files).toEqual([
      { fileToken: 'doxcnSandboxForbidden', fileType: 'docx', openId: 'ou_custodian' },
    ])
  })

  test('more than ten a minute are asked at the pace that Feishu allows, so that none is refused', async () => {
    await start(undefined, { speed: 200 })
    const { code, stderr } = await command(...filesOf(...Array.from({ length: 25 }, (_, index) => sample(index + 1))))
      .ended
    expect([code, calls('/get_subscribe')]).toEqual([0, 25])
    expect(sandbox.requests.filter(({ status }) => status !== 200)).toEqual([])
    expect(stderr).toContain('25 documents to check; Feishu allows 10 checks a minute.')
    expect(stderr.match(/\d+ asked; the vendor allows 10 a minute: on in \d s …/g)).not.toBeNull()
  })

  test('Ctrl-C ends the wait, writes nothing, and is exit code 130', async () => {
    await start(undefined, { speed: 1 })
    const file = newFile()
    const tokens = filesOf(...Array.from({ length: 11 }, (_, index) => sample(index + 1)))
    const waiting = command(...tokens, '--output', file)
    await waiting.until('stderr', /on in/)
    waiting.interrupt()
    const { code, stderr } = await waiting.ended
    expect([code, stderr, existsSync(file)]).toEqual([
      130,
      expect.stringMatching(/Interrupted: nothing was written\.\n$/),
      false,
    ])
  })
})

describe('the file', () => {
  test('that is there already is left as it is, before anybody is asked; --force replaces it', async () => {
    await start()
    const file = newFile()
    writeFileSync(file, 'mine', { mode: 0o644 })
    const refused = await run('--dingtalk-union-id', UNION_ID, '--output', file)
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('exists already and was left as it is')])
    expect([readFileSync(file, 'utf8'), sandbox.requests]).toEqual(['mine', []])
    expect((await run('--dingtalk-union-id', UNION_ID, '--output', file, '--force')).code).toBe(0)
    expect([eventOf(file).dingtalk.unionId, statSync(file).mode & 0o777]).toEqual([UNION_ID, 0o600])
  })

  test.each([false, true])(
    'that is a link is refused before anything is written; its target exists: %s',
    async (exists) => {
      await start()
      const [file, target] = [newFile(), newFile()]
      if (exists) writeFileSync(target, 'mine', { mode: 0o644 })
      symlinkSync(target, file)
      for (const force of [[], ['--force']]) {
        const { code, stderr } = await run('--dingtalk-union-id', UNION_ID, '--output', file, ...force)
        expect([code, stderr]).toEqual([2, expect.stringContaining('and was left as it is: name another file')])
      }
      expect([existsSync(target), lstatSync(file).isSymbolicLink(), sandbox.requests]).toEqual([exists, true, []])
      if (exists) expect([readFileSync(target, 'utf8'), statSync(target).mode & 0o777]).toEqual(['mine', 0o644])
    },
  )

  test('is replaced whole: another name of the old one keeps it', async () => {
    await start()
    const [file, other] = [newFile(), newFile()]
    writeFileSync(file, 'mine')
    linkSync(file, other)
    expect((await run('--dingtalk-union-id', UNION_ID, '--output', file, '--force')).code).toBe(0)
    expect([readFileSync(other, 'utf8'), eventOf(file).dingtalk.unionId]).toEqual(['mine', UNION_ID])
    const beside = readdirSync(path.dirname(file)).filter((name) => name.startsWith(`${path.basename(file)}.`))
    expect(beside).toEqual([])
  })

  test('of the second part that is a link leaves all parts unwritten', async () => {
    await start(undefined, { maxTargets: 1 })
    const file = newFile()
    symlinkSync(newFile(), file.replace(/\.json$/, '-2.json'))
    const { code } = await run('--dingtalk-union-id', UNION_ID, '--output', file, '--force')
    expect([code, existsSync(file)]).toEqual([2, false])
  })

  test('that cannot be written is one clear line', async () => {
    await start()
    const { code, stderr } = await run(
      '--dingtalk-union-id',
      UNION_ID,
      '--output',
      path.join(folder, 'none/event.json'),
    )
    expect([code, stderr]).toEqual([2, expect.stringContaining('could not be written (ENOENT)')])
  })
})

test('AWS settings of the caller are not used beside the local stack', async () => {
  await start()
  const env = { AWS_PROFILE: 'absent', AWS_SESSION_TOKEN: 'x', AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true' }
  const { ended } = startCommand(['discover', '--dingtalk-union-id', UNION_ID, '--local', url], { env })
  expect((await ended).code).toBe(0)
})

test('a secret that may not be read is told by its name', async () => {
  await start()
  secrets.fail('GetSecretValue', { type: 'AccessDeniedException' }, 100)
  const { code, stdout } = await run('--dingtalk-union-id', UNION_ID)
  expect([code, stdout]).toEqual([
    1,
    expect.stringContaining('? misconfigured: Secret "test/dingtalk/app" could not be read (AccessDeniedException).'),
  ])
})

test.each([
  [[], 'expected --email, --mobile, --employee-number, an id or --file'],
  [['--feishu-open-id', 'a/b'], "option '--feishu-open-id <open-id>' argument 'a/b' is invalid. It may contain only"],
  [['--dingtalk-union-id', ''], "option '--dingtalk-union-id <union-id>' argument '' is invalid. It may contain only"],
  [['--custodian-open-id', 'ou_1', '--dingtalk-union-id', 'u'], '--custodian-open-id has no effect without'],
  [['--user-file', 'a:docx'], '--user-file has no effect without'],
  [['--file', 'a'], '--file must be TOKEN:TYPE'],
  [['--file', 'https://corp.feishu.cn/other/doxcnXXXX'], '--file must be TOKEN:TYPE'],
  [
    ['--file', 'https://corp.feishu.cn/wiki/wikcnXXXX'],
    "the address of a wiki node, not of a document: give the node's obj_",
  ],
  [['--email', 'planted'], '  leaver.email  must be an e-mail address'],
  [['--file', 'a:pdf'], 'feishu.files[0].fileType'],
  [['--file', 'a:docx', '--id', 'a b'], 'offboardingId'],
  [['--file', 'a:docx', '--force'], '--force has no effect'],
  [['--file', 'a:docx', '--bogus'], "unknown option '--bogus'"],
])('%j is told, and exit code 2', async (args, told) => {
  const { code, stderr } = await run(...args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(told)])
})

describe('docs/discovery-policy.json', () => {
  const arn = (name: string) =>
    `arn:aws:secretsmanager:ap-southeast-1:000000000000:secret:subscription-offboarding/${name}`
  const [GET, PUT, MOVE, TAG] = ['GetSecretValue', 'PutSecretValue', 'UpdateSecretVersionStage', 'TagResource'].map(
    (one) => `secretsmanager:${one}`,
  )

  test.each([
    ['prod/feishu/app-Ab12Cd', [GET]],
    ['prod/dingtalk/app-Ab12Cd', [GET]],
    ['prod/feishu/user/ou_1-Ab12Cd', [GET, PUT, MOVE, TAG]],
    ['prod/dingtalk/user/u-Ab12Cd', [GET, PUT, MOVE, TAG]],
    ['prod/feishu/app-of-another-Ab12Cd', []],
    ['dev/feishu/app-Ab12Cd', []],
    ['dev/feishu/user/ou_1-Ab12Cd', []],
  ])('of %s it allows %j', async (name, actions) => {
    const policy = await discoveryPolicy('prod')
    const all = new Set(policy.Statement.flatMap(({ Action }) => Action))
    expect([...all].filter((action) => permits(policy, action, arn(name))).sort()).toEqual([...actions].sort())
  })
})

test('--help shows the options, an example, and what it may change', async () => {
  const { code, stdout } = await run('--help')
  expect([code, stdout]).toEqual([0, expect.stringContaining('npx offboarding discover --feishu-open-id ou_leaver')])
  expect(stdout).toMatch(/is renewed and stored/)
})
