// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** What serverless.yml derives instead of writing it once per operation: functions, queues, roles. */
import { acceptOtherAccounts, reportOutcomes } from './bus-access.ts'
import {
  allow,
  arn,
  arnOf,
  type Block,
  type Checked,
  collect,
  idOf,
  type Osls,
  oslsId,
  PEOPLE_INDEX,
  policy,
  RENEWAL,
  RESOLUTION,
  type Resource,
  ref,
  type Settings,
  type Statement,
  SWEEP,
  secretNamesOf,
  settings,
  sub,
} from './cloudformation.ts'
import { keepRenewals, sweepLedger, useLedger } from './ledger.ts'
import { registerRules } from './register-rules.ts'

export const FOURTEEN_DAYS = 14 * 24 * 60 * 60

/** One function per operation, with its three entrances: HTTP, EventBridge, SQS. */
export async function functions(osls: Osls) {
  const { stage, operations, vendors, offboardingEvent, checked } = await settings(osls)
  return collect(operations, (operation, { route, vendor }) => {
    const [method = '', path = ''] = route.split(' ')
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
        name: `${stage}-${operation}`,
        handler: `dist/${operation}/index.handler`,
        package: { patterns: ['!**', `dist/${operation}/**`] },
        role: `${idOf(operation)}Role`,
        environment: {
          WORK_QUEUE_URL: ref(queue),
          RETRY_QUEUE_URL: ref(retryQueue),
          OPERATIONS: namesOf(operations),
          ...vendors[vendor],
        },
        events: [
          { httpApi: { method, path, authorizer: checked.routeAuthorizer } },
          {
            // The rule retries what Lambda would not accept …
            eventBridge: {
              name: `${stage}-${operation}`,
              eventBus: ref('EventBus'),
              pattern: offboardingEvent,
              retryPolicy: { maximumEventAge: 24 * 60 * 60, maximumRetryAttempts: 185 },
              deadLetterQueueArn: arnOf('UndeliveredEventsQueue'),
            },
          },
          { sqs: workOn(queue) },
          // Those that wait for the same moment come in one batch.
          { sqs: { ...workOn(retryQueue), maximumBatchingWindow: 5 } },
        ],
        ...(checked.reservedConcurrency && { reservedConcurrency: checked.reservedConcurrency }),
        // … and Lambda retries what the function threw on. Either way an event that is given up lands in one queue.
        maximumRetryAttempts: 2,
        maximumEventAge: 6 * 60 * 60,
        destinations: { onFailure: { type: 'sqs', arn: arnOf('UndeliveredEventsQueue') } },
      },
    }
  })
}

/** The operations that each plan every event, as a comma list. */
export const namesOf = (operations: Settings['operations']): string => Object.keys(operations).join(',')

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

/** An account's roles are the same in all regions, so the region is part of the name. `takenBy`: a service, Lambda unless given. */
export const role = (
  name: string,
  statements: Parameters<typeof policy>,
  { service, stage, checked }: Settings,
  takenBy: Pick<Statement, 'Principal' | 'Condition'> = { Principal: { Service: 'lambda.amazonaws.com' } },
): Resource => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    Path: sub(`/${service}/${stage}/\${AWS::Region}/`),
    RoleName: sub(`${stage}-${name}-\${AWS::Region}`),
    ...(checked.permissionsBoundaryArn && { PermissionsBoundary: checked.permissionsBoundaryArn }),
    AssumeRolePolicyDocument: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', ...takenBy }),
    // Inline, so that a function is never created before its role may do its work
    Policies: [{ PolicyName: `${stage}-${name}`, PolicyDocument: policy(...statements) }],
  },
})

export const secretArn = (name: string | undefined) => arn('secretsmanager', `secret:${name}`)

function operationStatements(
  operation: string,
  { vendor, actsAs, question }: Block,
  { stage, vendors, checked }: Settings,
) {
  const { app, ticket, users } = secretNamesOf(vendor, { vendors })
  const userSecrets = actsAs === 'user' && users
  return [
    ...baseStatements(`${stage}-${operation}`, checked),
    allow(
      'WorkOwnQueues',
      [
        'sqs:SendMessage',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
      ],
      [arnOf(`${idOf(operation)}Queue`), arnOf(`${idOf(operation)}RetryQueue`)],
    ),
    allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
    reportOutcomes('Finished', 'Parked', 'Rejected', 'Held', 'Completed'),
    ...useLedger(operation, question, userSecrets ? [userSecrets] : []),
    // Secrets Manager appends six random characters to a name; a bare * would also match longer names
    allow(
      'ReadAppSecret',
      'secretsmanager:GetSecretValue',
      ticket ? [app, ticket].map((name) => secretArn(`${name}-??????`)) : secretArn(`${app}-??????`),
    ),
    userSecrets && allow('RenewUserTokens', RENEW_USER_TOKENS, secretArn(`${userSecrets}*`)),
    checked.secretsKmsKeyArn &&
      useSecretsKey(userSecrets ? ['kms:Decrypt', 'kms:GenerateDataKey'] : 'kms:Decrypt', checked),
  ]
}

