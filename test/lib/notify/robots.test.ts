/** What a robot is sent, and what its answers mean. */
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { post, ROBOTS, type RobotSecret, signDingtalk, signFeishu } from '../../../lib/notify/robots.ts'
import { redact } from '../../../lib/redact.ts'
import { type Sandbox, startSandbox } from '../../../local/sandbox/sandbox.ts'

let sandbox: Sandbox
beforeEach(async () => {
  sandbox = await startSandbox()
  vi.stubEnv('FEISHU_BASE_URL', sandbox.url)
  vi.stubEnv('DINGTALK_OAPI_BASE_URL', sandbox.url)
  vi.stubEnv('FEISHU_ROBOT_SECRET_ID', 'test/feishu/robot')
  vi.stubEnv('DINGTALK_ROBOT_SECRET_ID', 'test/dingtalk/robot')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await sandbox.close()
})

const PATHS = { feishu: '/open-apis/bot/v2/hook/sandbox-robot', dingtalk: '/robot/send?access_token=sandbox-robot' }
type Name = keyof typeof PATHS
const NAMES = ['feishu', 'dingtalk'] as const
const KEY = 'sandbox-robot-signing-key'

const robotOf = (name: Name) => ROBOTS.find((robot) => robot.name === name) as (typeof ROBOTS)[number]
const say = (name: Name, secret: Partial<RobotSecret> = {}, nowMs = Date.now()) =>
  post(robotOf(name), { url: sandbox.url + PATHS[name], signingKey: KEY, ...secret }, 'five wait', nowMs)

// Derived vectors of the vendors' rules, computed by two implementations.
test('signs as each vendor wants it', () => {
  expect(signFeishu('1599360473', 'demo')).toBe('l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8=')
  expect(signDingtalk('1599360473000', 'this is secret')).toBe('hXZTWifRGHclNuZSKxoXc//sh51SWfVfRIhcdeKs63I=')
})

test.each(NAMES)('the robot of %s takes a text that is signed', async (name) => {
  await say(name)
  expect(sandbox.state.messages).toMatchObject([{ robot: name, text: 'five wait' }])
})

test.each(NAMES)('a wrong key, or none, is for an operator: %s', async (name) => {
  for (const signingKey of ['another-signing-key', ''])
    await expect(say(name, { signingKey })).rejects.toMatchObject({
      kind: 'misconfigured',
      upstream: { code: name === 'feishu' ? '19021' : '310000' },
    })
  expect(sandbox.state.messages).toEqual([])
})

test.each(NAMES)('a clock that is off by more than an hour is refused: %s', async (name) => {
  await expect(say(name, {}, Date.now() - 3_700_000)).rejects.toMatchObject({ kind: 'misconfigured' })
})

test('a robot without a key is sent no signature', async () => {
  sandbox.state.world.dingtalk.robots = [{ token: 'sandbox-robot' }]
  await post(robotOf('dingtalk'), { url: sandbox.url + PATHS.dingtalk }, 'open', Date.now())
  expect(sandbox.requests.at(-1)?.path).toBe(PATHS.dingtalk)
})

test.each([
  ['feishu', 'http://open.feishu.cn/open-apis/bot/v2/hook/x'],
  ['feishu', 'https://open.feishu.cn.example/open-apis/bot/v2/hook/x'],
  ['feishu', 'https://open.feishu.cn:8443/open-apis/bot/v2/hook/x'],
  ['feishu', 'https://user:pass@open.feishu.cn/open-apis/bot/v2/hook/x'],
  ['feishu', 'https://open.feishu.cn/open-apis/im/v1/messages'],
  ['feishu', 'https://oapi.dingtalk.com/robot/send?access_token=x'],
  ['feishu', 'http://169.254.169.254/open-apis/bot/v2/hook/x'],
  ['dingtalk', 'https://oapi.dingtalk.com/robot/send'],
  ['dingtalk', 'https://oapi.dingtalk.com/topapi/v2/user/get?access_token=x'],
  ['dingtalk', 'https://oapi.dingtalk.com@example.com/robot/send?access_token=x'],
  ['dingtalk', 'robot'],
] as const)('%s: nothing is sent to %s', async (name, url) => {
  await expect(say(name, { url })).rejects.toMatchObject({
    kind: 'misconfigured',
    message: `The URL in secret "test/${name}/robot" is not that of a ${name} robot.`,
  })
  expect(sandbox.requests).toEqual([])
})

test.each([
  ['feishu', { code: 0, msg: 'success' }, undefined],
  ['feishu', { StatusCode: 0, StatusMessage: 'success' }, undefined],
  ['feishu', { code: 11232 }, 'rate_limited'],
  ['feishu', { code: 19024 }, 'misconfigured'],
  ['feishu', { code: 9499 }, 'internal'],
  ['feishu', { code: 4711 }, 'protocol'],
  ['feishu', {}, 'protocol'],
  ['feishu', '<!doctype html>', 'protocol'],
  ['feishu', '[0]', 'protocol'],
  ['dingtalk', { errcode: '0', errmsg: 'ok' }, undefined],
  ['dingtalk', { errcode: 410100 }, 'rate_limited'],
  ['dingtalk', { errcode: '400106' }, 'misconfigured'],
  ['dingtalk', { errcode: -1 }, 'unavailable'],
  ['dingtalk', { errcode: 430102 }, 'internal'],
] as const)('%s answers %o with HTTP 200', async (name, body, kind) => {
  sandbox.answer({ path: /robot|hook/ }, { status: 200, body: body as string })
  const answered = say(name)
  if (kind) await expect(answered).rejects.toMatchObject({ kind })
  else await answered
})

test('a status of 500 or 429 is none of success, whatever the body', async () => {
  for (const [status, kind] of [
    [503, 'unavailable'],
    [429, 'rate_limited'],
  ] as const) {
    sandbox.answer({ path: /hook/ }, { status, body: { code: 0 } })
    await expect(say('feishu')).rejects.toMatchObject({ kind })
  }
})

test('a robot of DingTalk that is sent too much is left alone for ten minutes', async () => {
  const blocked = await startSandbox({ now: () => 0 })
  onTestFinished(() => blocked.close())
  vi.stubEnv('DINGTALK_OAPI_BASE_URL', blocked.url)
  const secret = { url: blocked.url + PATHS.dingtalk, signingKey: KEY }
  for (let sent = 0; sent < 20; sent++) await post(robotOf('dingtalk'), secret, 'again', 0)
  await expect(post(robotOf('dingtalk'), secret, 'again', 0)).rejects.toMatchObject({
    kind: 'rate_limited',
    retryAfterMs: 600_000,
  })
})

test('what opens the way to a group is redacted from then on', async () => {
  const url = `${sandbox.url}/open-apis/bot/v2/hook/0123456789-abcdef-secret-part`
  await say('feishu', { url, signingKey: 'a-key-that-signs-all' }).catch(() => {})
  expect(redact(`POST ${url} a-key-that-signs-all`)).not.toMatch(/abcdef-secret|key-that-signs/)
})
