// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/**
 * What watches over the stack: alarms that say what to do, and the key of the logs. Numbers come from where they are
 * already: AWS's own metrics, and metrics made from audit lines where an alarm needs one.
 */
import {
  allow,
  arn,
  arnOf,
  CALLBACKS,
  collect,
  functionsOf,
  idOf,
  NOTIFICATIONS,
  namespaceOf,
  OFFBOARDINGS,
  type Osls,
  oslsId,
  PEOPLE_INDEX,
  policy,
  REGISTER,
  RENEWAL,
  RESOLUTION,
  type Resource,
  ref,
  SWEEP,
  settings,
  sub,
  upperFirst,
} from './cloudformation.ts'
import { registerRules } from './register-rules.ts'

/** Of the lines of every function that renews tokens: one metric, under the operation that those lines name. */
const TOKENS = 'user-token'
const UNSTORED = { FilterPattern: '{ $.message = "unstored" }', MetricValue: '1', Unit: 'Count' }

/** Metrics made from the audit lines of the operations, for each operation. */
const LINE_METRICS = {
  // A bucket that waits for an operator, or has waited for an hour: announced once.
  Held: { FilterPattern: '{ $.message = "held" }', MetricValue: '1', Unit: 'Count' },
  VendorFaults: {
    FilterPattern: '{ ($.kind = "unavailable") || ($.kind = "timeout") || ($.kind = "protocol") }',
    MetricValue: '1',
    Unit: 'Count',
  },
  // Of what took one call, so that it is the vendor's time and not that of waits between tries.
  CallMs: { FilterPattern: '{ ($.attempts = 1) && ($.ms > 0) }', MetricValue: '$.ms', Unit: 'Milliseconds' },
}

/** Of pushes, from the vendors or from anyone else. */
const REFUSED = { FilterPattern: '{ $.message = "refused" }', MetricValue: '1', Unit: 'Count' }
/** In five minutes: scanners come across the routes, and one push that fails now and then is the vendor's next try. */
const MANY_REFUSED = 50

type LineMetric = { FilterPattern: string; MetricValue: string; Unit: string }

/** `section` is the heading in the runbook; what else is given goes over the alarm's defaults. */
type Alarm = { Metric: object; section: string; Description: string } & Record<string, unknown>

/**
 * Alarms with the topic they reach. `section` is the heading in the runbook that each links to: the same in every language.
 */
