/** The ticket that a vendor pushes again and again, and for which alone an app that is sold to other companies gets tokens. */
import { setTimeout as sleep } from 'node:timers/promises'
import * as v from 'valibot'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { OperationError } from '../error.ts'

/**
 * How a vendor calls its ticket, the variable with the id of the secret that holds the one pushed last, and
 * the code by which it refuses one.
 */
export const TICKETS = {
  appTicket: {
    variable: 'FEISHU_APP_TICKET_SECRET_ID',
    schema: v.object({ appTicket: v.optional(secretText) }),
    refused: '10012',
  },
  suiteTicket: {
    variable: 'DINGTALK_SUITE_TICKET_SECRET_ID',
    schema: v.object({ suiteTicket: v.optional(secretText) }),
    refused: 'invalidSuiteTicket',
  },
}
export type TicketField = keyof typeof TICKETS

/** There is no ticket, neither pushed nor in the app's secret. */
export class NoTicket extends OperationError {
  constructor(field: TicketField) {
    super(
      'misconfigured',
      { en: `There is no ${field}: the vendor has not pushed one yet.`, zh: `没有 ${field}：厂商尚未推送。` },
      {
        hint: {
          en: `Deploy with vendorCallbacks=on and register the callback URL at the vendor, or store ${field} in the app's secret.`,
          zh: `请以 vendorCallbacks=on 部署并在厂商后台登记回调地址，或将 ${field} 写入应用密钥。`,
        },
      },
    )
  }
}

/**
 * The ticket that is needed has not come, or the vendor refuses the one that it pushed last: another is on its way. No call of
 * the app can succeed until then, so the queue holds the bucket and no item is at fault.
 */
export class AwaitedTicket extends OperationError {
  constructor(field: TicketField, upstream: OperationError['upstream']) {
    super(
      'unavailable',
      {
        en: `No ${field} that the vendor accepts has been pushed yet; the next one is awaited.`,
        zh: `厂商尚未推送其接受的 ${field}，正在等待下一次推送。`,
      },
      {
        upstream,
        queue: 'hold',
        retryAfterMs: AWAIT_MS,
        hint: {
          en: `Repeat the call later. If this lasts, check at the vendor that it pushes ${field} to this stage's callback URL.`,
          zh: `请稍后重试。若持续出现，请在厂商后台确认 ${field} 已推送至本环境的回调地址。`,
        },
      },
    )
  }
}

/** A ticket that is pushed comes within seconds; how soon, no page says. */
const AWAIT_MS = 5_000
const POLL_MS = 500

/** `askAgain` asks the vendor to push its ticket again, where it can be asked. */
type Waiting = { remainingMs: () => number; askAgain?: () => Promise<void> }

/**
 * Hands the ticket to `use`: the one that was pushed last, else the one in the app's secret. Where tickets are pushed, one that is
 * missing or that the vendor refuses is awaited for some seconds, at most half the caller's time, and then an `AwaitedTicket`. Throws
 * `NoTicket` where there is none and none can be asked for.
 */
export async function withTicket<Result>(
  field: TicketField,
  inAppSecret: string | undefined,
  use: (ticket: string) => Promise<Result>,
  { remainingMs, askAgain }: Waiting,
): Promise<Result> {
  const { variable, schema, refused } = TICKETS[field]
  const pushed = schema as v.GenericSchema<unknown, { [field in TicketField]?: string }>
  const id = process.env[variable]
  let tried: { ticket: string | undefined; error: OperationError } | undefined
  /** Does not show the vendor again what it has refused. */
  const show = async (ticket = inAppSecret): Promise<Result> => {
    if (tried && ticket === tried.ticket) throw tried.error
    try {
      if (ticket === undefined) throw new NoTicket(field)
      return await use(ticket)
    } catch (error) {
      if (error instanceof OperationError && (error instanceof NoTicket || error.upstream?.code === refused))
        tried = { ticket, error }
      throw error
    }
  }
  if (!id) return show()
  const waitMs = Math.min(AWAIT_MS, remainingMs() / 2)
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      return await withSecret(id, pushed, (secret) => show(secret[field]), { isFresh: waitedMs > 0 })
    } catch (error) {
      if (!tried || error !== tried.error || (error instanceof NoTicket && !askAgain)) throw error
      if (waitedMs === 0) await askAgain?.()
      if (waitedMs + POLL_MS > waitMs) throw new AwaitedTicket(field, tried.error.upstream)
      await sleep(POLL_MS)
    }
  }
}
