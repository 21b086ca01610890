/** Scheduled: ends what functions that were killed left undone in the ledger. No operation: it has no route and no queue. */
import type { Context } from 'aws-lambda'
import { countMetrics } from '../lib/audit.ts'
import { sweep } from '../lib/handlers/sweep.ts'

/** Kept back for what is under way. */
const RESERVE_MS = 30_000

/** Goes through all open offboardings. What fails, or is not reached in time, is left to the next run. */
export async function handler(_event: unknown, context: Context): Promise<void> {
  const counts = await sweep(() => context.getRemainingTimeInMillis() - RESERVE_MS)
  // A metric costs by the hour in which it is written.
  const found = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
  if (Object.keys(found).length > 0) countMetrics({ FunctionName: context.functionName }, found)
}
