/** How many targets the sample event has, of all operations. */
import { loadOperations } from '../infra/operations.ts'
import { offboarding } from '../lib/offboarding-event.ts'
import { parse } from '../lib/schema.ts'
import sample from '../local/events/offboarding.json' with { type: 'json' }

const event = parse(offboarding, sample)

export const TARGETS = (await loadOperations()).reduce((sum, { operation }) => sum + operation.targets(event).length, 0)
