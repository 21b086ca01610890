/** The robots in the template: nothing unless one is named, a queue for each, and a role that reaches nothing else. */
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { compileTemplate, type Template } from '../../infra/compile.ts'
import { OUTCOME_SOURCE, OUTCOME_TYPES } from '../../lib/aws/eventbridge.ts'
import { compileEverything } from './everything.ts'
import { checkParameters } from './parameters.ts'

let off: Template
let both: Template
let one: Template
beforeAll(async () => {
  off = await compileTemplate({ stage: 'local' })
  both = await compileEverything()
  one = await compileTemplate({ stage: 'local', params: { robots: 'dingtalk' } })
}, 240_000)

const idsOf = (template: Template) =>
  Object.keys(template.Resources).filter((id) => /Robot|Notifications/i.test(id) && !/Alarm$/.test(id))
const propertiesOf = (template: Template, id: string) => template.Resources[id]?.Properties as Record<string, unknown>
const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] })

test('is not there by default, with nothing of it', () => {
  expect(idsOf(off)).toEqual([])
  expect(JSON.stringify(off)).not.toMatch(/robot|notifications/i)
})

test('has a function that runs every minute, and leaves no letter of a minute that is lost', () => {
  expect(propertiesOf(both, 'NotificationsLambdaFunction')).toMatchObject({
    FunctionName: 'local-notifications',
    Environment: {
      Variables: {
        ROBOTS: 'feishu,dingtalk',
        ROBOT_LANGUAGE: 'zh',
        DIGEST_HOUR: '18',
        DIGEST_TIME_ZONE: 'Europe/Berlin',
        STAGE: 'local',
        FEISHU_BASE_URL: 'https://open.feishu.cn',
        DINGTALK_OAPI_BASE_URL: 'https://oapi.dingtalk.io',
        FEISHU_ROBOT_SECRET_ID: 'subscription-offboarding/local/feishu/robot',
        DINGTALK_ROBOT_SECRET_ID: 'subscription-offboarding/local/dingtalk/robot',
        FEISHU_ROBOT_QUEUE_URL: { Ref: 'FeishuRobotQueue' },
        DINGTALK_ROBOT_QUEUE_URL: { Ref: 'DingtalkRobotQueue' },
      },
    },
  })
  expect(propertiesOf(both, 'NotificationsEventsRuleSchedule1')).toMatchObject({ ScheduleExpression: 'rate(1 minute)' })
  expect(propertiesOf(both, 'NotificationsLambdaEvConf')).toMatchObject({
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 60,
  })
})

test('has each robot told by the rule, which alone may write to its queue', () => {
  expect(propertiesOf(both, 'RobotsRule')).toMatchObject({
    EventBusName: { Ref: 'EventBus' },
    EventPattern: {
      source: [OUTCOME_SOURCE],
      'detail-type': [OUTCOME_TYPES.parked, OUTCOME_TYPES.rejected, OUTCOME_TYPES.held],
    },
    Targets: [{ Arn: arnOf('FeishuRobotQueue') }, { Arn: arnOf('DingtalkRobotQueue') }],
  })
  for (const robot of ['Feishu', 'Dingtalk']) {
    expect(propertiesOf(both, `${robot}RobotQueue`)).toMatchObject({ SqsManagedSseEnabled: true })
    const policy = JSON.stringify(propertiesOf(both, `${robot}RobotQueuePolicy`))
    expect(policy).toContain('rule/subscription-offboarding-local/local-robots')
    expect(policy).toContain('"aws:SecureTransport":"false"')
  }
})

test('has nothing of a robot that is not named', () => {
  expect(idsOf(one).filter((id) => id.startsWith('Feishu'))).toEqual([])
  expect(JSON.stringify(one)).not.toMatch(/feishu.?robot/i)
  expect(propertiesOf(one, 'RobotsRule').Targets).toHaveLength(1)
})

test('has a role for its turns, its lists, its queues and its secrets alone', () => {
  const [{ PolicyDocument }] = propertiesOf(both, 'NotificationsRole').Policies as [
    { PolicyDocument: { Statement: { Sid: string; Action: unknown; Condition?: object }[] } },
  ]
  const statements = Object.fromEntries(PolicyDocument.Statement.map((statement) => [statement.Sid, statement]))
  expect(Object.keys(statements).sort()).toEqual([
    'FindSendings',
    'ListOffboardings',
    'ReadRobotSecrets',
    'TakeNotices',
    'TakeTurns',
    'UseSecretsKey',
    'WriteOwnLog',
  ])
  expect(statements.TakeTurns).toMatchObject({
    Action: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    Condition: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['robot#feishu', 'robot#dingtalk'] } },
  })
  expect(statements.TakeNotices?.Action).toEqual(['sqs:ReceiveMessage', 'sqs:DeleteMessage'])
  expect(JSON.stringify(statements.ReadRobotSecrets)).toMatch(
    /secret:subscription-offboarding\/local\/feishu\/robot-\?{6}.*secret:subscription-offboarding\/local\/dingtalk\/robot-\?{6}/,
  )
})

test('raises an alarm when a robot takes nothing for an hour, when the function does not run, and when the rule fails', () => {
  for (const robot of ['feishu', 'dingtalk'])
    expect(propertiesOf(both, `${robot === 'feishu' ? 'Feishu' : 'Dingtalk'}RobotFailingAlarm`)).toMatchObject({
      MetricName: 'FailingSeconds',
      Dimensions: [
        { Name: 'FunctionName', Value: 'local-notifications' },
        { Name: 'Robot', Value: robot },
      ],
      Threshold: 3600,
      AlarmActions: [{ Ref: 'AlarmTopic' }],
    })
  for (const id of ['NotificationsNotRunAlarm', 'NotificationsErrorsAlarm', 'RobotsFailedInvocationsAlarm'])
    expect(propertiesOf(both, id), id).toBeDefined()
  for (const runbook of ['docs/runbook.md', 'docs/runbook.zh-CN.md'])
    expect(readFileSync(runbook, 'utf8')).toMatch(/^### robots$/m)
})

test.each([
  ['robots=slack', 'must be a comma list of feishu and dingtalk'],
  ['robotLanguage=fr', 'must be "en" or "zh"'],
  ['digestHour=24', 'must be an hour from 0 to 23'],
  ['digestTimeZone=Mars/Olympus', 'must be a time zone'],
  ['feishuRobotSecretId=a*', 'must be the name of a secret'],
  ['feishuRobotSecretId=subscription-offboarding/dev/feishu/user/robot', 'must not begin with feishuUserSecretPrefix'],
])('%s is refused', async (given, reason) => {
  await expect(checkParameters({ given: [given] })).rejects.toThrow(reason)
})
