/** What must not be lost with a stage: besides ledger and audit log, events and messages that wait for an operator. */
import { type Osls, settings } from './cloudformation.ts'

/** An archive replays only onto the bus it was made from, so the bus is kept with it. */
const KEPT = [
  'EventBus',
  'EventArchive',
  'DeadLetterQueue',
  'UndeliveredEventsQueue',
  'StrandedWorkQueue',
  'StrandedRetriesQueue',
]

/** What becomes of each when the stage is removed, for serverless.yml. */
export async function keptOnRemoval(osls: Osls) {
  const { checked } = await settings(osls)
  return { extensions: Object.fromEntries(KEPT.map((id) => [id, checked.removal])) }
}
