/** `offboarding users`: everyone's state, and the secrets of those who have left. */
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isConfirmed } from '../../cli/command.ts'
import { TAGS } from '../../lib/tokens/user-secret.ts'
import { type SecretsManager, startSecretsManager } from '../../local/aws/secrets-manager.ts'
import { STAGE_ARGS } from '../deployed-stage.ts'
import { awsOf, run } from './operator.ts'

const VARIABLES = {
  FEISHU_APP_SECRET_ID: 'test/feishu/user/app',
  FEISHU_USER_SECRET_PREFIX: 'test/feishu/user/',
  DINGTALK_APP_SECRET_ID: 'test/dingtalk/app',
  DINGTALK_USER_SECRET_PREFIX: 'test/dingtalk/user/',
}
const ENDS = '2099-01-01T00:00:00.000Z'
const DAY_MS = 86_400_000

let secrets: SecretsManager
const heard: string[] = []

beforeEach(async () => {
  secrets = await startSecretsManager({
    secrets: {
      'test/feishu/user/app': { appSecret: 'planted-secret' },
      'test/feishu/users-of-another-stack/ou_1': 'planted-secret',
    },
  })
})
afterEach(async () => {
  expect(heard.join('\n')).not.toContain('planted')
  expect(secrets.count('GetSecretValue')).toBe(0)
  heard.length = 0
  await secrets.close()
})

function seed(vendor: 'feishu' | 'dingtalk', id: string, state?: string, refreshTokenExpiresAt = ENDS) {
  const tags = state ? { [TAGS.state]: state, [TAGS.refreshTokenExpiresAt]: refreshTokenExpiresAt } : {}
  return secrets.seed(`test/${vendor}/user/${id}`, { refreshToken: 'planted-token' }, { tags })
}

/** What `users` waited, in milliseconds. */
let waits: number[] = []
async function users(args: string[], env: Record<string, string> = VARIABLES) {
  waits = []
  const sleep = async (waitMs: number) => void waits.push(waitMs)
  const result = await run(['users', ...args], { env: { ...awsOf(secrets.url), ...env }, sleep })
  heard.push(result.stdout, result.stderr)
  return result
}

const scheduled = () =>
  [...secrets.secrets.values()].filter(({ deletedDate }) => deletedDate !== undefined).map(({ name }) => name)
const idsOf = (count: number, start: string) =>
  Array.from({ length: count }, (_, index) => `${start}${String(index).padStart(4, '0')}`)

describe('list', () => {
  test('shows 250 users of both vendors, and reads no value', async () => {
    for (const id of idsOf(200, 'ou_')) seed('feishu', id, 'active')
    for (const id of idsOf(47, 'union')) seed('dingtalk', id, 'active')
    seed('feishu', 'ou_again', 'reauthorization-required', '2020-01-01T00:00:00.000Z')
    seed('feishu', 'ou_left', 'gone').deletedDate = Date.now() + 30 * DAY_MS
    seed('feishu', 'ou_by_hand')

    const { code, stdout, stderr } = await users(['list'])
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(251)
    expect(lines[1]).toMatch(/^dingtalk +union0000 +active +2099-01-01T00:00:00.000Z +-$/)
    const lineOf = (id: string) => lines.find((line) => line.includes(` ${id} `))
    expect(lineOf('ou_again')).toMatch(/reauthorization-required +2020-01-01T00:00:00.000Z \(ended\) +-$/)
    expect(lineOf('ou_left')).toMatch(/gone .+ scheduled$/)
    expect(lineOf('ou_by_hand')).toMatch(/ou_by_hand +- +- +-$/)
    expect(stderr).toContain('250 users: 247 active, ')
    expect(secrets.count('ListSecrets')).toBe(3)
  })

  test('--json and --vendor; secret names come from serverless.yml', async () => {
    secrets.seed('subscription-offboarding/production/feishu/user/ou_1', 'planted', {
      tags: { [TAGS.state]: 'active' },
    })
    secrets.seed('subscription-offboarding/production/dingtalk/user/u1', 'planted')
    const { code, stdout, stderr } = await users(['list', '--json', '--vendor', 'feishu', ...STAGE_ARGS], {})
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual([
      {
        vendor: 'feishu',
        id: 'ou_1',
        secretId: 'subscription-offboarding/production/feishu/user/ou_1',
        state: 'active',
        refreshTokenExpiresAt: null,
        scheduledForDeletion: false,
      },
    ])
    expect(stderr).toContain('in ap-southeast-1')
  })

  test('says that a stage has no secrets here', async () => {
    const { code, stderr } = await users(['list', ...STAGE_ARGS], {})
    const problem = 'there are no secrets of stage production here: check stage, region and account'
    expect([code, stderr]).toEqual([1, expect.stringContaining(problem)])
    secrets.fail('DescribeSecret', { type: 'AccessDeniedException' })
    expect(await users(['list', ...STAGE_ARGS], {})).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('0 users'),
    })
  })

  test('says which permission is missing', async () => {
    secrets.fail('ListSecrets', { type: 'AccessDeniedException', message: 'planted' })
    const { code, stderr } = await users(['list'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('you need secretsmanager:ListSecrets')])
  })
})

