/** What test/lib/redact.test.ts checks, with many more secrets. */
import { test } from 'vitest'
import { assertNothingGetsOut } from './redaction.ts'

test('of any secret, no twelve characters get out in any of the encodings or up to three of them', () => {
  assertNothingGetsOut(100_000)
})
