// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders

import { beforeAll, describe, expect, it } from 'vitest'
import { compileTemplate } from '../../infra/compile.ts'
import { loadOperations, operationNames } from '../../infra/operations.ts'
import { ENDED, REGISTERED } from '../../lib/register-event.ts'
import { checkParameters } from './parameters.ts'

// The compiled CloudFormation is the contract: osls drops a misspelt setting without a word, so what serverless.yml says
// proves nothing. Everything is asserted on what osls writes, in an environment without credentials.

interface Resource {
  Type: string
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation is plain JSON of many shapes
  Properties: any
}
interface Template {
  Resources: Record<string, Resource>
  Outputs: Record<string, { Value: unknown }>
}
interface Statement {
  Sid?: string
  Effect: string
  Principal?: unknown
  Action: string | string[]
  Resource: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

const operations = await loadOperations()

const RENEWAL = 'user-token-renewal'
const SWEEP = 'offboarding-sweep'
const names = operationNames
const RESOLUTION = 'offboarding-resolution'
const REGISTER = 'subscription-register'
const OFFBOARDINGS = 'offboardings'
const functionNames = [...names, RENEWAL, SWEEP, RESOLUTION, REGISTER, OFFBOARDINGS]

const withParams = [
  'auth=jwt',
  'jwtIssuer=https://login.example.com/tenant/',
  'jwtAudience=offboarding, hr',
  'jwtScopes=offboarding/write, hr',
  'rateLimit=5',
  'burstLimit=10',
  'permissionsBoundaryArn=arn:aws:iam::333333333333:policy/teams/boundary',
  'maximumConcurrency=20',
  'reservedConcurrency=50',
  'vpcSubnetIds=subnet-0a1, subnet-0b2',
  'vpcSecurityGroupIds=sg-0c3',
  'putEventsAccounts=111111111111, 222222222222',
  'secretsKmsKeyArn=arn:aws:kms:eu-central-1:333333333333:key/11111111-2222-3333-4444-555555555555',
  'source=com.example.hr',
  'bus=people',
  'alarmEmail=oncall@example.com',
  'oldestMessageAlarmSeconds=600',
  'logRetentionDays=30',
  'runbookUrl=https://wiki.example.com/runbook.zh-CN',
  'archiveRetentionDays=7',
  'feishuBaseUrl=https://open.larksuite.com',
  'feishuAppSecretId=lark/app',
  'feishuUserSecretPrefix=lark/user/',
  'renewalSchedule=rate(12 hours)',
  'renewWithinDays=2',
]

const paramsOf = (given: string[]) => Object.fromEntries(given.map((param) => param.split(/=(.*)/s, 2)))

let plain: Template
let full: Template
beforeAll(async () => {
  plain = (await compileTemplate()) as Template
  full = (await compileTemplate({ stage: 'prod', params: paramsOf(withParams) })) as Template
})

// --- reading a template ------------------------------------------------------------------------------------------

/** Intrinsic functions as text, so that an ARN reads as an ARN: `<Id>` is a Ref, `<Id.Arn>` an attribute. */
// biome-ignore lint/suspicious/noExplicitAny: see Resource
function text(value: any): any {
  if (Array.isArray(value)) return value.map(text)
  if (value === null || typeof value !== 'object') return value
  if ('Ref' in value) return `<${value.Ref}>`
  if ('Fn::GetAtt' in value) return `<${value['Fn::GetAtt'].join('.')}>`
  if ('Fn::Sub' in value) return value['Fn::Sub']
  if ('Fn::Join' in value) return text(value['Fn::Join'][1]).join(value['Fn::Join'][0])
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, text(inner)]))
}

const ofType = (template: Template, type: string) =>
  Object.entries(template.Resources)
    .filter(([, resource]) => resource.Type === type)
    .map(([id, resource]) => ({ id, ...text(resource.Properties) }))

/** The only resource of a type that fits; none or two are a failure. */
// biome-ignore lint/suspicious/noExplicitAny: see Resource
function one(template: Template, type: string, fits: (properties: any) => boolean) {
  const found = ofType(template, type).filter(fits)
  expect(found, `one ${type}`).toHaveLength(1)
  return found[0]
}

const lambdaOf = (template: Template, functionName: string) =>
  one(template, 'AWS::Lambda::Function', (it) => it.FunctionName === functionName)
const queueNamed = (template: Template, queueName: string) =>
  one(template, 'AWS::SQS::Queue', (it) => it.QueueName === queueName)
const alarmNamed = (template: Template, alarmName: string) =>
  one(template, 'AWS::CloudWatch::Alarm', (it) => it.AlarmName === alarmName)
