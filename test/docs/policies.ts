/** The policies of docs/, and the stack's resources as a policy sees them: by ARN. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Resource, Template } from '../../infra/compile.ts'
import { resolve } from '../../infra/intrinsics.ts'

export type Statement = {
  Sid: string
  Effect: 'Allow' | 'Deny'
  Action: string | string[]
  Resource: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}
export type Policy = { Version: string; Statement: Statement[] }
/** What a request says of itself beyond action and resource; lists are alternatives. */
export type RequestContext = Record<string, string[]>

const REGION = 'ap-southeast-1'
const ACCOUNT = '000000000000'

/** What one managed policy has no room for is in two, which a deployer has both. */
export const DEPLOYER_POLICIES = ['deployer-policy.json', 'deployer-resources-policy.json']
export async function deployerPolicy(stage: string): Promise<Policy> {
  const policies = await Promise.all(DEPLOYER_POLICIES.map((file) => read(file, stage)))
  return { ...policies[0], Statement: policies.flatMap(({ Statement }) => Statement) } as Policy
}
/** What is denied to a deployer whose roles must have a boundary. */
export const deployerBoundaryPolicy = async (boundary: string): Promise<Policy> =>
  JSON.parse(JSON.stringify(await read('deployer-boundary-policy.json', '')).replaceAll('BOUNDARY', boundary))
export const discoveryPolicy = (stage: string): Promise<Policy> => read('discovery-policy.json', stage)
export const operatorPolicy = (stage: string): Promise<Policy> => read('operator-policy.json', stage)

/** A policy with its placeholders filled in. */
export async function read(file: string, stage: string): Promise<Policy> {
  const text = await readFile(path.join(import.meta.dirname, '../../docs', file), 'utf8')
  return JSON.parse(text.replaceAll('REGION', REGION).replaceAll('ACCOUNT', ACCOUNT).replaceAll('STAGE', stage))
}

const list = (value: string | string[]) => [value].flat()
const like = (pattern: string, value: string, flags = ''): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^$()|[\]{}\\/]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    flags,
  ).test(value)

/** How a condition compares the values of a key, of which there may be none, with those that it wants. */
const OPERATORS: Record<string, (values: string[], wanted: string[]) => boolean> = {
  StringEquals: (values, wanted) => values.some((value) => wanted.includes(value)),
  StringNotEquals: (values, wanted) => !values.some((value) => wanted.includes(value)),
  ArnLike: (values, wanted) => values.some((value) => wanted.some((pattern) => like(pattern, value))),
  'ForAnyValue:StringEquals': (values, wanted) => values.some((value) => wanted.includes(value)),
  'ForAllValues:StringEquals': (values, wanted) => values.every((value) => wanted.includes(value)),
  'ForAllValues:StringLike': (values, wanted) =>
    values.every((value) => wanted.some((pattern) => like(pattern, value))),
  Null: (values, [wanted]) => (values.length === 0) === (wanted === 'true'),
}

/** What IAM would answer; of a policy that only denies, whether it does. */
export const permits = ({ Statement }: Policy, action: string, arn: string, context: RequestContext = {}): boolean =>
  Statement.some(
    ({ Action, Resource, Condition = {} }) =>
      list(Action).some((pattern) => like(pattern, action, 'i')) &&
      list(Resource).some((pattern) => like(pattern, arn)) &&
      Object.entries(Condition).every(([operator, keys]) => {
        const holds = OPERATORS[operator]
        if (!holds) throw new Error(`unknown: ${operator}`)
        return Object.entries(keys).every(([key, wanted]) => holds(context[key] ?? [], list(wanted)))
      }),
  )

/** The statements that speak of `arn` by more than "*". */
export const naming = ({ Statement }: Policy, arn: string) =>
  Statement.filter(({ Resource }) => Resource !== '*' && list(Resource).some((pattern) => like(pattern, arn)))

