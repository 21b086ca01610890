/** Queues and outcome events of a deployed stage, seen as an operator sees them. */
import { PutEventsCommand, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge'
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs'
import { vi } from 'vitest'
import { type Account, clientsOf, outputsOf } from './aws.ts'

export type Outcome = {
  type: string
  eventId: string
  operation: string
  outcome: string
  input: Record<string, string>
}

const PATIENCE = { timeout: 30_000, interval: 100 }

/** The stage's bus with a listener of its own, and all its queues. */
export async function openStage(account: Account, stage: string) {
  const { events, sqs } = clientsOf(account)
  const outputs = await outputsOf(account, `offboarding-${stage}`)
  const EventBusName = outputs.EventBusName ?? ''
  const queueUrls = Object.entries(outputs).flatMap(([key, url]) => (key.endsWith('QueueUrl') ? [url] : []))
  const queueUrl = (name: string) => queueUrls.find((url) => url.endsWith(`/${stage}-${name}`)) ?? `no queue ${name}`
  const deadLetters = outputs.DeadLetterQueueUrl ?? ''
  const undelivered = outputs.UndeliveredEventsQueueUrl ?? ''

  const listener = (await sqs.send(new CreateQueueCommand({ QueueName: `${stage}-listener` }))).QueueUrl ?? ''
  const Rule = `${stage}-listener`
  const EventPattern = JSON.stringify({ source: ['subscription-offboarding'] })
  await events.send(new PutRuleCommand({ Name: Rule, EventBusName, EventPattern }))
  await events.send(
    new PutTargetsCommand({ Rule, EventBusName, Targets: [{ Id: 'listener', Arn: await arnOf(listener) }] }),
  )
  const heard: Outcome[] = []
  const completions: { eventId: string; counts: Record<string, number> }[] = []

  async function attributes(QueueUrl: string): Promise<Record<string, string>> {
    const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
    return Attributes
  }

  async function arnOf(queueUrl: string): Promise<string> {
    return (await attributes(queueUrl)).QueueArn ?? ''
  }

  /** How many messages a queue holds, whether visible, delayed or in work. */
  async function count(queueUrl: string): Promise<number> {
    const found = await attributes(queueUrl)
    return ['', 'Delayed', 'NotVisible'].reduce(
      (sum, kind) => sum + Number(found[`ApproximateNumberOfMessages${kind}`]),
      0,
    )
  }

  /** Takes every visible message of a queue away. */
  async function take(QueueUrl: string): Promise<Message[]> {
    const taken: Message[] = []
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
      )
      if (Messages.length === 0) return taken
      for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
      taken.push(...Messages)
    }
  }

  async function listen(): Promise<void> {
    for (const { Body = '' } of await take(listener)) {
      const { 'detail-type': type, detail } = JSON.parse(Body)
      if (type === 'Subscription Offboarding Completed') completions.push(detail)
      else heard.push({ type, ...detail })
    }
  }

  /** The outcome events of one event so far, in order of arrival. */
  async function outcomesOf(eventId: string): Promise<Outcome[]> {
    await listen()
    return heard.filter((outcome) => outcome.eventId === eventId)
  }

  return {
    EventBusName,
    deadLetters,
    undelivered,
    count,
    take,
    outcomesOf,
    workQueueOf: (operation: string) => queueUrl(`${operation}.fifo`),
    retryQueueOf: (operation: string) => queueUrl(`${operation}-retry`),

    /** Puts an offboarding event on the bus and returns its id. */
    async offboard(detail: object): Promise<string> {
      const { Entries = [] } = await events.send(
        new PutEventsCommand({
          Entries: [
            { EventBusName, Source: 'hr.offboarding', DetailType: 'User Offboarding', Detail: JSON.stringify(detail) },
          ],
        }),
      )
      return Entries[0]?.EventId ?? 'refused'
    },

    /** Waits until that many outcome events of one event have arrived, and returns all there are. */
    waitForOutcomes: (eventId: string, wanted: number, timeout = PATIENCE.timeout) =>
      vi.waitFor(
        async () => {
          const outcomes = await outcomesOf(eventId)
          if (outcomes.length < wanted)
            throw new Error(`${outcomes.length} of ${wanted} outcomes: ${JSON.stringify(outcomes)}`)
          return outcomes
        },
        { ...PATIENCE, timeout },
      ),

    /** Waits for an event of the stack's own that is like that. */
    waitForHeard: (isWanted: (outcome: Outcome) => boolean) =>
      vi.waitFor(async () => {
        await listen()
        if (!heard.some(isWanted)) throw new Error(`only ${JSON.stringify(heard)}`)
      }, PATIENCE),

    /** Waits until the event has ended, and returns how many of its targets ended with each outcome. */
    waitForCompletion: (eventId: string) =>
      vi.waitFor(async () => {
        await listen()
        const completion = completions.find((one) => one.eventId === eventId)
        if (!completion) throw new Error(`no completion of ${eventId}`)
        return completion.counts
      }, PATIENCE),

    /** Waits until every queue of the stack is empty; `except` says how many messages one of them may keep. */
    waitUntilEmpty: (except: Record<string, number> = {}) =>
      vi.waitFor(async () => {
        const counts = await Promise.all(queueUrls.map(async (url) => [url, await count(url)] as const))
        const left = counts.filter(([url, number]) => number !== (except[url] ?? 0))
        if (left.length > 0) throw new Error(`messages left: ${JSON.stringify(left)}`)
      }, PATIENCE),
  }
}
