import { afterEach, expect, test, vi } from 'vitest'
import { sendBatchWithRetry } from '../../../lib/aws/batch.ts'

afterEach(() => void vi.restoreAllMocks())

test('sends again what was refused, and that alone', async () => {
  const sent: string[][] = []
  await sendBatchWithRetry(['a', 'b', 'c'], async (entries) => {
    sent.push(entries)
    return sent.length === 1 ? [1] : []
  })
  expect(sent).toEqual([['a', 'b', 'c'], ['b']])
})

test('gives up after three seconds and reports how many entries remain', async () => {
  let nowMs = 0
  vi.spyOn(Date, 'now').mockImplementation(() => nowMs)
  const sending = sendBatchWithRetry(['a', 'b', 'c'], async () => {
    nowMs += 3_000
    return [0, 2]
  })
  await expect(sending).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('2 of 3 entries'),
  })
})

test('throws what sending throws, without another attempt', async () => {
  const denied = new Error('AccessDeniedException')
  let attempts = 0
  const sending = sendBatchWithRetry(['a'], async () => {
    attempts++
    throw denied
  })
  await expect(sending).rejects.toBe(denied)
  expect(attempts).toBe(1)
})
