/** The resolution of leavers: its function, queue and role. */
import { orderOffboardings, reportOutcomes } from './bus-access.ts'
import {
  allow,
  arnOf,
  idOf,
  type Osls,
  type policy,
  RESOLUTION,
  type Resource,
  ref,
  type Settings,
  secretNamesOf,
  settings,
} from './cloudformation.ts'
import { resolveLedger } from './ledger.ts'
import { indexEnvironment, readPeopleKey } from './people-index.ts'
import {
  baseStatements,
  FOURTEEN_DAYS,
  namesOf,
  queuePolicy,
  RENEW_USER_TOKENS,
  role,
  secretArn,
  useSecretsKey,
} from './resources.ts'

const TIMEOUT_S = 300

/** The lookups and lists that it asks the vendors, each with a bucket of its own in the ledger: the names in lib/people/. */
export const QUESTIONS = [
  'feishu-user-ids',
  'feishu-employees',
  'feishu-user',
  'feishu-calendar-list',
  'dingtalk-user-by-mobile',
  'dingtalk-user',
  'dingtalk-user-by-union-id',
  'dingtalk-calendar-list',
]

/** Finds who leaves, and sends their offboarding event on. No operation: it has no route, and its queue holds events. */
export async function offboardingResolution(osls: Osls) {
  const all = await settings(osls)
  const { stage, operations, vendors, leavingEvent, checked } = all
  return {
    [RESOLUTION]: {
      name: `${stage}-${RESOLUTION}`,
      handler: `dist/${RESOLUTION}/index.handler`,
      package: { patterns: ['!**', `dist/${RESOLUTION}/**`] },
      role: `${idOf(RESOLUTION)}Role`,
      timeout: TIMEOUT_S,
      environment: {
        ...Object.assign({}, ...Object.values(vendors)),
        DINGTALK_OAPI_BASE_URL: await osls.resolveVariable('param:dingtalkOapiBaseUrl'),
        VENDORS: checked.vendors.join(','),
        EVENT_SOURCE: checked.source,
        ...indexEnvironment(all),
        OPERATIONS: namesOf(operations),
        RESOLUTION_QUEUE_URL: ref(`${idOf(RESOLUTION)}Queue`),
      },
      events: [
        {
          eventBridge: {
            name: `${stage}-${RESOLUTION}`,
            eventBus: ref('EventBus'),
            pattern: leavingEvent,
            retryPolicy: { maximumEventAge: 24 * 60 * 60, maximumRetryAttempts: 185 },
            deadLetterQueueArn: arnOf('UndeliveredEventsQueue'),
          },
        },
        {
          sqs: {
            arn: arnOf(`${idOf(RESOLUTION)}Queue`),
            batchSize: 10,
            functionResponseType: 'ReportBatchItemFailures',
            maximumConcurrency: checked.maximumConcurrency,
          },
        },
      ],
      maximumRetryAttempts: 2,
      maximumEventAge: 6 * 60 * 60,
      destinations: { onFailure: { type: 'sqs', arn: arnOf('UndeliveredEventsQueue') } },
    },
  }
}

/** Its queue and role. */
export async function offboardingResolutionResources(osls: Osls) {
  const all = await settings(osls)
  const queue = `${idOf(RESOLUTION)}Queue`
  return {
    Resources: {
      [queue]: {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: `${all.stage}-${RESOLUTION}`,
          VisibilityTimeout: 6 * TIMEOUT_S, // as AWS advises for a Lambda consumer
          MessageRetentionPeriod: FOURTEEN_DAYS,
          SqsManagedSseEnabled: true,
          // A net below the code, which gives an event up after 24 hours: a deferral counts as a receive.
          RedrivePolicy: { deadLetterTargetArn: arnOf('UndeliveredEventsQueue'), maxReceiveCount: 1000 },
        },
      } satisfies Resource,
      [`${queue}Policy`]: queuePolicy(queue),
      [`${idOf(RESOLUTION)}Role`]: role(RESOLUTION, statements(all), all),
    },
    Outputs: {
      [`${queue}Url`]: { Description: 'Leavers who are being resolved', Value: ref(queue) },
    },
  }
}

function statements(all: Settings): Parameters<typeof policy> {
  const { stage, vendors, offboardingEvent, checked } = all
  const named = (suffix: string) =>
    Object.entries(vendors).map(([vendor, environment]) => environment[`${vendor.toUpperCase()}_${suffix}`])
  return [
    ...baseStatements(`${stage}-${RESOLUTION}`, checked),
    allow(
      'WorkOwnQueue',
      [
        'sqs:SendMessage',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
      ],
      arnOf(`${idOf(RESOLUTION)}Queue`),
    ),
    allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
    orderOffboardings(offboardingEvent),
    reportOutcomes('Rejected', 'Completed'),
    ...resolveLedger(QUESTIONS),
    allow(
      'ReadAppSecrets',
      'secretsmanager:GetSecretValue',
      Object.keys(vendors)
        .map((vendor) => secretNamesOf(vendor, { vendors }))
        .flatMap(({ app, ticket }) => [app, ...(ticket ? [ticket] : [])])
        .map((name) => secretArn(`${name}-??????`)),
    ),
    readPeopleKey(all),
    // Calendars are listed in the leaver's own name.
    allow(
      'RenewUserTokens',
      RENEW_USER_TOKENS,
      named('USER_SECRET_PREFIX').map((prefix) => secretArn(`${prefix}*`)),
    ),
    checked.secretsKmsKeyArn && useSecretsKey(['kms:Decrypt', 'kms:GenerateDataKey'], checked),
  ]
}
