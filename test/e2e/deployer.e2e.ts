import { GetFunctionCommand } from '@aws-sdk/client-lambda'
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { expect, inject, it } from 'vitest'
import { venvTool } from '../../local/python.ts'
import { compileTemplate } from '../../local/template.ts'
import { clientsOf, outputsOf } from './aws.ts'
import { tryNpmRun, tryRun } from './npm.ts'
import { deployerPolicy } from './policies.ts'
import { STAGE } from './setup.ts'

// docs/deployer-policy.json. The stages of these tests were deployed with it, but the emulator asks IAM only about what
// osls itself calls. What CloudFormation calls in the deployer's name is compared here, with AWS's own schemas.

const cloud = inject('cloud')

/** Actions the schemas list for properties the template does not use. */
const NOT_USED: [RegExp, string][] = [
  [/^s3tables:|^s3files:|^elasticfilesystem:|^firehose:/, 'no tables, file systems or delivery streams'],
  [/^s3:(Put|Delete|Create|Update|TagResource|UntagResource|REST)/, 'of the bucket only encryption and policy are set'],
  [/^s3:getObject$/, 'the API is not imported from a file; the object of a function is s3:GetObject'],
  [/^iam:(Attach|Detach)RolePolicy$/, 'roles have inline policies only'],
  [/^iam:\w+RolePermissionsBoundary$/, 'roles have no boundary'],
  [
    /^kms:(Encrypt|Decrypt|GenerateDataKey\w*|ReEncrypt\w*|CreateGrant)$/,
    'nothing the deployer writes has a key of its own',
  ],
  [
    /^lambda:\w*(CodeSigningConfig|LayerVersion|CapacityProvider|RuntimeAlias)$/,
    'no signing, layers or capacity providers',
  ],
  [/^lambda:(Put|Delete)Function(Concurrency|ScalingConfig|RecursionConfig)$/, 'left at what AWS sets'],
  [/^lambda:(PutRuntimeManagementConfig|PublishVersion)$/, 'left at what AWS sets; no versions'],
  [
    /^logs:(\w+IndexPolic(y|ies)|\w+DataProtectionPolicy|PutBearerTokenAuthentication|PutLogGroupDeletionProtection)$/,
    'not set',
  ],
  [/^logs:DeleteResourcePolicy$/, 'left to the account'],
  [/^sns:PutDataProtectionPolicy$/, 'not set'],
]

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
}

it('allows what CloudFormation needs for every type of resource in the template', async () => {
  const templates = [await compileTemplate(), await compileTemplate({ params: everyParameter })]
  const types = new Set(templates.flatMap(({ Resources }) => Object.values(Resources).map(({ Type }) => Type)))
  expect(types).toContain('AWS::Events::EventBusPolicy')
  const { output } = await tryRun(venvTool('python'), ['-c', SCHEMAS, ...types], {})
  const needed = JSON.parse(output) as Record<string, string[]>
  const { Statement } = await deployerPolicy(STAGE)
  const allowed = Statement.flatMap(({ Action }) => Action).map(
    (action) => new RegExp(`^${action.replaceAll('*', '.*')}$`, 'i'),
  )
  const missing = Object.entries(needed).flatMap(([type, actions]) =>
    actions
      .filter((action) => ![...allowed, ...NOT_USED.map(([unused]) => unused)].some((known) => known.test(action)))
      .map((action) => `${type}: ${action}`),
  )
  expect(missing).toEqual([])
})

it('fits into one managed policy', async () => {
  expect(JSON.stringify(await deployerPolicy('production')).length).toBeLessThanOrEqual(6_144)
})

it('reaches no other stage', async () => {
  const { code, output } = await tryNpmRun(cloud, 'deploy', ['--stage', 'prod', ...cloud.deployArguments])
  expect(code).not.toBe(0)
  expect(output).toContain('not authorized to perform: cloudformation:')
  const { lambda } = clientsOf(cloud, cloud.deployer)
  await expect(lambda.send(new GetFunctionCommand({ FunctionName: 'prod-nothing' }))).rejects.toMatchObject(refused)
})

it('reads no secret and no message', async () => {
  const { secrets, sqs } = clientsOf(cloud, cloud.deployer)
  const SecretId = `subscription-offboarding/${STAGE}/feishu/app`
  await expect(secrets.send(new GetSecretValueCommand({ SecretId }))).rejects.toMatchObject(refused)
  const QueueUrl = (await outputsOf(cloud, `subscription-offboarding-${STAGE}`)).DeadLetterQueueUrl
  await expect(sqs.send(new ReceiveMessageCommand({ QueueUrl }))).rejects.toMatchObject(refused)
})

const refused = { name: expect.stringMatching(/AccessDenied/) }
