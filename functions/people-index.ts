/** Scheduled: keeps the index by which DingTalk's people are found by e-mail address and employee number. No operation: it has no route. */
import type { Context } from 'aws-lambda'
import { refreshIndex } from '../lib/handlers/people-index.ts'
import { pacedAsk } from '../lib/people/paced.ts'

/** Kept back for what is under way to end, and for writing down what is left. */
const RESERVE_MS = 30_000

/** Goes through all departments. Throws when time ran out, so that Lambda runs it again, which continues where it stopped. */
export async function handler(_event: unknown, context: Context): Promise<void> {
  const remainingMs = () => context.getRemainingTimeInMillis() - RESERVE_MS
  await refreshIndex(pacedAsk(remainingMs), remainingMs)
}
