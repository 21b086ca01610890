/** What the samples in local/events/ ask for. */
import { loadOperations } from '../infra/operations.ts'
import { offboarding } from '../lib/offboarding-event.ts'
import { parse } from '../lib/schema.ts'
import sample from '../local/events/offboarding.json' with { type: 'json' }

const event = parse(offboarding, sample)

/** How many targets the event with ids has, of all operations. */
export const TARGETS = (await loadOperations()).reduce((sum, { operation }) => sum + operation.targets(event).length, 0)

/**
 * What becomes of the leaver that `npm start` names: 31 documents of the register, four calendars that they own, two that they are
 * subscribed to, and their calendar change events. The two approvals of the register are left to an operator.
 */
export const LEAVER_SUM = '38 targets: 33 changed, 3 unchanged, 1 parked. 1 gone: unknown to the vendor, check the id'
