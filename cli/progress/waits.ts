/** What the open targets of an offboarding wait for. */
import { bucketOf, limitOf } from '../../lib/handlers/work-item.ts'
import type { Hold } from '../../lib/ledger/bucket.ts'
import { type Records, readWait } from '../../lib/ledger/records.ts'
import type { Operation } from '../../lib/operation.ts'
import type { Held, Wait } from '../../lib/report/hold.ts'
import type { Report } from '../../lib/report/summary.ts'
import { printable } from '../../lib/schema.ts'
import type { Connection } from '../stack/connection.ts'

/** The stack's operations by name. */
export type Operations = ReadonlyMap<string, Operation>

/** Loads the contracts of the stack's operations. */
export async function loadOperations({ names }: Connection): Promise<Operations> {
  const modules = await Promise.all(Object.keys(names.operations).map((name) => import(`../../functions/${name}.ts`)))
  return new Map(modules.map(({ operation }) => [operation.name, operation]))
}

const held = ({ sinceMs, kind, code, requestId, hint }: Hold): Held => ({
  sinceMs,
  kind,
  code: code === null ? null : printable(code),
  requestId: requestId === null ? null : printable(requestId, 200),
  hint: printable(hint, 1_000),
})

/** A wait that is shorter is not worth a line. */
const SHORT_WAIT_MS = 1_100

/** Of each operation the longest wait of the buckets that its open targets are in. */
export async function readWaits(
  { targets }: Records,
  { isDryRun }: Report,
  operations: Operations,
  speed: number,
): Promise<ReadonlyMap<string, Wait>> {
  const open = targets.filter(({ isOpen, dryRun }) => isOpen && dryRun === isDryRun)
  const waits = new Map<string, Wait>()
  await Promise.all(
    [...Map.groupBy(open, ({ operation }) => operation)].flatMap(([name, some]) => {
      const operation = operations.get(name)
      if (!operation) return []
      const limit = limitOf(operation, { dryRun: isDryRun })
      return [...new Set(some.map(({ input }) => bucketOf(operation, input)))].map(async (bucket) => {
        const wait = await readWait(limit.name, bucket, limit.pace, speed)
        if (!wait || wait.untilMs < Date.now() + SHORT_WAIT_MS) return
        if (wait.untilMs <= (waits.get(name)?.untilMs ?? 0)) return
        waits.set(name, { untilMs: wait.untilMs, ...(wait.hold && { hold: held(wait.hold) }) })
      })
    }),
  )
  return waits
}