export async function alarms(osls: Osls): Promise<{ Resources: Record<string, Resource> }> {
  const { stage, service, operations, vendors, registerEvent, checked } = await settings(osls)
  const { alarmEmail, oldestMessageAlarmSeconds, runbookUrl } = checked
  const functions = await functionsOf(osls)
  /** Of the stack's own bus; those of schedules are of the account's. */
  const busRules = {
    ...operations,
    [RESOLUTION]: {},
    ...registerRules({ registerEvent }),
    ...(checked.robots.length > 0 && { robots: {} }),
  }
  /** Those that events reach. */
  const { [OFFBOARDINGS]: _, [CALLBACKS]: __, ...asynchronous } = functions
  const scheduled = Object.fromEntries(Object.entries(NOT_RUN_ALARMS).filter(([key]) => Object.hasOwn(functions, key)))
  const alarm = (name: string, { Metric, section, Description, ...settings }: Alarm): Resource => ({
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: `${stage}-${name}`,
      AlarmDescription: `${Description.replace(/"(npx offboarding [^"]+)"/g, `"$1 --stage ${stage}"`)} Runbook: ${runbookUrl}#${section}`,
      ...Metric,
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
      ...settings,
      AlarmActions: [ref('AlarmTopic')],
    },
  })
  const queueMetric = (queue: string, MetricName: string) => ({
    Namespace: 'AWS/SQS',
    MetricName,
    Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [queue, 'QueueName'] } }],
  })
  const functionMetric = (key: string, MetricName: string) => ({
    Namespace: 'AWS/Lambda',
    MetricName,
    Dimensions: [{ Name: 'FunctionName', Value: ref(`${oslsId(key)}LambdaFunction`) }],
  })
  const ruleMetric = (key: string, MetricName: string) => ({
    Namespace: 'AWS/Events',
    MetricName,
    Dimensions: [
      ...(Object.hasOwn(busRules, key) ? [{ Name: 'EventBusName', Value: ref('EventBus') }] : []),
      { Name: 'RuleName', Value: `${stage}-${key}` },
    ],
  })
  const sweepMetric = (MetricName: string, dimensions: Record<string, string> = {}) => ({
    Namespace: 'SubscriptionOffboarding',
    MetricName,
    Dimensions: Object.entries({ FunctionName: `${stage}-${SWEEP}`, ...dimensions }).map(([Name, Value]) => ({
      Name,
      Value,
    })),
  })
  const lineMetric = (operation: string, MetricName: string) => ({
    Namespace: namespaceOf(stage),
    MetricName,
    Dimensions: [{ Name: 'operation', Value: operation }],
  })
  const lineFilter = (key: string, MetricName: string, { FilterPattern, ...transformation }: LineMetric) => ({
    [`${idOf(key)}${MetricName}`]: {
      Type: 'AWS::Logs::MetricFilter',
      Properties: {
        LogGroupName: ref(`${oslsId(key)}LogGroup`),
        FilterPattern,
        MetricTransformations: [
          {
            MetricNamespace: namespaceOf(stage),
            MetricName,
            Dimensions: [{ Key: 'operation', Value: '$.operation' }],
            ...transformation,
          },
        ],
      },
    },
  })
  const aQuarterOfAnHour = { Period: 300, EvaluationPeriods: 3 }

  return {
    Resources: {
      DeadLettersAlarm: alarm('dead-letters', {
        Metric: queueMetric('DeadLetterQueue', 'ApproximateNumberOfMessagesVisible'),
        section: 'dead-letters',
        Description:
          'Work was parked: a subscription of a leaver may still be active. "npx offboarding letters list" shows what and ' +
          'why. Fix the cause, then redrive. Letters expire after 14 days.',
      }),
      UndeliveredEventsAlarm: alarm('undelivered-events', {
        Metric: queueMetric('UndeliveredEventsQueue', 'ApproximateNumberOfMessagesVisible'),
        section: 'undelivered-events',
        Description:
          'An offboarding event reached no function, or a function could not plan it: possibly nothing has been done for ' +
          'this leaver. "npx offboarding letters list --kind undelivered" shows which and why. Fix the cause, then ' +
          'redrive. Letters expire after 14 days.',
      }),
      ...collect(operations, (operation, { vendor }) => ({
        // Not SQS's ApproximateAgeOfOldestMessage, which leaves out what was received three times or more: a bucket that
        // waits for hours would raise no alarm.
        // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
        [`${idOf(operation)}OldestMessageAlarm`]: alarm(`${operation}-oldest-message`, {
          Metric: sweepMetric('OldestWaitingSeconds', { Operation: operation }),
          Threshold: oldestMessageAlarmSeconds,
          Period: TWO_SWEEPS_S,
          section: 'oldest-message',
          Description:
            `A target of ${operation} has waited longer than ${oldestMessageAlarmSeconds} s: the vendor keeps refusing or ` +
            'throttling, or there is more work than its rate limit lets through. The saved query "deferrals by bucket" ' +
            'shows which. Items expire after 14 days.',
        }),
        [`${idOf(operation)}HeldAlarm`]: alarm(`${operation}-held`, {
          Metric: lineMetric(operation, 'Held'),
          Period: 300,
          Statistic: 'Sum',
          section: 'held',
          Description:
            `Work of ${operation} waits for ${vendor}: it needs an operator, or has waited for an hour. The line "held" of ` +
            `/aws/lambda/${stage}-${operation} has the reason. It goes on by itself when the cause is gone; nothing is parked ` +
            'before 24 hours.',
        }),
        [`${idOf(operation)}FailedDestinationAlarm`]: alarm(`${operation}-failed-destination`, {
          Metric: functionMetric(operation, 'DestinationDeliveryFailures'),
          Period: 300,
          Statistic: 'Sum',
          section: 'dropped-events',
          Description:
            `Lambda could not put an event that ${operation} failed on into the queue of undelivered events: the event is ` +
            'lost. Replay it from the archive.',
        }),
        [`${idOf(operation)}VendorFaultsAlarm`]: alarm(`${operation}-vendor-faults`, {
          Metric: lineMetric(operation, 'VendorFaults'),
          ...aQuarterOfAnHour,
          Statistic: 'Sum',
          section: 'vendor-faults',
          Description:
            `For 15 minutes calls of ${operation} to ${vendor} have failed without a usable answer: faults, silence, or ` +
            'something its documents do not describe. Queued work is tried again for 24 hours; HTTP callers get 502 to 504.',
        }),
        [`${idOf(operation)}VendorSlowAlarm`]: alarm(`${operation}-vendor-slow`, {
          Metric: lineMetric(operation, 'CallMs'),
          ...aQuarterOfAnHour,
          Statistic: 'Average',
          Threshold: SLOW_MS,
          section: 'vendor-slow',
          Description:
            `For 15 minutes a call of ${operation} to ${vendor} has taken more than ${SLOW_MS / 1_000} s on average. ` +
            'An answer that does not come in the time that a function has is given up and tried again.',
        }),
      })),
      UnresolvedLeaversAlarm: alarm('unresolved-leavers', {
        Metric: sweepMetric('OldestWaitingSeconds', { Operation: RESOLUTION }),
        Threshold: UNRESOLVED_S,
        Period: TWO_SWEEPS_S,
        section: 'unresolved-leavers',
        Description:
          'For an hour a leaver could not be found, because a vendor or its configuration fails: no subscription of theirs has ' +
          'been ended yet. "npx offboarding report ID" names the cause. After 24 hours the event is rejected.',
      }),
      ResolutionFailedDestinationAlarm: alarm(`${RESOLUTION}-failed-destination`, {
        Metric: functionMetric(RESOLUTION, 'DestinationDeliveryFailures'),
        Period: 300,
        Statistic: 'Sum',
        section: 'dropped-events',
        Description:
          `Lambda could not put an event that ${RESOLUTION} failed on into the queue of undelivered events: the event is ` +
          'lost. Replay it from the archive.',
      }),
      [`${idOf(REGISTER)}FailedDestinationAlarm`]: alarm(`${REGISTER}-failed-destination`, {
        Metric: functionMetric(REGISTER, 'DestinationDeliveryFailures'),
        Period: 300,
        Statistic: 'Sum',
        section: 'register',
        Description:
          `Lambda could not put an event that ${REGISTER} failed on into the queue of undelivered events: the event is lost, and ` +
          'the register may lack a subscription. Import what was registered at that time again.',
      }),
      ...collect(functions, (key, { name }) => ({
        [`${idOf(key)}ErrorsAlarm`]: alarm(`${key}-errors`, {
          Metric: functionMetric(key, 'Errors'),
          Period: 300,
          Statistic: 'Sum',
          section: 'errors',
          Description:
            `${key} crashed, timed out or could not start; a vendor call that fails does not count. Read ` +
            `/aws/lambda/${name} around the time of the alarm. Events and queued work are tried again by themselves.`,
        }),
        [`${idOf(key)}ThrottlesAlarm`]: alarm(`${key}-throttles`, {
          Metric: functionMetric(key, 'Throttles'),
          Period: 300,
          Statistic: 'Sum',
          section: 'throttles',
          Description:
            `Lambda refused to run ${key}: the account's concurrency is used up. Find what uses it, or ask AWS for a ` +
            'higher quota. HTTP callers got an error; events and queued work are tried again by themselves.',
        }),
      })),
      // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
      ...collect(asynchronous, (key, { name }) => ({
        [`${idOf(key)}DroppedEventsAlarm`]: alarm(`${key}-dropped-events`, {
          Metric: functionMetric(key, 'AsyncEventsDropped'),
          Period: 300,
          Statistic: 'Sum',
          section: 'dropped-events',
          Description:
            `Lambda gave up an event of ${key}: it failed on it too often, or could not start for too long. An offboarding ` +
            `event is in the queue of undelivered events; a scheduled run is lost until the next. Read /aws/lambda/${name}.`,
        }),
      })),
      // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
      ...collect(RULE_METRICS, (MetricName, { name, Description }) =>
        collect({ ...asynchronous, ...busRules }, (key) => ({
          [`${idOf(key)}${MetricName}Alarm`]: alarm(`${key}-${name}`, {
            Metric: ruleMetric(key, MetricName),
            Period: 300,
            Statistic: 'Sum',
            section: 'failed-invocations',
            Description: `The rule of ${key}: ${Description}`,
          }),
        })),
      ),
      ...collect(STRANDED_ALARMS, (queue, name) => ({
        [`${queue}Alarm`]: alarm(name, {
          Metric: queueMetric(queue, 'ApproximateNumberOfMessagesVisible'),
          section: 'stranded',
          Description:
            'SQS gave up items after 1,000 deliveries, which the functions should have done long before. The sweep parks each ' +
            'within 15 minutes and leaves a letter. Find out why it never finished.',
        }),
      })),
      ...collect(scheduled, (key, { since, Period, EvaluationPeriods }) => ({
        [`${idOf(key)}NotRunAlarm`]: alarm(`${key}-not-run`, {
          Metric: functionMetric(key, 'Invocations'),
          Statistic: 'Sum',
          Period,
          EvaluationPeriods,
          Threshold: 1,
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'breaching',
          section: 'not-run',
          Description: `${key} has not run for ${since}. Check its rule, then run it by hand.`,
        }),
      })),
      ...collect(RENEWAL_ALARMS, (metric, { section, Description }) =>
        collect(vendors, (vendor) => ({
          [`${upperFirst(vendor)}${metric}Alarm`]: alarm(`${RENEWAL}-${vendor}-${metric}`, {
            Metric: {
              Namespace: 'SubscriptionOffboarding',
              MetricName: metric,
              Dimensions: [
                { Name: 'FunctionName', Value: `${stage}-${RENEWAL}` },
                { Name: 'Vendor', Value: vendor },
              ],
            },
            Period: 24 * 60 * 60,
            section,
            Description: `${vendor}: ${Description}`,
          }),
        })),
      ),
      ...collect(SWEEP_ALARMS, (metric, { name, ...alarmed }) => ({
        [`${metric}Alarm`]: alarm(name, {
          Metric: sweepMetric(metric),
          Period: 15 * 60,
          ...alarmed,
        }),
      })),
      ...collect(operations, (operation) =>
        collect(LINE_METRICS, (MetricName, metric) => lineFilter(operation, MetricName, metric)),
      ),
      ...collect({ ...operations, [RENEWAL]: {}, [RESOLUTION]: {} }, (key) => lineFilter(key, 'Unstored', UNSTORED)),
      UnstoredTokensAlarm: alarm('unstored-tokens', {
        Metric: lineMetric(TOKENS, 'Unstored'),
        Statistic: 'Sum',
        Period: 300,
        section: 'unstored-tokens',
        Description:
          'Renewed tokens of a user could not be stored in the secret. The container that has them tries again with every ' +
          'call; if it ends before, the user must consent again. Restore access to Secrets Manager at once.',
      }),
      ...(checked.vendorCallbacks && {
        ...lineFilter(CALLBACKS, 'Refused', REFUSED),
        RefusedCallbacksAlarm: alarm('refused-callbacks', {
          Metric: lineMetric(CALLBACKS, 'Refused'),
          Statistic: 'Sum',
          Period: 300,
          Threshold: MANY_REFUSED,
          section: 'refused-callbacks',
          Description:
            `More than ${MANY_REFUSED} pushes were refused in five minutes: either the keys in a callback secret are not those of ` +
            "the vendor's console, or forged pushes arrive. The log lines say which.",
        }),
      }),
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
    },
  }
}

