// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
'use strict'

// What serverless.yml derives instead of writing it once per operation. Each export is a variable that serverless.yml
// reads as `${file(./infra/resources.cjs):NAME}`. What watches over the stack is in observability.cjs.

const { RENEWAL, allow, arn, arnOf, collect, idOf, policy, ref, settings, sub } = require('./cloudformation.cjs')
const { keepRenewals, useLedger } = require('./ledger.cjs')

const FOURTEEN_DAYS = 14 * 24 * 60 * 60

/** custom.checked: the parameters that need more than being written down. A wrong value stops the packaging here. */
exports.checked = async ({ resolveVariable }) => {
  const refuse = (message) => {
    // osls prints a stack where there is one; here it would only bury the message.
    throw Object.assign(new Error(message), { stack: message })
  }
  const matching = async (name, pattern, wanted) => {
    const value = String(await resolveVariable(`param:${name}`)).trim()
    return pattern.test(value) ? value : refuse(`--param="${name}=…" must be ${wanted}, got "${value}"`)
  }
  const number = async (name, wanted) => Number(await matching(name, /^[1-9]\d*$/, wanted))
  const list = async (name, pattern, wanted) => {
    const value = await matching(name, /^/, wanted)
    const items = value
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean)
    if (items.every((item) => pattern.test(item))) return items
    return refuse(`--param="${name}=…" must be a comma list of ${wanted}, got "${value}"`)
  }

  const stage = await resolveVariable('sls:stage')
  // It becomes part of names: AWS limits their length, S3 knows no capitals, and without hyphens no stage's names can
  // begin like another's (docs/decisions/0003-resource-names.md).
  if (!/^[a-z][a-z0-9]{0,9}$/.test(stage)) {
    refuse(`--stage must be at most ten lower-case letters and digits, beginning with a letter, got "${stage}"`)
  }

  // osls takes any name, and a misspelt one would leave its parameter at the default without a word.
  const { default: known, [stage]: ofStage } = await resolveVariable('self:params')
  const given = ((await resolveVariable('opt:param, null')) ?? []).map((param) => param.split('=')[0])
  const unknown = [...given, ...Object.keys(ofStage ?? {})].find((name) => !Object.hasOwn(known, name))
  if (unknown) refuse(`serverless.yml has no parameter "${unknown}"`)

  const auth = await matching('auth', /^(iam|jwt)$/, '"iam" or "jwt"')
  const issuerUrl = await matching(
    'jwtIssuer',
    auth === 'jwt' ? /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost)[:/])\S+$/ : /^/,
    'an https URL when auth is jwt',
  )
  const audience = await list('jwtAudience', /^\S+$/, 'audiences')
  if (auth === 'jwt' && audience.length === 0) refuse('--param="auth=jwt" needs --param="jwtAudience=…"')

  const subnetIds = await list('vpcSubnetIds', /^subnet-\w+$/, 'subnet ids')
  const securityGroupIds = await list('vpcSecurityGroupIds', /^sg-\w+$/, 'security group ids')
  if ((subnetIds.length === 0) !== (securityGroupIds.length === 0)) {
    refuse('--param="vpcSubnetIds=…" and --param="vpcSecurityGroupIds=…" are needed together')
  }

  for (const name of [
    'feishuAppSecretId',
    'feishuUserSecretPrefix',
    'dingtalkAppSecretId',
    'dingtalkUserSecretPrefix',
  ]) {
    // They become part of policies, so no wildcard and nothing empty: an empty prefix would be every secret.
    await matching(name, /^[\w/+=.@-]+$/, 'the name of a secret (letters, digits and /_+=.@-)')
  }
  for (const name of ['feishuBaseUrl', 'feishuOauthTokenUrl', 'dingtalkBaseUrl']) {
    await matching(name, /^(https:\/\/[^\s/]|http:\/\/(127\.0\.0\.1|localhost)[:/])/, 'an https URL')
  }

  return {
    source: await matching('source', /^(?!aws\.)\S{1,256}$/, 'a name without spaces that does not begin with "aws."'),
    authorizers:
      auth === 'jwt'
        ? { jwt: { type: 'jwt', identitySource: '$request.header.Authorization', issuerUrl, audience } }
        : {},
    routeAuthorizer: auth === 'jwt' ? { name: 'jwt' } : { type: 'aws_iam' },
    vpc: subnetIds.length > 0 ? { subnetIds, securityGroupIds } : null,
    // The archive has the bus' name, and an archive's may have 48 characters.
    bus: await matching('bus', /^(?!default$)[\w.-]{1,48}$/, 'a new name of up to 48 letters, digits and .-_'),
    putEventsAccounts: await list('putEventsAccounts', /^\d{12}$/, 'account ids of twelve digits'),
    archiveRetentionDays: await number('archiveRetentionDays', 'a number of days'),
    renewWithinDays: await number('renewWithinDays', 'a number of days'),
    maxTargetsPerEvent: await number('maxTargetsPerEvent', 'a number of targets'),
    secretsKmsKeyArn: await matching(
      'secretsKmsKeyArn',
      /^$|^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/,
      'the ARN of a key',
    ),
    logRetentionDays: Number(
      await matching(
        'logRetentionDays',
        new RegExp(`^(${LOG_RETENTION_DAYS.join('|')})$`),
        `one of ${LOG_RETENTION_DAYS.join(', ')}`,
      ),
    ),
    runbookUrl: await matching('runbookUrl', /^[^\s#]{1,300}$/, 'an address or path without "#"'),
    alarmEmail: await matching('alarmEmail', /^$|^\S+@\S+$/, 'an e-mail address'),
    oldestMessageAlarmSeconds: await number('oldestMessageAlarmSeconds', 'a number of seconds'),
  }
}

/** What CloudWatch Logs accepts. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]

/** One function per operation, with its three entrances: HTTP, EventBridge, SQS. */
exports.functions = async (osls) => {
  const { stage, operations, vendors, offboardingEvent, checked } = await settings(osls)
  return collect(operations, (operation, { route, vendor }) => {
    const [method, path] = route.split(' ')
    const queue = `${idOf(operation)}Queue`
    return {
      [operation]: {
        name: `${stage}-${operation}`,
        handler: `dist/${operation}/index.handler`,
        package: { patterns: ['!**', `dist/${operation}/**`] },
        role: `${idOf(operation)}Role`,
        environment: { WORK_QUEUE_URL: ref(queue), ...vendors[vendor] },
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
          { sqs: { arn: arnOf(queue), batchSize: 10, functionResponseType: 'ReportBatchItemFailures' } },
        ],
        // … and Lambda retries what the function threw on. Either way an event that is given up lands in one queue.
        maximumRetryAttempts: 2,
        maximumEventAge: 6 * 60 * 60,
        destinations: { onFailure: { type: 'sqs', arn: arnOf('UndeliveredEventsQueue') } },
      },
    }
  })
}

