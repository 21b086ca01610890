import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KINDS, type Kind, OperationError } from '../../../lib/error.ts'
import { retryWaitMs, shouldRetry } from '../../../lib/vendor/retry.ts'

fc.configureGlobal({ seed: 1 })

const failure = (kind: Kind, retryAfterMs?: number) =>
  new OperationError(kind, { en: 'failed', zh: '失败' }, { retryAfterMs })
const plenty = { remainingMs: 60_000, maxWaitMs: 60_000 }

describe('shouldRetry', () => {
  test.each(Object.keys(KINDS) as Kind[])('%s is repeated only where a moment may mend it', (kind) => {
    expect(shouldRetry(failure(kind), 0, 100, plenty)).toBe(['rate_limited', 'unavailable'].includes(kind))
  })

  test('gives up after two retries', () => {
    expect([0, 1, 2].map((retries) => shouldRetry(failure('unavailable'), retries, 100, plenty))).toEqual([
      true,
      true,
      false,
    ])
  })

  test('does not stay for a wait longer than its patience', () => {
    expect(shouldRetry(failure('rate_limited', 58_000), 0, 58_000, { ...plenty, maxWaitMs: 5_000 })).toBe(false)
  })

  test('does not begin a wait after which no request fits', () => {
    expect(shouldRetry(failure('unavailable'), 0, 3_000, { ...plenty, remainingMs: 4_000 })).toBe(false)
  })

  test('never lets wait and deadline disagree', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(KINDS) as Kind[])),
        fc.nat(5),
        fc.nat(1_000_000),
        fc.integer({ min: -10_000, max: 1_000_000 }),
        fc.nat(1_000_000),
        (kind, retries, waitMs, remainingMs, maxWaitMs) => {
          if (!shouldRetry(failure(kind), retries, waitMs, { remainingMs, maxWaitMs })) return
          expect(waitMs).toBeLessThan(remainingMs)
          expect(waitMs).toBeLessThanOrEqual(maxWaitMs)
        },
      ),
    )
  })
})

describe('retryWaitMs', () => {
  test("takes the vendor's wait unchanged", () => {
    expect(retryWaitMs(failure('rate_limited', 7_000), 0)).toBe(7_000)
  })

  test('otherwise doubles under full jitter, up to 4 s', () => {
    expect([0, 1, 2, 10].map((retries) => retryWaitMs(failure('unavailable'), retries, 1))).toEqual([
      250, 500, 1_000, 4_000,
    ])
    expect(retryWaitMs(failure('unavailable'), 3, 0)).toBe(0)
  })
})
