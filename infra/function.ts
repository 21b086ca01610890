/** What the functions in serverless.yml have in common, whatever they do. */
import { arnOf, type Checked, idOf, oslsId, ref, type Settings } from './cloudformation.ts'

/** The name of a function in its stage, its code and its role. */
export const functionOf = (key: string, stage: string) => ({
  name: `${stage}-${key}`,
  handler: `dist/${key}/index.handler`,
  package: { patterns: ['!**', `dist/${key}/**`] },
  role: `${idOf(key)}Role`,
})

/** Its route, as in `POST /offboardings`, for callers who say who they are. */
export function routeTo(route: string, { routeAuthorizer }: Checked) {
  const [method = '', path = ''] = route.split(' ')
  return { httpApi: { method, path, authorizer: routeAuthorizer } }
}

/** Its rule on the stack's bus, which tries again what Lambda does not accept. What is given up goes to the undelivered events. */
export const ruleOnBus = (name: string, pattern: object, stage: string) => ({
  eventBridge: {
    name: `${stage}-${name}`,
    eventBus: ref('EventBus'),
    pattern,
    retryPolicy: { maximumEventAge: 24 * 60 * 60, maximumRetryAttempts: 185 },
    deadLetterQueueArn: arnOf('UndeliveredEventsQueue'),
  },
})

/** Lambda tries again the events that the function threw on. What is given up goes to the undelivered events too. */
export const RETRY_THROWN = {
  maximumRetryAttempts: 2,
  maximumEventAge: 6 * 60 * 60,
  destinations: { onFailure: { type: 'sqs', arn: arnOf('UndeliveredEventsQueue') } },
}

/** The operations that each plan every event, as a comma list. */
export const namesOf = (operations: Settings['operations']): string => Object.keys(operations).join(',')

/**
 * What osls's `schedule` has no setting for: retries of a run that Lambda does not accept, and a place for one that is given up.
 * An extension replaces the whole list of targets.
 */
export const keepScheduledRun = (name: string, maximumEventAgeS: number) => ({
  [`${oslsId(name)}EventsRuleSchedule1`]: {
    Properties: {
      Targets: [
        {
          Id: `${name}Schedule`,
          Arn: arnOf(`${oslsId(name)}LambdaFunction`),
          RetryPolicy: { MaximumEventAgeInSeconds: maximumEventAgeS, MaximumRetryAttempts: 185 },
          DeadLetterConfig: { Arn: arnOf('UndeliveredEventsQueue') },
        },
      ],
    },
  },
})