export const useSecretsKey = (actions: Statement['Action'], { secretsKmsKeyArn }: Checked) =>
  allow('UseSecretsKey', actions, secretsKmsKeyArn, {
    StringEquals: { 'kms:ViaService': sub('secretsmanager.${AWS::Region}.${AWS::URLSuffix}') },
  })

export const RENEW_USER_TOKENS = [
  'secretsmanager:GetSecretValue',
  'secretsmanager:PutSecretValue',
  'secretsmanager:UpdateSecretVersionStage',
  'secretsmanager:TagResource',
]

/** Keeps the stored users' tokens alive. No operation: it has no route and no queue. */
export async function userTokenRenewal(osls: Osls) {
  const { stage, vendors, checked } = await settings(osls)
  return {
    [RENEWAL]: {
      name: `${stage}-${RENEWAL}`,
      handler: `dist/${RENEWAL}/index.handler`,
      package: { patterns: ['!**', `dist/${RENEWAL}/**`] },
      role: `${idOf(RENEWAL)}Role`,
      timeout: 900,
      memorySize: 256,
      environment: {
        ...Object.assign({}, ...Object.values(vendors)),
        RENEW_WITHIN_DAYS: checked.renewWithinDays,
      },
      events: [
        { schedule: { name: `${stage}-${RENEWAL}`, rate: [await osls.resolveVariable('param:renewalSchedule')] } },
      ],
      // A run that its time did not suffice for is run again, and continues. One that is given up is a letter: the next
      // comes a day later, and a token may be lost by then.
      maximumRetryAttempts: 2,
      maximumEventAge: 6 * 60 * 60,
      destinations: { onFailure: { type: 'sqs', arn: arnOf('UndeliveredEventsQueue') } },
    },
  }
}

