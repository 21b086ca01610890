/** Scheduled: keeps the tokens of all stored users of both vendors alive. No operation: it has no route and no queue. */
import type { Context } from 'aws-lambda'
import { dingtalk } from '../lib/dingtalk/dingtalk.ts'
import { dingtalkUser } from '../lib/dingtalk/tokens.ts'
import { environment, environmentNumber } from '../lib/environment.ts'
import { OperationError } from '../lib/error.ts'
import { feishu } from '../lib/feishu/feishu.ts'
import { feishuUser } from '../lib/feishu/tokens.ts'
import { renewAll } from '../lib/tokens/renew-all.ts'

/** Kept back for the last renewals' storing and the metrics. */
const RESERVE_MS = 10_000

/**
 * Renews what ends within `RENEW_WITHIN_DAYS`. Throws when time ran out, so that Lambda runs it again, which continues
 * where it stopped.
 */
export async function handler(_event: unknown, context: Context): Promise<void> {
  const remainingMs = () => context.getRemainingTimeInMillis() - RESERVE_MS
  const withinDays = environmentNumber('RENEW_WITHIN_DAYS')
  const vendors = {
    feishu: { prefix: environment('FEISHU_USER_SECRET_PREFIX'), userOf: feishuUser, ownerOf: feishu.ownerOf },
    dingtalk: { prefix: environment('DINGTALK_USER_SECRET_PREFIX'), userOf: dingtalkUser, ownerOf: dingtalk.ownerOf },
  }
  let unfinished = 0
  for (const [Vendor, users] of Object.entries(vendors)) {
    const dimensions = { FunctionName: context.functionName, Vendor }
    unfinished += (await renewAll(users, withinDays, remainingMs, dimensions)).Unfinished
  }
  if (unfinished > 0)
    throw new OperationError('unavailable', {
      en: `Time ran out with the tokens of ${unfinished} users left to renew.`,
      zh: `时间用尽，尚有 ${unfinished} 位用户的令牌未刷新。`,
    })
}
