import { describe, expect, test } from 'vitest'
import { untilAccepted } from '../../../lib/aws/batch.ts'
import { isPermanent, patiently } from '../../../lib/aws/retry.ts'
import { OperationError } from '../../../lib/error.ts'

const failure = (name: string, httpStatusCode: number) =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode } })

describe('a batch for SQS or EventBridge', () => {
  test('sends again what was refused, and that alone', async () => {
    const sent: string[][] = []
    await untilAccepted(['a', 'b', 'c'], async (left) => {
      sent.push(left)
      return sent.length === 1 ? [1] : []
    })
    expect(sent).toEqual([['a', 'b', 'c'], ['b']])
  })

  test.each([
    ['ThrottlingException', 400],
    ['InternalServiceError', 500],
  ])('is sent again as a whole after %s', async (name, status) => {
    let tries = 0
    await untilAccepted(['a'], async () => {
      if (++tries < 3) throw failure(name, status)
      return []
    })
    expect(tries).toBe(3)
  })

  test('is given up at once where no repetition can help', async () => {
    let tries = 0
    const denied = failure('AccessDeniedException', 403)
    const sending = untilAccepted(['a'], async () => {
      tries++
      throw denied
    })
    await expect(sending).rejects.toBe(denied)
    expect(tries).toBe(1)
  })
})

describe('a failed call of AWS', () => {
  const told = { en: '', zh: '' }

  test.each<[string, unknown, boolean]>([
    ['AccessDeniedException', failure('AccessDeniedException', 400), true],
    ['ResourceNotFoundException', failure('ResourceNotFoundException', 400), true],
    ['a setting that is missing', new OperationError('misconfigured', told), true],
    ['a throttle', failure('RequestThrottled', 403), false],
    ['another throttle', failure('TooManyRequestsException', 400), false],
    ['a throttle by status', failure('UnknownError', 429), false],
    ['a time-out', failure('RequestTimeoutException', 400), false],
    ['a fault', failure('InternalServiceError', 500), false],
    ['an answer that is no JSON', failure('UnknownError', 200), false],
    ['an answer that is too large', new OperationError('protocol', told), false],
    ['no connection', new OperationError('unavailable', told), false],
  ])('by %s is permanent or may pass', (_, error, expected) => {
    expect(isPermanent(error)).toBe(expected)
  })

  test('is tried as often as wanted', async () => {
    let tries = 0
    const fault = failure('InternalServiceError', 500)
    const calling = patiently(async () => {
      tries++
      throw fault
    }, 2)
    await expect(calling).rejects.toBe(fault)
    expect(tries).toBe(2)
  })
})
