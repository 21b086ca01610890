// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** Roles of functions, and the statements that several of them have. */
import { allow, arn, policy, type Resource, type Settings, type Statement, sub } from './cloudformation.ts'

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

const secretArn = (name: string | undefined) => arn('secretsmanager', `secret:${name}`)

/** Exactly this secret: Secrets Manager appends six random characters to a name, and a bare * would also match longer names. */
export const secretNamed = (name: string | undefined) => secretArn(`${name}-??????`)

/** Every secret whose name begins so. */
export const secretsBelow = (prefix: string | undefined) => secretArn(`${prefix}*`)

/** The customer-managed key of the secrets, where they have one. */
export const useSecretsKey = (actions: Statement['Action'], { checked: { secretsKmsKeyArn } }: Settings) =>
  secretsKmsKeyArn &&
  allow('UseSecretsKey', actions, secretsKmsKeyArn, {
    StringEquals: { 'kms:ViaService': sub('secretsmanager.${AWS::Region}.${AWS::URLSuffix}') },
  })

export const RENEW_USER_TOKENS = [
  'secretsmanager:GetSecretValue',
  'secretsmanager:PutSecretValue',
  'secretsmanager:UpdateSecretVersionStage',
  'secretsmanager:TagResource',
]

/** What every function needs, operation or not: its own log and, in a VPC, its network interfaces. */
export const baseStatements = (key: string, { stage, checked: { vpc } }: Settings): Parameters<typeof policy> => [
  allow(
    'WriteOwnLog',
    ['logs:CreateLogStream', 'logs:PutLogEvents'],
    arn('logs', `log-group:/aws/lambda/${stage}-${key}:*`),
  ),
  // Lambda manages interfaces with the function's role and wants these on every resource. It is Lambda that needs them,
  // not the code: calls that come out of the function itself carry lambda:SourceFunctionArn and are refused.
  vpc && allow('LetLambdaJoinVpc', NETWORK_INTERFACES, '*'),
  vpc && {
    Sid: 'RefuseVpcToCode',
    Effect: 'Deny',
    Action: NETWORK_INTERFACES,
    Resource: '*',
    Condition: { ArnEquals: { 'lambda:SourceFunctionArn': arn('lambda', `function:${stage}-${key}`) } },
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