const roleOf = (template: Template, functionName: string) => {
  const roleId = lambdaOf(template, functionName).Role.match(/^<(\w+)\.Arn>$/)?.[1]
  return one(template, 'AWS::IAM::Role', (it) => it.id === roleId)
}
/** But for those about the ledger, which ledger.test.ts has. */
const statementsOf = (template: Template, functionName: string): Statement[] =>
  roleOf(template, functionName)
    .Policies.flatMap((policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement)
    .filter(({ Resource }: Statement) => !String(Resource).includes('Ledger'))
const withoutSid = ({ Sid: _, ...statement }: Statement) => statement
const policyOfQueue = (template: Template, queueId: string): Statement[] =>
  one(template, 'AWS::SQS::QueuePolicy', (it) => it.Queues.includes(`<${queueId}>`)).PolicyDocument.Statement

const secret = (name: string) =>
  `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:${name}`
const fourteenDays = 1_209_600

// --- the template ------------------------------------------------------------------------------------------------

/** All roles but the one that schedules take. */
const functionRoles = (template: Template) =>
  ofType(template, 'AWS::IAM::Role').filter(({ id }) => id !== 'SchedulesRole')

describe('packaging', () => {
  it('takes the functions from the operations, adds the scheduled ones, and has no default role', () => {
    expect(
      ofType(plain, 'AWS::Lambda::Function')
        .map((it) => it.FunctionName)
        .sort(),
    ).toEqual(functionNames.map((name) => `dev-${name}`).sort())
    expect(functionRoles(plain)).toHaveLength(functionNames.length)
    expect(plain.Resources).not.toHaveProperty('IamRoleLambdaExecution')
  })

  it('has the outputs that a caller needs', () => {
    expect(text(plain.Outputs)).toMatchObject({
      HttpApiUrl: { Value: 'https://<HttpApi>.execute-api.<AWS::Region>.<AWS::URLSuffix>' },
      EventBusName: { Value: '<EventBus>' },
      DeadLetterQueueUrl: { Value: '<DeadLetterQueue>' },
      UndeliveredEventsQueueUrl: { Value: '<UndeliveredEventsQueue>' },
      AlarmTopicArn: { Value: '<AlarmTopic>' },
    })
    for (const name of names) {
      const { id } = queueNamed(plain, `dev-${name}.fifo`)
      expect(text(plain.Outputs[`${id}Url`])).toMatchObject({ Value: `<${id}>` })
      const retries = queueNamed(plain, `dev-${name}-retry`).id
      expect(text(plain.Outputs[`${retries}Url`])).toMatchObject({ Value: `<${retries}>` })
    }
  })

  it.each([
    [['auth=none'], /auth=….*"iam" or "jwt"/],
    [['auth=jwt', 'jwtAudience=a'], /jwtIssuer=….*https URL/],
    [['auth=jwt', 'jwtIssuer=https://login.example.com'], /jwtAudience/],
    [['vpcSubnetIds=subnet-0a1'], /needed together/],
    [['putEventsAccounts=*'], /account ids/],
    [['jwtScopes=a'], /jwtScopes=….* needs .*auth=jwt/],
    [['rateLimit=0'], /rateLimit=….*a number of requests/],
    [['burstLimit= '], /burstLimit=….*a number of requests/],
    [['feishuUserSecretPrefix= '], /feishuUserSecretPrefix=….*up to a "\/"/],
    [['dingtalkUserSecretPrefix=hr/user'], /dingtalkUserSecretPrefix=….*up to a "\/", got "hr\/user"/],
    [['feishuUserSecretPrefix=hr/', 'dingtalkUserSecretPrefix=hr/'], /must not begin with dingtalkUserSecretPrefix/],
    [
      ['feishuUserSecretPrefix=hr/', 'dingtalkUserSecretPrefix=hr/d/'],
      /dingtalk.* not begin with feishuUserSecretPrefix/,
    ],
    [['feishuUserSecretPrefix=hr/', 'dingtalkAppSecretId=hr/app'], /dingtalkAppSecretId.* not begin with feishuUser/],
    [['feishuAppSecretId=hr/app', 'dingtalkAppSecretId=hr/app'], /must not begin with dingtalkAppSecretId/],
    [['permissionsBoundaryArn=arn:aws:iam::333333333333:role/x'], /permissionsBoundaryArn=….*the ARN of a policy/],
    [['maximumConcurrency=1'], /maximumConcurrency=….*from 2 to 1000/],
    [['maximumConcurrency=1001'], /maximumConcurrency=….*from 2 to 1000/],
    [['reservedConcurrency=10'], /reservedConcurrency=….*more than twice maximumConcurrency \(5\), got "10"/],
    [['reservedConcurrency=some'], /reservedConcurrency=….*a number of concurrent executions/],
    [['source=subscription-offboarding'], /the source of outcome events/],
    [['dingtalkAppSecretId=*'], /name of a secret/],
    [['feishuBaseUrl=http://open.feishu.cn'], /https URL/],
    [['onRemoval=retain'], /onRemoval=….*"delete" or "keep"/],
    [['logRetentionDays=31'], /logRetentionDays=….*one of 1, 3, .*400/],
    [['runbookUrl=https://wiki.example.com/runbook#top'], /without "#"/],
    [['bus=default'], /bus/],
    [['source= '], /source=….*begin with "aws\."/],
    [['source=aws.hr'], /source=….*begin with "aws\."/],
    [['renewWithinDays=soon'], /renewWithinDays=….*a number of days/],
    [['alarmMail=ops@example.com'], /no parameter "alarmMail"/],
  ])('refuses %j', async (given, message) => {
    await expect(checkParameters({ given })).rejects.toThrow(message)
  })

  it('takes what it does not refuse', async () => {
    for (const given of [[], withParams]) expect(await checkParameters({ given })).toHaveProperty('source')
  })
})

describe.each(operations)('$name', ({ name, route, actsAs, operation }) => {
  const vendor = operation.vendor.name
  const stages = { dev: () => plain, prod: () => full }
  const functionName = `dev-${name}`
  const lambda = () => lambdaOf(plain, functionName)
  const queue = () => queueNamed(plain, `${functionName}.fifo`)
  const retryQueue = () => queueNamed(plain, `${functionName}-retry`)

  it('runs its own bundle on Node 24, arm64', () => {
    expect(lambda()).toMatchObject({
      Handler: `dist/${name}/index.handler`,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 512,
      Timeout: 29,
      Code: { S3Key: expect.stringMatching(new RegExp(`/${name}\\.zip$`)) },
    })
    expect(lambda()).not.toHaveProperty('TracingConfig')
  })

  it.each(['dev', 'prod'] as const)('is told what it needs and nothing of the other vendor (%s)', (stage) => {
    const ids = (of: string) => `subscription-offboarding/dev/${vendor}/${of}`
    const lark = stage === 'prod' && vendor === 'feishu'
    const vendorEnvironment = {
      feishu: {
        FEISHU_APP_SECRET_ID: lark ? 'lark/app' : ids('app'),
        FEISHU_USER_SECRET_PREFIX: lark ? 'lark/user/' : ids('user/'),
        FEISHU_BASE_URL: lark ? 'https://open.larksuite.com' : 'https://open.feishu.cn',
        FEISHU_OAUTH_TOKEN_URL: 'https://accounts.feishu.cn/oauth/v3/token',
      },
      dingtalk: {
        DINGTALK_APP_SECRET_ID: ids('app').replace('/dev/', `/${stage}/`),
        DINGTALK_USER_SECRET_PREFIX: ids('user/').replace('/dev/', `/${stage}/`),
        DINGTALK_BASE_URL: 'https://api.dingtalk.io',
      },
    }
    const template = stages[stage]()
    expect(lambdaOf(template, `${stage}-${name}`).Environment.Variables).toEqual({
      ...vendorEnvironment[vendor],
      WORK_QUEUE_URL: `<${queueNamed(template, `${stage}-${name}.fifo`).id}>`,
      RETRY_QUEUE_URL: `<${queueNamed(template, `${stage}-${name}-retry`).id}>`,
      DEAD_LETTER_QUEUE_URL: '<DeadLetterQueue>',
      DEPLOYED_STAGE: stage,
      EVENT_BUS_NAME: '<EventBus>',
      LEDGER_TABLE: '<Ledger>',
      LEDGER_RETENTION_DAYS: stage === 'prod' ? '30' : '400',
      OPERATIONS: names.join(','),
      MAX_TARGETS_PER_EVENT: '2000',
    })
  })

  it('has its HTTP route, for signed requests only', () => {
    const found = one(plain, 'AWS::ApiGatewayV2::Route', (it) => it.RouteKey === route)
    expect(found.AuthorizationType).toBe('AWS_IAM')
    expect(found).not.toHaveProperty('AuthorizerId')
    expect(found).not.toHaveProperty('AuthorizationScopes')
    const integrationId = found.Target.match(/^integrations\/<(\w+)>$/)?.[1]
    const integration = one(plain, 'AWS::ApiGatewayV2::Integration', (it) => it.id === integrationId)
    expect(integration).toMatchObject({ IntegrationUri: `<${lambda().id}.Arn>`, PayloadFormatVersion: '2.0' })
    expect(integration.TimeoutInMillis).toBeGreaterThan(lambda().Timeout * 1000)
  })

  it('has its HTTP route for tokens when auth is jwt', () => {
    const found = one(full, 'AWS::ApiGatewayV2::Route', (it) => it.RouteKey === route)
    const authorizer = one(full, 'AWS::ApiGatewayV2::Authorizer', () => true)
    expect(found).toMatchObject({
      AuthorizationType: 'JWT',
      AuthorizerId: `<${authorizer.id}>`,
      AuthorizationScopes: ['offboarding/write', 'hr'],
    })
  })

  it('is started by every offboarding event; what cannot be delivered is kept', () => {
    const rule = one(plain, 'AWS::Events::Rule', (it) => it.Name === functionName)
    expect(rule).toMatchObject({
      EventBusName: '<EventBus>',
      EventPattern: { source: ['hr.offboarding'], 'detail-type': ['User Offboarding'] },
      State: 'ENABLED',
    })
    expect(Object.keys(rule.EventPattern)).toEqual(['source', 'detail-type'])
    expect(rule.Targets).toEqual([
      {
        Id: expect.any(String),
        Arn: `<${lambda().id}.Arn>`,
        RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
        DeadLetterConfig: { Arn: '<UndeliveredEventsQueue.Arn>' },
      },
    ])
  })

  it('retries an event that it threw on, then keeps it', () => {
    const config = one(plain, 'AWS::Lambda::EventInvokeConfig', (it) => it.FunctionName === `<${lambda().id}>`)
    expect(config).toMatchObject({
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 21_600,
      DestinationConfig: { OnFailure: { Destination: '<UndeliveredEventsQueue.Arn>' } },
    })
  })

  it('works on its two queues, item by item, and repeats no more than five batches at once', () => {
    const mappings = ofType(plain, 'AWS::Lambda::EventSourceMapping').filter(
      (it) => it.FunctionName === `<${lambda().id}.Arn>` && it.Enabled,
    )
    const itemByItem = {
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 5 },
    }
    expect(mappings).toMatchObject([
      { EventSourceArn: `<${queue().id}.Arn>`, ...itemByItem },
      {
        EventSourceArn: `<${retryQueue().id}.Arn>`,
        ...itemByItem,
        MaximumBatchingWindowInSeconds: 5,
      },
    ])
  })

  it('works on as many batches at once as its parameter says, with room reserved for them', () => {
    expect(lambda()).not.toHaveProperty('ReservedConcurrentExecutions')
    const { id, ReservedConcurrentExecutions } = lambdaOf(full, `prod-${name}`)
    expect(ReservedConcurrentExecutions).toBe(50)
    const scaling = ofType(full, 'AWS::Lambda::EventSourceMapping')
      .filter((it) => it.FunctionName === `<${id}.Arn>`)
      .map(({ ScalingConfig }) => ScalingConfig)
    expect(scaling).toEqual([{ MaximumConcurrency: 20 }, { MaximumConcurrency: 20 }])
  })

  it('has a FIFO queue whose groups are independent, encrypted, kept for 14 days', () => {
    expect(queue()).toEqual({
      id: queue().id,
      QueueName: `${functionName}.fifo`,
      FifoQueue: true,
      ContentBasedDeduplication: false,
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
      VisibilityTimeout: 180,
      MessageRetentionPeriod: fourteenDays,
      SqsManagedSseEnabled: true,
      RedrivePolicy: { deadLetterTargetArn: '<StrandedWorkQueue.Arn>', maxReceiveCount: 1000 },
    })
    expect(queue().VisibilityTimeout).toBeGreaterThanOrEqual(6 * lambda().Timeout)
  })

  it('has a standard queue for repeats, encrypted, kept for 14 days', () => {
    expect(retryQueue()).toEqual({
      id: `${queue().id.replace(/Queue$/, '')}RetryQueue`,
      QueueName: `${functionName}-retry`,
      VisibilityTimeout: 180,
      MessageRetentionPeriod: fourteenDays,
      SqsManagedSseEnabled: true,
      RedrivePolicy: { deadLetterTargetArn: '<StrandedRetriesQueue.Arn>', maxReceiveCount: 1000 },
    })
  })

  it.each(['dev', 'prod'] as const)('may do its own work and nothing else (%s)', (stage) => {
    const template = stages[stage]()
    const queueArns = ['.fifo', '-retry'].map(
      (suffix) => `<${queueNamed(template, `${stage}-${name}${suffix}`).id}.Arn>`,
    )
    const prefix = stage === 'prod' && vendor === 'feishu' ? 'lark' : `subscription-offboarding/${stage}/${vendor}`
    const networkInterfaces = [
      'ec2:CreateNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:DeleteNetworkInterface',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ]
    const allowed = [
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: `arn:\${AWS::Partition}:logs:\${AWS::Region}:\${AWS::AccountId}:log-group:/aws/lambda/${stage}-${name}:*`,
      },
      {
        Effect: 'Allow',
        Action: [
          'sqs:SendMessage',
          'sqs:ReceiveMessage',
          'sqs:DeleteMessage',
          'sqs:ChangeMessageVisibility',
          'sqs:GetQueueAttributes',
        ],
        Resource: queueArns,
      },
      {
        Effect: 'Allow',
        Action: 'sqs:SendMessage',
        Resource: ['<DeadLetterQueue.Arn>', '<UndeliveredEventsQueue.Arn>'],
      },
      {
        Effect: 'Allow',
        Action: 'events:PutEvents',
        Resource: '<EventBus.Arn>',
        Condition: {
          'ForAllValues:StringEquals': {
            'events:source': 'subscription-offboarding',
            'events:detail-type': ['Finished', 'Parked', 'Rejected', 'Held', 'Completed'].map(
              (end) => `Subscription Offboarding ${end}`,
            ),
          },
          Null: { 'events:source': 'false', 'events:detail-type': 'false' },
        },
      },
      { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: secret(`${prefix}/app-??????`) },
    ]
    const asUser = {
      Effect: 'Allow',
      Action: [
        'secretsmanager:GetSecretValue',
        'secretsmanager:PutSecretValue',
        'secretsmanager:UpdateSecretVersionStage',
        'secretsmanager:TagResource',
      ],
      Resource: secret(`${prefix}/user/*`),
    }
    const onlyInProd = [
      {
        Effect: 'Allow',
        Action: actsAs === 'user' ? ['kms:Decrypt', 'kms:GenerateDataKey'] : 'kms:Decrypt',
        Resource: 'arn:aws:kms:eu-central-1:333333333333:key/11111111-2222-3333-4444-555555555555',
        Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.${AWS::Region}.${AWS::URLSuffix}' } },
      },
      { Effect: 'Allow', Action: networkInterfaces, Resource: '*' },
      {
        Effect: 'Deny',
        Action: networkInterfaces,
        Resource: '*',
        Condition: {
          ArnEquals: {
            'lambda:SourceFunctionArn': `arn:\${AWS::Partition}:lambda:\${AWS::Region}:\${AWS::AccountId}:function:prod-${name}`,
          },
        },
      },
    ]
    const expected = [...allowed, ...(actsAs === 'user' ? [asUser] : []), ...(stage === 'prod' ? onlyInProd : [])]
    const statements = statementsOf(template, `${stage}-${name}`).map(withoutSid)
    const sorted = (list: unknown[]) => list.map((item) => JSON.stringify(item)).sort()
    expect(sorted(statements)).toEqual(sorted(expected))
  })

  it('joins the VPC only when there is one', () => {
    expect(lambda()).not.toHaveProperty('VpcConfig')
    expect(lambdaOf(full, `prod-${name}`).VpcConfig).toEqual({
      SubnetIds: ['subnet-0a1', 'subnet-0b2'],
      SecurityGroupIds: ['sg-0c3'],
    })
  })

  it('rings when a target waits for long, when it fails and when it is throttled', () => {
    // By the sweep, which runs every 15 minutes, so that no period is without one.
    expect(alarmNamed(plain, `${functionName}-oldest-message`)).toMatchObject({
      Namespace: 'SubscriptionOffboarding',
      MetricName: 'OldestWaitingSeconds',
      Dimensions: [
        { Name: 'FunctionName', Value: `dev-${SWEEP}` },
        { Name: 'Operation', Value: name },
      ],
      Threshold: 21_600,
      Statistic: 'Maximum',
      Period: 1_800,
      EvaluationPeriods: 1,
    })
    expect(alarmNamed(full, `prod-${name}-oldest-message`).Threshold).toBe(600)
    for (const [suffix, MetricName] of [
      ['errors', 'Errors'],
      ['throttles', 'Throttles'],
    ]) {
      expect(alarmNamed(plain, `${functionName}-${suffix}`)).toMatchObject({
        Namespace: 'AWS/Lambda',
        MetricName,
        Dimensions: [{ Name: 'FunctionName', Value: `<${lambda().id}>` }],
        Threshold: 0,
        Statistic: 'Sum',
        Period: 300,
        EvaluationPeriods: 1,
      })
    }
  })

  it('rings when a bucket of it is held', () => {
    const filter = one(
      plain,
      'AWS::Logs::MetricFilter',
      (it) =>
        it.LogGroupName === `<${lambda().id.replace('LambdaFunction', 'LogGroup')}>` &&
        it.MetricTransformations[0].MetricName === 'Held',
    )
    expect(filter.FilterPattern).toBe('{ $.message = "held" }')
    expect(alarmNamed(plain, `${functionName}-held`)).toMatchObject({
      Namespace: 'SubscriptionOffboarding/dev',
      MetricName: 'Held',
      Dimensions: [{ Name: 'operation', Value: name }],
      Statistic: 'Sum',
      Threshold: 0,
      AlarmDescription: expect.stringMatching(/#held$/),
    })
  })

  it('rings when its vendor fails or is slow for a quarter of an hour, by what its log lines say', () => {
    for (const [suffix, MetricName, Statistic, Threshold] of [
      ['vendor-faults', 'VendorFaults', 'Sum', 0],
      ['vendor-slow', 'CallMs', 'Average', 5_000],
    ]) {
      const filter = one(
        plain,
        'AWS::Logs::MetricFilter',
        (it) =>
          it.LogGroupName === `<${lambda().id.replace('LambdaFunction', 'LogGroup')}>` &&
          it.MetricTransformations[0].MetricName === MetricName,
      )
      expect(filter.MetricTransformations[0].MetricNamespace).toBe('SubscriptionOffboarding/dev')
      expect(alarmNamed(plain, `${functionName}-${suffix}`)).toMatchObject({
        Namespace: 'SubscriptionOffboarding/dev',
        MetricName,
        Dimensions: [{ Name: 'operation', Value: name }],
        Statistic,
        Threshold,
        Period: 300,
        EvaluationPeriods: 3,
      })
    }
  })
})

