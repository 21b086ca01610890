import { beforeAll, describe, expect, it } from 'vitest'
import { compileTemplate, type Template } from '../../infra/compile.ts'
import { operationNames } from '../../infra/operations.ts'
import { STAGE as LONGEST, PARAMS } from '../deployed-stage.ts'
import { checkParameters } from '../infra/parameters.ts'
import {
  arnsOf,
  DEPLOYER_POLICIES,
  deployerBoundaryPolicy,
  deployerPolicy,
  namesOf,
  naming,
  type Policy,
  permits,
  type RequestContext,
  read,
} from './policies.ts'

// The emulator cuts long names differently from AWS and asks IAM only about what osls itself calls, so what a deployer
// may reach is compared here with the names in the template.

const byCloudFormation: RequestContext = { 'aws:CalledVia': ['cloudformation.amazonaws.com'] }
const throughCloudFormation = { 'ForAnyValue:StringEquals': { 'aws:CalledVia': 'cloudformation.amazonaws.com' } }
const stackOf = (stage: string) => `offboarding-${stage}`

let longest: Template
let policy: Policy

beforeAll(async () => {
  longest = await compileTemplate({ stage: LONGEST, params: { ...PARAMS, vendorCallbacks: 'on' } })
  policy = await deployerPolicy(LONGEST)
})

describe('names', () => {
  it('are never too long for their type, so that AWS cuts none', () => {
    const tooLong = namesOf(longest, stackOf(LONGEST)).filter(({ name, limit }) => name.length > limit)
    expect(tooLong.map(({ id, name, limit }) => `${id}: ${name.length} > ${limit}`)).toEqual([])
  })

  it('are all given but for the bucket that osls makes', () => {
    const generated = namesOf(longest, stackOf(LONGEST)).filter(({ isGenerated }) => isGenerated)
    expect(generated.map(({ id }) => id)).toEqual(['ServerlessDeploymentBucket'])
  })

  const REFUSED = /--stage must be at most ten lower-case letters and digits/
  it.each(['My-Stage', 'dev-eu', 'Dev', '1dev', 'productions'])('refuse the stage %s', async (stage) => {
    await expect(checkParameters({ stage })).rejects.toThrow(REFUSED)
  })

  it('stop osls at a stage they refuse', async () => {
    await expect(compileTemplate({ stage: 'My-Stage' })).rejects.toThrow(REFUSED)
  })
})

