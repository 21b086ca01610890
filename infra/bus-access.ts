// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** Who may put what on the event bus. */
import { allow, arnOf, type Resource, ref, type Settings, sub } from './cloudformation.ts'
import { forEvents } from './conditions.ts'

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
export const acceptOtherAccounts = ({
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
