/** Makes the same call in every way, in turn, in this process; prints the times as JSON. Started by run.ts. */
import path from 'node:path'
import { request } from 'undici'
import { httpEvent } from '../test/e2e/lambda-events.ts'

const ROUNDS = 120
const WARM_UP = 30

const taskRoot = process.argv[2] ?? ''
const event = httpEvent('feishu-approval-unsubscribe')
const dingtalkEvent = httpEvent('dingtalk-calendar-unsubscribe')
const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 29_000 }

async function handlerOf(name: string, given: object): Promise<() => Promise<unknown>> {
  const { handler } = await import(path.join(taskRoot, name, 'index.mjs'))
  return async () => {
    const { statusCode, body } = await handler(given, context)
    if (statusCode !== 200) throw new Error(`${name}: ${body}`)
  }
}

const url = `${process.env.FEISHU_BASE_URL}/open-apis/approval/v4/approvals/7C468A54-8745-2245-9675-08B7C63E7A86/unsubscribe`
const headers = { authorization: 'Bearer t-bench', accept: 'application/json' }
const ways: Record<string, () => Promise<unknown>> = {
  undici: async () => (await request(url, { method: 'POST', headers })).body.json(),
  'feishu-approval-unsubscribe': await handlerOf('feishu-approval-unsubscribe', event),
  'dingtalk-calendar-unsubscribe': await handlerOf('dingtalk-calendar-unsubscribe', dingtalkEvent),
  floor: await handlerOf('floor', event),
  'feishu-sdk': await handlerOf('feishu-sdk', event),
  'dingtalk-sdk': await handlerOf('dingtalk-sdk', dingtalkEvent),
}

const times: Record<string, number[]> = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
for (let round = 0; round < WARM_UP + ROUNDS; round++)
  for (const [name, call] of Object.entries(ways)) {
    const startedAtMs = performance.now()
    await call()
    const ms = performance.now() - startedAtMs
    if (round >= WARM_UP) times[name]?.push(Math.round(ms * 1_000) / 1_000)
  }
process.stdout.write(`\n${JSON.stringify(times)}\n`, () => process.exit())
