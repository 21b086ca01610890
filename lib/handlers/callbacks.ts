/** What the vendors push: verifications of the URL, tickets, and news of people. Anyone can call it; a signature says who may. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import * as v from 'valibot'
import { audit, errorFields, framesOf } from '../audit.ts'
import { awsNowMs } from '../aws/clock.ts'
import { UnreadableSecret } from '../aws/secret-errors.ts'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { dingtalkCallbackSecret, openDingtalkPush, sealDingtalkAnswer } from '../callbacks/dingtalk.ts'
import { feishuCallbackSecret, openFeishuPush } from '../callbacks/feishu.ts'
import type { News } from '../callbacks/news.ts'
import { CALLBACKS, type Push, Refusal } from '../callbacks/push.ts'
import { environment } from '../environment.ts'
import { toOperationError } from '../error.ts'
import type { Vendor } from '../vendor/vendor.ts'
import { json } from './problem.ts'

/** The routes, which infra/callbacks.ts makes. */
const ROUTES: Record<string, Vendor['name']> = {
  'POST /feishu/callback': 'feishu',
  'POST /dingtalk/callback': 'dingtalk',
}

/** No vendor's push is longer. */
const MOST_BYTES = 256 * 1024
/**
 * How old a push may be, by its signed time. Feishu sends it again for seven hours, and no page says whether with a new time.
 * In the ledger it is known for longer: lib/ledger/callbacks.ts.
 */
const MOST_AGE_MS = 8 * 60 * 60_000

/**
 * Answers a push as its vendor wants it. What is refused gets 401 or 400 without content, and one audit line that holds nothing of
 * the push. A vendor without a callback secret gets 404. Throws an `OperationError` where we failed, which API Gateway answers with 500:
 * the vendor then sends the push again.
 */
export async function answerPush(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const vendor = ROUTES[event.routeKey] ?? 'feishu'
  try {
    return json(200, await (vendor === 'feishu' ? answerFeishu : answerDingtalk)(readPush(event)))
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      audit({ message: 'refused', operation: CALLBACKS, vendor, reason: thrown.reason })
      return json(thrown.status, { status: thrown.status })
    }
    if (thrown instanceof Unused) return json(404, { status: 404 })
    const error = toOperationError(thrown)
    const stack = error === thrown ? {} : { stack: framesOf(thrown) }
    audit({ message: 'failed', operation: CALLBACKS, vendor, ...errorFields(error), ...stack })
    throw error
  }
}

function readPush({ headers, queryStringParameters = {}, body = '', isBase64Encoded }: APIGatewayProxyEventV2): Push {
  const encoding = isBase64Encoded ? 'base64' : 'utf8'
  if (Buffer.byteLength(body, encoding) > MOST_BYTES) throw new Refusal(400, 'size')
  return { headers, query: queryStringParameters, body: Buffer.from(body, encoding) }
}

/** The vendor has no callback secret: a stage may serve one vendor alone. */
class Unused extends Error {}

/** Vendors without a callback secret, and until when it is not looked for again. */
const unusedUntilMs = new Map<Vendor['name'], number>()
const UNUSED_MS = 60_000

/**
 * The vendor's callback secret. Throws `Unused` where it cannot be read. As anyone can call the routes, it is then looked for, and a line
 * written, once a minute.
 */
async function readCallbackSecret<Secret>(
  vendor: Vendor['name'],
  schema: v.GenericSchema<unknown, Secret>,
): Promise<Secret> {
  if (Date.now() < (unusedUntilMs.get(vendor) ?? 0)) throw new Unused()
  const id = environment(`${vendor.toUpperCase()}_CALLBACK_SECRET_ID`)
  try {
    return await withSecret(id, schema, async (secret) => secret)
  } catch (error) {
    if (!(error instanceof UnreadableSecret)) throw error
    unusedUntilMs.set(vendor, Date.now() + UNUSED_MS)
    audit({ message: 'unused', operation: CALLBACKS, vendor, ...errorFields(error) })
    throw new Unused()
  }
}

const feishuApp = v.object({ type: v.string(), appId: secretText })

async function answerFeishu(push: Push): Promise<object> {
  const secret = await readCallbackSecret('feishu', feishuCallbackSecret)
  const opened = openFeishuPush(push, secret)
  if ('challenge' in opened) return opened
  if (secret.encryptKey !== undefined) checkAge(push.headers['x-lark-request-timestamp'])
  const { readFeishuEvent } = await import('../callbacks/feishu-events.ts')
  const { news, isStore } = await withSecret(environment('FEISHU_APP_SECRET_ID'), feishuApp, async (app) => ({
    news: readFeishuEvent(opened.event, app.appId, awsNowMs()),
    isStore: app.type === 'store',
  }))
  // Only a store app may name a tenant in its calls.
  await takeAll('feishu', news, isStore)
  return {}
}

async function answerDingtalk(push: Push): Promise<object> {
  const secret = await readCallbackSecret('dingtalk', dingtalkCallbackSecret)
  const sent = openDingtalkPush(push, secret)
  checkAge(push.query.timestamp)
  const { readDingtalkEvents } = await import('../callbacks/dingtalk-events.ts')
  const { news, refusal } = readDingtalkEvents(sent, secret.ownerKey, awsNowMs())
  await takeAll('dingtalk', news, false)
  if (refusal) throw refusal
  return sealDingtalkAnswer('success', secret, { timestamp: awsNowMs() })
}

/** A time of the vendor's, in milliseconds or, as in some of their own examples, in seconds. */
function checkAge(timestamp: string | undefined): void {
  const time = Number(timestamp || Number.NaN)
  const ageMs = awsNowMs() - (time < 1e11 ? time * 1_000 : time)
  if (!(Math.abs(ageMs) <= MOST_AGE_MS)) throw new Refusal(401, 'age')
}

/**
 * Ends when all has been tried, for a container stops at its answer; throws what failed. The modules are loaded by what they are for: a
 * verification, which has a second, needs none.
 */
async function takeAll(vendor: Vendor['name'], news: News[], isStore: boolean): Promise<void> {
  const ended = await Promise.allSettled(
    news.map(async (one) => {
      // A ticket of tomorrow would keep out those of today.
      const dated = { ...one, atMs: Math.min(one.atMs, awsNowMs()) }
      if (dated.type !== 'ticket') return (await import('../callbacks/people.ts')).takePerson(vendor, dated, isStore)
      const { storeTicket } = await import('../callbacks/tickets.ts')
      const outcome = (await storeTicket(dated.field, dated.ticket, dated.atMs)) ? 'changed' : 'unchanged'
      audit({ message: 'ticket', operation: CALLBACKS, vendor, outcome })
    }),
  )
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}
