/** An SQS FIFO queue as the documentation has it: groups in order, five minutes of deduplication, visibility, 14 days. */
import { randomUUID } from 'node:crypto'

export type Message = {
  id: string
  body: string
  group: string
  attributes: Record<string, string>
  sentAtMs: number
  visibleAtMs: number
  receives: number
  firstReceivedAtMs: number
  /** Names the last receive; an older one is no longer valid. */
  receipt: string
}

const DEDUPLICATION_MS = 5 * 60_000
const RETENTION_MS = 14 * 24 * 60 * 60_000
const BATCH = 10

export class FifoQueue {
  readonly groups = new Map<string, Message[]>()
  /** Messages that grew older than the retention. */
  expired = 0
  readonly #now: () => number
  readonly #visibilityMs: number
  readonly #seen = new Map<string, number>()
  readonly #onGroup: (group: string) => void

  /** @param onGroup called when a group that was empty has a message */
  constructor(now: () => number, visibilityMs: number, onGroup: (group: string) => void) {
    this.#now = now
    this.#visibilityMs = visibilityMs
    this.#onGroup = onGroup
  }

  /** False where the deduplication id was seen within five minutes. */
  send(group: string, deduplicationId: string, body: string, attributes: Record<string, string> = {}): boolean {
    const nowMs = this.#now()
    for (const [id, atMs] of this.#seen) {
      if (nowMs - atMs < DEDUPLICATION_MS) break
      this.#seen.delete(id)
    }
    if (this.#seen.has(deduplicationId)) return false
    this.#seen.set(deduplicationId, nowMs)
    const message = { id: randomUUID(), body, group, attributes, sentAtMs: nowMs, visibleAtMs: 0, receives: 0 }
    const messages = this.groups.get(group)
    if (messages) messages.push({ ...message, firstReceivedAtMs: 0, receipt: '' })
    else {
      this.groups.set(group, [{ ...message, firstReceivedAtMs: 0, receipt: '' }])
      this.#onGroup(group)
    }
    return true
  }

  /** When the group's next messages can be received; undefined when it is empty. One in work holds back all. */
  availableAtMs(group: string): number | undefined {
    const messages = this.groups.get(group)
    if (!messages) return undefined
    // Only the first ten can be in work.
    return messages.slice(0, BATCH).reduce((latest, { visibleAtMs }) => Math.max(latest, visibleAtMs), 0)
  }

  /** The group's first messages, ten at most, invisible from now on. */
  receive(group: string): Message[] {
    const nowMs = this.#now()
    const messages = this.groups.get(group) ?? []
    while (messages[0] && nowMs - messages[0].sentAtMs >= RETENTION_MS) {
      messages.shift()
      this.expired++
    }
    if (messages.length === 0) this.groups.delete(group)
    const received = messages.slice(0, BATCH)
    for (const message of received) {
      message.receives++
      message.firstReceivedAtMs ||= nowMs
      message.visibleAtMs = nowMs + this.#visibilityMs
      message.receipt = randomUUID()
    }
    return received
  }

  /** False for a receipt that is not the last one. */
  setVisibility(receipt: string, seconds: number): boolean {
    for (const messages of this.groups.values()) {
      const message = messages.slice(0, BATCH).find((one) => one.receipt === receipt)
      if (!message) continue
      message.visibleAtMs = this.#now() + seconds * 1_000
      return true
    }
    return false
  }

  delete(group: string, receipts: Set<string>): void {
    const messages = this.groups.get(group) ?? []
    const first = messages.splice(0, BATCH)
    const left = first.filter(({ receipt }) => !receipts.has(receipt))
    messages.unshift(...left)
    if (messages.length === 0) this.groups.delete(group)
  }
}
