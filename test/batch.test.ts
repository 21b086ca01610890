import { describe, expect, test } from 'vitest'
import { untilAccepted } from '../lib/batch.ts'

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
