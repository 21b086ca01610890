// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/**
 * The ledger: one table for what every offboarding has become, the renewal of users' tokens and the pace of each bucket.
 * lib/aws/dynamodb.ts is what the functions ask it with.
 */
import { allow, arnOf, type Osls, ref, settings, sub } from './cloudformation.ts'
import { forKeys } from './conditions.ts'

/** The table, for serverless.yml. */
export async function ledger(osls: Osls) {
  const { stage, checked } = await settings(osls)
  return {
    Resources: {
      Ledger: {
        Type: 'AWS::DynamoDB::Table',
        ...checked.removal,
        Properties: {
          TableName: `${stage}-ledger`,
          BillingMode: 'PAY_PER_REQUEST',
          KeySchema: key('pk', 'sk'),
          AttributeDefinitions: ['pk', 'sk', 'openIn', 'state', 'since'].map((AttributeName) => ({
            AttributeName,
            AttributeType: 'S',
          })),
          // The open targets of a sending, consistently: an attribute that ends with the target is its key.
          LocalSecondaryIndexes: [
            { IndexName: 'open', KeySchema: key('pk', 'openIn'), Projection: { ProjectionType: 'KEYS_ONLY' } },
          ],
          // Sendings by what has become of them and since when.
          GlobalSecondaryIndexes: [
            { IndexName: 'state', KeySchema: key('state', 'since'), Projection: { ProjectionType: 'ALL' } },
          ],
          SSESpecification: { SSEEnabled: true },
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
        },
      },
    },
    Outputs: {
      LedgerTable: { Description: 'What every offboarding has become', Value: ref('Ledger') },
    },
  }
}

const key = (hash: string, range: string) => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
]

/** No function deletes: what has ended expires. */
const RENEWAL_ACTIONS = ['dynamodb:GetItem', 'dynamodb:UpdateItem']
const ITEM_ACTIONS = [...RENEWAL_ACTIONS, 'dynamodb:PutItem', 'dynamodb:Query']

/**
 * Statements of an operation's role: all offboardings, its own buckets and those of its question, and the renewals of those users whose
 * secrets it may use.
 */
export const useLedger = (operation: string, question: string | undefined, userSecrets: (string | undefined)[]) => [
  allow(
    'UseLedger',
    ITEM_ACTIONS,
    arnOf('Ledger'),
    forKeys(
      'offboarding#*',
      `bucket#${operation}#*`,
      ...(question === undefined ? [] : [`bucket#${question}#*`]),
      ...userSecrets.map(keysOfUsers),
    ),
  ),
  findOpenTargets(),
  // Only for what the vendor does not know.
  allow('ReadRegister', 'dynamodb:Query', arnOf('Ledger'), forKeys(`register#${operation}#*`)),
]

/** Renewals are kept by the name of the user's secret. */
const keysOfUsers = (prefix: string | undefined) => `user#${prefix}*`

const findOpenTargets = () =>
  allow('FindOpenTargets', 'dynamodb:Query', sub('${Ledger.Arn}/index/open'), forKeys('offboarding#*'))

/**
 * Statements of the role that resolves leavers: offboardings, the ids of people, renewals, the buckets of its questions, and what is
 * registered for a person.
 */
export const resolveLedger = (questions: string[]) => [
  allow(
    'UseLedger',
    ITEM_ACTIONS,
    arnOf('Ledger'),
    forKeys('offboarding#*', 'person#*', 'user#*', ...questions.map((name) => `bucket#${name}#*`)),
  ),
  findOpenTargets(),
  allow('ListRegistered', 'dynamodb:Query', sub('${Ledger.Arn}/index/state'), forKeys('register#*')),
]

/** Statements of the role that answers HR systems: offboardings, and those in each state. */
export const answerLedger = () => [
  allow('UseLedger', ITEM_ACTIONS, arnOf('Ledger'), forKeys('offboarding#*')),
  listOffboardings(),
]

const listOffboardings = () =>
  allow(
    'ListOffboardings',
    'dynamodb:Query',
    sub('${Ledger.Arn}/index/state'),
    forKeys('attention', 'open', 'finished'),
  )

/** Statements of a role that ends what was left undone: offboardings, and those that are open. */
export const sweepLedger = () => [
  allow('UseLedger', ITEM_ACTIONS, arnOf('Ledger'), forKeys('offboarding#*')),
  findOpenTargets(),
  allow('FindOpenOffboardings', 'dynamodb:Query', sub('${Ledger.Arn}/index/state'), forKeys('open')),
]

/** The statement of a role that keeps the index of DingTalk's people: that alone, and the buckets of its lists. */
export const indexPeople = (lists: string[]) =>
  allow(
    'UseLedger',
    RENEWAL_ACTIONS,
    arnOf('Ledger'),
    forKeys(
      'person#dingtalk#email#*',
      'person#dingtalk#number#*',
      'person#dingtalk#index',
      ...lists.map((name) => `bucket#${name}#*`),
    ),
  )

/** Statements of a role that says what needs an operator: its robots' turns, and how many offboardings are in each state. */
export const notifyFromLedger = (robots: string[]) => [
  allow('TakeTurns', RENEWAL_ACTIONS, arnOf('Ledger'), forKeys(...robots.map((robot) => `robot#${robot}`))),
  listOffboardings(),
  // Whether an event that was rejected has been replaced since.
  allow('FindSendings', 'dynamodb:Query', arnOf('Ledger'), forKeys('offboarding#*')),
]

/** Statements of a role that keeps the register, and announces events that are rejected, which name no offboarding. */
export const keepRegister = () => [
  allow('KeepRegister', ['dynamodb:UpdateItem', 'dynamodb:Query'], arnOf('Ledger'), forKeys('register#*')),
  allow('RecordRejections', 'dynamodb:UpdateItem', arnOf('Ledger'), forKeys('offboarding#')),
]

/** Statements of the role that takes what the vendors push: what it has taken, and the ids of people that DingTalk names by one. */
export const keepCallbacks = () => [
  allow('KeepCallbacks', ['dynamodb:GetItem', 'dynamodb:UpdateItem'], arnOf('Ledger'), forKeys('callback#*')),
  allow('FindPeople', 'dynamodb:GetItem', arnOf('Ledger'), forKeys('person#dingtalk#*')),
]

/** The statement of a role that renews users' tokens, and nothing else in the ledger. */
export const keepRenewals = (userSecrets: (string | undefined)[]) =>
  allow('KeepRenewals', RENEWAL_ACTIONS, arnOf('Ledger'), forKeys(...userSecrets.map(keysOfUsers)))
