/** Redaction by itself; what gets out of the functions and commands is in test/functions and test/cli. */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeEach, expect, test, vi } from 'vitest'
import { quote, quoteId, redact, registerSecrets } from '../../lib/redact.ts'
import { assertNothingGetsOut, leaks, readable } from './redaction.ts'

const SECRET = 'u-7fK2mQ9xRt4WzB1nLc8vYd3s'
registerSecrets({ access_token: SECRET })

test('of any secret, no twelve characters get out in any of the encodings or two of them', () => {
  assertNothingGetsOut(3_000)
})

test('the property sees what is left as it is', () => {
  fc.assert(fc.property(leaks, ({ secret, told, encodings }) => readable(secret, encodings, told).length > 0))
})
