import { GetFunctionCommand } from '@aws-sdk/client-lambda'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { CreateQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { compileTemplate } from '../../infra/compile.ts'
import { venvTool } from '../../scripts/python.ts'
import { arnsOf, deployerPolicy, type Name, namesOf, type Policy, permits } from '../docs/policies.ts'
import { ACCOUNT_ID, clientsOf, type Keys, outputsOf, send } from './aws.ts'
import { tryOsls, tryRun } from './npm.ts'
import { STAGE } from './setup.ts'

// docs/deployer-policy.json. The stages of these tests were deployed with it, but the emulator asks IAM only about what
// osls itself calls. What CloudFormation calls in the deployer's name is compared here, with AWS's own schemas.

const cloud = inject('cloud')

/** Actions the schemas list for properties that the template does not set. */
const NOT_USED: [RegExp, string][] = [
  [/^s3tables:|^s3files:|^elasticfilesystem:|^firehose:/, 'no tables, file systems or delivery streams'],
  [
    /^s3:(Put|Delete|Create|Update)Bucket(Abac|Acl|AnalyticsConfiguration|CORS|Cors|Lifecycle|Logging|Metadata\w+|MetricsConfiguration|Notification|ObjectLockConfiguration|OwnershipControls|Replication|Website)$|^s3:DeleteBucketPublicAccessBlock$/,
    'of the bucket only encryption, versions, life cycle, policy, tags and the block of public access are set',
  ],
  [
    /^s3:Put(Accelerate|Analytics|IntelligentTiering|Inventory|Metrics|ObjectLock|Replication)Configuration$/,
    'the same',
  ],
  [/^s3:DeleteBucketEncryption$/, 'the bucket stays encrypted'],
  [/^s3:(PutObjectAcl|REST\.PUT\.OBJECT)$/, 'no ACLs, and no logs that go to a bucket'],
  [/^s3:getObject$/, 'the API is not imported from a file; the object of a function is s3:GetObject'],
  [
    /^dynamodb:(\w*TableReplica|\w*Item|Query|Scan|(Put|Delete)ResourcePolicy|\w*KinesisStreamingDestination|UpdateContributorInsights)$|^kinesis:/,
    'no replicas, streams, policy or insights of the table',
  ],
  [
    /^s3:GetObjectMetadata$|^logs:(CreateLogStream|DescribeLogStreams|PutLogEvents)$/,
    'the table is not imported, nor are its logs written here',
  ],
  [/^iam:CreateServiceLinkedRole$/, 'replicas and scaling alone have one'],
  [/^kms:(ListAliases|RevokeGrant)$/, 'the table has the key of AWS'],
  [/^iam:(Attach|Detach)RolePolicy$/, 'roles have inline policies only'],
  [
    /^kms:(Encrypt|Decrypt|GenerateDataKey\w*|ReEncrypt\w*|CreateGrant)$/,
    'nothing the deployer writes has a key of its own',
  ],
  [
    /^lambda:\w*(CodeSigningConfig|LayerVersion|CapacityProvider|RuntimeAlias)$/,
    'no signing, layers or capacity providers',
  ],
  [/^lambda:(Put|Delete)Function(ScalingConfig|RecursionConfig)$/, 'left at what AWS sets'],
  [/^lambda:(PutRuntimeManagementConfig|PublishVersion)$/, 'left at what AWS sets; no versions'],
  [
    /^logs:((Put|Delete)IndexPolicy|(Put|Delete)DataProtectionPolicy|PutBearerTokenAuthentication|PutLogGroupDeletionProtection)$/,
    'not set',
  ],
  [/^logs:DeleteResourcePolicy$/, 'left to the account'],
  [/^sns:PutDataProtectionPolicy$/, 'not set'],
]
/** Actions that know no resource. */
const ON_NOTHING =
  /^(ec2:Describe\w+|kms:CreateKey|lambda:CreateEventSourceMapping|logs:(DescribeLogGroups|CreateLogDelivery|\w+ResourcePolic(y|ies)))$/

const SCHEMAS = `
import json, os, sys, cfnlint
schemas = os.path.join(os.path.dirname(cfnlint.__file__), 'data', 'schemas')
index = json.load(open(os.path.join(schemas, 'providers', 'ap-southeast-1.json')))
def actions(type):
    handlers = json.load(open(os.path.join(schemas, 'resources', index[type] + '.json'))).get('handlers', {})
    return sorted({a for name, h in handlers.items() if name != 'list' for a in h['permissions']})
print(json.dumps({type: actions(type) for type in sys.argv[1:]}))
`

const everyParameter = {
  auth: 'jwt',
  jwtIssuer: 'https://login.example.com',
  jwtAudience: 'offboarding',
  putEventsAccounts: '111111111111',
  vpcSubnetIds: 'subnet-0123456789abcdef0',
  vpcSecurityGroupIds: 'sg-0123456789abcdef0',
  permissionsBoundaryArn: 'arn:aws:iam::000000000000:policy/boundary',
  reservedConcurrency: '20',
}

/** By what another service than the type's own is asked for: the type whose resources it means. */
const OF_SERVICE: Record<string, string> = {
  iam: 'AWS::IAM::Role',
  kms: 'AWS::KMS::Key',
  logs: 'AWS::Logs::LogGroup',
  s3: 'AWS::S3::Bucket',
}

/** What CloudFormation would be refused: action and ARN for each type of resource in the templates. */
function refusedTo(policy: Policy, needed: Record<string, string[]>, names: Name[]): string[] {
  return Object.entries(needed).flatMap(([type, actions]) =>
    actions
      .filter((action) => !NOT_USED.some(([unused]) => unused.test(action)))
      .filter((action) => !/^iam:(PassRole|GetRole)$/.test(action) || /^AWS::(Lambda::Function|IAM::Role)$/.test(type))
      .flatMap((action) => {
        const service = action.split(':')[0] ?? ''
        const own = OF_SERVICE[service] ?? type
        const arns = ON_NOTHING.test(action)
          ? ['*']
          : arnsOf(own, names).map(/^s3:\w+Object/.test(action) ? inside : itself)
        return arns.map((arn) => ({ action, arn }))
      })
      .filter(({ action, arn }) => !permits(policy, action, arn, ofCloudFormation))
      .map(({ action, arn }) => `${type}: ${action} ${arn}`),
  )
}
const inside = (bucket: string) => `${bucket}/serverless/key`
const itself = (arn: string) => arn

const ofCloudFormation = {
  'aws:CalledVia': ['cloudformation.amazonaws.com'],
  'iam:PassedToService': ['lambda.amazonaws.com'],
  'lambda:FunctionArn': [`arn:aws:lambda:ap-southeast-1:${ACCOUNT_ID}:function:${STAGE}-feishu-drive-unsubscribe`],
}

describe('what CloudFormation does in its name', () => {
  let needed: Record<string, string[]>
  let names: Name[]

  beforeAll(async () => {
    const templates = await Promise.all([{}, everyParameter].map((params) => compileTemplate({ stage: STAGE, params })))
    names = templates.flatMap((template) => namesOf(template, `offboarding-${STAGE}`))
    const types = new Set(templates.flatMap(({ Resources }) => Object.values(Resources).map(({ Type }) => Type)))
    expect(types).toContain('AWS::Events::EventBusPolicy')
    const { output } = await tryRun(venvTool('python'), ['-c', SCHEMAS, ...types], {})
    needed = JSON.parse(output)
  }, 180_000)

  it('is allowed for every type of resource in the template, by its name', async () => {
    expect(refusedTo(await deployerPolicy(STAGE), needed, names)).toEqual([])
  })

  it.each([
    ['s3:*Bucket"', 's3:GetBucket"', /s3:CreateBucket/],
    [':role/', ':role/nothing-', /iam:CreateRole/],
    ['s3:*BucketTagging', 's3:GetBucketTagging', /s3:PutBucketTagging/],
    ['cloudformation.amazonaws.com', 'athena.amazonaws.com', /kms:CreateKey/],
  ])('would not be with %s turned into %s', async (from, to, missing) => {
    const wrong = JSON.parse(JSON.stringify(await deployerPolicy(STAGE)).replaceAll(from, to))
    expect(refusedTo(wrong, needed, names)).toContainEqual(expect.stringMatching(missing))
  })
})

it('reaches no other stage', async () => {
  const { code, output } = await tryOsls(cloud, 'deploy', ['--stage', 'prod', ...cloud.deployArguments])
  expect(code).not.toBe(0)
  expect(output).toContain('not authorized to perform: cloudformation:')
  const { lambda } = clientsOf(cloud, cloud.deployer)
  await expect(lambda.send(new GetFunctionCommand({ FunctionName: 'prod-nothing' }))).rejects.toMatchObject(refused)
}, 180_000)

it('reaches nothing that another project calls after the stage, and its own API and key through the stack alone', async () => {
  const { lambda, sqs } = clientsOf(cloud, cloud.deployer)
  const payroll = `${STAGE}-payroll`
  await expect(lambda.send(new GetFunctionCommand({ FunctionName: payroll }))).rejects.toMatchObject(refused)
  await expect(sqs.send(new CreateQueueCommand({ QueueName: payroll }))).rejects.toMatchObject(refused)
  const { HttpApiId } = await outputsOf(cloud, `offboarding-${STAGE}`)
  const byHand = (keys: Keys) =>
    Promise.all([
      send(cloud, { method: 'GET', path: `/v2/apis/${HttpApiId}`, service: 'apigateway', keys }),
      send(cloud, {
        method: 'POST',
        path: '/',
        service: 'kms',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'TrentService.CreateKey' },
        body: '{}',
        keys,
      }),
    ])
  for (const { status } of await byHand(cloud.root)) expect(status).toBeLessThan(300)
  for (const { text } of await byHand(cloud.deployer)) expect(text).toMatch(/AccessDenied/)
})

it('reads no secret and no message', async () => {
  const { secrets, sqs } = clientsOf(cloud, cloud.deployer)
  const SecretId = `subscription-offboarding/${STAGE}/feishu/app`
  await expect(secrets.send(new GetSecretValueCommand({ SecretId }))).rejects.toMatchObject(refused)
  const QueueUrl = (await outputsOf(cloud, `offboarding-${STAGE}`)).DeadLetterQueueUrl
  await expect(sqs.send(new ReceiveMessageCommand({ QueueUrl }))).rejects.toMatchObject(refused)
})

const refused = { name: expect.stringMatching(/AccessDenied/) }
