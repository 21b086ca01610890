/** Scheduled: ends what functions that were killed left undone in the ledger. No operation: it has no route and no queue. */
import type { Context } from 'aws-lambda'
import { writeMetrics } from '../lib/audit.ts'
import { sweep } from '../lib/handlers/sweep.ts'

/** Kept back for what is under way. */
const RESERVE_MS = 30_000

/** Goes through all open offboardings. What fails, or is not reached in time, is left to the next run. */
export async function handler(_event: unknown, context: Context): Promise<void> {
  const { counts, queuedAt } = await sweep(() => context.getRemainingTimeInMillis() - RESERVE_MS)
  const FunctionName = context.functionName
  // A metric costs by the hour in which it is written.
  const found = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
  if (Object.keys(found).length > 0) writeMetrics({ FunctionName }, found)
  for (const [Operation, since] of queuedAt) {
    const OldestWaitingSeconds = Math.round((Date.now() - Date.parse(since)) / 1_000)
    writeMetrics({ FunctionName, Operation }, { OldestWaitingSeconds }, 'Seconds')
  }
}
