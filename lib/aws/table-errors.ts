/** What the errors of the ledger's table mean for a function that needs it. */
import { OperationError } from '../error.ts'

/** The table did not answer in time, failed, or was throttled. */
export const unavailable = (table: string, action: string) =>
  new OperationError(
    'unavailable',
    { en: `The ledger table "${table}" did not answer ${action}.`, zh: `台账表 "${table}" 未应答 ${action}。` },
    { scope: 'us' },
  )

/** The table refused a call, and would refuse it again. `reason`: the name of AWS's error. */
export const misconfigured = (table: string, action: string, reason: string) =>
  new OperationError(
    'misconfigured',
    {
      en: `The ledger table "${table}" refused ${action} (${reason}).`,
      zh: `台账表 "${table}" 拒绝了 ${action}（${reason}）。`,
    },
    {
      scope: 'us',
      hint: {
        en: `Check that the table exists and that this function may call dynamodb:${action} on it, then deploy again.`,
        zh: `请确认该表存在，且本函数有权对其调用 dynamodb:${action}，然后重新部署。`,
      },
    },
  )
