/** Scheduled every minute: has the robots of group chats say what needs an operator. No operation: it has no route. */
import type { Context } from 'aws-lambda'
import { notify } from '../lib/handlers/notifications.ts'

/** What no robot can take now waits for a later run. */
export async function handler(_event: unknown, context: Context): Promise<void> {
  await notify(context.functionName, () => context.getRemainingTimeInMillis())
}