/** Work queue and role of each operation. */
exports.perOperation = async (osls) => {
  const all = await settings(osls)
  return {
    Resources: collect(all.operations, (operation, config) => ({
      [`${idOf(operation)}Queue`]: workQueue(`${all.stage}-${operation}.fifo`),
      [`${idOf(operation)}QueuePolicy`]: queuePolicy(`${idOf(operation)}Queue`),
      [`${idOf(operation)}Role`]: role(operation, operationStatements(operation, config, all), all),
    })),
    Outputs: collect(all.operations, (operation) => ({
      [`${idOf(operation)}QueueUrl`]: {
        Description: `Work queue of ${operation}`,
        Value: ref(`${idOf(operation)}Queue`),
      },
    })),
  }
}

const workQueue = (QueueName) => ({
  Type: 'AWS::SQS::Queue',
  Properties: {
    QueueName,
    FifoQueue: true,
    ContentBasedDeduplication: false,
    // A group is a vendor's rate-limit bucket; both settings make groups independent of each other.
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
    VisibilityTimeout: 180, // six times the functions' timeout, as AWS advises for a Lambda consumer
    MessageRetentionPeriod: FOURTEEN_DAYS,
    SqsManagedSseEnabled: true,
    // A net below the code, which parks items itself: a deferral counts as a receive, so SQS's highest count.
    RedrivePolicy: { deadLetterTargetArn: arnOf('DeadLetterQueue'), maxReceiveCount: 1000 },
  },
})

const queuePolicy = (queue, ...statements) => ({
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

/** An account's roles are the same in all regions, so the region is part of the name. */
const role = (name, statements, { service, stage }) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    Path: sub(`/${service}/${stage}/\${AWS::Region}/`),
    RoleName: sub(`${stage}-${name}-\${AWS::Region}`),
    AssumeRolePolicyDocument: policy({
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    }),
    // Inline, so that a function is never created before its role may do its work
    Policies: [{ PolicyName: `${stage}-${name}`, PolicyDocument: policy(...statements) }],
  },
})

