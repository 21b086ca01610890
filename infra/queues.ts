/** What the queues have in common. */
import { arnOf, policy, type Resource, ref, type Statement } from './cloudformation.ts'

/** As long as SQS keeps anything. */
export const FOURTEEN_DAYS = 14 * 24 * 60 * 60

/** What a function may do that works on a queue of its own. */
export const WORK_ON_QUEUE = [
  'sqs:SendMessage',
  'sqs:ReceiveMessage',
  'sqs:DeleteMessage',
  'sqs:ChangeMessageVisibility',
  'sqs:GetQueueAttributes',
]

/** The queue's policy: these statements, and nothing without TLS. */
export const queuePolicy = (queue: string, ...statements: Statement[]): Resource => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [ref(queue)],
    PolicyDocument: policy(...statements, {
      Sid: 'OnlyOverTls',
      Effect: 'Deny',
      Principal: '*',
      Action: 'sqs:*',
      Resource: arnOf(queue),
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
  },
})
