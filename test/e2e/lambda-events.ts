/** The three kinds of event that reach an operation's function, made by hand. */
import { randomUUID } from 'node:crypto'
import { loadOperations, operationNames } from '../../infra/operations.ts'
import { mergeParts } from '../../lib/event-part.ts'

const operations = await loadOperations()

export const names = operationNames

/** One input of the operation that succeeds in the sandbox's world and, where it can, leaves it as it is. */
function inputOf(name: string): { route: string; input: Record<string, string | undefined> } {
  const operation = operations.find((one) => one.name === name)
  if (!operation) throw new Error(`serverless.yml has no operation ${name}`)
  const { changed, unchanged } = operation.docs.samples
  return { route: operation.route, input: { ...changed, ...unchanged } }
}

/** What API Gateway sends for the operation's input; `query` comes on top. */
export const httpEvent = (name: string, query: Record<string, string> = {}) => {
  const { route, input } = inputOf(name)
  const part = (isPath: boolean) =>
    Object.fromEntries(Object.entries(input).filter(([field]) => route.includes(`{${field}}`) === isPath))
  return {
    version: '2.0',
    headers: {},
    pathParameters: part(true),
    queryStringParameters: { ...part(false), ...query },
    requestContext: { http: { method: 'POST' } },
    isBase64Encoded: false,
  }
}

/** An offboarding event with one target for every operation, which changes nothing. */
export const offboardingEvent = (id: string) => ({
  id,
  source: 'hr.offboarding',
  'detail-type': 'User Offboarding',
  detail: mergeParts([
    { offboardingId: 'hr-runtime', dryRun: true },
    ...operations.map(({ docs }) => docs.event.sample),
  ]),
})

/** What the event source sends: `count` items of one bucket, each of an event of its own, so that none is done already. */
export const batch = (name: string, count: number) => ({
  Records: Array.from({ length: count }, (_, index) => ({
    messageId: `message-${index}`,
    receiptHandle: `receipt-${index}`,
    body: JSON.stringify({
      offboardingId: 'hr-runtime',
      operation: name,
      input: inputOf(name).input,
      dryRun: false,
      eventId: randomUUID(),
      plannedAt: new Date().toISOString(),
    }),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: String(Date.now()),
      ApproximateFirstReceiveTimestamp: String(Date.now()),
      MessageGroupId: 'feishu:default',
    },
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:ap-southeast-1:000000000000:e2e-${name}.fifo`,
  })),
})
