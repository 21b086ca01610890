/** What test/functions/redaction.test.ts checks, with more of each. */
import { afterAll, beforeAll, test } from 'vitest'
import { operationNames } from '../../infra/operations.ts'
import { startHarness } from '../harness.ts'
import { assertNothingLeaves } from './redaction.ts'

let harness: Awaited<ReturnType<typeof startHarness>>
beforeAll(async () => {
  harness = await startHarness()
})
afterAll(() => harness.close())

test.each(operationNames)('%s: no twelve characters get out in an answer, a log line, an event or a letter', (name) =>
  assertNothingLeaves(harness, name, 200).then(() => {}),
)
