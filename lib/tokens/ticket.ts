/** The ticket that a vendor pushes again and again, and for which alone an app that is sold to other companies gets tokens. */
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

/** A ticket that is pushed comes within seconds; how soon, no page says. */
export const TICKET_MS = 5_000

/** The vendor refuses the ticket that was pushed last: it has made another, which is on its way. */
export class StaleTicket extends OperationError {
  constructor(field: TicketField, { upstream }: OperationError) {
    super(
      'unavailable',
      {
        en: `The vendor refused the ${field} that it pushed last; the next one has not come yet.`,
        zh: `厂商拒绝了最近推送的 ${field}，新的尚未送达。`,
      },
      { upstream, retryAfterMs: TICKET_MS },
    )
  }
}

/**
 * Hands the ticket to `use`: the one that was pushed last, else the one in the app's secret. One that the vendor refuses as
 * `misconfigured` is read again past the cache, once. Throws `NoTicket` where there is none, and, where
 * tickets are pushed, `StaleTicket` when the vendor refuses it again.
 */
export async function withTicket<Result>(
  field: TicketField,
  inAppSecret: string | undefined,
  use: (ticket: string) => Promise<Result>,
): Promise<Result> {
  const { variable, schema, refused } = TICKETS[field]
  const useIfAny = (ticket = inAppSecret) => {
    if (ticket === undefined) throw new NoTicket(field)
    return use(ticket)
  }
  const id = process.env[variable]
  if (!id) return useIfAny()
  const pushed = schema as v.GenericSchema<unknown, { [field in TicketField]?: string }>
  try {
    return await withSecret(id, pushed, async (secret) => useIfAny(secret[field]))
  } catch (error) {
    if (error instanceof OperationError && error.upstream?.code === refused) throw new StaleTicket(field, error)
    throw error
  }
}
