/**
 * The index by which DingTalk's people are found by e-mail address and employee number: its function, schedule, key and role. Nothing,
 * unless the parameter `dingtalkPeopleIndex` is `on`.
 */
import { alarmResources } from './alarm.ts'
import {
  allow,
  arnOf,
  idOf,
  type Osls,
  PEOPLE_INDEX,
  type Resource,
  type Settings,
  settings,
} from './cloudformation.ts'
import { functionOf, keepScheduledRun, RETRY_THROWN } from './function.ts'
import { indexPeople } from './ledger.ts'
import { baseStatements, role, secretNamed, useSecretsKey } from './roles.ts'

/** The lists that it asks DingTalk for, each with a bucket of its own in the ledger: the names in lib/people/dingtalk-directory.ts. */
export const LISTS = ['dingtalk-departments', 'dingtalk-department-people']

const KEY = 'PeopleKey'
const keyName = (stage: string) => `subscription-offboarding/${stage}/people-key`

/** What the functions that use the index have in their environment. */
export const indexEnvironment = ({ stage, checked }: Settings) =>
  checked.dingtalkPeopleIndex ? { PEOPLE_KEY_SECRET_ID: keyName(stage) } : {}

/** The statement of their roles. */
export const readPeopleKey = ({ stage, checked }: Settings) =>
  checked.dingtalkPeopleIndex && allow('ReadPeopleKey', 'secretsmanager:GetSecretValue', secretNamed(keyName(stage)))

/** The function, for serverless.yml. */
export async function peopleIndex(osls: Osls) {
  const all = await settings(osls)
  const { stage, vendors, checked } = all
  if (!checked.dingtalkPeopleIndex) return {}
  return {
    [PEOPLE_INDEX]: {
      ...functionOf(PEOPLE_INDEX, stage),
      timeout: 900,
      environment: {
        ...vendors.dingtalk,
        DINGTALK_OAPI_BASE_URL: await osls.resolveVariable('param:dingtalkOapiBaseUrl'),
        ...indexEnvironment(all),
      },
      events: [{ schedule: { name: `${stage}-${PEOPLE_INDEX}`, rate: ['rate(1 day)'] } }],
      // A run that its time did not suffice for is run again, and goes on.
      ...RETRY_THROWN,
    },
  }
}

/** Its key, role and alarm, and what its schedule needs besides. */
export async function peopleIndexResources(osls: Osls) {
  const all = await settings(osls)
  const { stage, vendors, checked } = all
  if (!checked.dingtalkPeopleIndex) return {}
  return {
    Resources: {
      [KEY]: {
        Type: 'AWS::SecretsManager::Secret',
        Properties: {
          Name: keyName(stage),
          Description: 'The key of the index by which people are found; a new one makes the index anew within a day',
          ...(checked.secretsKmsKeyArn && { KmsKeyId: checked.secretsKmsKeyArn }),
          GenerateSecretString: {
            SecretStringTemplate: '{}',
            GenerateStringKey: 'key',
            PasswordLength: 64,
            ExcludePunctuation: true,
          },
        },
      } satisfies Resource,
      [`${idOf(PEOPLE_INDEX)}Role`]: role(
        PEOPLE_INDEX,
        [
          ...baseStatements(PEOPLE_INDEX, all),
          allow(
            'ReadAppSecret',
            'secretsmanager:GetSecretValue',
            secretNamed(vendors.dingtalk?.DINGTALK_APP_SECRET_ID),
          ),
          readPeopleKey(all),
          indexPeople(LISTS),
          allow('GiveUp', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue')),
          useSecretsKey('kms:Decrypt', all),
        ],
        all,
      ),
      ...alarmResources(
        {
          [`${idOf(PEOPLE_INDEX)}Failed`]: {
            name: `${PEOPLE_INDEX}-failed`,
            Metric: {
              Namespace: 'AWS/Lambda',
              MetricName: 'Errors',
              Dimensions: [{ Name: 'FunctionName', Value: `${stage}-${PEOPLE_INDEX}` }],
            },
            section: 'people-index',
            Description:
              "A run of the index of DingTalk's people failed. After three days without a run, no leaver is found there by e-mail address " +
              'or employee number.',
          },
        },
        all,
      ),
    },
    extensions: keepScheduledRun(PEOPLE_INDEX, 6 * 60 * 60),
  }
}
