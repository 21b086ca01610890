/**
 * The robots of group chats: how each vendor's wants to be asked, and what its answers mean. Both answer HTTP 200 whatever happens.
 *
 * Feishu: https://open.larkoffice.com/document/ukTMukTMukTM/ucTM5YjL3ETO24yNxkjN
 * DingTalk: https://open.dingtalk.com/document/orgapp/custom-robot-access
 */
import { createHmac } from 'node:crypto'
import * as v from 'valibot'
import { secretText } from '../aws/secrets-manager.ts'
import { environment, vendorUrl } from '../environment.ts'
import { OperationError, type Text } from '../error.ts'
import { quoteId, registerSecrets } from '../redact.ts'
import { send, type VendorResponse } from '../request.ts'
import { byStatus } from '../vendor/classify.ts'
import type { CodeTable } from '../vendor/vendor.ts'

/** What a robot's secret holds. The key is there when the robot checks signatures. */
export const robotSecret = v.strictObject({ url: secretText, signingKey: v.optional(secretText) })
export type RobotSecret = v.InferOutput<typeof robotSecret>

export type Robot = {
  name: 'feishu' | 'dingtalk'
  /** Where its URL may lead, besides the vendor's base URL from the environment. */
  hosts: string[]
  baseUrl: () => string
  isPath: (url: URL) => boolean
  /** The request that has the robot say the text; times in epoch milliseconds. */
  request: (secret: RobotSecret, text: string, nowMs: number) => { url: string; body: object }
  codeOf: (json: Record<string, unknown>) => unknown
  codes: CodeTable
}

const hmac = (key: string, message: string) => createHmac('sha256', key).update(message).digest('base64')

/** Of Feishu: the key of the HMAC is what is signed, and its message is empty. */
export const signFeishu = (timestamp: string, key: string): string => hmac(`${timestamp}\n${key}`, '')
/** Of DingTalk, as it is before it is encoded for a query. */
export const signDingtalk = (timestamp: string, key: string): string => hmac(key, `${timestamp}\n${key}`)

const refused = (en: string, zh: string) => ({ kind: 'misconfigured', means: { en, zh }, hint: CHECK_ROBOT }) as const
const CHECK_ROBOT: Text = {
  en: "Check the robot's security settings in the chat group, and URL and signing key in its secret.",
  zh: '请检查群机器人的安全设置，以及密钥中的地址和签名密钥。',
}
const TOO_MANY: Text = { en: 'too many messages', zh: '消息过于频繁' }

const feishu: Robot = {
  name: 'feishu',
  hosts: ['open.feishu.cn', 'open.larksuite.com'],
  baseUrl: () => vendorUrl('FEISHU_BASE_URL'),
  isPath: ({ pathname }) => /^\/open-apis\/bot\/v2\/hook\/[\w-]+$/.test(pathname),
  request({ url, signingKey }, text, nowMs) {
    const timestamp = String(Math.floor(nowMs / 1_000))
    const signed = signingKey ? { timestamp, sign: signFeishu(timestamp, signingKey) } : {}
    return { url, body: { ...signed, msg_type: 'text', content: { text } } }
  },
  // Older answers have `StatusCode` instead.
  codeOf: ({ code, StatusCode }) => code ?? StatusCode,
  codes: {
    9499: { kind: 'internal', means: { en: 'the body was refused', zh: '请求体被拒绝' } },
    11232: { kind: 'rate_limited', means: TOO_MANY },
    19021: refused('signature or time was refused', '签名或时间校验未通过'),
    19022: refused('the IP address is not allowed', 'IP 不在白名单内'),
    19024: refused('a keyword is missing', '未包含关键词'),
  },
}

