/** What each operation has: its function, queues and role. */
import { reportOutcomes } from './bus-access.ts'
import {
  allow,
  arnOf,
  type Block,
  collect,
  idOf,
  type Osls,
  type Resource,
  ref,
  type Settings,
  secretNamesOf,
  settings,
} from './cloudformation.ts'
import { functionOf, namesOf, RETRY_THROWN, routeTo, ruleOnBus } from './function.ts'
import { useLedger } from './ledger.ts'
import { FOURTEEN_DAYS, queuePolicy, WORK_ON_QUEUE } from './queues.ts'
import { baseStatements, RENEW_USER_TOKENS, role, secretNamed, secretsBelow, useSecretsKey } from './roles.ts'

/** One function per operation, with its three entrances: HTTP, EventBridge, SQS. */
export async function functions(osls: Osls) {
  const { stage, operations, vendors, offboardingEvent, checked } = await settings(osls)
  return collect(operations, (operation, { route, vendor }) => {
    const queue = `${idOf(operation)}Queue`
    const retryQueue = `${idOf(operation)}RetryQueue`
    const workOn = (id: string) => ({
      arn: arnOf(id),
      batchSize: 10,
      functionResponseType: 'ReportBatchItemFailures',
      maximumConcurrency: checked.maximumConcurrency,
    })
    return {
      [operation]: {
        ...functionOf(operation, stage),
        environment: {
          WORK_QUEUE_URL: ref(queue),
          RETRY_QUEUE_URL: ref(retryQueue),
          OPERATIONS: namesOf(operations),
          ...vendors[vendor],
        },
        events: [
          routeTo(route, checked),
          ruleOnBus(operation, offboardingEvent, stage),
          { sqs: workOn(queue) },
          // Those that wait for the same moment come in one batch.
          { sqs: { ...workOn(retryQueue), maximumBatchingWindow: 5 } },
        ],
        ...(checked.reservedConcurrency && { reservedConcurrency: checked.reservedConcurrency }),
        ...RETRY_THROWN,
      },
    }
  })
}

/** Work queue, retry queue and role of each operation. */
export async function perOperation(osls: Osls) {
  const all = await settings(osls)
  return {
    Resources: collect(all.operations, (operation, config) => ({
      [`${idOf(operation)}Queue`]: workQueue(`${all.stage}-${operation}.fifo`),
      [`${idOf(operation)}QueuePolicy`]: queuePolicy(`${idOf(operation)}Queue`),
      [`${idOf(operation)}RetryQueue`]: retryQueue(`${all.stage}-${operation}-retry`),
      [`${idOf(operation)}RetryQueuePolicy`]: queuePolicy(`${idOf(operation)}RetryQueue`),
      [`${idOf(operation)}Role`]: role(operation, operationStatements(operation, config, all), all),
    })),
    Outputs: collect(all.operations, (operation) => ({
      [`${idOf(operation)}QueueUrl`]: {
        Description: `Work queue of ${operation}`,
        Value: ref(`${idOf(operation)}Queue`),
      },
      [`${idOf(operation)}RetryQueueUrl`]: {
        Description: `Items of ${operation} that stepped aside`,
        Value: ref(`${idOf(operation)}RetryQueue`),
      },
    })),
  }
}

/** What both queues of an operation have in common; SQS moves what it gives up to `strandedQueue`. */
const queueOfOperation = (QueueName: string, strandedQueue: string) => ({
  QueueName,
  VisibilityTimeout: 180, // six times the functions' timeout, as AWS advises for a Lambda consumer
  MessageRetentionPeriod: FOURTEEN_DAYS,
  SqsManagedSseEnabled: true,
  // A net below the code, which parks items itself: a deferral counts as a receive, so SQS's highest count.
  RedrivePolicy: { deadLetterTargetArn: arnOf(strandedQueue), maxReceiveCount: 1000 },
})

const workQueue = (QueueName: string): Resource => ({
  Type: 'AWS::SQS::Queue',
  Properties: {
    ...queueOfOperation(QueueName, 'StrandedWorkQueue'),
    FifoQueue: true,
    ContentBasedDeduplication: false,
    // A group is a vendor's rate-limit bucket; both settings make groups independent of each other.
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
  },
})

/** Standard: each item waits by its own clock and holds no other. */
const retryQueue = (QueueName: string): Resource => ({
  Type: 'AWS::SQS::Queue',
  Properties: queueOfOperation(QueueName, 'StrandedRetriesQueue'),
})

function operationStatements(operation: string, { vendor, actsAs, question }: Block, all: Settings) {
  const { app, ticket, users } = secretNamesOf(vendor, all)
  const userSecrets = actsAs === 'user' && users
  return [
    ...baseStatements(operation, all),
    allow('WorkOwnQueues', WORK_ON_QUEUE, [arnOf(`${idOf(operation)}Queue`), arnOf(`${idOf(operation)}RetryQueue`)]),
    allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
    reportOutcomes('Finished', 'Parked', 'Rejected', 'Held', 'Completed'),
    ...useLedger(operation, question, userSecrets ? [userSecrets] : []),
    allow('ReadAppSecret', 'secretsmanager:GetSecretValue', ticket ? [app, ticket].map(secretNamed) : secretNamed(app)),
    userSecrets && allow('RenewUserTokens', RENEW_USER_TOKENS, secretsBelow(userSecrets)),
    useSecretsKey(userSecrets ? ['kms:Decrypt', 'kms:GenerateDataKey'] : 'kms:Decrypt', all),
  ]
}
