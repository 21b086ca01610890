/** How an alarm is made, and the metrics that alarms watch. */
import { collect, oslsId, type Resource, ref, type Settings, SWEEP } from './cloudformation.ts'

/**
 * An alarm: its name within the stage, what it watches, the heading of the runbook that it links, which is the same in every language, and
 * what to do. What else is given goes over the defaults.
 */
export type Alarm = { name: string; Metric: Metric; section: string; Description: string } & Record<string, unknown>

type Metric = { Namespace: string; MetricName: string; Dimensions: { Name: string; Value: unknown }[] }

/** An alarm on one that happens within five minutes. */
export const ANY = { Statistic: 'Sum', Period: 300 }

/** The resources of alarms, by logical id without its end `Alarm`. All reach the stack's topic. */
export const alarmResources = (
  alarms: Record<string, Alarm>,
  { stage, checked: { runbookUrl } }: Pick<Settings, 'stage' | 'checked'>,
): Record<string, Resource> =>
  collect(alarms, (id, { name, Metric, section, Description, ...settings }) => ({
    [`${id}Alarm`]: {
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
    },
  }))

/** The messages of a queue. */
export const messagesIn = (queue: string): Metric => ({
  Namespace: 'AWS/SQS',
  MetricName: 'ApproximateNumberOfMessagesVisible',
  Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [queue, 'QueueName'] } }],
})

/** https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
export const functionMetric = (key: string, MetricName: string): Metric => ({
  Namespace: 'AWS/Lambda',
  MetricName,
  Dimensions: [{ Name: 'FunctionName', Value: ref(`${oslsId(key)}LambdaFunction`) }],
})

/** What a scheduled function writes with `writeMetrics` of lib/audit.ts. */
export const runMetric = (
  functionName: string,
  MetricName: string,
  dimensions: Record<string, string> = {},
): Metric => ({
  Namespace: 'SubscriptionOffboarding',
  MetricName,
  Dimensions: Object.entries({ FunctionName: functionName, ...dimensions }).map(([Name, Value]) => ({ Name, Value })),
})

/** How long the oldest target of an operation has waited, as each sweep counts it. The settings belong to every alarm on it. */
export const oldestWaiting = (operation: string, stage: string) => ({
  Metric: runMetric(`${stage}-${SWEEP}`, 'OldestWaitingSeconds', { Operation: operation }),
  // So that a period has a sweep in it.
  Period: 2 * 15 * 60,
})
