/**
 * What watches over the stack: alarms that say what to do. Numbers come from where they are already: AWS's own metrics, and metrics made from
 * audit lines where an alarm needs one.
 */
import { type Alarm, ANY, alarmResources, functionMetric, messagesIn, oldestWaiting } from './alarm.ts'
import {
  CALLBACKS,
  collect,
  functionsOf,
  idOf,
  OFFBOARDINGS,
  type Osls,
  REGISTER,
  RESOLUTION,
  type Resource,
  ref,
  settings,
} from './cloudformation.ts'
import { lineFilters, lineMetric, TOKENS } from './line-metrics.ts'
import { alarmTopic } from './logs.ts'
import { operationAlarms } from './operation-alarms.ts'
import { registerRules } from './register-rules.ts'
import { scheduledAlarms } from './scheduled-alarms.ts'

const UNRESOLVED_S = 60 * 60
/** In five minutes: scanners come across the routes, and one push that fails now and then is the vendor's next try. */
const MANY_REFUSED = 50

/** Alarms with the topic they reach, and the metrics that they need. */
export async function alarms(osls: Osls): Promise<{ Resources: Record<string, Resource> }> {
  const all = await settings(osls)
  const { stage, operations, registerEvent, checked } = all
  const functions = await functionsOf(osls)
  /** Of the stack's own bus; those of schedules are of the account's. */
  const busRules = {
    ...operations,
    [RESOLUTION]: {},
    ...registerRules({ registerEvent }),
    ...(checked.robots.length > 0 && { robots: {} }),
  }
  const ruleMetric = (key: string, MetricName: string) => ({
    Namespace: 'AWS/Events',
    MetricName,
    Dimensions: [
      ...(Object.hasOwn(busRules, key) ? [{ Name: 'EventBusName', Value: ref('EventBus') }] : []),
      { Name: 'RuleName', Value: `${stage}-${key}` },
    ],
  })
  /** Those that events reach. */
  const { [OFFBOARDINGS]: _, [CALLBACKS]: __, ...asynchronous } = functions

  const watched: Record<string, Alarm> = {
    DeadLetters: {
      name: 'dead-letters',
      Metric: messagesIn('DeadLetterQueue'),
      section: 'dead-letters',
      Description:
        'Work was parked: a subscription of a leaver may still be active. "npx offboarding letters list" shows what and ' +
        'why. Fix the cause, then redrive. Letters expire after 14 days.',
    },
    UndeliveredEvents: {
      name: 'undelivered-events',
      Metric: messagesIn('UndeliveredEventsQueue'),
      section: 'undelivered-events',
      Description:
        'An offboarding event reached no function, or a function could not plan it: possibly nothing has been done for ' +
        'this leaver. "npx offboarding letters list --kind undelivered" shows which and why. Fix the cause, then ' +
        'redrive. Letters expire after 14 days.',
    },
    ...operationAlarms(all),
    UnresolvedLeavers: {
      name: 'unresolved-leavers',
      ...oldestWaiting(RESOLUTION, stage),
      Threshold: UNRESOLVED_S,
      section: 'unresolved-leavers',
      Description:
        'For an hour a leaver could not be found, because a vendor or its configuration fails: no subscription of theirs has ' +
        'been ended yet. "npx offboarding report ID" names the cause. After 24 hours the event is rejected.',
    },
    ResolutionFailedDestination: {
      name: `${RESOLUTION}-failed-destination`,
      Metric: functionMetric(RESOLUTION, 'DestinationDeliveryFailures'),
      ...ANY,
      section: 'dropped-events',
      Description:
        `Lambda could not put an event that ${RESOLUTION} failed on into the queue of undelivered events: the event is ` +
        'lost. Replay it from the archive.',
    },
    [`${idOf(REGISTER)}FailedDestination`]: {
      name: `${REGISTER}-failed-destination`,
      Metric: functionMetric(REGISTER, 'DestinationDeliveryFailures'),
      ...ANY,
      section: 'register',
      Description:
        `Lambda could not put an event that ${REGISTER} failed on into the queue of undelivered events: the event is lost, and ` +
        'the register may lack a subscription. Import what was registered at that time again.',
    },
    ...collect(functions, (key, { name }) => ({
      [`${idOf(key)}Errors`]: {
        name: `${key}-errors`,
        Metric: functionMetric(key, 'Errors'),
        ...ANY,
        section: 'errors',
        Description:
          `${key} crashed, timed out or could not start; a vendor call that fails does not count. Read ` +
          `/aws/lambda/${name} around the time of the alarm. Events and queued work are tried again by themselves.`,
      },
      [`${idOf(key)}Throttles`]: {
        name: `${key}-throttles`,
        Metric: functionMetric(key, 'Throttles'),
        ...ANY,
        section: 'throttles',
        Description:
          `Lambda refused to run ${key}: the account's concurrency is used up. Find what uses it, or ask AWS for a ` +
          'higher quota. HTTP callers got an error; events and queued work are tried again by themselves.',
      },
    })),
    ...collect(asynchronous, (key, { name }) => ({
      [`${idOf(key)}DroppedEvents`]: {
        name: `${key}-dropped-events`,
        Metric: functionMetric(key, 'AsyncEventsDropped'),
        ...ANY,
        section: 'dropped-events',
        Description:
          `Lambda gave up an event of ${key}: it failed on it too often, or could not start for too long. An offboarding ` +
          `event is in the queue of undelivered events; a scheduled run is lost until the next. Read /aws/lambda/${name}.`,
      },
    })),
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    ...collect(RULE_METRICS, (MetricName, { name, Description }) =>
      collect({ ...asynchronous, ...busRules }, (key) => ({
        [`${idOf(key)}${MetricName}`]: {
          name: `${key}-${name}`,
          Metric: ruleMetric(key, MetricName),
          ...ANY,
          section: 'failed-invocations',
          Description: `The rule of ${key}: ${Description}`,
        },
      })),
    ),
    ...collect(STRANDED_QUEUES, (queue, name) => ({
      [queue]: {
        name,
        Metric: messagesIn(queue),
        section: 'stranded',
        Description:
          'SQS gave up items after 1,000 deliveries, which the functions should have done long before. The sweep parks each ' +
          'within 15 minutes and leaves a letter. Find out why it never finished.',
      },
    })),
    ...scheduledAlarms(functions, all),
    UnstoredTokens: {
      name: 'unstored-tokens',
      Metric: lineMetric(TOKENS, 'Unstored', stage),
      ...ANY,
      section: 'unstored-tokens',
      Description:
        'Renewed tokens of a user could not be stored in the secret. The container that has them tries again with every ' +
        'call; if it ends before, the user must consent again. Restore access to Secrets Manager at once.',
    },
    ...(checked.vendorCallbacks && {
      RefusedCallbacks: {
        name: 'refused-callbacks',
        Metric: lineMetric(CALLBACKS, 'Refused', stage),
        ...ANY,
        Threshold: MANY_REFUSED,
        section: 'refused-callbacks',
        Description:
          `More than ${MANY_REFUSED} pushes were refused in five minutes: either the keys in a callback secret are not those of ` +
          "the vendor's console, or forged pushes arrive. The log lines say which.",
      },
    }),
  }
  return { Resources: { ...alarmResources(watched, all), ...lineFilters(all), ...alarmTopic(all) } }
}

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

/** The alarm's name by the queue. */
const STRANDED_QUEUES = { StrandedWorkQueue: 'stranded-work', StrandedRetriesQueue: 'stranded-retries' }
