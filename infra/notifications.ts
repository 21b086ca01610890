/**
 * The robots of group chats that say what needs an operator: the function, a queue and a secret of each robot, and the rule that fills the
 * queues. Nothing, unless the parameter `robots` names one.
 */
import { type Alarm, alarmResources, runMetric } from './alarm.ts'
import {
  allow,
  arn,
  arnOf,
  idOf,
  NOTIFICATIONS,
  type Osls,
  type Resource,
  ref,
  type Settings,
  settings,
} from './cloudformation.ts'
import { functionOf } from './function.ts'
import { notifyFromLedger } from './ledger.ts'
import { FOURTEEN_DAYS, queuePolicy } from './queues.ts'
import { baseStatements, role, secretNamed, useSecretsKey } from './roles.ts'

/** What a message is about. The names are those of lib/aws/eventbridge.ts. */
const OUTCOMES = ['Parked', 'Rejected', 'Held'].map((outcome) => `Subscription Offboarding ${outcome}`)

const TIMEOUT_S = 60
/** From here on, colleagues learn too late that a robot fails. */
const FAILING_S = 60 * 60

const queueId = (robot: string) => `${idOf(robot)}RobotQueue`
const secretIdOf = ({ checked }: Settings, robot: string) => checked.robotSecretIds[robot]

/** The function, for serverless.yml. */
export async function notifications(osls: Osls) {
  const all = await settings(osls)
  const { stage, vendors, checked } = all
  if (checked.robots.length === 0) return {}
  return {
    [NOTIFICATIONS]: {
      ...functionOf(NOTIFICATIONS, stage),
      timeout: TIMEOUT_S,
      memorySize: 256,
      environment: {
        FEISHU_BASE_URL: vendors.feishu?.FEISHU_BASE_URL,
        DINGTALK_OAPI_BASE_URL: await osls.resolveVariable('param:dingtalkOapiBaseUrl'),
        ROBOTS: checked.robots.join(','),
        ROBOT_LANGUAGE: checked.robotLanguage,
        DIGEST_HOUR: String(checked.digestHour),
        DIGEST_TIME_ZONE: checked.digestTimeZone,
        STAGE: stage,
        ...Object.assign(
          {},
          ...checked.robots.map((robot) => ({
            [`${robot.toUpperCase()}_ROBOT_SECRET_ID`]: secretIdOf(all, robot),
            [`${robot.toUpperCase()}_ROBOT_QUEUE_URL`]: ref(queueId(robot)),
          })),
        ),
      },
      events: [{ schedule: { name: `${stage}-${NOTIFICATIONS}`, rate: ['rate(1 minute)'] } }],
      // The next run does what this one could not, a minute later.
      maximumRetryAttempts: 0,
      maximumEventAge: 60,
    },
  }
}

/** Its queues, the rule that fills them, its role and alarms. */
export async function notificationsResources(osls: Osls) {
  const all = await settings(osls)
  const { stage, checked } = all
  if (checked.robots.length === 0) return {}
  const rule = `${stage}-robots`
  const queues = checked.robots.flatMap((robot): [string, Resource][] => [
    [
      queueId(robot),
      {
        Type: 'AWS::SQS::Queue',
        Properties: {
          QueueName: `${stage}-${robot}-robot`,
          // Longer than a run, so that no other run takes what it is about to delete.
          VisibilityTimeout: 2 * TIMEOUT_S,
          ReceiveMessageWaitTimeSeconds: 1,
          MessageRetentionPeriod: FOURTEEN_DAYS,
          SqsManagedSseEnabled: true,
        },
      },
    ],
    [
      `${queueId(robot)}Policy`,
      queuePolicy(queueId(robot), {
        ...allow('OutcomesByOurRule', 'sqs:SendMessage', arnOf(queueId(robot)), {
          ArnEquals: { 'aws:SourceArn': arn('events', `rule/${checked.bus}/${rule}`) },
        }),
        Principal: { Service: 'events.amazonaws.com' },
      }),
    ],
  ])
  return {
    Resources: {
      ...Object.fromEntries(queues),
      ...alarmResources(
        Object.fromEntries(checked.robots.map((robot) => [`${idOf(robot)}RobotFailing`, failing(robot, stage)])),
        all,
      ),
      RobotsRule: {
        Type: 'AWS::Events::Rule',
        Properties: {
          Name: rule,
          Description: 'What needs an operator now',
          EventBusName: ref('EventBus'),
          EventPattern: { source: ['subscription-offboarding'], 'detail-type': OUTCOMES },
          Targets: checked.robots.map((robot) => ({ Id: `${robot}-robot`, Arn: arnOf(queueId(robot)) })),
        },
      } satisfies Resource,
      [`${idOf(NOTIFICATIONS)}Role`]: role(NOTIFICATIONS, statements(all), all),
    },
  }
}

const failing = (robot: string, stage: string): Alarm => ({
  name: `${robot}-robot-failing`,
  Metric: runMetric(`${stage}-${NOTIFICATIONS}`, 'FailingSeconds', { Robot: robot }),
  // A robot that fails is asked at least once an hour.
  Period: FAILING_S,
  Threshold: FAILING_S,
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  section: 'robots',
  Description:
    `For an hour the ${robot} robot has taken no message, neither the daily digest nor what needs an operator. Nothing is ` +
    'lost: it is in the next message that the robot takes.',
})

function statements(all: Settings): Parameters<typeof role>[1] {
  const { robots } = all.checked
  return [
    ...baseStatements(NOTIFICATIONS, all),
    ...notifyFromLedger(robots),
    allow(
      'TakeNotices',
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
      robots.map((robot) => arnOf(queueId(robot))),
    ),
    allow(
      'ReadRobotSecrets',
      'secretsmanager:GetSecretValue',
      robots.map((robot) => secretNamed(secretIdOf(all, robot))),
    ),
    useSecretsKey('kms:Decrypt', all),
  ]
}
