/** The simulation's queues as AWS describes them and was recorded: groups in order, receipts, visibility, 14 days. */
import { expect, test } from 'vitest'
import { FifoQueue, type Message } from '../../../local/simulation/fifo.ts'
import { StandardQueue } from '../../../local/simulation/standard.ts'

const START_MS = Date.parse('2026-11-23T01:00:00Z')
const VISIBILITY_SECONDS = 180
const DAY_MS = 24 * 60 * 60_000

/** One queue of each kind with a clock of their own; `bodies` receives. */
function start() {
  const clock = { nowMs: START_MS }
  const stranded: string[] = []
  const options = {
    now: () => clock.nowMs,
    visibilityMs: VISIBILITY_SECONDS * 1_000,
    onStranded: ({ body }: Message) => stranded.push(body),
  }
  const visibleAtMs: number[] = []
  const fifo = new FifoQueue(options)
  const standard = new StandardQueue({ ...options, onVisible: (atMs) => visibleAtMs.push(atMs) })
  return { clock, stranded, visibleAtMs, fifo, standard }
}
const bodies = (messages: Message[]) => messages.map(({ body }) => Number(body))
const receipts = (messages: Message[]) => messages.map(({ receipt }) => receipt)
const fill = (fifo: FifoQueue, count: number) => {
  for (let index = 0; index < count; index++) fifo.send('a', `id-${index}`, String(index))
}

test('a FIFO queue hands over the visible messages of a group from the first on, ten at most', () => {
  const { clock, fifo } = start()
  fill(fifo, 25)
  const first = fifo.receive('a')
  expect(bodies(first)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  // The later ones wait while these are in work.
  expect(bodies(fifo.receive('a'))).toEqual([])
  expect(fifo.availableAtMs('a')).toBe(clock.nowMs + VISIBILITY_SECONDS * 1_000)

  const [zero = '', one = '', two = '', ...others] = receipts(first)
  fifo.delete(new Set(others))
  fifo.setVisibility(zero, 0)
  fifo.setVisibility(one, 58)
  fifo.setVisibility(two, 0)
  expect(fifo.availableAtMs('a')).toBe(clock.nowMs)
  expect(bodies(fifo.receive('a'))).toEqual([0])
  clock.nowMs += 58_000
  expect(bodies(fifo.receive('a'))).toEqual([])
  clock.nowMs += (VISIBILITY_SECONDS - 58) * 1_000
  expect(bodies(fifo.receive('a'))).toEqual([0, 1, 2, 10, 11, 12, 13, 14, 15, 16])
})

test('of three that were received, the first comes back at once where the second is made to wait', () => {
  const { fifo } = start()
  fill(fifo, 4)
  const [zero, one, two] = receipts(fifo.receive('a'))
  fifo.setVisibility(one ?? '', 240)
  for (const receipt of [zero, two]) fifo.setVisibility(receipt ?? '', 0)
  expect(bodies(fifo.receive('a'))).toEqual([0])
  expect(bodies(fifo.receive('a'))).toEqual([])
})

test('a standard queue hands over each message by its own clock, and holds back nothing', () => {
  const { clock, standard, visibleAtMs } = start()
  for (let index = 0; index < 12; index++) standard.send(String(index), index === 3 ? 900 : 0)
  const first = standard.receive()
  expect(bodies(first)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10])
  expect(bodies(standard.receive())).toEqual([11])
  standard.setVisibility(first[5]?.receipt ?? '', 20)
  standard.setVisibility(first[0]?.receipt ?? '', 10)
  expect(visibleAtMs.slice(-2)).toEqual([START_MS + 20_000, START_MS + 10_000])
  clock.nowMs += 10_000
  expect(bodies(standard.receive())).toEqual([0])
  clock.nowMs += 10_000
  expect(bodies(standard.receive())).toEqual([6])
  standard.delete(new Set(receipts(first)))
  // 0 and 6 were received anew, 3 and 11 later.
  expect(standard.size).toBe(4)
  clock.nowMs = START_MS + 900_000
  expect(bodies(standard.receive())).toEqual([0, 3, 6, 11])
})

test('neither takes a receipt but the last, and both drop what is 14 days old', () => {
  const { clock, fifo, standard } = start()
  fifo.send('a', 'id', '1')
  standard.send('1')
  for (const queue of [fifo, standard]) {
    clock.nowMs = START_MS
    const [old = ''] = receipts(queue.receive())
    clock.nowMs += VISIBILITY_SECONDS * 1_000
    queue.receive()
    queue.delete(new Set([old]))
    expect(queue.size).toBe(1)
    expect(queue.setVisibility(old, 9)).toBe(false)
    clock.nowMs = START_MS + 14 * DAY_MS
    expect(queue.receive()).toEqual([])
    expect([queue.expired, queue.size]).toEqual([1, 0])
  }
})

test('both move away what was received 1,000 times, at the next receive', () => {
  const { clock, fifo, standard, stranded } = start()
  fill(fifo, 2)
  standard.send('7')
  for (let receives = 0; receives < 1_000; receives++) {
    const [first, second] = receipts(fifo.receive('a'))
    if (second) fifo.setVisibility(second, 14 * 86_400)
    expect(bodies(standard.receive())).toEqual([7])
    fifo.setVisibility(first ?? '', 0)
    clock.nowMs += VISIBILITY_SECONDS * 1_000
  }
  expect(stranded).toEqual([])
  expect([fifo.receive('a'), standard.receive()]).toEqual([[], []])
  expect(stranded).toEqual(['0', '7'])
  expect([fifo.size, standard.size]).toEqual([1, 0])
})
