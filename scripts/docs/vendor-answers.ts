/** What the vendors answer in the OpenAPI document's examples: the sandbox's answers. */
import type { Text } from '../../lib/error.ts'
import type { Operation } from '../../lib/operation.ts'
import type { Answer, Gateway } from '../../local/sandbox/call.ts'
import { dingtalkGateway } from '../../local/sandbox/dingtalk.ts'
import { feishuGateway } from '../../local/sandbox/feishu-gateway.ts'
import { REQUEST_ID } from './samples.ts'

export const VENDORS: Record<'feishu' | 'dingtalk', { title: Text; host: string; gateway: Gateway; done: Answer }> = {
  feishu: {
    title: { en: 'Feishu / Lark', zh: '飞书 / Lark' },
    host: 'https://open.feishu.cn',
    gateway: feishuGateway,
    done: { status: 200, json: { code: 0, msg: 'success', data: {} } },
  },
  dingtalk: {
    title: { en: 'DingTalk', zh: '钉钉' },
    host: 'https://api.dingtalk.io',
    gateway: dingtalkGateway,
    done: { status: 200, json: { result: true } },
  },
}

/** The vendor's refusal with this code. Throws for one that the sandbox does not have. */
export function failureOf({ vendor }: Operation, code: string): Answer {
  const answer = VENDORS[vendor.name].gateway.failure(code, undefined)
  if (answer) return answer
  throw new Error(`the sandbox has no failure ${code}`)
}

/** The answer as it arrives. */
export function response({ vendor }: Operation, answer: Answer) {
  const { status, headers = {}, json } = VENDORS[vendor.name].gateway.sign(answer, REQUEST_ID)
  const lowerCase = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return { status, headers: Object.fromEntries(lowerCase), text: JSON.stringify(json) }
}
