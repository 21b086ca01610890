/** A queue of letters as operators handle it: everything in it is looked at, and nothing leaves it unasked. */
import { randomUUID } from 'node:crypto'
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { batchesOf } from '../../lib/aws/batch.ts'
import { failed, nameOf } from '../aws-errors.ts'
import { CommandError } from '../command.ts'

/** What was received is invisible to others for so long, unless it is released before. */
const HOLD_MS = 10 * 60_000
/** Requests at once: far from the queue, each takes long. */
const CONCURRENCY = 8

/** Letters are held from when they are received until they are deleted or released. */
export class LetterQueue {
  readonly name: string
  readonly #client: SQSClient
  readonly #url: string
  readonly #waitSeconds: number
  readonly #held = new Map<string, Message>()
  #heldUntilMs = Number.POSITIVE_INFINITY

  private constructor(client: SQSClient, name: string, url: string, waitSeconds: number) {
    this.#client = client
    this.name = name
    this.#url = url
    this.#waitSeconds = waitSeconds
  }

  /**
   * `isLocal`: the queue is the local stack's, whose every answer looks at all messages. SQS does so only when it may wait: a
   * short poll asks some of its servers and may find nothing although messages are there.
   * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
   */
  static async open(client: SQSClient, name: string, { isLocal }: { isLocal: boolean }): Promise<LetterQueue> {
    return new LetterQueue(client, name, await queueUrl(client, name), isLocal ? 0 : 1)
  }

  /** How many others may receive now, as far as SQS knows: it counts approximately. */
  async visible(): Promise<number> {
    const { Attributes } = await this.#client
      .send(new GetQueueAttributesCommand({ QueueUrl: this.#url, AttributeNames: ['ApproximateNumberOfMessages'] }))
      .catch(failed('sqs:GetQueueAttributes', this.name))
    return Number(Attributes?.ApproximateNumberOfMessages ?? 0)
  }

  /**
   * Receives until nothing more comes or `signal` is aborted, and returns what is held, each letter once. `onReceive` is called
   * with each answer's messages and how many are held. SQS hands out what is in flight no second time, and of one message
   * group ten at most.
   */
  async receiveAll(signal: AbortSignal, onReceive: (messages: Message[], held: number) => void): Promise<Message[]> {
    this.#heldUntilMs = Date.now() + HOLD_MS
    const receive = async () => {
      while (!signal.aborted) {
        const messages = await this.#receive()
        if (messages.length === 0) return
        for (const message of messages) this.#held.set(message.MessageId ?? '', message)
        onReceive(messages, this.#held.size)
      }
    }
    await allSettled(Array.from({ length: CONCURRENCY }, receive))
    const sentAtMs = ({ Attributes }: Message) => Number(Attributes?.SentTimestamp ?? 0)
    return [...this.#held.values()].sort((a, b) => sentAtMs(a) - sentAtMs(b))
  }

  /** Not to be interrupted: messages of an answer that is not read would stay invisible. */
  async #receive(): Promise<Message[]> {
    const { Messages = [] } = await this.#client
      .send(
        new ReceiveMessageCommand({
          QueueUrl: this.#url,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: this.#waitSeconds,
          VisibilityTimeout: HOLD_MS / 1_000,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
          // Repeated after a lost answer, the request gets the same messages again.
          ...(this.#url.endsWith('.fifo') && { ReceiveRequestAttemptId: randomUUID() }),
        }),
      )
      .catch(failed('sqs:ReceiveMessage', this.name))
    return Messages
  }

  /** Throws when what is held may be received by others again before a request more has ended. */
  assertHeld(): void {
    if (Date.now() > this.#heldUntilMs - 30_000)
      throw new CommandError('this took too long, and others may have received the letters: run it again for the rest')
  }

  /** Deletes ten at most. Returns by id why some could not be. */
  async delete(ids: string[]): Promise<Map<string, string>> {
    const Entries = ids.map((id, index) => ({ Id: String(index), ReceiptHandle: this.#held.get(id)?.ReceiptHandle }))
    const { Failed = [] } = await this.#client
      .send(new DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries }))
      .catch((error: unknown) => ({ Failed: Entries.map(({ Id }) => ({ Id, Code: nameOf(error) })) }))
    const reasons = new Map(Failed.map(({ Id, Code }) => [ids[Number(Id)] ?? '', Code ?? 'unknown']))
    for (const id of ids) if (!reasons.has(id)) this.#held.delete(id)
    return reasons
  }

  /** Makes visible again whatever is still held. Returns how many could not be: they stay invisible until `HOLD_MS` ends. */
  async release(): Promise<number> {
    const batches = batchesOf([...this.#held.values()])
    this.#held.clear()
    let hidden = 0
    const release = async () => {
      for (let batch = batches.pop(); batch; batch = batches.pop()) {
        const Entries = batch.map(({ ReceiptHandle }, index) => ({
          Id: String(index),
          ReceiptHandle,
          VisibilityTimeout: 0,
        }))
        const { Failed = [] } = await this.#client
          .send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#url, Entries }))
          .catch(() => ({ Failed: Entries }))
        hidden += Failed.length
      }
    }
    await allSettled(Array.from({ length: CONCURRENCY }, release))
    return hidden
  }
}

/** The URL of the queue of this name. */
export const queueUrl = async (client: SQSClient, name: string): Promise<string> => {
  const command = new GetQueueUrlCommand({ QueueName: name })
  const { QueueUrl = '' } = await client.send(command).catch(failed('sqs:GetQueueUrl', name))
  return QueueUrl
}

/** Waits for all, then throws what the first of them threw. */
export async function allSettled<Result>(work: Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}