/** Its role: both vendors' app secrets and users. And what its schedule needs besides. */
export async function userTokenRenewalRole(osls: Osls) {
  const all = await settings(osls)
  const { stage, vendors, checked } = all
  const named = (suffix: string) =>
    Object.entries(vendors).map(([vendor, environment]) => environment[`${vendor.toUpperCase()}_${suffix}`])
  return {
    Resources: {
      [`${idOf(RENEWAL)}Role`]: role(
        RENEWAL,
        [
          ...baseStatements(`${stage}-${RENEWAL}`, checked),
          // Secrets Manager lists all or nothing; names and tags only.
          allow('ListUsers', 'secretsmanager:ListSecrets', '*'),
          allow(
            'ReadAppSecrets',
            'secretsmanager:GetSecretValue',
            named('APP_SECRET_ID').map((name) => secretArn(`${name}-??????`)),
          ),
          allow(
            'RenewUserTokens',
            RENEW_USER_TOKENS,
            named('USER_SECRET_PREFIX').map((prefix) => secretArn(`${prefix}*`)),
          ),
          keepRenewals(named('USER_SECRET_PREFIX')),
          allow('GiveUp', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue')),
          checked.secretsKmsKeyArn && useSecretsKey(['kms:Decrypt', 'kms:GenerateDataKey'], checked),
        ],
        all,
      ),
    },
    extensions: keepScheduledRun(RENEWAL, 6 * 60 * 60),
  }
}

/** Ends what functions that were killed left undone in the ledger. No operation: it has no route and no queue. */
export async function offboardingSweep(osls: Osls) {
  const { stage, operations } = await settings(osls)
  return {
    [SWEEP]: {
      name: `${stage}-${SWEEP}`,
      handler: `dist/${SWEEP}/index.handler`,
      package: { patterns: ['!**', `dist/${SWEEP}/**`] },
      role: `${idOf(SWEEP)}Role`,
      timeout: 600,
      memorySize: 256,
      environment: {
        OPERATIONS: namesOf(operations),
        STRANDED_QUEUE_URLS: { 'Fn::Join': [',', STRANDED_QUEUES.map(ref)] },
      },
      events: [{ schedule: { name: `${stage}-${SWEEP}`, rate: ['rate(15 minutes)'] } }],
      // The next run does what this one could not, a quarter of an hour later: a letter of each would only be noise.
      maximumRetryAttempts: 0,
      maximumEventAge: 10 * 60,
    },
  }
}

/**
 * What osls's `schedule` has no setting for: retries of a run that Lambda does not accept, and a place for one that is given up.
 * An extension replaces the whole list of targets.
 */
export const keepScheduledRun = (name: string, maximumEventAgeS: number) => ({
  [`${oslsId(name)}EventsRuleSchedule1`]: {
    Properties: {
      Targets: [
        {
          Id: `${name}Schedule`,
          Arn: arnOf(`${oslsId(name)}LambdaFunction`),
          RetryPolicy: { MaximumEventAgeInSeconds: maximumEventAgeS, MaximumRetryAttempts: 185 },
          DeadLetterConfig: { Arn: arnOf('UndeliveredEventsQueue') },
        },
      ],
    },
  },
})

const STRANDED_QUEUES = ['StrandedWorkQueue', 'StrandedRetriesQueue']

/** Its role: offboardings alone, what SQS gave up, and what becomes of it. And what its schedule needs besides. */
export async function offboardingSweepRole(osls: Osls) {
  const all = await settings(osls)
  return {
    Resources: {
      [`${idOf(SWEEP)}Role`]: role(
        SWEEP,
        [
          ...baseStatements(`${all.stage}-${SWEEP}`, all.checked),
          ...sweepLedger(),
          allow('TakeStranded', ['sqs:ReceiveMessage', 'sqs:DeleteMessage'], STRANDED_QUEUES.map(arnOf)),
          allow('GiveUp', 'sqs:SendMessage', arnOf('DeadLetterQueue')),
          reportOutcomes('Finished', 'Parked', 'Completed'),
        ],
        all,
      ),
    },
    extensions: keepScheduledRun(SWEEP, 10 * 60),
  }
}

/** What every function needs, operation or not: its own log and, in a VPC, its network interfaces. */
export const baseStatements = (functionName: string, { vpc }: Checked): Parameters<typeof policy> => [
  allow(
    'WriteOwnLog',
    ['logs:CreateLogStream', 'logs:PutLogEvents'],
    arn('logs', `log-group:/aws/lambda/${functionName}:*`),
  ),
  // Lambda manages interfaces with the function's role and wants these on every resource. It is Lambda that needs them,
  // not the code: calls that come out of the function itself carry lambda:SourceFunctionArn and are refused.
  vpc && allow('LetLambdaJoinVpc', NETWORK_INTERFACES, '*'),
  vpc && {
    Sid: 'RefuseVpcToCode',
    Effect: 'Deny',
    Action: NETWORK_INTERFACES,
    Resource: '*',
    Condition: { ArnEquals: { 'lambda:SourceFunctionArn': arn('lambda', `function:${functionName}`) } },
  },
]

const NETWORK_INTERFACES = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
]

/** Who may send what to the shared queues and to the bus. */
export async function eventAccess(osls: Osls) {
  const all = await settings(osls)
  const { stage, operations, registerEvent, checked } = all
  const rules = [
    ...[...Object.keys(operations), RESOLUTION, ...Object.keys(registerRules({ registerEvent }))].map(
      (name) => `${checked.bus}/${stage}-${name}`,
    ),
    // Schedules are rules of the account's own bus, which their ARNs leave out.
    ...[RENEWAL, SWEEP, ...(checked.dingtalkPeopleIndex ? [PEOPLE_INDEX] : [])].map((name) => `${stage}-${name}`),
  ].map((rule) => arn('events', `rule/${rule}`))
  return {
    Resources: {
      DeadLetterQueuePolicy: queuePolicy('DeadLetterQueue'),
      StrandedWorkQueuePolicy: queuePolicy('StrandedWorkQueue'),
      StrandedRetriesQueuePolicy: queuePolicy('StrandedRetriesQueue'),
      UndeliveredEventsQueuePolicy: queuePolicy('UndeliveredEventsQueue', {
        ...allow('UndeliveredByOurRules', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue'), {
          ArnEquals: { 'aws:SourceArn': rules },
        }),
        Principal: { Service: 'events.amazonaws.com' },
      }),
      ...acceptOtherAccounts(all),
    },
  }
}
