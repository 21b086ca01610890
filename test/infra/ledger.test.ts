import { beforeAll, describe, expect, it } from 'vitest'
import { compileTemplate, type Resource, type Template } from '../../infra/compile.ts'
import { dingtalkCalendarList } from '../../lib/dingtalk/calendar-list.ts'
import { dingtalkUser, dingtalkUserByMobile, dingtalkUserByUnionId } from '../../lib/people/dingtalk-people.ts'
import { feishuEmployees, feishuUser, feishuUserIds } from '../../lib/people/feishu-people.ts'
import { feishuCalendarList } from '../../lib/people/vendor-lists.ts'

/** What offboarding-resolution asks. */
const questions = [
  ...[feishuUserIds, feishuEmployees, feishuUser, feishuCalendarList],
  ...[dingtalkUserByMobile, dingtalkUser, dingtalkUserByUnionId, dingtalkCalendarList],
].map(({ name }) => name)

let template: Template
beforeAll(async () => {
  template = await compileTemplate({ stage: 'local' })
})

const ofType = (type: string) => Object.values(template.Resources).filter(({ Type }) => Type === type)

it('is one encrypted table, on demand, that can be restored to any moment and forgets what has expired', () => {
  const [table, ...others] = ofType('AWS::DynamoDB::Table')
  expect(others).toEqual([])
  expect(table?.Properties).toEqual({
    TableName: 'local-ledger',
    BillingMode: 'PAY_PER_REQUEST',
    SSESpecification: { SSEEnabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    KeySchema: key('pk', 'sk'),
    LocalSecondaryIndexes: [
      { IndexName: 'open', KeySchema: key('pk', 'openIn'), Projection: { ProjectionType: 'KEYS_ONLY' } },
    ],
    GlobalSecondaryIndexes: [
      { IndexName: 'state', KeySchema: key('state', 'since'), Projection: { ProjectionType: 'ALL' } },
    ],
    AttributeDefinitions: ['pk', 'sk', 'openIn', 'state', 'since'].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S',
    })),
  })
})

const key = (hash: string, range: string) => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
]

it('is named to every function', () => {
  const functions = ofType('AWS::Lambda::Function')
  expect(functions.length).toBeGreaterThan(5)
  for (const { Properties } of functions)
    expect(Properties).toHaveProperty('Environment.Variables.LEDGER_TABLE', { Ref: 'Ledger' })
})

type Statement = { Sid: string; Effect: string; Action: string | string[]; Resource: unknown; Condition?: object }

/** What a function's role may do with DynamoDB. */
function statementsOf(name: string): Statement[] {
  const role = template.Resources[roleId(name)]
  const policies = role?.Properties?.Policies as { PolicyDocument: { Statement: Statement[] } }[]
  return policies
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .filter(({ Action }) => [Action].flat().some((action) => action.startsWith('dynamodb:')))
}
const roleId = (name: string) => `${name.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase())}Role`

/** None of them deletes. */
const RENEWAL_ACTIONS = ['dynamodb:GetItem', 'dynamodb:UpdateItem']
const ITEM_ACTIONS = [...RENEWAL_ACTIONS, 'dynamodb:PutItem', 'dynamodb:Query']
const limitedTo = (...patterns: string[]) => ({
  'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': patterns },
  Null: { 'dynamodb:LeadingKeys': 'false' },
})
const [FEISHU, DINGTALK] = ['feishu', 'dingtalk'].map(
  (vendor) => `user#subscription-offboarding/local/${vendor}/user/*`,
) as [string, string]

