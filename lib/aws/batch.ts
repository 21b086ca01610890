/** Batches as SQS and EventBridge take them: ten entries, of which each may be refused on its own. */

import { OperationError } from '../error.ts'
import { patiently } from './retry.ts'

const BATCH_ENTRIES = 10

/** The items in runs of at most ten. */
export const batchesOf = <Item>(items: Item[]): Item[][] =>
  Array.from({ length: Math.ceil(items.length / BATCH_ENTRIES) }, (_, index) =>
    items.slice(index * BATCH_ENTRIES, (index + 1) * BATCH_ENTRIES),
  )

/**
 * Sends `batch`, and again whatever `send` says was refused (by index), or all that is left when it throws, patiently.
 * Throws `unavailable` when entries were refused to the end, else what `send` threw.
 */
export async function untilAccepted<Item>(batch: Item[], send: (left: Item[]) => Promise<number[]>): Promise<void> {
  let left = batch
  await patiently(async () => {
    const refused = await send(left)
    left = refused.flatMap((index) => left[index] ?? [])
    if (left.length > 0)
      throw new OperationError('unavailable', {
        en: `AWS refused ${left.length} of ${batch.length} entries.`,
        zh: `AWS 拒绝了 ${batch.length} 条中的 ${left.length} 条。`,
      })
  })
}
