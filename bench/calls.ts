/**
 * Makes one call in turn by a handler and by undici alone, in this process; writes the times as JSON to standard
 * error. Started by run.ts.
 */
import path from 'node:path'
import { request } from 'undici'

const WARM_UP = 300
const ROUNDS = 300

const [entry = '', given = ''] = process.argv.slice(2)
const event = JSON.parse(given)
const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 29_000 }
const { handler } = await import(path.resolve(entry))

const url = `${process.env.FEISHU_BASE_URL}/open-apis/approval/v4/approvals/7C468A54-8745-2245-9675-08B7C63E7A86/unsubscribe`
const headers = { authorization: 'Bearer t-bench', accept: 'application/json' }

const timed = async (call: () => Promise<unknown>) => {
  const startedAtMs = performance.now()
  await call()
  return performance.now() - startedAtMs
}

const bareMs: number[] = []
const handlerMs: number[] = []
for (let round = 0; round < WARM_UP + ROUNDS; round++) {
  const bare = await timed(async () => (await request(url, { method: 'POST', headers })).body.json())
  const handled = await timed(async () => {
    const { statusCode, body } = await handler(event, context)
    if (statusCode !== 200) throw new Error(body)
  })
  if (round < WARM_UP) continue
  bareMs.push(bare)
  handlerMs.push(handled)
}
process.stderr.write(JSON.stringify({ bareMs, handlerMs }), () => process.exit())
