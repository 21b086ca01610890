/** The simulation's FIFO queue as AWS describes one: groups in order, receipts, 14 days. */
import { expect, test } from 'vitest'
import { FifoQueue } from '../../../local/simulation/fifo.ts'

const START_MS = Date.parse('2026-11-23T01:00:00Z')
const VISIBILITY_SECONDS = 180

test('hands over ten of a group in order, and the next when all of them are settled', () => {
  let nowMs = START_MS
  const queue = new FifoQueue(
    () => nowMs,
    VISIBILITY_SECONDS * 1_000,
    () => {},
  )
  for (let index = 0; index < 25; index++) queue.send('a', `id-${index}`, String(index))
  const bodies = () => queue.receive('a').map(({ body }) => Number(body))
  const first = queue.receive('a')
  expect(first.map(({ body }) => Number(body))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(queue.availableAtMs('a')).toBe(nowMs + VISIBILITY_SECONDS * 1_000)

  queue.delete('a', new Set(first.slice(2).map(({ receipt }) => receipt)))
  queue.setVisibility(first[0]?.receipt ?? '', 58)
  queue.setVisibility(first[1]?.receipt ?? '', 0)
  expect(queue.availableAtMs('a')).toBe(nowMs + 58_000)
  nowMs += 58_000
  expect(bodies()).toEqual([0, 1, 10, 11, 12, 13, 14, 15, 16, 17])
})

test('takes no receipt but the last, and drops what is 14 days old', () => {
  let nowMs = START_MS
  const queue = new FifoQueue(
    () => nowMs,
    1_000,
    () => {},
  )
  queue.send('a', 'id', 'body')
  const old = queue.receive('a')[0]?.receipt ?? ''
  nowMs += 1_000
  queue.receive('a')
  queue.delete('a', new Set([old]))
  expect(queue.groups.get('a')).toHaveLength(1)
  expect(queue.setVisibility(old, 9)).toBe(false)
  nowMs += 14 * 24 * 60 * 60_000
  expect(queue.receive('a')).toEqual([])
  expect(queue.expired).toBe(1)
})
