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
  settings,
  vendorSecrets,
} from './cloudformation.ts'
import { functionOf, namesOf, RETRY_THROWN, ruleOnBus } from './function.ts'
import { resolveLedger } from './ledger.ts'
import { indexEnvironment, readPeopleKey } from './people-index.ts'
import { FOURTEEN_DAYS, queuePolicy, WORK_ON_QUEUE } from './queues.ts'
import { baseStatements, RENEW_USER_TOKENS, role, secretNamed, secretsBelow, useSecretsKey } from './roles.ts'

const TIMEOUT_S = 300

/** The lookups and lists that it asks the vendors, each with a bucket of its own in the ledger: the names in lib/people/. */
const QUESTIONS = [
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
      ...functionOf(RESOLUTION, stage),
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
        ruleOnBus(RESOLUTION, leavingEvent, stage),
        {
          sqs: {
            arn: arnOf(`${idOf(RESOLUTION)}Queue`),
            batchSize: 10,
            functionResponseType: 'ReportBatchItemFailures',
            maximumConcurrency: checked.maximumConcurrency,
          },
        },
      ],
      ...RETRY_THROWN,
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
  const secrets = vendorSecrets(all)
  return [
    ...baseStatements(RESOLUTION, all),
    allow('WorkOwnQueue', WORK_ON_QUEUE, arnOf(`${idOf(RESOLUTION)}Queue`)),
    allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
    orderOffboardings(all.offboardingEvent),
    reportOutcomes('Rejected', 'Completed'),
    ...resolveLedger(QUESTIONS),
    allow(
      'ReadAppSecrets',
      'secretsmanager:GetSecretValue',
      secrets.flatMap(({ app, ticket }) => [app, ...(ticket ? [ticket] : [])]).map(secretNamed),
    ),
    readPeopleKey(all),
    // Calendars are listed in the leaver's own name.
    allow(
      'RenewUserTokens',
      RENEW_USER_TOKENS,
      secrets.map(({ users }) => secretsBelow(users)),
    ),
    useSecretsKey(['kms:Decrypt', 'kms:GenerateDataKey'], all),
  ]
}
