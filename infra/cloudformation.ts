// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/**
 * How the files that serverless.yml reads spell CloudFormation, and what they read from serverless.yml. Logical ids:
 * `feishu-drive-unsubscribe` gives FeishuDriveUnsubscribeQueue, …QueuePolicy, …Role and …Alarm; osls calls what it makes
 * FeishuDashdriveDashunsubscribe….
 */

/** What osls hands to a function that `${file(…):NAME}` names. */
export type Osls = { resolveVariable: (name: string) => Promise<unknown> }

/** An operation's block in serverless.yml. `question`: the name of what a dry run asks, where it asks something. */
export type Block = { route: string; vendor: string; actsAs: 'user' | 'app'; question?: string }

/** custom.checked */
export type Checked = {
  source: string
  vendors: string[]
  /** Whether DingTalk's people are found by e-mail address and employee number. */
  dingtalkPeopleIndex: boolean
  /** The vendors whose robots say what needs an operator; none: there are no notifications. */
  robots: string[]
  robotSecretIds: Record<string, string>
  robotLanguage: string
  digestHour: number
  digestTimeZone: string
  authorizers: Record<string, object>
  routeAuthorizer: object
  /** Requests a second to a route, and how many at once. */
  rateLimit: number
  burstLimit: number
  vpc: { subnetIds: string[]; securityGroupIds: string[] } | null
  bus: string
  putEventsAccounts: string[]
  archiveRetentionDays: number
  renewWithinDays: number
  maxTargetsPerEvent: number
  secretsKmsKeyArn: string
  /** Null: roles have none. */
  permissionsBoundaryArn: string | null
  /** Batches of each queue at once. */
  maximumConcurrency: number
  /** Of each operation's function; null: none is reserved. */
  reservedConcurrency: number | null
  /** What becomes of all that must not be lost when the stage is removed. */
  removal: { DeletionPolicy: string; UpdateReplacePolicy: string }
  logRetentionDays: number
  runbookUrl: string
  alarmEmail: string
  oldestMessageAlarmSeconds: number
  /** Null: nothing takes what the vendors push. */
  vendorCallbacks: {
    feishuSecretId: string
    dingtalkSecretId: string
    onDeparture: 'ignore' | 'notify' | 'offboard'
  } | null
}

/** `custom` of serverless.yml, with the names of service and stage. */
export type Settings = {
  stage: string
  service: string
  operations: Record<string, Block>
  /** A vendor's environment variables. */
  vendors: Record<string, Record<string, string>>
  offboardingEvent: { source: string[]; 'detail-type': string[] }
  leavingEvent: { source: string[]; 'detail-type': string[] }
  registerEvent: { source: string[]; 'detail-type': string[] }
  checked: Checked
}

export type Statement = {
  Sid?: string
  Effect: 'Allow' | 'Deny'
  Principal?: unknown
  Action: string | string[]
  Resource?: unknown
  Condition?: object
}

export type Resource = { Type: string; DeletionPolicy?: string; Properties: Record<string, unknown> }

export const sub = (text: string) => ({ 'Fn::Sub': text })
export const ref = (id: string) => ({ Ref: id })
export const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] })
/** An ARN in the stack's own partition, region and account. */
export const arn = (service: string, resource: string) =>
  sub(`arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`)
export const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
export const idOf = (name: string): string => name.split('-').map(upperFirst).join('')
/** How osls spells a function's key in its own logical ids. */
export const oslsId = (key: string): string => upperFirst(key.replaceAll('-', 'Dash').replaceAll('_', 'Underscore'))
export const allow = (
  Sid: string,
  Action: Statement['Action'],
  Resource: unknown,
  Condition?: object,
): Statement & { Sid: string } => ({ Sid, Effect: 'Allow', Action, Resource, ...(Condition && { Condition }) })
/** A policy document of those statements that are given. */
export const policy = (...statements: (Statement | false | '' | null | undefined)[]) => ({
  Version: '2012-10-17',
  Statement: statements.filter((statement) => !!statement),
})
/** One object out of those that `map` makes of each entry. */
export const collect = <Value, Made extends object>(
  object: Record<string, Value>,
  map: (key: string, value: Value) => Made,
): Record<string, Made[keyof Made]> =>
  Object.assign({}, ...Object.entries(object).map(([key, value]) => map(key, value)))

/** The functions that are no operations: scheduled, without route and queue. */
export const RENEWAL = 'user-token-renewal'
export const SWEEP = 'offboarding-sweep'
/** The one that takes leavers as HR knows them: without route, with a queue of events. */
export const RESOLUTION = 'offboarding-resolution'
/** The one that keeps the register: without route and queue, with rules on the bus. */
export const REGISTER = 'subscription-register'
/** The one that HR systems call: with routes alone. */
export const OFFBOARDINGS = 'offboardings'
/** The scheduled one that keeps the index of DingTalk's people, where the stage has it. */
export const PEOPLE_INDEX = 'people-index'
/** The scheduled one that has robots say what needs an operator, where the stage has any. */
export const NOTIFICATIONS = 'notifications'

/** The one that takes what the vendors push: two routes that ask nobody who they are. */
export const CALLBACKS = 'vendor-callbacks'

/** The ticket of each vendor: the secret's logical id and the end of its name, and the variable with that name. */
export const TICKETS: Record<string, { id: string; end: string; variable: string }> = {
  feishu: { id: 'FeishuAppTicket', end: 'feishu/app-ticket', variable: 'FEISHU_APP_TICKET_SECRET_ID' },
  dingtalk: { id: 'DingtalkSuiteTicket', end: 'dingtalk/suite-ticket', variable: 'DINGTALK_SUITE_TICKET_SECRET_ID' },
}

/** What the exports of those files read from serverless.yml. Where tickets are pushed, a vendor's environment says where they are. */
export const settings = async ({ resolveVariable }: Osls): Promise<Settings> => {
  const stage = (await resolveVariable('sls:stage')) as string
  const service = (await resolveVariable('self:service')) as string
  const custom = (await resolveVariable('self:custom')) as Omit<Settings, 'stage' | 'service'>
  const all = { stage, service, ...custom }
  if (!custom.checked.vendorCallbacks) return all
  const withTickets = Object.entries(custom.vendors).map(([vendor, environment]) => {
    const { variable = '', end = '' } = TICKETS[vendor] ?? {}
    return [vendor, { ...environment, [variable]: `${service}/${stage}/${end}` }]
  })
  return { ...all, vendors: Object.fromEntries(withTickets) }
}

/** The names of a vendor's secrets: of the app, of its users, up to their id, and of its ticket where tickets are pushed. */
export function secretNamesOf(vendor: string, { vendors }: Pick<Settings, 'vendors'>) {
  const environment = vendors[vendor] ?? {}
  const prefix = vendor.toUpperCase()
  return {
    app: environment[`${prefix}_APP_SECRET_ID`],
    users: environment[`${prefix}_USER_SECRET_PREFIX`],
    ticket: environment[TICKETS[vendor]?.variable ?? ''],
  }
}

/** The same of every vendor. */
export const vendorSecrets = (all: Pick<Settings, 'vendors'>) =>
  Object.keys(all.vendors).map((vendor) => secretNamesOf(vendor, all))

/** The functions as serverless.yml has them in the end: not only the operations. Each has a log and can fail. */
export const functionsOf = async ({ resolveVariable }: Osls): Promise<Record<string, { name: string }>> =>
  Object.assign({}, ...[await resolveVariable('self:functions')].flat())

/** The metric namespace of one stage, for what is read from its audit lines. */
export const namespaceOf = (stage: string): string => `SubscriptionOffboarding/${stage}`