describe('may be used by', () => {
  it.each([
    ['feishu-calendar-unsubscribe', 'feishu-user-info', [FEISHU]],
    ['feishu-calendar-acl-subscribe', 'feishu-calendar', [FEISHU]],
    ['feishu-approval-unsubscribe', 'feishu-approval', []],
    ['feishu-drive-unsubscribe', 'feishu-document-status', [FEISHU]],
    ['dingtalk-calendar-unsubscribe', 'dingtalk-calendar-list', [DINGTALK]],
  ])('%s for offboardings, its own buckets, those of its question %s, and %j', (operation, question, users) => {
    expect(statementsOf(operation)).toEqual([
      {
        Sid: 'UseLedger',
        Effect: 'Allow',
        Action: ITEM_ACTIONS,
        Resource: { 'Fn::GetAtt': ['Ledger', 'Arn'] },
        Condition: limitedTo('offboarding#*', `bucket#${operation}#*`, `bucket#${question}#*`, ...users),
      },
      {
        Sid: 'FindOpenTargets',
        Effect: 'Allow',
        Action: 'dynamodb:Query',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of CloudFormation
        Resource: { 'Fn::Sub': '${Ledger.Arn}/index/open' },
        Condition: limitedTo('offboarding#*'),
      },
      {
        Sid: 'ReadRegister',
        Effect: 'Allow',
        Action: 'dynamodb:Query',
        Resource: { 'Fn::GetAtt': ['Ledger', 'Arn'] },
        Condition: limitedTo(`register#${operation}#*`),
      },
    ])
  })

  it('subscription-register for the register, and to record what it rejects', () => {
    expect(statementsOf('subscription-register').map(({ Action, Condition }) => [Action, Condition])).toEqual([
      [['dynamodb:UpdateItem', 'dynamodb:Query'], limitedTo('register#*')],
      ['dynamodb:UpdateItem', limitedTo('offboarding#')],
    ])
  })

  it('user-token-renewal for renewals alone', () => {
    expect(statementsOf('user-token-renewal')).toEqual([
      {
        Sid: 'KeepRenewals',
        Effect: 'Allow',
        Action: RENEWAL_ACTIONS,
        Resource: { 'Fn::GetAtt': ['Ledger', 'Arn'] },
        Condition: limitedTo(FEISHU, DINGTALK),
      },
    ])
  })

  it('offboarding-sweep for offboardings, and to find the open ones', () => {
    expect(
      statementsOf('offboarding-sweep').map(({ Action, Resource, Condition }) => [Action, Resource, Condition]),
    ).toEqual([
      [ITEM_ACTIONS, { 'Fn::GetAtt': ['Ledger', 'Arn'] }, limitedTo('offboarding#*')],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of CloudFormation
      ['dynamodb:Query', { 'Fn::Sub': '${Ledger.Arn}/index/open' }, limitedTo('offboarding#*')],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of CloudFormation
      ['dynamodb:Query', { 'Fn::Sub': '${Ledger.Arn}/index/state' }, limitedTo('open')],
    ])
  })

  it('offboarding-resolution for offboardings, people, renewals and the buckets of its questions', () => {
    expect(
      statementsOf('offboarding-resolution').map(({ Action, Resource, Condition }) => [Action, Resource, Condition]),
    ).toEqual([
      [
        ITEM_ACTIONS,
        { 'Fn::GetAtt': ['Ledger', 'Arn'] },
        limitedTo('offboarding#*', 'person#*', 'user#*', ...questions.map((name) => `bucket#${name}#*`)),
      ],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of CloudFormation
      ['dynamodb:Query', { 'Fn::Sub': '${Ledger.Arn}/index/open' }, limitedTo('offboarding#*')],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of CloudFormation
      ['dynamodb:Query', { 'Fn::Sub': '${Ledger.Arn}/index/state' }, limitedTo('register#*')],
    ])
  })

  it('offboardings for offboardings, and to list those in each state', () => {
    expect(
      statementsOf('offboardings').map(({ Action, Resource, Condition }) => [Action, Resource, Condition]),
    ).toEqual([
      [ITEM_ACTIONS, { 'Fn::GetAtt': ['Ledger', 'Arn'] }, limitedTo('offboarding#*')],
      [
        'dynamodb:Query',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of CloudFormation
        { 'Fn::Sub': '${Ledger.Arn}/index/state' },
        limitedTo('attention', 'open', 'finished'),
      ],
    ])
  })

  it('no function in any other way', () => {
    const roles = ofType('AWS::IAM::Role')
    const allowed = JSON.stringify(roles).match(/dynamodb:\w+/g) ?? []
    expect([...new Set(allowed)].sort()).toEqual([...ITEM_ACTIONS, 'dynamodb:LeadingKeys'].sort())
    // The role of one-time schedules is no function's.
    expect(roles.flatMap(namesLedger)).toHaveLength(roles.length - 1)
  })
})

const namesLedger = (role: Resource) => (JSON.stringify(role).includes('Ledger') ? [role] : [])
