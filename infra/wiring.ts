/** What a compiled template says about functions, queues, rules, routes and triggers, as plain data. */

import type { Resource, Template } from './compile.ts'
import type { Pattern } from './event-pattern.ts'
import { type Context, exists, type Physical, resolve } from './intrinsics.ts'

export type Wiring = {
  functions: {
    name: string
    /** The handler's module as packaged, without its extension, and the export in it. */
    module: string
    exportName: string
    env: Record<string, string>
    timeoutMs: number
    memoryMb: number
    /** How often an asynchronous invocation is tried again, and the queue told when it is given up. */
    retries: number
    failureQueue?: string
  }[]
  queues: { name: string; properties: Record<string, unknown> }[]
  tables: { name: string; properties: Record<string, unknown> }[]
  buses: string[]
  /** Secrets that the stack makes, as they are at first. */
  secrets: { name: string; text: string }[]
  rules: {
    name: string
    bus: string
    pattern: Pattern
    targets: ({ id: string; functionName: string } | { id: string; queue: string })[]
  }[]
  schedules: { name: string; expression: string; functionName: string; input?: unknown }[]
  /** The group of one-time schedules, and path and name of the role that sends their events. */
  oneTimeSchedules?: { group: string; role: string }
  routes: { routeKey: string; functionName: string; timeoutMs: number }[]
  eventSources: {
    queue: string
    functionName: string
    batchSize: number
    concurrency?: number
    reportBatchItemFailures: boolean
  }[]
}

type WiringOptions = {
  queueUrl: (name: string) => string
  region?: string
  account?: string
  stackName?: string
}

type Properties = Record<string, unknown>

/** Where a resource of each type has its name; all others have it in `Name`. */
const NAME_PROPERTIES: Record<string, string> = {
  'AWS::SQS::Queue': 'QueueName',
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::DynamoDB::Table': 'TableName',
  'AWS::SNS::Topic': 'TopicName',
}