/** Names: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html, …/eventbridge/latest/userguide/eb-monitoring.html */
describe.each(functionNames.filter((name) => name !== OFFBOARDINGS))('what AWS may lose of %s rings:', (name) => {
  const isOnBus = [...names, RESOLUTION, REGISTER].includes(name)
  const countsAny = { Statistic: 'Sum', Threshold: 0, Period: 300, EvaluationPeriods: 1 }

  it('events that Lambda gives up, and those it cannot keep', () => {
    const Dimensions = [{ Name: 'FunctionName', Value: `<${lambdaOf(plain, `dev-${name}`).id}>` }]
    expect(alarmNamed(plain, `dev-${name}-dropped-events`)).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'AsyncEventsDropped',
      Dimensions,
      ...countsAny,
    })
    // Scheduled functions have no destination.
    if (isOnBus)
      expect(alarmNamed(plain, `dev-${name}-failed-destination`)).toMatchObject({
        Namespace: 'AWS/Lambda',
        MetricName: 'DestinationDeliveryFailures',
        Dimensions,
        ...countsAny,
      })
  })

  it.each([
    ['failed-invocations', 'FailedInvocations'],
    ['failed-dead-letters', 'InvocationsFailedToBeSentToDlq'],
  ])('what its rule fails on (%s)', (alarm, MetricName) => {
    const rule = { Name: 'RuleName', Value: `dev-${name}` }
    expect(alarmNamed(plain, `dev-${name}-${alarm}`)).toMatchObject({
      Namespace: 'AWS/Events',
      MetricName,
      // Without the bus for a rule of the account's own bus, which schedules are on.
      Dimensions: isOnBus ? [{ Name: 'EventBusName', Value: '<EventBus>' }, rule] : [rule],
      ...countsAny,
    })
  })

  it('its rule tries again what Lambda does not accept, and keeps what it gives up', () => {
    const { Targets } = one(plain, 'AWS::Events::Rule', (it) => it.Name === `dev-${name}`)
    expect(Targets).toEqual([
      {
        Id: expect.any(String),
        Arn: `<${lambdaOf(plain, `dev-${name}`).id}.Arn>`,
        RetryPolicy: { MaximumEventAgeInSeconds: expect.any(Number), MaximumRetryAttempts: 185 },
        DeadLetterConfig: { Arn: '<UndeliveredEventsQueue.Arn>' },
      },
    ])
  })
})

