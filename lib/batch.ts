/** Batches as SQS and EventBridge take them: ten entries, of which each may be refused on its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isPermanent } from './aws-error.ts'
import { OperationError } from './error.ts'

const BATCH_ENTRIES = 10
const PATIENCE_MS = 3_000
const MAX_PAUSE_MS = 1_000

/** The items in runs of at most ten. */
export const batchesOf = <Item>(items: Item[]): Item[][] =>
  Array.from({ length: Math.ceil(items.length / BATCH_ENTRIES) }, (_, index) =>
    items.slice(index * BATCH_ENTRIES, (index + 1) * BATCH_ENTRIES),
  )

/**
 * Sends `batch`, and again whatever `send` says was refused (by index), or all when it throws, with growing pauses.
 * Throws when that does not end within 3 seconds: `unavailable` for entries, else what `send` threw.
 */
export async function untilAccepted<Item>(batch: Item[], send: (left: Item[]) => Promise<number[]>): Promise<void> {
  const startedAtMs = Date.now()
  let left = batch
  for (let attempt = 1; ; attempt++) {
    const patient = Date.now() - startedAtMs < PATIENCE_MS
    try {
      const refused = await send(left)
      left = refused.flatMap((index) => left[index] ?? [])
    } catch (error) {
      if (!patient || isPermanent(error)) throw error
    }
    if (left.length === 0) return
    if (!patient)
      throw new OperationError('unavailable', {
        en: `AWS refused ${left.length} of ${batch.length} entries.`,
        zh: `AWS 拒绝了 ${batch.length} 条中的 ${left.length} 条。`,
      })
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, 100 * 2 ** attempt))
  }
}
