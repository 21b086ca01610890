/**
 * An SQS FIFO queue as the documentation has it and as AWS was recorded: groups in order, five minutes of deduplication,
 * visibility by message, 14 days. While a message is invisible the later ones of its group wait; earlier ones do not.
 */
import { randomUUID } from 'node:crypto'

export type Message = {
  id: string
  body: string
  /** Missing on a standard queue. */
  group?: string
  attributes: Record<string, string>
  sentAtMs: number
  visibleAtMs: number
  receives: number
  firstReceivedAtMs: number
  /** Names the last receive; an older one is no longer valid. */
  receipt: string
}

export type QueueOptions = {
  now: () => number
  visibilityMs: number
  /** Called with a message that SQS takes off the queue instead of handing it over once more. */
  onStranded?: (message: Message) => void
}

const DEDUPLICATION_MS = 5 * 60_000
const RETENTION_MS = 14 * 24 * 60 * 60_000
const BATCH = 10
/** A message that was received so often is moved away at the next receive. */
const MAX_RECEIVES = 1_000

/** A message as it is sent. */
export const newMessage = (body: string, attributes: Record<string, string>, nowMs: number): Message => ({
  id: randomUUID(),
  body,
  attributes,
  sentAtMs: nowMs,
  visibleAtMs: 0,
  receives: 0,
  firstReceivedAtMs: 0,
  receipt: '',
})

export const isExpired = ({ sentAtMs }: Message, nowMs: number): boolean => nowMs - sentAtMs >= RETENTION_MS

/** Receives the messages: ten at most, invisible from now on. Those that were received too often are moved away instead. */
export function handOver(messages: Message[], { now, visibilityMs, onStranded = () => {} }: QueueOptions) {
  const nowMs = now()
  const { stranded = [], received = [] } = Object.groupBy(messages.slice(0, BATCH), ({ receives }) =>
    receives >= MAX_RECEIVES ? 'stranded' : 'received',
  )
  for (const message of stranded) onStranded(message)
  for (const message of received) {
    message.receives++
    message.firstReceivedAtMs ||= nowMs
    message.visibleAtMs = nowMs + visibilityMs
    message.receipt = randomUUID()
  }
  // As they are now: a later receive has a receipt of its own.
  return { received: received.map((message) => ({ ...message })), stranded }
}

export class FifoQueue {
  readonly groups = new Map<string, Message[]>()
  /** Messages that grew older than the retention. */
  expired = 0
  readonly #options: QueueOptions & { onGroup?: (group: string) => void }
  readonly #seen = new Map<string, number>()

  /** `onGroup`: called when a group that was empty has a message. */
  constructor(options: QueueOptions & { onGroup?: (group: string) => void }) {
    this.#options = options
  }

  get size(): number {
    return [...this.groups.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /** False where the deduplication id was seen within five minutes. */
  send(group: string, deduplicationId: string, body: string, attributes: Record<string, string> = {}): boolean {
    const nowMs = this.#options.now()
    for (const [id, atMs] of this.#seen) {
      if (nowMs - atMs < DEDUPLICATION_MS) break
      this.#seen.delete(id)
    }
    if (this.#seen.has(deduplicationId)) return false
    this.#seen.set(deduplicationId, nowMs)
    const message = { ...newMessage(body, attributes, nowMs), group }
    const messages = this.groups.get(group)
    if (messages) messages.push(message)
    else {
      this.groups.set(group, [message])
      this.#options.onGroup?.(group)
    }
    return true
  }

  /** When the group's next messages can be received; undefined when it is empty. */
  availableAtMs(group: string): number | undefined {
    return this.groups.get(group)?.[0]?.visibleAtMs
  }

  /** The group's visible messages from the first on, up to one that is invisible. Of any group that has some unless named. */
  receive(group = this.#availableGroup()): Message[] {
    const nowMs = this.#options.now()
    const messages = this.groups.get(group) ?? []
    while (messages[0] && isExpired(messages[0], nowMs)) {
      messages.shift()
      this.expired++
    }
    const invisible = messages.findIndex(({ visibleAtMs }) => visibleAtMs > nowMs)
    const { received, stranded } = handOver(invisible < 0 ? messages : messages.slice(0, invisible), this.#options)
    this.#remove(group, new Set(stranded))
    return received
  }

  /** False for a receipt that is not the last one. */
  setVisibility(receipt: string, seconds: number): boolean {
    const [, message] = this.#find(receipt)
    if (message) message.visibleAtMs = this.#options.now() + seconds * 1_000
    return message !== undefined
  }

  delete(receipts: Set<string>): void {
    for (const receipt of receipts) {
      const [group, message] = this.#find(receipt)
      if (message) this.#remove(group, new Set([message]))
    }
  }

  #availableGroup(): string {
    const nowMs = this.#options.now()
    return [...this.groups.keys()].find((group) => (this.availableAtMs(group) ?? 0) <= nowMs) ?? ''
  }

  /** Only the first ten of a group can have been received. */
  #find(receipt: string): [group: string, message?: Message] {
    for (const [group, messages] of this.groups) {
      const message = messages.slice(0, BATCH).find((one) => one.receipt === receipt)
      if (message) return [group, message]
    }
    return ['']
  }

  #remove(group: string, removed: Set<Message>): void {
    const messages = this.groups.get(group) ?? []
    messages.unshift(...messages.splice(0, BATCH).filter((message) => !removed.has(message)))
    if (messages.length === 0) this.groups.delete(group)
  }
}