describe('policies', () => {
  // Where a policy says "*", and why AWS or the meaning of the statement allows no less.
  const wide: Record<string, string> = {
    'AWS::IAM::Role LetLambdaJoinVpc': 'network interfaces do not exist yet when Lambda is asked to make them',
    'AWS::IAM::Role RefuseVpcToCode': 'a denial: wide is strict',
    'AWS::IAM::Role ListUsers': 'Secrets Manager lists all or nothing; names and tags only',
    'AWS::KMS::Key AccountDecidesByIam':
      'in a key policy "*" is the key itself, and without it nobody could administer it',
    'AWS::KMS::Key OurLogGroups': 'in a key policy "*" is the key itself',
    'AWS::KMS::Key OurAlarms': 'in a key policy "*" is the key itself',
    'AWS::SQS::QueuePolicy OnlyOverTls': 'a denial: wide is strict',
    'AWS::SNS::TopicPolicy OnlyOverTls': 'a denial: wide is strict',
    'AWS::S3::BucketPolicy undefined': 'the denial of plain HTTP that osls writes for its deployment bucket',
  }
  const list = (value: string | string[] | undefined) => (value === undefined ? [] : [value].flat())

  it.each(['plain', 'full'] as const)('use "*" only where a reason is written down (%s)', (which) => {
    const template = which === 'plain' ? plain : full
    const found = new Set<string>()
    // biome-ignore lint/suspicious/noExplicitAny: walks any JSON
    const walk = (type: string, value: any) => {
      if (value === null || typeof value !== 'object') return
      if (value.Effect !== undefined && value.Action !== undefined) {
        const isWide =
          list(value.Resource).includes('*') ||
          list(value.Action).some(
            (action) => action.endsWith('*') && !/^kms:(ReEncrypt|GenerateDataKey)\*$/.test(action),
          ) ||
          value.Principal === '*'
        if (isWide) found.add(`${type} ${value.Sid}`)
        if (value.Principal === '*') expect(value.Effect, `${type} ${value.Sid}`).toBe('Deny')
      }
      for (const inner of Object.values(value)) walk(type, inner)
    }
    for (const { Type, Properties } of Object.values(template.Resources)) walk(Type, text(Properties))
    expect(found).toContain('AWS::SQS::QueuePolicy OnlyOverTls')
    expect([...found].filter((statement) => !(statement in wide))).toEqual([])
    expect(found.has('AWS::IAM::Role LetLambdaJoinVpc')).toBe(which === 'full')
  })

  it.each(['plain', 'full'] as const)('are inline in roles that Lambda alone may take (%s)', (which) => {
    const roles = functionRoles(which === 'plain' ? plain : full)
    expect(roles).toHaveLength(functionNames.length)
    for (const role of roles) {
      const { PermissionsBoundary, ...others } = role
      expect(Object.keys(others).sort()).toEqual(['AssumeRolePolicyDocument', 'Path', 'Policies', 'RoleName', 'id'])
      expect(PermissionsBoundary).toBe(which === 'full' ? 'arn:aws:iam::333333333333:policy/teams/boundary' : undefined)
      expect(role.AssumeRolePolicyDocument.Statement, role.id).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ])
    }
  })

  it.each(['dev', 'prod'] as const)(
    'let the API, the rules and the schedules start their functions, and nobody else (%s)',
    (stage) => {
      const template = stage === 'dev' ? plain : full
      const allow = (functionName: string, Principal: string, SourceArn: string) => ({
        FunctionName: `<${lambdaOf(template, functionName).id}.Arn>`,
        Action: 'lambda:InvokeFunction',
        Principal,
        SourceArn,
      })
      const place = '<AWS::Region>:<AWS::AccountId>'
      const ofOperations = names.flatMap((name) => [
        allow(`${stage}-${name}`, 'apigateway.amazonaws.com', `arn:<AWS::Partition>:execute-api:${place}:<HttpApi>/*`),
        allow(
          `${stage}-${name}`,
          'events.amazonaws.com',
          `arn:<AWS::Partition>:events:${place}:rule/<EventBus>/${stage}-${name}`,
        ),
      ])
      const resolution = allow(
        `${stage}-${RESOLUTION}`,
        'events.amazonaws.com',
        `arn:<AWS::Partition>:events:${place}:rule/<EventBus>/${stage}-${RESOLUTION}`,
      )
      const offboardings = allow(
        `${stage}-${OFFBOARDINGS}`,
        'apigateway.amazonaws.com',
        `arn:<AWS::Partition>:execute-api:${place}:<HttpApi>/*`,
      )
      const scheduled = [RENEWAL, SWEEP].map((name) => {
        const schedule = one(template, 'AWS::Events::Rule', (it) => it.Name === `${stage}-${name}`)
        return allow(`${stage}-${name}`, 'events.amazonaws.com', `<${schedule.id}.Arn>`)
      })
      const ofRegister = [REGISTER, `${REGISTER}-ended`].map((rule) =>
        allow(
          `${stage}-${REGISTER}`,
          'events.amazonaws.com',
          `arn:<AWS::Partition>:events:${place}:rule/<EventBus>/${stage}-${rule}`,
        ),
      )
      const expected = [...ofOperations, resolution, offboardings, ...scheduled, ...ofRegister]
      const found = ofType(template, 'AWS::Lambda::Permission').map(({ id: _, ...permission }) => permission)
      expect(found).toHaveLength(expected.length)
      expect(found).toEqual(expect.arrayContaining(expected))
    },
  )

  it('let nobody use a queue without TLS, and only our rules send undelivered events', () => {
    const queues = ofType(plain, 'AWS::SQS::Queue')
    expect(queues).toHaveLength(2 * names.length + 5)
    for (const { id } of queues) {
      const [overTls, ...others] = policyOfQueue(plain, id).toReversed()
      expect(overTls).toEqual({
        Sid: 'OnlyOverTls',
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Resource: `<${id}.Arn>`,
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      })
      expect(others.map(withoutSid)).toEqual(
        id !== 'UndeliveredEventsQueue'
          ? []
          : [
              {
                Effect: 'Allow',
                Principal: { Service: 'events.amazonaws.com' },
                Action: 'sqs:SendMessage',
                Resource: '<UndeliveredEventsQueue.Arn>',
                Condition: {
                  ArnEquals: {
                    'aws:SourceArn': [
                      ...[...names, RESOLUTION, REGISTER, `${REGISTER}-ended`].map(
                        (name) => `subscription-offboarding-dev/dev-${name}`,
                      ),
                      ...[RENEWAL, SWEEP].map((name) => `dev-${name}`),
                    ].map((rule) => `arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${rule}`),
                  },
                },
              },
            ],
      )
    }
  })

  it('let other accounts put events only when they are named, and only offboarding events', () => {
    expect(ofType(plain, 'AWS::Events::EventBusPolicy')).toEqual([])
    expect(one(full, 'AWS::Events::EventBusPolicy', () => true)).toMatchObject({
      EventBusName: '<EventBus>',
      Statement: {
        Effect: 'Allow',
        Principal: {
          AWS: ['arn:${AWS::Partition}:iam::111111111111:root', 'arn:${AWS::Partition}:iam::222222222222:root'],
        },
        Action: 'events:PutEvents',
        Resource: '<EventBus.Arn>',
        Condition: {
          'ForAllValues:StringEquals': {
            'events:source': ['com.example.hr'],
            'events:detail-type': ['User Offboarding', 'User Leaving', 'Subscription Registered', 'Subscription Ended'],
          },
          Null: { 'events:source': 'false', 'events:detail-type': 'false' },
        },
      },
    })
  })
})