const secretArn = (name) => arn('secretsmanager', `secret:${name}`)

function operationStatements(operation, { vendor, actsAs }, { stage, vendors, checked }) {
  const environment = vendors[vendor]
  const appSecret = environment[`${vendor.toUpperCase()}_APP_SECRET_ID`]
  const userSecrets = actsAs === 'user' && environment[`${vendor.toUpperCase()}_USER_SECRET_PREFIX`]
  return [
    ...baseStatements(`${stage}-${operation}`, checked),
    allow(
      'WorkOwnQueue',
      [
        'sqs:SendMessage',
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
      ],
      arnOf(`${idOf(operation)}Queue`),
    ),
    allow('GiveUp', 'sqs:SendMessage', [arnOf('DeadLetterQueue'), arnOf('UndeliveredEventsQueue')]),
    allow('ReportOutcomes', 'events:PutEvents', arnOf('EventBus')),
    ...useLedger(operation, actsAs),
    // Secrets Manager appends six random characters to a name; a bare * would also match longer names
    allow('ReadAppSecret', 'secretsmanager:GetSecretValue', secretArn(`${appSecret}-??????`)),
    userSecrets && allow('RenewUserTokens', RENEW_USER_TOKENS, secretArn(`${userSecrets}*`)),
    checked.secretsKmsKeyArn &&
      useSecretsKey(userSecrets ? ['kms:Decrypt', 'kms:GenerateDataKey'] : 'kms:Decrypt', checked),
  ]
}

const useSecretsKey = (actions, { secretsKmsKeyArn }) =>
  allow('UseSecretsKey', actions, secretsKmsKeyArn, {
    StringEquals: { 'kms:ViaService': sub('secretsmanager.${AWS::Region}.${AWS::URLSuffix}') },
  })

const RENEW_USER_TOKENS = [
  'secretsmanager:GetSecretValue',
  'secretsmanager:PutSecretValue',
  'secretsmanager:TagResource',
]

/** Keeps the stored users' tokens alive. No operation: it has no route and no queue. */
exports.userTokenRenewal = async (osls) => {
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
      // A run that its time did not suffice for is run again, and continues.
      maximumRetryAttempts: 2,
      maximumEventAge: 6 * 60 * 60,
    },
  }
}

/** Its role: both vendors' app secrets and users. */
exports.userTokenRenewalRole = async (osls) => {
  const all = await settings(osls)
  const { stage, vendors, checked } = all
  const named = (suffix) =>
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
          keepRenewals(),
          checked.secretsKmsKeyArn && useSecretsKey(['kms:Decrypt', 'kms:GenerateDataKey'], checked),
        ],
        all,
      ),
    },
  }
}

/** What every function needs, operation or not: its own log and, in a VPC, its network interfaces. */
const baseStatements = (functionName, { vpc }) => [
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
exports.eventAccess = async (osls) => {
  const { stage, operations, offboardingEvent, checked } = await settings(osls)
  const { bus, putEventsAccounts } = checked
  const rules = Object.keys(operations).map((operation) => arn('events', `rule/${bus}/${stage}-${operation}`))
  return {
    Resources: {
      DeadLetterQueuePolicy: queuePolicy('DeadLetterQueue'),
      UndeliveredEventsQueuePolicy: queuePolicy('UndeliveredEventsQueue', {
        ...allow('UndeliveredByOurRules', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue'), {
          ArnEquals: { 'aws:SourceArn': rules },
        }),
        Principal: { Service: 'events.amazonaws.com' },
      }),
      ...(putEventsAccounts.length > 0 && {
        EventBusPolicy: {
          Type: 'AWS::Events::EventBusPolicy',
          Properties: {
            EventBusName: ref('EventBus'),
            StatementId: 'OffboardingEventsOfOtherAccounts',
            Statement: {
              ...allow('OffboardingEventsOfOtherAccounts', 'events:PutEvents', arnOf('EventBus'), {
                'ForAllValues:StringEquals': {
                  'events:source': offboardingEvent.source,
                  'events:detail-type': offboardingEvent['detail-type'],
                },
              }),
              Principal: {
                AWS: putEventsAccounts.map((account) => sub(`arn:\${AWS::Partition}:iam::${account}:root`)),
              },
            },
          },
        },
      }),
    },
  }
}
