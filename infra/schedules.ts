// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Fn::Sub's placeholders, filled in by CloudFormation
/** Offboardings that are scheduled for later: the group that their schedules are in, and the role that sends their events. */
import { allow, arn, arnOf, type Osls, settings, sub } from './cloudformation.ts'
import { forEvents } from './conditions.ts'
import { role } from './roles.ts'

/** Group and role, for serverless.yml. An operator makes the schedules (cli/leavers/schedules.ts). */
export async function schedules(osls: Osls) {
  const all = await settings(osls)
  const { stage, service, offboardingEvent, leavingEvent } = all
  const group = `${service}-${stage}`
  const types = [leavingEvent, offboardingEvent].flatMap((event) => event['detail-type'])
  return {
    Resources: {
      ScheduleGroup: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: group } },
      SchedulesRole: role(
        'schedules',
        [
          allow('SendScheduled', 'events:PutEvents', arnOf('EventBus'), forEvents(offboardingEvent.source, types)),
          allow('SetAside', 'sqs:SendMessage', arnOf('UndeliveredEventsQueue')),
        ],
        all,
        {
          Principal: { Service: 'scheduler.amazonaws.com' },
          Condition: {
            StringEquals: { 'aws:SourceAccount': sub('${AWS::AccountId}') },
            ArnEquals: { 'aws:SourceArn': arn('scheduler', `schedule-group/${group}`) },
          },
        },
      ),
    },
  }
}
