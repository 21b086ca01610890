/** Alarms on each operation: work that waits, and what its vendor answers. */
import { type Alarm, ANY, functionMetric, oldestWaiting } from './alarm.ts'
import { collect, idOf, type Settings } from './cloudformation.ts'
import { lineMetric } from './line-metrics.ts'

const SLOW_MS = 5_000
const A_QUARTER_OF_AN_HOUR = { Period: 300, EvaluationPeriods: 3 }

/** The alarms of all operations. */
export const operationAlarms = ({
  stage,
  operations,
  checked: { oldestMessageAlarmSeconds },
}: Settings): Record<string, Alarm> =>
  collect(operations, (operation, { vendor }) => ({
    // Not SQS's ApproximateAgeOfOldestMessage, which leaves out what was received three times or more: a bucket that
    // waits for hours would raise no alarm.
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    [`${idOf(operation)}OldestMessage`]: {
      name: `${operation}-oldest-message`,
      ...oldestWaiting(operation, stage),
      Threshold: oldestMessageAlarmSeconds,
      section: 'oldest-message',
      Description:
        `A target of ${operation} has waited longer than ${oldestMessageAlarmSeconds} s: the vendor keeps refusing or ` +
        'throttling, or there is more work than its rate limit lets through. The saved query "deferrals by bucket" ' +
        'shows which. Items expire after 14 days.',
    },
    [`${idOf(operation)}Held`]: {
      name: `${operation}-held`,
      Metric: lineMetric(operation, 'Held', stage),
      ...ANY,
      section: 'held',
      Description:
        `Work of ${operation} waits for ${vendor}: it needs an operator, or has waited for an hour. The line "held" of ` +
        `/aws/lambda/${stage}-${operation} has the reason. It goes on by itself when the cause is gone; nothing is parked ` +
        'before 24 hours.',
    },
    [`${idOf(operation)}FailedDestination`]: {
      name: `${operation}-failed-destination`,
      Metric: functionMetric(operation, 'DestinationDeliveryFailures'),
      ...ANY,
      section: 'dropped-events',
      Description:
        `Lambda could not put an event that ${operation} failed on into the queue of undelivered events: the event is ` +
        'lost. Replay it from the archive.',
    },
    [`${idOf(operation)}VendorFaults`]: {
      name: `${operation}-vendor-faults`,
      Metric: lineMetric(operation, 'VendorFaults', stage),
      ...A_QUARTER_OF_AN_HOUR,
      Statistic: 'Sum',
      section: 'vendor-faults',
      Description:
        `For 15 minutes calls of ${operation} to ${vendor} have failed without a usable answer: faults, silence, or ` +
        'something its documents do not describe. Queued work is tried again for 24 hours; HTTP callers get 502 to 504.',
    },
    [`${idOf(operation)}VendorSlow`]: {
      name: `${operation}-vendor-slow`,
      Metric: lineMetric(operation, 'CallMs', stage),
      ...A_QUARTER_OF_AN_HOUR,
      Statistic: 'Average',
      Threshold: SLOW_MS,
      section: 'vendor-slow',
      Description:
        `For 15 minutes a call of ${operation} to ${vendor} has taken more than ${SLOW_MS / 1_000} s on average. ` +
        'An answer that does not come in the time that a function has is given up and tried again.',
    },
  }))
