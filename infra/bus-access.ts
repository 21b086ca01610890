// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** Who may put what on the event bus, and into the queues that all functions share. */
import {
  allow,
  arn,
  arnOf,
  type Osls,
  PEOPLE_INDEX,
  RENEWAL,
  RESOLUTION,
  type Resource,
  ref,
  type Settings,
  SWEEP,
  settings,
  sub,
} from './cloudformation.ts'
import { forEvents } from './conditions.ts'
import { queuePolicy } from './queues.ts'
import { registerRules } from './register-rules.ts'

/** What the functions publish, and with which source: lib/aws/eventbridge.ts. */
const OUTCOME_SOURCE = 'subscription-offboarding'
type Outcome = 'Finished' | 'Parked' | 'Rejected' | 'Held' | 'Completed'

/** The statement of a function that publishes these outcomes. It does not let it order an offboarding. */
export const reportOutcomes = (...outcomes: Outcome[]) =>
  allow(
    'ReportOutcomes',
    'events:PutEvents',
    arnOf('EventBus'),
    forEvents(
      OUTCOME_SOURCE,
      outcomes.map((outcome) => `Subscription Offboarding ${outcome}`),
    ),
  )

/** The statement of the function that says what the vendors say of people. */
export const announceDepartures = () =>
  allow('AnnounceDepartures', 'events:PutEvents', arnOf('EventBus'), forEvents(OUTCOME_SOURCE, 'User Departed'))

/** The statement of a function that orders offboardings, as a customer's system does, and does nothing else in its name. */
export const orderOffboardings = ({ source, 'detail-type': types }: Settings['offboardingEvent']) =>
  allow('OrderOffboardings', 'events:PutEvents', arnOf('EventBus'), forEvents(source, types))

/** Lets other accounts order offboardings and keep the register, and nothing else, if there are any. */
const acceptOtherAccounts = ({
  offboardingEvent,
  leavingEvent,
  registerEvent,
  checked,
}: Settings): Record<string, Resource> =>
  checked.putEventsAccounts.length === 0
    ? {}
    : {
        EventBusPolicy: {
          Type: 'AWS::Events::EventBusPolicy',
          Properties: {
            EventBusName: ref('EventBus'),
            StatementId: 'OffboardingEventsOfOtherAccounts',
            Statement: {
              ...allow(
                'OffboardingEventsOfOtherAccounts',
                'events:PutEvents',
                arnOf('EventBus'),
                forEvents(
                  offboardingEvent.source,
                  [offboardingEvent, leavingEvent, registerEvent].flatMap((event) => event['detail-type']),
                ),
              ),
              Principal: {
                AWS: checked.putEventsAccounts.map((account) => sub(`arn:\${AWS::Partition}:iam::${account}:root`)),
              },
            },
          },
        },
      }

/** Who may send what to the shared queues and to the bus. */
export async function eventAccess(osls: Osls) {
  const all = await settings(osls)
  const { stage, operations, registerEvent, checked } = all
  const rules = [
    ...[...Object.keys(operations), RESOLUTION, ...Object.keys(registerRules({ registerEvent }))].map(
      (name) => `${checked.bus}/${stage}-${name}`,
    ),
    // Schedules are rules of the account's own bus, which their ARNs leave out.
    ...[RENEWAL, SWEEP, ...(checked.dingtalkPeopleIndex ? [PEOPLE_INDEX] : [])].map((name) => `${stage}-${name}`),
  ].map((rule) => arn('events', `rule/${rule}`))
  return {
    Resources: {
      DeadLetterQueuePolicy: queuePolicy('DeadLetterQueue'),
      StrandedWorkQueuePolicy: queuePolicy('StrandedWorkQueue'),
      StrandedRetriesQueuePolicy: queuePolicy('StrandedRetriesQueue'),
      UndeliveredEventsQueuePolicy: queuePolicy('UndeliveredEventsQueue', {
        ...allow('UndeliveredByOurRules', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue'), {
          ArnEquals: { 'aws:SourceArn': rules },
        }),
        Principal: { Service: 'events.amazonaws.com' },
      }),
      ...acceptOtherAccounts(all),
    },
  }
}