describe('forget', () => {
  test('without a terminal shows who it would be, and needs --yes', async () => {
    seed('feishu', 'ou_left', 'gone')
    const { code, stdout, stderr } = await users(['forget', '--gone'])
    expect([code, stdout]).toEqual([2, expect.stringContaining('ou_left')])
    expect(stderr).toContain(
      'stdin is not a terminal: pass --yes to confirm. Schedule the deletion of 1 secret, restorable for 30 days',
    )
    expect(scheduled()).toEqual([])
  })

  test('--gone schedules those alone who are gone, goes on after a failure, and can be repeated', async () => {
    const gone = idsOf(119, 'ou_gone_')
    for (const id of gone) seed('feishu', id, 'gone')
    seed('dingtalk', 'left', 'gone')
    seed('feishu', 'ou_stays', 'active')
    secrets.fail('DeleteSecret', { type: 'AccessDeniedException' })
    const first = await users(['forget', '--gone', '--yes'])
    expect(first.code).toBe(1)
    expect(first.stderr).toMatch(/DeleteSecret of "test\/\w+\/user\/\S+" failed \(AccessDeniedException\)/)
    expect(first.stderr).toMatch(/100 of 120 …[\s\S]+Scheduled for deletion: 119, failed: 1\./)
    const requests = secrets.requests.filter(({ operation }) => operation === 'DeleteSecret')
    expect(requests.every(({ input }) => input.RecoveryWindowInDays === 30)).toBe(true)
    // Ten at once, then a pause: 25 a second at most, where Secrets Manager allows 50.
    expect([requests.length, waits]).toEqual([120, Array(11).fill(400)])

    const second = await users(['forget', '--gone', '--yes'])
    expect([second.code, second.stderr]).toEqual([0, expect.stringContaining('119 already scheduled for deletion.')])
    expect(scheduled()).toHaveLength(120)
    expect(scheduled()).not.toContain('test/feishu/user/ou_stays')
  })

  test('--id schedules the named, and --restore undoes it', async () => {
    for (const id of ['ou_1', 'ou_2', 'ou_3']) seed('feishu', id, 'active')
    expect((await users(['forget', '--id', 'ou_1', '--id', 'ou_2', '--yes'])).code).toBe(0)
    expect(scheduled()).toEqual(['test/feishu/user/ou_1', 'test/feishu/user/ou_2'])
    expect(await users(['forget', '--restore', '--id', 'ou_2'])).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Restored: 1.'),
    })
    expect(scheduled()).toEqual(['test/feishu/user/ou_1'])
  })

  test('an id that is not stored, as that of the app, stops it before anything is done', async () => {
    seed('feishu', 'ou_1', 'active')
    const { code, stderr } = await users(['forget', '--id', 'ou_1', '--id', 'app', '--yes'])
    expect([code, stderr]).toEqual([1, expect.stringContaining('no such user is stored: app.')])
    expect(scheduled()).toEqual([])
  })

  test.each([
    ['y\n', true],
    ['YES\n', true],
    ['\n', false],
    ['n\n', false],
    ['yellow\n', false],
    [null, false],
  ])('asked and answered %j: %s', async (answer, confirmed) => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    const asked = isConfirmed('Really?', input, output)
    if (answer === null) input.end()
    else input.write(answer)
    expect(await asked).toBe(confirmed)
    expect(String(output.read())).toContain('Really? [y/N]')
  })

  test('asked and interrupted is no answer', async () => {
    const stopping = new AbortController()
    const asked = isConfirmed('Really?', new PassThrough(), new PassThrough(), stopping.signal)
    stopping.abort()
    await expect(asked).rejects.toBe(stopping.signal.reason)
  })
})

test.each([
  [[], 'missing subcommand: expected list, forget or authorize'],
  [['forget'], 'expected --gone or --id ID'],
  [['forget', '--gone', '--id', 'x'], "option '--gone' cannot be used with option '--id <id>'"],
  [['forget', '--gone', '--restore'], "option '--gone' cannot be used with option '--restore'"],
  [['list', '--gone'], "unknown option '--gone'"],
  [['list', '--vendor', 'slack'], 'Allowed choices are feishu, dingtalk'],
  [['list', '--region', 'here'], '--region must be'],
])('%j is one clear line and exit code 2', async (args, told) => {
  const { code, stderr } = await users(args)
  expect([code, stderr.split('\n')[0]]).toEqual([2, expect.stringContaining(told)])
})

test('--help shows the options and an example', async () => {
  const { code, stdout } = await users(['--help'])
  expect([code, stdout]).toEqual([0, expect.stringContaining('npx offboarding users forget --gone')])
})