/** Reads the template. Throws where it asks for something this emulation would otherwise leave out silently. */
export function readTemplate(template: Template, options: WiringOptions): Wiring {
  const { region = 'ap-southeast-1', account = '000000000000', stackName = 'local' } = options
  const context: Context = { template, region, account, stackName, physical }
  const arn = (service: string, name: string) => `arn:aws:${service}:${region}:${account}:${name}`

  function nameOf(id: string, { Type, Properties: properties }: Resource): string {
    const given = resolve(properties?.[NAME_PROPERTIES[Type] ?? 'Name'], context)
    const suffix = properties?.FifoQueue ? '.fifo' : ''
    return given === undefined ? `${stackName}-${id}${suffix}` : String(given)
  }

  const named: Record<string, (name: string, id: string) => Physical> = {
    'AWS::SQS::Queue': (name) => ({
      ref: options.queueUrl(name),
      attributes: { Arn: arn('sqs', name), QueueName: name },
    }),
    'AWS::Lambda::Function': (name) => ({ ref: name, attributes: { Arn: arn('lambda', `function:${name}`) } }),
    'AWS::DynamoDB::Table': (name) => ({ ref: name, attributes: { Arn: arn('dynamodb', `table/${name}`) } }),
    'AWS::Events::EventBus': (name) => ({
      ref: name,
      attributes: { Arn: arn('events', `event-bus/${name}`), Name: name },
    }),
    'AWS::SNS::Topic': (name) => ({
      ref: arn('sns', name),
      attributes: { TopicArn: arn('sns', name), TopicName: name },
    }),
    'AWS::Scheduler::ScheduleGroup': (name) => ({
      ref: name,
      attributes: { Arn: arn('scheduler', `schedule-group/${name}`) },
    }),
    'AWS::ApiGatewayV2::Integration': (_, id) => ({ ref: id, attributes: {} }),
  }
  function physical(id: string, resource: Resource): Physical | undefined {
    return named[resource.Type]?.(nameOf(id, resource), id)
  }

  /** Every existing resource of a type: its properties as written, and a way to resolve one of them. */
  const all = (type: string) =>
    Object.entries(template.Resources)
      .filter(([, resource]) => resource.Type === type && exists(resource, context))
      .map(([id, resource]) => {
        const properties: Properties = resource.Properties ?? {}
        const get = <T>(key: string): T | undefined => resolve(properties[key], context) as T | undefined
        return { id, resource, properties, get }
      })

  const invokeConfigs = new Map(
    all('AWS::Lambda::EventInvokeConfig').map(({ get }) => {
      const destination = get<{ OnFailure?: { Destination?: string } }>('DestinationConfig')?.OnFailure?.Destination
      const retries = get<number>('MaximumRetryAttempts') ?? 2
      return [lastPart(get('FunctionName')), { retries, destination }]
    }),
  )

  const functions = all('AWS::Lambda::Function').map(({ id, resource, get }) => {
    const name = nameOf(id, resource)
    const handler = String(get('Handler'))
    const { retries = 2, destination } = invokeConfigs.get(name) ?? {}
    if (destination && !destination.includes(':sqs:')) throw new Error(`${name}: only a queue can be told of failures`)
    const variables = get<{ Variables?: Properties }>('Environment')?.Variables ?? {}
    return {
      name,
      module: handler.slice(0, handler.lastIndexOf('.')),
      exportName: handler.slice(handler.lastIndexOf('.') + 1),
      env: Object.fromEntries(Object.entries(variables).map(([key, value]) => [key, String(value)])),
      timeoutMs: Number(get('Timeout') ?? 3) * 1000,
      memoryMb: Number(get('MemorySize') ?? 128),
      retries,
      ...(destination && { failureQueue: lastPart(destination) }),
    }
  })

  const enabledRules = all('AWS::Events::Rule').filter(({ get }) => get('State') !== 'DISABLED')
  const targetsOf = (rule: (typeof enabledRules)[number]) => {
    const targets = rule.get<Properties[]>('Targets') ?? []
    for (const target of targets)
      if (
        target.InputPath ||
        target.InputTransformer ||
        (target.Input && rule.properties.EventPattern) ||
        !/:function:|:sqs:(?!.*\.fifo$)/.test(String(target.Arn))
      )
        throw new Error(`${rule.id}: only functions and standard queues that take the whole event can be targets`)
    return targets
  }
  const isQueue = ({ Arn }: Properties) => String(Arn).includes(':sqs:')

  const integrations = new Map(
    all('AWS::ApiGatewayV2::Integration').map((integration) => [integration.id, integration]),
  )

  const [group] = all('AWS::Scheduler::ScheduleGroup')
  const schedulesRole = all('AWS::IAM::Role').find(({ properties }) =>
    JSON.stringify(properties.AssumeRolePolicyDocument).includes('scheduler.amazonaws.com'),
  )

  return {
    functions,
    ...(group &&
      schedulesRole && {
        oneTimeSchedules: {
          group: nameOf(group.id, group.resource),
          role: `${schedulesRole.get('Path')}${schedulesRole.get('RoleName')}`,
        },
      }),
    queues: all('AWS::SQS::Queue').map(({ id, resource, properties }) => ({
      name: nameOf(id, resource),
      properties: resolve(properties, context) as Properties,
    })),
    tables: all('AWS::DynamoDB::Table').map(({ id, resource, properties }) => ({
      name: nameOf(id, resource),
      properties: resolve(properties, context) as Properties,
    })),
    buses: all('AWS::Events::EventBus').map(({ id, resource }) => nameOf(id, resource)),
    secrets: all('AWS::SecretsManager::Secret').map(({ get }) => ({
      name: String(get('Name')),
      text: String(get('SecretString')),
    })),
    rules: enabledRules
      .filter(({ properties }) => properties.EventPattern)
      .map((rule) => ({
        name: nameOf(rule.id, rule.resource),
        bus: lastPart(rule.get('EventBusName') ?? 'default'),
        pattern: rule.get<Pattern>('EventPattern') ?? {},
        targets: targetsOf(rule).map((target) => ({
          id: String(target.Id),
          ...(isQueue(target) ? { queue: lastPart(target.Arn) } : { functionName: lastPart(target.Arn) }),
        })),
      })),
    schedules: enabledRules.flatMap((rule) =>
      (rule.properties.ScheduleExpression ? targetsOf(rule) : []).map((target) => ({
        name: nameOf(rule.id, rule.resource),
        expression: String(rule.get('ScheduleExpression')),
        functionName: lastPart(target.Arn),
        ...(target.Input !== undefined && { input: JSON.parse(String(target.Input)) }),
      })),
    ),
    routes: all('AWS::ApiGatewayV2::Route').map(({ id, get }) => {
      const integration = integrations.get(lastPart(get('Target')))
      if (integration?.get('PayloadFormatVersion') !== '2.0') throw new Error(`${id}: only payload format 2.0`)
      return {
        routeKey: String(get('RouteKey')),
        functionName: lastPart(integration.get('IntegrationUri')),
        timeoutMs: Number(integration.get('TimeoutInMillis') ?? 30_000),
      }
    }),
    eventSources: all('AWS::Lambda::EventSourceMapping')
      .filter(({ get }) => get('Enabled') !== false)
      .map(({ id, get }) => {
        if (get('FilterCriteria')) throw new Error(`${id}: filters are not supported`)
        const concurrency = get<{ MaximumConcurrency?: number }>('ScalingConfig')?.MaximumConcurrency
        return {
          queue: lastPart(get('EventSourceArn')),
          functionName: lastPart(get('FunctionName')),
          batchSize: Number(get('BatchSize') ?? 10),
          ...(concurrency !== undefined && { concurrency }),
          reportBatchItemFailures: Boolean(get<string[]>('FunctionResponseTypes')?.includes('ReportBatchItemFailures')),
        }
      }),
  }
}

/** The name at the end of an ARN, an integration target, or a plain name. */
const lastPart = (text: unknown): string => /[^:/]*$/.exec(String(text))?.[0] ?? ''
