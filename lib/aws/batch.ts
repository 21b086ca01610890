/** Batches as SQS and EventBridge take them: ten entries, each of which can be refused on its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { OperationError } from '../error.ts'

const BATCH_ENTRIES = 10
const RETRY_MS = 3_000
const MAX_PAUSE_MS = 1_000

/** The items in runs of at most ten. */
export const batchesOf = <Item>(items: Item[]): Item[][] =>
  Array.from({ length: Math.ceil(items.length / BATCH_ENTRIES) }, (_, index) =>
    items.slice(index * BATCH_ENTRIES, (index + 1) * BATCH_ENTRIES),
  )

/**
 * Sends `batch`, then again the entries that `send` reports as not accepted (by index), with exponential backoff for
 * three seconds. Throws `unavailable` when entries remain, and whatever `send` throws: the SDK has retried by then.
 */
export async function sendBatchWithRetry<Item>(
  batch: Item[],
  send: (entries: Item[]) => Promise<number[]>,
): Promise<void> {
  const startedAtMs = Date.now()
  let left = batch
  for (let attempts = 1; ; attempts++) {
    const refused = await send(left)
    left = refused.flatMap((index) => left[index] ?? [])
    if (left.length === 0) return
    if (Date.now() - startedAtMs >= RETRY_MS)
      throw new OperationError(
        'unavailable',
        {
          en: `AWS refused ${left.length} of ${batch.length} entries.`,
          zh: `AWS 拒绝了 ${batch.length} 条中的 ${left.length} 条。`,
        },
        { scope: 'us' },
      )
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 100 * 2 ** attempts))
  }
}