describe('what all operations share', () => {
  it('is one bus, whose offboarding events are archived', () => {
    expect(plain.Resources.EventBus?.Properties.Name).toBe('subscription-offboarding-dev')
    expect(full.Resources.EventBus?.Properties.Name).toBe('people')
    expect(one(plain, 'AWS::Events::Archive', () => true)).toMatchObject({
      SourceArn: '<EventBus.Arn>',
      EventPattern: { source: ['hr.offboarding'], 'detail-type': ['User Offboarding', 'User Leaving'] },
      RetentionDays: 90,
    })
    expect(one(full, 'AWS::Events::Archive', () => true)).toMatchObject({
      EventPattern: { source: ['com.example.hr'] },
      RetentionDays: 7,
    })
    const patterns = ofType(full, 'AWS::Events::Rule').flatMap(({ EventPattern }) => EventPattern ?? [])
    const ofOutcomes = patterns.filter((pattern) => pattern['detail-type'][0] === 'Subscription Offboarding Finished')
    for (const pattern of patterns)
      expect(pattern.source).toEqual([ofOutcomes.includes(pattern) ? 'subscription-offboarding' : 'com.example.hr'])
    expect(ofOutcomes).toHaveLength(1)
  })

  it('is one dead-letter queue, where equal letters of different operations become one', () => {
    expect(queueNamed(plain, 'dev-dead-letter.fifo')).toMatchObject({
      id: 'DeadLetterQueue',
      FifoQueue: true,
      ContentBasedDeduplication: false,
      DeduplicationScope: 'queue',
      FifoThroughputLimit: 'perQueue',
      MessageRetentionPeriod: fourteenDays,
      SqsManagedSseEnabled: true,
    })
  })

  it('is one standard queue for undelivered events', () => {
    const queue = queueNamed(plain, 'dev-undelivered-events')
    expect(queue).toMatchObject({
      id: 'UndeliveredEventsQueue',
      MessageRetentionPeriod: fourteenDays,
      SqsManagedSseEnabled: true,
    })
    expect(queue).not.toHaveProperty('FifoQueue')
  })

  it('is two queues for what SQS gives up, a FIFO and a standard one, that a sweep has time for', () => {
    for (const [name, id, FifoQueue] of [
      ['dev-stranded.fifo', 'StrandedWorkQueue', true],
      ['dev-stranded', 'StrandedRetriesQueue', undefined],
    ] as const) {
      const queue = queueNamed(plain, name)
      expect(queue).toMatchObject({
        id,
        MessageRetentionPeriod: fourteenDays,
        SqsManagedSseEnabled: true,
        // Long polling: a shorter poll may find nothing although messages are there.
        ReceiveMessageWaitTimeSeconds: 1,
      })
      expect(queue.FifoQueue).toBe(FifoQueue)
      expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(lambdaOf(plain, `dev-${SWEEP}`).Timeout)
    }
  })

  it('is an API that takes as many requests a second to each route as the fastest limit of a vendor, or as told', () => {
    const limitOf = (template: Template) => one(template, 'AWS::ApiGatewayV2::Stage', () => true).DefaultRouteSettings
    const perSecond = Math.max(...operations.map(({ operation: { pace } }) => pace.perSecond ?? 0))
    expect(limitOf(plain)).toEqual({ ThrottlingRateLimit: perSecond, ThrottlingBurstLimit: perSecond })
    expect(limitOf(full)).toEqual({ ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 })
  })

  it('is one authorizer, and none with IAM', () => {
    expect(ofType(plain, 'AWS::ApiGatewayV2::Authorizer')).toEqual([])
    expect(one(full, 'AWS::ApiGatewayV2::Authorizer', () => true)).toMatchObject({
      AuthorizerType: 'JWT',
      IdentitySource: ['$request.header.Authorization'],
      JwtConfiguration: { Issuer: 'https://login.example.com/tenant/', Audience: ['offboarding', 'hr'] },
    })
    expect(ofType(plain, 'AWS::ApiGatewayV2::Route')).toHaveLength(names.length + 3)
  })

  it.each([
    ['plain', 400],
    ['full', 30],
  ] as const)('is logs that expire and are encrypted (%s)', (which, days) => {
    const template = which === 'plain' ? plain : full
    const groups = ofType(template, 'AWS::Logs::LogGroup')
    expect(groups).toHaveLength(functionNames.length + 1)
    for (const group of groups) {
      expect(group).toMatchObject({ RetentionInDays: days, KmsKeyId: '<ObservabilityKey.Arn>' })
    }
    const key = one(template, 'AWS::KMS::Key', () => true)
    expect(key.EnableKeyRotation).toBe(true)
    const stage = which === 'plain' ? 'dev' : 'prod'
    const arn = (service: string, name: string) =>
      `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${name}`
    // Whole statements: in a key policy each word decides who may read the logs.
    expect(key.KeyPolicy.Statement.map(withoutSid)).toEqual([
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root' },
        Action: 'kms:*',
        Resource: '*',
      },
      {
        Effect: 'Allow',
        Principal: { Service: 'logs.${AWS::Region}.${AWS::URLSuffix}' },
        Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        Resource: '*',
        Condition: {
          ArnEquals: {
            'kms:EncryptionContext:aws:logs:arn': groups.map(({ LogGroupName }) =>
              arn('logs', `log-group:${LogGroupName.replace(`offboarding-${stage}`, '${AWS::StackName}')}`),
            ),
          },
        },
      },
      {
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        Resource: '*',
        Condition: {
          StringEquals: { 'aws:SourceAccount': '<AWS::AccountId>' },
          ArnLike: { 'aws:SourceArn': arn('cloudwatch', `alarm:${stage}-*`) },
        },
      },
    ])
  })

  it('is an access log that names routes, not people', () => {
    const { AccessLogSettings } = one(plain, 'AWS::ApiGatewayV2::Stage', () => true)
    expect(AccessLogSettings.DestinationArn).toBe('<HttpApiLogGroup.Arn>')
    const format = JSON.parse(AccessLogSettings.Format)
    expect(format).toMatchObject({ routeKey: '$context.routeKey', status: '$context.status' })
    expect(Object.values(format)).not.toContain('$context.path')
  })

  it('is alarms on letters, undelivered events and what SQS gave up', () => {
    for (const [alarm, queue] of [
      ['dev-stranded-work', 'StrandedWorkQueue'],
      ['dev-stranded-retries', 'StrandedRetriesQueue'],
      ['dev-dead-letters', 'DeadLetterQueue'],
      ['dev-undelivered-events', 'UndeliveredEventsQueue'],
    ] as const) {
      expect(alarmNamed(plain, alarm)).toMatchObject({
        Namespace: 'AWS/SQS',
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Dimensions: [{ Name: 'QueueName', Value: `<${queue}.QueueName>` }],
        Threshold: 0,
        Statistic: 'Maximum',
        Period: 60,
        EvaluationPeriods: 1,
      })
    }
  })

  it('is alarms that reach one topic and say what to do', () => {
    const alarms = ofType(plain, 'AWS::CloudWatch::Alarm')
    expect(alarms).toHaveLength(3 + 10 * names.length + 6 * 2 + 6 * 2 + 2 + 2 + 15 + 2)
    for (const alarm of alarms) {
      expect(alarm, alarm.AlarmName).toMatchObject({
        AlarmActions: ['<AlarmTopic>'],
        ...(alarm.AlarmName.endsWith('-not-run')
          ? { ComparisonOperator: 'LessThanThreshold', TreatMissingData: 'breaching' }
          : { ComparisonOperator: 'GreaterThanThreshold', TreatMissingData: 'notBreaching' }),
      })
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
      const days = alarm.Period < 3_600 ? 1 : 7
      expect(alarm.Period * alarm.EvaluationPeriods, alarm.AlarmName).toBeLessThanOrEqual(days * 86_400)
      expect(alarm.AlarmDescription.split(/[.:] /).length, alarm.AlarmName).toBeGreaterThan(1)
      expect(alarm.AlarmDescription, alarm.AlarmName).toMatch(/ Runbook: docs\/runbook\.md#[a-z-]+$/)
      for (const [, command] of alarm.AlarmDescription.matchAll(/"(npx [^"]+)"/g))
        expect(command, alarm.AlarmName).toMatch(/^npx offboarding [a-z][\w -]+ --stage dev$/)
    }
    for (const { AlarmName, AlarmDescription } of ofType(full, 'AWS::CloudWatch::Alarm')) {
      expect(AlarmDescription, AlarmName).toMatch(/ Runbook: https:\/\/wiki\.example\.com\/runbook\.zh-CN#[a-z-]+$/)
      // What a parameter may make of it: its URL has 300 characters at most.
      expect(AlarmDescription.length, AlarmName).toBeLessThanOrEqual(1024 - 300)
    }
  })

  it.each([
    [RENEWAL, 2 * 86_400],
    [SWEEP, 3_600],
  ])('is an alarm when %s has not run for %i s', (name, seconds) => {
    const alarm = alarmNamed(plain, `dev-${name}-not-run`)
    expect(alarm).toMatchObject({
      Namespace: 'AWS/Lambda',
      MetricName: 'Invocations',
      Dimensions: [{ Name: 'FunctionName', Value: `<${lambdaOf(plain, `dev-${name}`).id}>` }],
      Statistic: 'Sum',
      Threshold: 1,
    })
    expect(alarm.Period * alarm.EvaluationPeriods).toBe(seconds)
  })

  it('is a topic that CloudWatch can publish to although it is encrypted', () => {
    const topic = one(plain, 'AWS::SNS::Topic', () => true)
    expect(topic.KmsMasterKeyId).toBe('<ObservabilityKey>')
    expect(topic).not.toHaveProperty('Subscription')
    expect(one(full, 'AWS::SNS::Topic', () => true).Subscription).toEqual([
      { Protocol: 'email', Endpoint: 'oncall@example.com' },
    ])
    expect(one(plain, 'AWS::SNS::TopicPolicy', () => true)).toMatchObject({
      Topics: ['<AlarmTopic>'],
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: 'sns:Publish',
            Resource: '<AlarmTopic>',
            Condition: {
              StringEquals: { 'aws:SourceAccount': '<AWS::AccountId>' },
              ArnLike: {
                'aws:SourceArn': 'arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:dev-*',
              },
            },
          },
          {
            Effect: 'Deny',
            Principal: '*',
            Action: 'sns:Publish',
            Resource: '<AlarmTopic>',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          },
        ],
      },
    })
  })
})

