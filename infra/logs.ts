// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** What operators read: log groups, and the topic of the alarms, under one key. */
import {
  allow,
  arn,
  arnOf,
  functionsOf,
  type Osls,
  oslsId,
  policy,
  type Resource,
  ref,
  type Settings,
  settings,
  sub,
} from './cloudformation.ts'

/** One key for what people read later: log groups and the topic. */
export async function logs(osls: Osls) {
  const { stage, service, checked } = await settings(osls)
  const functions = await functionsOf(osls)
  return {
    Resources: {
      ObservabilityKey: {
        Type: 'AWS::KMS::Key',
        // Without it, nothing kept in the log groups can be read.
        ...checked.removal,
        Properties: {
          Description: `Log groups and alarm topic of ${service}, stage ${stage}`,
          EnableKeyRotation: true,
          // In a key policy the resource "*" is the key itself.
          KeyPolicy: policy(
            {
              ...allow('AccountDecidesByIam', 'kms:*', '*'),
              Principal: { AWS: sub('arn:${AWS::Partition}:iam::${AWS::AccountId}:root') },
            },
            {
              ...allow(
                'OurLogGroups',
                ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
                '*',
                {
                  ArnEquals: {
                    'kms:EncryptionContext:aws:logs:arn': [
                      ...Object.values(functions).map(({ name }) => arn('logs', `log-group:/aws/lambda/${name}`)),
                      arn('logs', 'log-group:/aws/http-api/${AWS::StackName}'),
                    ],
                  },
                },
              ),
              Principal: { Service: sub('logs.${AWS::Region}.${AWS::URLSuffix}') },
            },
            {
              ...allow('OurAlarms', ['kms:Decrypt', 'kms:GenerateDataKey*'], '*', fromOurAlarms(stage)),
              Principal: CLOUDWATCH,
            },
          ),
        },
      },
    },
    // The log groups themselves are made by osls, which has no setting for a key.
    extensions: Object.fromEntries(
      [...Object.keys(functions).map((key) => `${oslsId(key)}LogGroup`), 'HttpApiLogGroup'].map((id) => [
        id,
        { ...checked.removal, Properties: { KmsKeyId: arnOf('ObservabilityKey') } },
      ]),
    ),
  }
}

const CLOUDWATCH = { Service: 'cloudwatch.amazonaws.com' }

const fromOurAlarms = (stage: string) => ({
  StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') },
  ArnLike: { 'aws:SourceArn': arn('cloudwatch', `alarm:${stage}-*`) },
})

/** The topic that all alarms reach, and who may publish there. */
export const alarmTopic = ({ stage, service, checked: { alarmEmail } }: Settings): Record<string, Resource> => ({
  AlarmTopic: {
    Type: 'AWS::SNS::Topic',
    Properties: {
      TopicName: `${stage}-${service}-alarms`,
      // Not alias/aws/sns: CloudWatch may not use that key, and the alarms would be lost in silence.
      KmsMasterKeyId: ref('ObservabilityKey'),
      ...(alarmEmail && { Subscription: [{ Protocol: 'email', Endpoint: alarmEmail }] }),
    },
  },
  AlarmTopicPolicy: {
    Type: 'AWS::SNS::TopicPolicy',
    Properties: {
      Topics: [ref('AlarmTopic')],
      PolicyDocument: policy(
        { ...allow('OurAlarms', 'sns:Publish', ref('AlarmTopic'), fromOurAlarms(stage)), Principal: CLOUDWATCH },
        {
          Sid: 'OnlyOverTls',
          Effect: 'Deny',
          Principal: '*',
          Action: 'sns:Publish',
          Resource: ref('AlarmTopic'),
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ),
    },
  },
})