describe("the deployer's policy", () => {
  /** An action that creates, for each type with a name. */
  const CREATES: Record<string, string> = {
    'AWS::CloudWatch::Alarm': 'cloudwatch:PutMetricAlarm',
    'AWS::CloudWatch::Dashboard': 'cloudwatch:PutDashboard',
    'AWS::DynamoDB::Table': 'dynamodb:CreateTable',
    'AWS::Events::Archive': 'events:CreateArchive',
    'AWS::Events::EventBus': 'events:CreateEventBus',
    'AWS::Events::Rule': 'events:PutRule',
    'AWS::IAM::Role': 'iam:CreateRole',
    'AWS::Lambda::Function': 'lambda:CreateFunction',
    'AWS::Logs::LogGroup': 'logs:CreateLogGroup',
    'AWS::S3::Bucket': 's3:CreateBucket',
    'AWS::Scheduler::ScheduleGroup': 'scheduler:CreateScheduleGroup',
    'AWS::SecretsManager::Secret': 'secretsmanager:CreateSecret',
    'AWS::SNS::Topic': 'sns:CreateTopic',
    'AWS::SQS::Queue': 'sqs:CreateQueue',
  }
  const notCreated = (by: Policy) =>
    namesOf(longest, stackOf(LONGEST))
      .filter(({ type, arn }) => !permits(by, CREATES[type] ?? `nothing creates ${type}`, arn, byCloudFormation))
      .map(({ arn }) => arn)

  it('names every resource', () => {
    expect(notCreated(policy)).toEqual([])
  })

  it('would not, with an action missing or another name', () => {
    const changed = (from: string, to: string): Policy => JSON.parse(JSON.stringify(policy).replaceAll(from, to))
    expect(notCreated(changed('s3:*Bucket"', 's3:GetBucket"'))).toHaveLength(1)
    expect(notCreated(changed(':role/', ':role/nothing-'))).toHaveLength(operationNames.length + 9)
  })

  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  it.each(DEPLOYER_POLICIES)('fits into managed policies: %s', async (file) => {
    expect(JSON.stringify(await read(file, LONGEST)).length).toBeLessThanOrEqual(6_144)
  })

  // A stage whose name begins or ends like this one's
  it.each(['prod', 'productio', 'aproduction'])('names nothing of the stage %s', (other) => {
    const template: Template = JSON.parse(JSON.stringify(longest).replaceAll(LONGEST, other))
    const arns = [
      ...namesOf(template, stackOf(other)).map(({ arn }) => arn),
      `arn:aws:cloudformation:ap-southeast-1:000000000000:stack/${stackOf(other)}/1`,
      `arn:aws:s3:::${stackOf(other)}-serverlessdeploymentbucket-x/key`,
      `arn:aws:logs:ap-southeast-1:000000000000:log-group:/aws/http-api/${stackOf(other)}:*`,
    ]
    expect(arns.filter((arn) => naming(policy, arn).length > 0)).toEqual([])
  })

  it.each([
    ['lambda', `function:${LONGEST}-payroll`],
    ['iam', `role/${LONGEST}-payroll`],
    ['iam', `role/${LONGEST}-feishu-drive-unsubscribe-ap-southeast-1`],
    ['events', `rule/${LONGEST}-payroll`],
    ['events', `rule/people/${LONGEST}-payroll`],
    ['events', `archive/${LONGEST}-payroll`],
    ['sqs', `${LONGEST}-payroll`],
    ['dynamodb', `table/${LONGEST}-payroll`],
    ['sns', `${LONGEST}-payroll`],
    ['logs', `log-group:/aws/lambda/${LONGEST}-payroll`],
    ['s3', stackOf(LONGEST)],
  ])('names nothing that another project calls after the stage (%s %s)', (service, resource) => {
    const place = { iam: ':000000000000', s3: ':' }[service] ?? 'ap-southeast-1:000000000000'
    const arn = `arn:aws:${service}:${place}:${resource}`
    expect(naming(policy, arn)).toEqual([])
  })

  it.each(['AWS::KMS::Key', 'AWS::ApiGatewayV2::Api', 'AWS::Lambda::EventSourceMapping'])(
    'reaches what has no name (%s) through the stack alone',
    (type) => {
      for (const arn of arnsOf(type, [])) {
        expect(naming(policy, arn)).not.toEqual([])
        for (const { Condition } of naming(policy, arn)) expect(Condition).toEqual(throughCloudFormation)
      }
    },
  )

  it('says "*" only where AWS knows nothing narrower, and of things made or read', () => {
    const wide = policy.Statement.filter(({ Resource }) => Resource === '*')
    const unconditional = wide.filter(({ Condition }) => !Condition?.['ForAnyValue:StringEquals'])
    expect(unconditional.flatMap(({ Action }) => Action)).toEqual([
      'cloudformation:ValidateTemplate',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups',
      'ec2:DescribeSubnets',
      'ec2:DescribeVpcs',
      'logs:*LogDeliver*',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:PutResourcePolicy',
      'sts:GetCallerIdentity',
    ])
    expect(wide.flatMap(({ Action, Condition }) => (Condition ? Action : []))).toEqual([
      'lambda:*EventSourceMapping',
      'kms:CreateKey',
      'logs:*QueryDefinition*',
    ])
  })

  it('allows to reserve concurrency and to set a boundary, which with another policy every role must have', async () => {
    const boundary = 'arn:aws:iam::000000000000:policy/boundary'
    const denial = await deployerBoundaryPolicy(boundary)
    expect(denial.Statement.map(({ Effect }) => Effect)).toEqual(['Deny', 'Deny', 'Deny'])
    const [role = ''] = arnsOf('AWS::IAM::Role', namesOf(longest, stackOf(LONGEST)))
    const [lambda = ''] = arnsOf('AWS::Lambda::Function', namesOf(longest, stackOf(LONGEST)))
    for (const action of ['lambda:PutFunctionConcurrency', 'lambda:DeleteFunctionConcurrency'])
      expect(permits(policy, action, lambda)).toBe(true)
    for (const action of ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:PutRolePermissionsBoundary']) {
      expect(permits(policy, action, role)).toBe(true)
      const denied = (boundaries: string[]) => permits(denial, action, role, { 'iam:PermissionsBoundary': boundaries })
      expect([[], ['arn:aws:iam::000000000000:policy/wide'], [boundary]].map(denied)).toEqual([true, true, false])
    }
    expect(permits(denial, 'iam:DeleteRolePermissionsBoundary', role, { 'iam:PermissionsBoundary': [boundary] })).toBe(
      true,
    )
    for (const action of ['iam:CreatePolicyVersion', 'iam:SetDefaultPolicyVersion'])
      expect(permits(denial, action, boundary)).toBe(true)
    expect(permits(denial, 'iam:DeleteRole', role)).toBe(false)
  })
})