describe(SWEEP, () => {
  it('runs every 15 minutes and leaves what fails to its next run', () => {
    const { id, ...lambda } = lambdaOf(plain, `dev-${SWEEP}`)
    expect(lambda).toMatchObject({ Timeout: 600, MemorySize: 256, Handler: `dist/${SWEEP}/index.handler` })
    expect(lambda.Environment.Variables).toMatchObject({ OPERATIONS: names.join(','), EVENT_BUS_NAME: '<EventBus>' })
    expect(one(plain, 'AWS::Events::Rule', (it) => it.Name === `dev-${SWEEP}`)).toMatchObject({
      ScheduleExpression: 'rate(15 minutes)',
      State: 'ENABLED',
      Targets: [{ Arn: `<${id}.Arn>` }],
    })
    const config = one(plain, 'AWS::Lambda::EventInvokeConfig', (it) => it.FunctionName === `<${id}>`)
    expect(config).toMatchObject({ MaximumRetryAttempts: 0 })
    expect(config.DestinationConfig).toEqual({})
  })

  it('may take what is stranded, send letters and publish outcomes, and besides the ledger nothing else', () => {
    expect(statementsOf(plain, `dev-${SWEEP}`).map(({ Sid, Action, Resource }) => [Sid, Action, Resource])).toEqual([
      ['WriteOwnLog', expect.anything(), expect.stringContaining(`log-group:/aws/lambda/dev-${SWEEP}:*`)],
      [
        'TakeStranded',
        ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
        ['<StrandedWorkQueue.Arn>', '<StrandedRetriesQueue.Arn>'],
      ],
      ['GiveUp', 'sqs:SendMessage', '<DeadLetterQueue.Arn>'],
      ['ReportOutcomes', 'events:PutEvents', '<EventBus.Arn>'],
    ])
    expect(lambdaOf(plain, `dev-${SWEEP}`).Environment.Variables).toMatchObject({
      STRANDED_QUEUE_URLS: '<StrandedWorkQueue>,<StrandedRetriesQueue>',
      DEAD_LETTER_QUEUE_URL: '<DeadLetterQueue>',
    })
  })

  it.each([
    ['unplanned-sendings', 'UnplannedSendings'],
    ['vanished-targets', 'VanishedTargets'],
  ])('has the alarm %s on what it counts', (name, MetricName) => {
    expect(alarmNamed(plain, `dev-${name}`)).toMatchObject({
      Namespace: 'SubscriptionOffboarding',
      MetricName,
      Dimensions: [{ Name: 'FunctionName', Value: `dev-${SWEEP}` }],
      Threshold: 0,
      Statistic: 'Maximum',
      Period: 900,
    })
  })
})

