/**
 * The robots of group chats. Both answer HTTP 200 whatever happens.
 * https://open.larkoffice.com/document/ukTMukTMukTM/ucTM5YjL3ETO24yNxkjN
 * https://open.dingtalk.com/document/orgapp/custom-robot-access
 */
import { createHmac } from 'node:crypto'
import type { Answer, Call, OpenRoute, State } from './call.ts'

type Robot = { token: string; signingKey?: string | undefined }

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const MAX_BYTES = 20 * 1_024

/** Messages of a robot since `fromMs`, its own and no others. */
const countSince = ({ messages }: State, token: string, fromMs: number): number =>
  messages.filter((message) => message.token === token && message.atMs > fromMs).length

const hmac = (key: string, message: string) => createHmac('sha256', key).update(message).digest('base64')
const isFresh = (atMs: number, nowMs: number) => Math.abs(atMs - nowMs) <= HOUR_MS

/** What a robot was sent, as `field.inner` of its text message. */
function textOf({ json }: Call, type: string, field: string, inner: string): string | undefined {
  const text = json?.[type] === 'text' && (json[field] as Record<string, unknown> | undefined)?.[inner]
  return typeof text === 'string' && text !== '' ? text : undefined
}

const feishuCode = (code: number, msg: string): Answer => ({ status: 200, json: { code, msg, data: {} } })

/** At most 100 messages a minute and 5 a second. */
const feishuRobot: OpenRoute = {
  api: 'feishu',
  method: 'POST',
  path: '/open-apis/bot/v2/hook/:token',
  handle(call) {
    const { params, json, state, now } = call
    const robot: Robot | undefined = state.world.feishu.robots?.find(({ token }) => token === params.token)
    const text = textOf(call, 'msg_type', 'content', 'text')
    const timestamp = String(json?.timestamp)
    // Unconfirmed: the code of a robot that does not exist.
    if (!robot) return feishuCode(19_001, 'param invalid: incoming webhook access token invalid')
    if (!text || Buffer.byteLength(JSON.stringify(json)) > MAX_BYTES) return feishuCode(9_499, 'Bad Request')
    const isSigned = json?.sign === hmac(`${timestamp}\n${robot.signingKey}`, '')
    if (robot.signingKey && !(isSigned && isFresh(Number(timestamp) * 1_000, now)))
      return feishuCode(19_021, 'sign match fail or timestamp is not within one hour from current time')
    const isTooFast =
      countSince(state, robot.token, now - MINUTE_MS) >= 100 || countSince(state, robot.token, now - 1_000) >= 5
    if (isTooFast) return feishuCode(11_232, 'frequency limited psm[lark.oapi.app_platform_runtime]')
    state.messages.push({ robot: 'feishu', token: robot.token, text, atMs: now })
    const StatusMessage = 'success'
    return { status: 200, json: { code: 0, msg: 'success', data: {}, StatusCode: 0, StatusMessage } }
  },
}

const dingtalkCode = (errcode: number, errmsg: string): Answer => ({ status: 200, json: { errcode, errmsg } })
const BLOCKED_MS = 10 * MINUTE_MS

/** At most 20 messages a minute; then it takes none for ten minutes. */
const dingtalkRobot: OpenRoute = {
  api: 'dingtalk-oapi',
  method: 'POST',
  path: '/robot/send',
  handle(call) {
    const { query, state, now } = call
    const robot: Robot | undefined = state.world.dingtalk.robots?.find(
      ({ token }) => token === query.get('access_token'),
    )
    const text = textOf(call, 'msgtype', 'text', 'content')
    const timestamp = query.get('timestamp') ?? ''
    if (!robot) return dingtalkCode(400_101, 'access_token不存在')
    if (robot.signingKey && query.get('sign') !== hmac(robot.signingKey, `${timestamp}\n${robot.signingKey}`))
      return dingtalkCode(310_000, '签名不匹配')
    if (robot.signingKey && !isFresh(Number(timestamp), now)) return dingtalkCode(310_000, '无效时间戳')
    if (!text) return dingtalkCode(43_004, '无效的HTTP HEADER Content-Type')
    const isBlocked = (state.blockedRobots.get(robot.token) ?? 0) > now
    if (isBlocked || countSince(state, robot.token, now - MINUTE_MS) >= 20) {
      if (!isBlocked) state.blockedRobots.set(robot.token, now + BLOCKED_MS)
      return dingtalkCode(410_100, '发送速度太快而限流')
    }
    state.messages.push({ robot: 'dingtalk', token: robot.token, text, atMs: now })
    return dingtalkCode(0, 'ok')
  },
}

export const robots: readonly OpenRoute[] = [feishuRobot, dingtalkRobot]