const SLOW_MS = 5_000
const UNRESOLVED_S = 60 * 60
/** So that a period has a sweep in it. */
const TWO_SWEEPS_S = 2 * 15 * 60

/** By the metric of a rule. Both are written only when they are not zero. */
const RULE_METRICS = {
  FailedInvocations: {
    name: 'failed-invocations',
    Description:
      'EventBridge could not start the function, for good. Check the permission of the rule to invoke it. Replay offboarding ' +
      'events from the archive.',
  },
  InvocationsFailedToBeSentToDlq: {
    name: 'failed-dead-letters',
    Description:
      'EventBridge could not put an event into the queue of undelivered events: the event is lost. Check the policy of the ' +
      'queue. Replay offboarding events from the archive.',
  },
}

/** By the queue. */
const STRANDED_ALARMS = { StrandedWorkQueue: 'stranded-work', StrandedRetriesQueue: 'stranded-retries' }

/**
 * By the function. A period times its evaluations may be seven days, or one day where a period is shorter than an hour.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
const NOT_RUN_ALARMS = {
  [RENEWAL]: { since: 'two days', Period: 24 * 60 * 60, EvaluationPeriods: 2 },
  [PEOPLE_INDEX]: { since: 'two days', Period: 24 * 60 * 60, EvaluationPeriods: 2 },
  [SWEEP]: { since: 'an hour', Period: 60 * 60, EvaluationPeriods: 1 },
  [NOTIFICATIONS]: { since: 'an hour', Period: 60 * 60, EvaluationPeriods: 1 },
}

/** By the metric the scheduled renewal counts. */
const RENEWAL_ALARMS = {
  ReauthorizationRequired: {
    section: 'reauthorization',
    Description:
      'stored users must consent again, or nothing can be done in their name on the day they leave. ' +
      '"npx offboarding users list" names them, "npx offboarding users authorize" asks them.',
  },
  NotRenewable: {
    section: 'not-renewable',
    Description:
      'tokens of stored users cannot be renewed, offline_access missing: each ends within two hours. Enable the scope, then ' +
      'have the users that "npx offboarding users list" names grant access again.',
  },
  WrongOwner: {
    section: 'wrong-owner',
    Description:
      "secrets of stored users hold another person's tokens: calls would be made in the wrong name. " +
      '"npx offboarding users list" names them; have the right users grant access again.',
  },
  Gone: {
    section: 'gone-users',
    Description:
      'stored users no longer exist at the vendor. "npx offboarding users forget --gone" schedules their secrets for deletion.',
  },
  Stopped: {
    section: 'stopped-renewals',
    Description:
      'the first ten renewals of a run failed alike, so the rest was left alone: most likely it is the vendor or the app. ' +
      'Read the log of the function for kind and code, and run it again before refresh tokens end.',
  },
  Failed: {
    section: 'failed-renewals',
    Description:
      'tokens of stored users could not be renewed. Read the log of the function for kind and hint; it tries again with ' +
      'its next run, and there are days left before they expire.',
  },
}

/** By the metric the scheduled sweep counts. */
const SWEEP_ALARMS = {
  UnplannedSendings: {
    name: 'unplanned-sendings',
    section: 'unplanned-sendings',
    Description:
      'An offboarding event was not planned by every function within an hour: for this leaver something may not have been done. ' +
      '"npx offboarding letters list --kind undelivered" shows why. Fix the cause, then redrive.',
  },
  VanishedTargets: {
    name: 'vanished-targets',
    section: 'vanished-targets',
    Description:
      'Targets were still open 14 days after they were queued, and SQS has deleted their messages. They were parked without ' +
      'a letter: send the offboarding event again.',
  },
}

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