describe(REGISTER, () => {
  it('hears what was registered, and what was ended for good', () => {
    const { id, ...lambda } = lambdaOf(plain, `dev-${REGISTER}`)
    expect(lambda).toMatchObject({ Timeout: 29, Handler: `dist/${REGISTER}/index.handler` })
    const patterns = ofType(plain, 'AWS::Events::Rule').filter(({ Targets }) => Targets[0].Arn === `<${id}.Arn>`)
    expect(patterns.map(({ EventPattern }) => EventPattern)).toEqual([
      { source: ['hr.offboarding'], 'detail-type': [REGISTERED, ENDED] },
      {
        source: ['subscription-offboarding'],
        'detail-type': ['Subscription Offboarding Finished'],
        detail: { outcome: ['changed', 'unchanged', 'gone'] },
      },
    ])
  })

  it('may send letters and announce rejections, and besides the ledger nothing else', () => {
    const statements = statementsOf(plain, `dev-${REGISTER}`).map(withoutSid)
    expect(statements.map(({ Action, Resource }) => [Action, Resource])).toEqual([
      [['logs:CreateLogStream', 'logs:PutLogEvents'], expect.stringContaining(`/aws/lambda/dev-${REGISTER}:*`)],
      ['sqs:SendMessage', ['<DeadLetterQueue.Arn>', '<UndeliveredEventsQueue.Arn>']],
      ['events:PutEvents', '<EventBus.Arn>'],
    ])
  })

  it('rings when a lost event may be missing in the register', () => {
    expect(alarmNamed(plain, `dev-${REGISTER}-failed-destination`).AlarmDescription).toMatch(/#register$/)
    expect(alarmNamed(plain, `dev-${REGISTER}-ended-failed-invocations`).Dimensions).toEqual([
      { Name: 'EventBusName', Value: '<EventBus>' },
      { Name: 'RuleName', Value: `dev-${REGISTER}-ended` },
    ])
  })
})

describe(RENEWAL, () => {
  it('runs on its schedule, for long enough, and again when its time did not suffice', () => {
    for (const [template, stage, rate, days] of [
      [plain, 'dev', 'rate(1 day)', '3'],
      [full, 'prod', 'rate(12 hours)', '2'],
    ] as const) {
      const { id, ...lambda } = lambdaOf(template, `${stage}-${RENEWAL}`)
      expect(lambda).toMatchObject({ Timeout: 900, MemorySize: 256, Handler: `dist/${RENEWAL}/index.handler` })
      expect(Object.keys(lambda.Environment.Variables)).toEqual(
        expect.arrayContaining([
          'FEISHU_APP_SECRET_ID',
          'FEISHU_USER_SECRET_PREFIX',
          'FEISHU_OAUTH_TOKEN_URL',
          'DINGTALK_APP_SECRET_ID',
          'DINGTALK_USER_SECRET_PREFIX',
          'DINGTALK_BASE_URL',
        ]),
      )
      expect(String(lambda.Environment.Variables.RENEW_WITHIN_DAYS)).toBe(days)
      const rule = one(template, 'AWS::Events::Rule', (it) => it.Name === `${stage}-${RENEWAL}`)
      expect(rule).toMatchObject({ ScheduleExpression: rate, State: 'ENABLED', Targets: [{ Arn: `<${id}.Arn>` }] })
      expect(one(template, 'AWS::Lambda::EventInvokeConfig', (it) => it.FunctionName === `<${id}>`)).toMatchObject({
        MaximumRetryAttempts: 2,
        MaximumEventAgeInSeconds: 21_600,
        DestinationConfig: { OnFailure: { Destination: '<UndeliveredEventsQueue.Arn>' } },
      })
    }
  })

  it('has neither a route nor a queue', () => {
    const { id } = lambdaOf(plain, `dev-${RENEWAL}`)
    for (const type of ['AWS::ApiGatewayV2::Integration', 'AWS::Lambda::EventSourceMapping'])
      expect(JSON.stringify(ofType(plain, type))).not.toContain(id)
    expect(ofType(plain, 'AWS::ApiGatewayV2::Route')).toHaveLength(names.length + 3)
  })

  it('may list names and tags, read the app secrets, renew the users, keep a run that is given up, and nothing else', () => {
    const prefix = 'subscription-offboarding/dev'
    const vendors = ['feishu', 'dingtalk']
    expect(statementsOf(plain, `dev-${RENEWAL}`).map(withoutSid)).toEqual([
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: `arn:\${AWS::Partition}:logs:\${AWS::Region}:\${AWS::AccountId}:log-group:/aws/lambda/dev-${RENEWAL}:*`,
      },
      { Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' },
      {
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: vendors.map((vendor) => secret(`${prefix}/${vendor}/app-??????`)),
      },
      {
        Effect: 'Allow',
        Action: [
          'secretsmanager:GetSecretValue',
          'secretsmanager:PutSecretValue',
          'secretsmanager:UpdateSecretVersionStage',
          'secretsmanager:TagResource',
        ],
        Resource: vendors.map((vendor) => secret(`${prefix}/${vendor}/user/*`)),
      },
      { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: '<UndeliveredEventsQueue.Arn>' },
    ])
  })

  it.each(['feishu', 'dingtalk'])('has alarms on what it counts (%s)', (vendor) => {
    for (const metric of ['ReauthorizationRequired', 'Gone', 'Failed', 'Stopped'])
      expect(alarmNamed(plain, `dev-${RENEWAL}-${vendor}-${metric}`)).toMatchObject({
        Namespace: 'SubscriptionOffboarding',
        MetricName: metric,
        Dimensions: [
          { Name: 'FunctionName', Value: `dev-${RENEWAL}` },
          { Name: 'Vendor', Value: vendor },
        ],
        Threshold: 0,
        Statistic: 'Maximum',
        Period: 86_400,
      })
  })
})

describe(OFFBOARDINGS, () => {
  it('has three routes, for those who may call the others', () => {
    for (const [template, stage, auth] of [
      [plain, 'dev', 'AWS_IAM'],
      [full, 'prod', 'JWT'],
    ] as const) {
      const { id } = lambdaOf(template, `${stage}-${OFFBOARDINGS}`)
      const integration = one(template, 'AWS::ApiGatewayV2::Integration', (it) => it.IntegrationUri === `<${id}.Arn>`)
      const routes = ofType(template, 'AWS::ApiGatewayV2::Route').filter(({ Target }) =>
        Target.includes(integration.id),
      )
      expect(routes.map(({ RouteKey, AuthorizationType }) => [RouteKey, AuthorizationType]).sort()).toEqual([
        ['GET /offboardings', auth],
        ['GET /offboardings/{offboardingId}', auth],
        ['POST /offboardings', auth],
      ])
    }
  })

  it('may put the two events on the bus, as their sender does, and use the offboardings of the ledger: nothing else', () => {
    const { Environment, VpcConfig } = lambdaOf(plain, `dev-${OFFBOARDINGS}`)
    expect(Environment.Variables).toMatchObject({ EVENT_SOURCE: 'hr.offboarding', OPERATIONS: names.join(',') })
    expect(VpcConfig).toBeUndefined()
    const statements = statementsOf(plain, `dev-${OFFBOARDINGS}`)
    expect(statements.map(({ Sid }) => Sid)).toEqual(['WriteOwnLog', 'OrderOffboardings'])
    expect(statements[1]).toMatchObject({
      Action: 'events:PutEvents',
      Resource: '<EventBus.Arn>',
      Condition: {
        'ForAllValues:StringEquals': {
          'events:source': ['hr.offboarding'],
          'events:detail-type': ['User Offboarding', 'User Leaving'],
        },
      },
    })
  })
})

describe('one-time schedules', () => {
  it.each(['plain', 'full'] as const)('send offboardings by a role that their group alone may take (%s)', (which) => {
    const template = which === 'plain' ? plain : full
    const [stage, source] = which === 'plain' ? ['dev', 'hr.offboarding'] : ['prod', 'com.example.hr']
    const name = `subscription-offboarding-${stage}`
    expect(one(template, 'AWS::Scheduler::ScheduleGroup', () => true).Name).toBe(name)
    const role = one(template, 'AWS::IAM::Role', ({ id }) => id === 'SchedulesRole')
    expect(role.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Service: 'scheduler.amazonaws.com' },
        Condition: {
          StringEquals: { 'aws:SourceAccount': expect.anything() },
          ArnEquals: { 'aws:SourceArn': expect.stringContaining(`:schedule-group/${name}`) },
        },
      },
    ])
    expect(role.Policies[0].PolicyDocument.Statement).toMatchObject([
      {
        Action: 'events:PutEvents',
        Resource: '<EventBus.Arn>',
        Condition: {
          'ForAllValues:StringEquals': {
            'events:source': [source],
            'events:detail-type': ['User Leaving', 'User Offboarding'],
          },
          Null: { 'events:source': 'false', 'events:detail-type': 'false' },
        },
      },
      { Action: 'sqs:SendMessage', Resource: '<UndeliveredEventsQueue.Arn>' },
    ])
  })
})