const dingtalk: Robot = {
  name: 'dingtalk',
  hosts: ['oapi.dingtalk.com'],
  baseUrl: () => vendorUrl('DINGTALK_OAPI_BASE_URL'),
  isPath: ({ pathname, searchParams }) => pathname === '/robot/send' && Boolean(searchParams.get('access_token')),
  request({ url, signingKey }, text, nowMs) {
    const signed = new URL(url)
    const timestamp = String(nowMs)
    if (signingKey) {
      signed.searchParams.set('timestamp', timestamp)
      signed.searchParams.set('sign', signDingtalk(timestamp, signingKey))
    }
    return { url: signed.href, body: { msgtype: 'text', text: { content: text } } }
  },
  codeOf: ({ errcode }) => errcode,
  codes: {
    '-1': { kind: 'unavailable', means: { en: 'the vendor is busy', zh: '系统繁忙' } },
    // It takes nothing for ten minutes.
    410100: { kind: 'rate_limited', means: TOO_MANY, waitMs: 10 * 60_000 },
    310000: refused('keyword, time, signature or IP address was refused', '关键词、时间、签名或 IP 校验未通过'),
    400101: refused('there is no such robot', '机器人不存在'),
    400102: refused('the robot is stopped', '机器人已停用'),
    400106: refused('the robot was removed', '机器人已被移除'),
    400013: refused('the group no longer exists', '群已不存在'),
    ...Object.fromEntries(
      ['430101', '430102', '430103', '430104', '40035', '43004'].map((code) => [
        code,
        { kind: 'internal', means: { en: 'the message was refused', zh: '消息被拒绝' } } as const,
      ]),
    ),
  },
}

export const ROBOTS: readonly Robot[] = [feishu, dingtalk]

const TIMEOUT_MS = 10_000

/** Has the robot say the text. Throws the `OperationError` that its answer, or none, means. */
export async function post(robot: Robot, secret: RobotSecret, text: string, nowMs: number): Promise<void> {
  const { url, signingKey = '' } = secret
  // The URL is as good as a password.
  registerSecrets({ urlToken: url, lastToken: url.split(/[/=]/).at(-1) ?? '', keyToken: signingKey }, { isApp: true })
  const target = URL.parse(url)
  const isOwn = target && (isOfVendor(robot, target) || target.origin === new URL(robot.baseUrl()).origin)
  if (!isOwn || target.username || target.password || !robot.isPath(target)) throw badUrl(robot)
  const request = robot.request({ ...secret, url: target.href }, text, nowMs)
  judge(robot, await send({ method: 'POST', headers: { accept: 'application/json' }, ...request }, TIMEOUT_MS))
}

const isOfVendor = ({ hosts }: Robot, { protocol, host }: URL) => protocol === 'https:' && hosts.includes(host)

function badUrl({ name, hosts }: Robot): OperationError {
  const origins = hosts.map((host) => `https://${host}`)
  const [either, eitherZh] = [origins.join(' or '), origins.join(' 或 ')]
  return new OperationError(
    'misconfigured',
    {
      en: `The URL in secret "${robotSecretId(name)}" is not that of a ${name} robot.`,
      zh: `密钥 "${robotSecretId(name)}" 中的地址不是 ${name} 机器人的地址。`,
    },
    {
      scope: 'us',
      hint: {
        en: `Store the webhook URL of the robot as the chat group shows it, at ${either}.`,
        zh: `请写入群聊中显示的机器人 Webhook 地址，主机为 ${eitherZh}。`,
      },
    },
  )
}

/** The name of the robot's secret. */
export const robotSecretId = (name: Robot['name']): string => environment(`${name.toUpperCase()}_ROBOT_SECRET_ID`)

function judge(robot: Robot, { status, text }: VendorResponse): void {
  const code = codeIn(robot, text)
  if (code === '0' && status < 400) return
  const meaning = Object.hasOwn(robot.codes, code ?? '') ? robot.codes[code ?? ''] : undefined
  const { means, hint, waitMs, ...rest } = meaning ?? byStatus(status)
  const kind = 'kind' in rest ? rest.kind : 'protocol'
  throw new OperationError(
    kind,
    {
      en: `The ${robot.name} robot did not take the message: ${means.en}.`,
      zh: `${robot.name} 机器人未接收消息：${means.zh}。`,
    },
    {
      hint: kind === 'protocol' ? CHECK_ROBOT : hint,
      retryAfterMs: waitMs,
      scope: 'us',
      upstream: { vendor: robot.name, status, code: code && quoteId(code), message: '', requestId: null },
    },
  )
}

/** The code of an answer; null where it is no JSON, or has none. */
function codeIn(robot: Robot, text: string): string | null {
  try {
    const code = robot.codeOf(Object(JSON.parse(text)))
    return typeof code === 'number' || typeof code === 'string' ? String(code) : null
  } catch {
    return null
  }
}
