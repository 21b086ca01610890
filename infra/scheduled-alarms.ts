/** Alarms on the functions that run by the clock: on runs that do not come, and on what a run counts. */
import { type Alarm, functionMetric, runMetric } from './alarm.ts'
import {
  collect,
  idOf,
  NOTIFICATIONS,
  PEOPLE_INDEX,
  RENEWAL,
  type Settings,
  SWEEP,
  upperFirst,
} from './cloudformation.ts'

/** The alarms; of `functions`, those that the stage has, only some run by the clock. */
export const scheduledAlarms = (functions: object, { stage, vendors }: Settings): Record<string, Alarm> => ({
  ...collect(NOT_RUN, (key, { since, ...periods }) =>
    Object.hasOwn(functions, key)
      ? {
          [`${idOf(key)}NotRun`]: {
            name: `${key}-not-run`,
            Metric: functionMetric(key, 'Invocations'),
            Statistic: 'Sum',
            ...periods,
            Threshold: 1,
            ComparisonOperator: 'LessThanThreshold',
            TreatMissingData: 'breaching',
            section: 'not-run',
            Description: `${key} has not run for ${since}. Check its rule, then run it by hand.`,
          },
        }
      : {},
  ),
  ...collect(RENEWAL_COUNTS, (metric, { section, Description }) =>
    collect(vendors, (vendor) => ({
      [`${upperFirst(vendor)}${metric}`]: {
        name: `${RENEWAL}-${vendor}-${metric}`,
        Metric: runMetric(`${stage}-${RENEWAL}`, metric, { Vendor: vendor }),
        Period: 24 * 60 * 60,
        section,
        Description: `${vendor}: ${Description}`,
      },
    })),
  ),
  ...collect(SWEEP_COUNTS, (metric, { section, Description }) => ({
    [metric]: {
      name: section,
      Metric: runMetric(`${stage}-${SWEEP}`, metric),
      Period: 15 * 60,
      section,
      Description,
    },
  })),
})

/**
 * By the function. A period times its evaluations may be seven days, or one day where a period is shorter than an hour.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
const NOT_RUN = {
  [RENEWAL]: { since: 'two days', Period: 24 * 60 * 60, EvaluationPeriods: 2 },
  [PEOPLE_INDEX]: { since: 'two days', Period: 24 * 60 * 60, EvaluationPeriods: 2 },
  [SWEEP]: { since: 'an hour', Period: 60 * 60, EvaluationPeriods: 1 },
  [NOTIFICATIONS]: { since: 'an hour', Period: 60 * 60, EvaluationPeriods: 1 },
}

/** By the metric the scheduled renewal counts. */
const RENEWAL_COUNTS = {
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
const SWEEP_COUNTS = {
  UnplannedSendings: {
    section: 'unplanned-sendings',
    Description:
      'An offboarding event was not planned by every function within an hour: for this leaver something may not have been done. ' +
      '"npx offboarding letters list --kind undelivered" shows why. Fix the cause, then redrive.',
  },
  VanishedTargets: {
    section: 'vanished-targets',
    Description:
      'Targets were still open 14 days after they were queued, and SQS has deleted their messages. They were parked without ' +
      'a letter: send the offboarding event again.',
  },
}
