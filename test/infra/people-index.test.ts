/** The index of DingTalk's people in the template: nothing unless it is asked for, and a role that reaches nothing else. */
import { beforeAll, expect, test } from 'vitest'
import { compileTemplate, type Template } from '../../infra/compile.ts'
import { LISTS } from '../../infra/people-index.ts'
import { dingtalkDepartmentPeople, dingtalkDepartments } from '../../lib/people/dingtalk-directory.ts'
import { compileEverything } from './everything.ts'
import { checkParameters } from './parameters.ts'

let off: Template
let on: Template
beforeAll(async () => {
  off = await compileTemplate({ stage: 'local' })
  on = await compileEverything()
})

const KEY = 'subscription-offboarding/local/people-key'
const idsOf = (template: Template) => Object.keys(template.Resources).filter((id) => /People/.test(id))
const statementsOf = (template: Template, id: string) => {
  const policies = template.Resources[id]?.Properties?.Policies as {
    PolicyDocument: { Statement: Record<string, unknown>[] }
  }[]
  return policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
}
const environmentOf = (template: Template, name: string) =>
  Object.values(template.Resources).find(
    ({ Type, Properties }) => Type === 'AWS::Lambda::Function' && Properties?.FunctionName === `local-${name}`,
  )?.Properties?.Environment as { Variables: Record<string, unknown> } | undefined

test('is not there by default, with nothing of it', () => {
  expect(idsOf(off)).toEqual([])
  expect(JSON.stringify(off)).not.toContain('people-key')
})

test('has a function that runs daily, a key that the stack makes, and an alarm', () => {
  expect(on.Resources.PeopleKey?.Properties).toMatchObject({
    Name: KEY,
    GenerateSecretString: { GenerateStringKey: 'key', PasswordLength: 64 },
  })
  expect(environmentOf(on, 'people-index')?.Variables).toMatchObject({
    PEOPLE_KEY_SECRET_ID: KEY,
    DINGTALK_APP_SECRET_ID: expect.any(String),
    DINGTALK_OAPI_BASE_URL: 'https://oapi.dingtalk.io',
  })
  const rule = on.Resources.PeopleDashindexEventsRuleSchedule1?.Properties
  expect(rule).toMatchObject({
    ScheduleExpression: 'rate(1 day)',
    Targets: [{ DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['UndeliveredEventsQueue', 'Arn'] } } }],
  })
  expect(JSON.stringify(on.Resources.UndeliveredEventsQueuePolicy)).toContain('rule/local-people-index')
  expect(on.Resources.PeopleIndexFailedAlarm?.Properties).toMatchObject({
    MetricName: 'Errors',
    Dimensions: [{ Name: 'FunctionName', Value: 'local-people-index' }],
    AlarmActions: [{ Ref: 'AlarmTopic' }],
  })
  expect(on.Resources.PeopleIndexNotRunAlarm?.Properties).toMatchObject({
    MetricName: 'Invocations',
    Dimensions: [{ Name: 'FunctionName', Value: { Ref: 'PeopleDashindexLambdaFunction' } }],
    Period: 86_400,
    EvaluationPeriods: 2,
    TreatMissingData: 'breaching',
    AlarmDescription: expect.stringContaining('#not-run'),
    AlarmActions: [{ Ref: 'AlarmTopic' }],
  })
})

test('has a role for the index, its lists and its key alone', () => {
  const statements = statementsOf(on, 'PeopleIndexRole')
  const ledger = statements.filter(({ Action }) => JSON.stringify(Action).includes('dynamodb:'))
  expect(ledger).toMatchObject([
    {
      Action: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
      Condition: {
        'ForAllValues:StringLike': {
          'dynamodb:LeadingKeys': [
            'person#dingtalk#email#*',
            'person#dingtalk#number#*',
            'person#dingtalk#index',
            ...LISTS.map((name) => `bucket#${name}#*`),
          ],
        },
      },
    },
  ])
  expect(LISTS.sort()).toEqual([dingtalkDepartments.name, dingtalkDepartmentPeople.name].sort())
  const secrets = statements.filter(({ Action }) => Action === 'secretsmanager:GetSecretValue')
  expect(secrets.map(({ Resource }) => JSON.stringify(Resource))).toEqual([
    expect.stringContaining('/local/dingtalk/app-??????'),
    expect.stringContaining(`${KEY}-??????`),
  ])
})

test('gives the key to the resolution, which looks people up, and to no other function', () => {
  expect(environmentOf(on, 'offboarding-resolution')?.Variables.PEOPLE_KEY_SECRET_ID).toBe(KEY)
  const readers = Object.entries(on.Resources).filter(
    ([, resource]) => resource.Type === 'AWS::IAM::Role' && JSON.stringify(resource).includes(KEY),
  )
  expect(readers.map(([id]) => id).sort()).toEqual(['OffboardingResolutionRole', 'PeopleIndexRole'])
})

test('is on or off, and nothing else', async () => {
  await expect(checkParameters({ given: ['dingtalkPeopleIndex=yes'] })).rejects.toThrow('must be "on" or "off"')
})