describe(RESOLUTION, () => {
  it('takes events that say who leaves, and its queue, and is told where to look', () => {
    const { id, ...lambda } = lambdaOf(full, `prod-${RESOLUTION}`)
    expect(lambda).toMatchObject({ Timeout: 300, Handler: `dist/${RESOLUTION}/index.handler` })
    expect(lambda.Environment.Variables).toMatchObject({
      VENDORS: 'feishu,dingtalk',
      EVENT_SOURCE: 'com.example.hr',
      OPERATIONS: names.join(','),
      DINGTALK_OAPI_BASE_URL: 'https://oapi.dingtalk.io',
      RESOLUTION_QUEUE_URL: '<OffboardingResolutionQueue>',
      FEISHU_USER_SECRET_PREFIX: expect.any(String),
    })
    const rule = one(full, 'AWS::Events::Rule', (it) => it.Name === `prod-${RESOLUTION}`)
    expect(rule.EventPattern).toEqual({ source: ['com.example.hr'], 'detail-type': ['User Leaving'] })
    const source = one(full, 'AWS::Lambda::EventSourceMapping', (it) => it.FunctionName === `<${id}.Arn>`)
    expect(source).toMatchObject({
      EventSourceArn: '<OffboardingResolutionQueue.Arn>',
      BatchSize: 10,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 20 },
    })
    expect(queueNamed(full, `prod-${RESOLUTION}`)).toMatchObject({
      VisibilityTimeout: 6 * 300,
      RedrivePolicy: { deadLetterTargetArn: '<UndeliveredEventsQueue.Arn>', maxReceiveCount: 1000 },
    })
  })

  it('may put offboarding events and say how it ended, and nothing else, on the bus', () => {
    const puts = statementsOf(full, `prod-${RESOLUTION}`).filter(({ Action }) => Action === 'events:PutEvents')
    const only = (source: unknown, types: unknown) => ({
      'ForAllValues:StringEquals': { 'events:source': source, 'events:detail-type': types },
      Null: { 'events:source': 'false', 'events:detail-type': 'false' },
    })
    expect(puts.map(({ Condition }) => Condition)).toEqual([
      only(['com.example.hr'], ['User Offboarding']),
      only('subscription-offboarding', ['Subscription Offboarding Rejected', 'Subscription Offboarding Completed']),
    ])
  })

  it('rings when somebody has not been found for an hour', () => {
    expect(alarmNamed(plain, 'dev-unresolved-leavers')).toMatchObject({
      Namespace: 'SubscriptionOffboarding',
      MetricName: 'OldestWaitingSeconds',
      Dimensions: [
        { Name: 'FunctionName', Value: `dev-${SWEEP}` },
        { Name: 'Operation', Value: RESOLUTION },
      ],
      Threshold: 3_600,
    })
  })
})
