/** The ticket that a vendor pushes again and again, and for which alone an app that is sold to other companies gets tokens. */
import * as v from 'valibot'
import { secretText, withSecret } from '../aws/secrets-manager.ts'
import { OperationError } from '../error.ts'

/** How a vendor calls its ticket, and the variable with the id of the secret that holds the one pushed last. */
export const TICKETS = {
  appTicket: { variable: 'FEISHU_APP_TICKET_SECRET_ID', schema: v.object({ appTicket: v.optional(secretText) }) },
  suiteTicket: {
    variable: 'DINGTALK_SUITE_TICKET_SECRET_ID',
    schema: v.object({ suiteTicket: v.optional(secretText) }),
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
 * Hands the ticket to `use`: the one that was pushed last, else the one in the app's secret. One that the vendor refuses as
 * `misconfigured` is read again past the cache, once. Throws `NoTicket` where there is none.
 */
export async function withTicket<Result>(
  field: TicketField,
  inAppSecret: string | undefined,
  use: (ticket: string) => Promise<Result>,
): Promise<Result> {
  const { variable, schema } = TICKETS[field]
  const useIfAny = (ticket = inAppSecret) => {
    if (ticket === undefined) throw new NoTicket(field)
    return use(ticket)
  }
  const id = process.env[variable]
  if (!id) return useIfAny()
  const pushed = schema as v.GenericSchema<unknown, { [field in TicketField]?: string }>
  return withSecret(id, pushed, async (secret) => useIfAny(secret[field]))
}
