/** A standard SQS queue: each message by its own clock, at least once, 14 days. It holds back nothing for anything else. */
import { handOver, isExpired, type Message, newMessage, type QueueOptions } from './fifo.ts'

export class StandardQueue {
  readonly messages = new Set<Message>()
  /** Messages that grew older than the retention. */
  expired = 0
  readonly #options: QueueOptions & { onVisible?: (atMs: number) => void }

  /** `onVisible`: called whenever a message gets another moment from which on it can be received. */
  constructor(options: QueueOptions & { onVisible?: (atMs: number) => void }) {
    this.#options = options
  }

  get size(): number {
    return this.messages.size
  }

  /** How many can be received. */
  get visible(): number {
    const nowMs = this.#options.now()
    return [...this.messages].filter(({ visibleAtMs }) => visibleAtMs <= nowMs).length
  }

  send(body: string, delaySeconds = 0, attributes: Record<string, string> = {}): void {
    const message = newMessage(body, attributes, this.#options.now())
    this.messages.add(message)
    this.#show(message, delaySeconds * 1_000)
  }

  /** Visible messages, ten at most. */
  receive(): Message[] {
    const nowMs = this.#options.now()
    const visible: Message[] = []
    for (const message of this.messages)
      if (isExpired(message, nowMs)) {
        this.messages.delete(message)
        this.expired++
      } else if (message.visibleAtMs <= nowMs) visible.push(message)
    const { received, stranded } = handOver(visible, this.#options)
    for (const message of stranded) this.messages.delete(message)
    for (const { visibleAtMs } of received) this.#options.onVisible?.(visibleAtMs)
    return received
  }

  /** False for a receipt that is not the last one. */
  setVisibility(receipt: string, seconds: number): boolean {
    const message = this.#find(receipt)
    if (message) this.#show(message, seconds * 1_000)
    return message !== undefined
  }

  delete(receipts: Set<string>): void {
    for (const receipt of receipts) {
      const message = this.#find(receipt)
      if (message) this.messages.delete(message)
    }
  }

  #show(message: Message, inMs: number): void {
    message.visibleAtMs = this.#options.now() + inMs
    this.#options.onVisible?.(message.visibleAtMs)
  }

  #find(receipt: string): Message | undefined {
    for (const message of this.messages) if (message.receipt === receipt) return message
    return undefined
  }
}
