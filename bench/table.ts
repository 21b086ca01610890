/** What a batch of ten asks of the ledger's table, without the rest: reserve and read, write the outcomes, look for open targets. */
import { randomUUID } from 'node:crypto'
import { reserveCalls } from '../lib/ledger/buckets.ts'
import { completeSending } from '../lib/ledger/completion.ts'
import { readTarget, recordOutcome } from '../lib/ledger/targets.ts'

const OPERATION = 'feishu-drive-unsubscribe'
const BATCH = 10

export async function handler() {
  const sending = { offboardingId: 'bench', eventId: randomUUID(), redrive: 0, dryRun: false }
  const targets = Array.from({ length: BATCH }, (_, index) => ({
    ...sending,
    operation: OPERATION,
    input: { file_token: `doxcnBench${index}`, file_type: 'docx' },
  }))
  const names = targets.map(({ input }) => input.file_token)
  const reserved = reserveCalls(OPERATION, 'bench', { perMinute: BATCH }, { names, isRepeat: false })
  await Promise.all([reserved, ...targets.map(readTarget)])
  const finishedAt = new Date().toISOString()
  await Promise.all(targets.map((target) => recordOutcome(target, { outcome: 'changed', attempts: 1, finishedAt })))
  await completeSending(sending)
  return { statusCode: 200 }
}