/** Types with a name in their ARN: the property that gives it, how long it may be, and the ARN. */
const NAMED: Record<string, { property: string; limit: number; arn: (name: string, get: Get) => string }> = {
  'AWS::CloudWatch::Alarm': { property: 'AlarmName', limit: 255, arn: (name) => ours('cloudwatch', `alarm:${name}`) },
  'AWS::CloudWatch::Dashboard': {
    property: 'DashboardName',
    limit: 255,
    arn: (name) => `arn:aws:cloudwatch::${ACCOUNT}:dashboard/${name}`,
  },
  'AWS::DynamoDB::Table': { property: 'TableName', limit: 255, arn: (name) => ours('dynamodb', `table/${name}`) },
  'AWS::Events::Archive': { property: 'ArchiveName', limit: 48, arn: (name) => ours('events', `archive/${name}`) },
  'AWS::Events::EventBus': { property: 'Name', limit: 256, arn: (name) => ours('events', `event-bus/${name}`) },
  'AWS::Events::Rule': {
    property: 'Name',
    limit: 64,
    arn: (name, get) => ours('events', ['rule', get('EventBusName'), name].filter(Boolean).join('/')),
  },
  'AWS::IAM::Role': {
    property: 'RoleName',
    limit: 64,
    arn: (name, get) => `arn:aws:iam::${ACCOUNT}:role${get('Path') ?? '/'}${name}`,
  },
  'AWS::Lambda::Function': { property: 'FunctionName', limit: 64, arn: (name) => ours('lambda', `function:${name}`) },
  'AWS::Logs::LogGroup': { property: 'LogGroupName', limit: 512, arn: (name) => ours('logs', `log-group:${name}`) },
  'AWS::S3::Bucket': { property: 'BucketName', limit: 63, arn: (name) => `arn:aws:s3:::${name.toLowerCase()}` },
  'AWS::Scheduler::ScheduleGroup': {
    property: 'Name',
    limit: 64,
    arn: (name) => ours('scheduler', `schedule-group/${name}`),
  },
  'AWS::SecretsManager::Secret': {
    property: 'Name',
    limit: 512,
    arn: (name) => ours('secretsmanager', `secret:${name}-AbCdEf`),
  },
  'AWS::SNS::Topic': { property: 'TopicName', limit: 256, arn: (name) => ours('sns', name) },
  'AWS::SQS::Queue': { property: 'QueueName', limit: 80, arn: (name) => ours('sqs', name) },
}
type Get = (property: string) => unknown

/** Types whose ARN holds an id that AWS makes up. */
const NAMELESS: Record<string, string[]> = {
  'AWS::ApiGatewayV2::Api': ['/apis', '/apis/a1b2c3', '/apis/a1b2c3/routes/d4e5', '/tags/x'].map(
    (resource) => `arn:aws:apigateway:${REGION}::${resource}`,
  ),
  'AWS::KMS::Key': [ours('kms', 'key/11111111-2222-3333-4444-555555555555')],
  'AWS::Lambda::EventSourceMapping': [ours('lambda', 'event-source-mapping:11111111-2222-3333-4444-555555555555')],
  'AWS::Logs::QueryDefinition': [ours('logs', 'query-definition:11111111-2222-3333-4444-555555555555')],
}

/** Types that have no ARN of their own in a policy: what one needs, it needs on resources of this type. */
const PART_OF: Record<string, string> = {
  'AWS::ApiGatewayV2::Authorizer': 'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Integration': 'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Route': 'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Stage': 'AWS::ApiGatewayV2::Api',
  'AWS::Events::EventBusPolicy': 'AWS::Events::EventBus',
  'AWS::Lambda::EventInvokeConfig': 'AWS::Lambda::Function',
  'AWS::Lambda::Permission': 'AWS::Lambda::Function',
  'AWS::Logs::MetricFilter': 'AWS::Logs::LogGroup',
  'AWS::S3::BucketPolicy': 'AWS::S3::Bucket',
  'AWS::SNS::TopicPolicy': 'AWS::SNS::Topic',
  'AWS::SQS::QueuePolicy': 'AWS::SQS::Queue',
}

function ours(service: string, resource: string): string {
  return `arn:aws:${service}:${REGION}:${ACCOUNT}:${resource}`
}

export type Name = { id: string; type: string; name: string; limit: number; isGenerated: boolean; arn: string }

/**
 * The names of a stack's resources that a policy can say, at their longest where CloudFormation makes them up: stack,
 * logical id and thirteen random characters. Where that is longer than `limit` it cuts stack and id, nobody knows where.
 */
export function namesOf(template: Template, stackName: string): Name[] {
  const context = { template, region: REGION, account: ACCOUNT, stackName, physical }
  const getOf =
    ({ Properties = {} }: Resource): Get =>
    (property) =>
      resolve(Properties[property], context)
  function nameOf(id: string, resource: Resource) {
    const given = getOf(resource)(NAMED[resource.Type]?.property ?? '')
    return given === undefined ? `${stackName}-${id}-${'X'.repeat(13)}` : String(given)
  }
  function physical(id: string, resource: Resource) {
    return { ref: nameOf(id, resource), attributes: {} }
  }
  return Object.entries(template.Resources).flatMap(([id, resource]) => {
    const { Type: type } = resource
    const kind = NAMED[type]
    if (!kind) {
      if (type in NAMELESS || type in PART_OF) return []
      throw new Error(`how does a policy name a resource of ${type}?`)
    }
    const name = nameOf(id, resource)
    const isGenerated = resource.Properties?.[kind.property] === undefined
    return [{ id, type, name, limit: kind.limit, isGenerated, arn: kind.arn(name, getOf(resource)) }]
  })
}

/** The ARNs that a policy has to allow for the resources of a type. */
export function arnsOf(type: string, names: Name[]): string[] {
  const whole = PART_OF[type] ?? type
  return NAMELESS[whole] ?? names.filter((name) => name.type === whole).map(({ arn }) => arn)
}
