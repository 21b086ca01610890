/** The policy of an operator who sends events, follows them and handles dead letters in one stage. */

import { forEvents, forKeys } from '../../infra/conditions.ts'
import { operationNames } from '../../infra/operations.ts'
import { LEAVING } from '../../lib/leaving-event.ts'
import { OFFBOARDING } from '../../lib/offboarding-event.ts'
import { ENDED, REGISTERED } from '../../lib/register-event.ts'

const arn = (service: string, resource: string) => `arn:aws:${service}:REGION:ACCOUNT:${resource}`

const TABLE = arn('dynamodb', 'table/STAGE-ledger')

/** docs/operator-policy.json; REGION, ACCOUNT and STAGE are filled in by its reader. */
export const operatorPolicy = () => ({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'SendOffboardingEvents',
      Effect: 'Allow',
      Action: 'events:PutEvents',
      Resource: arn('events', 'event-bus/subscription-offboarding-STAGE'),
      Condition: forEvents('hr.offboarding', [OFFBOARDING, LEAVING, REGISTERED, ENDED]),
    },
    {
      Sid: 'ScheduleOffboardings',
      Effect: 'Allow',
      Action: ['scheduler:CreateSchedule', 'scheduler:GetSchedule', 'scheduler:DeleteSchedule'],
      Resource: arn('scheduler', 'schedule/subscription-offboarding-STAGE/*'),
    },
    {
      // It knows no resources.
      Sid: 'ListScheduled',
      Effect: 'Allow',
      Action: 'scheduler:ListSchedules',
      Resource: '*',
    },
    {
      Sid: 'FindBus',
      Effect: 'Allow',
      Action: 'events:DescribeEventBus',
      Resource: arn('events', 'event-bus/subscription-offboarding-STAGE'),
    },
    {
      Sid: 'LetSchedulesSend',
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: 'arn:aws:iam::ACCOUNT:role/subscription-offboarding/STAGE/REGION/STAGE-schedules-REGION',
      Condition: { StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' } },
    },
    {
      Sid: 'ReadOffboardings',
      Effect: 'Allow',
      Action: ['dynamodb:GetItem', 'dynamodb:Query'],
      Resource: TABLE,
      Condition: forKeys('offboarding#*', 'bucket#*'),
    },
    {
      Sid: 'ListOffboardings',
      Effect: 'Allow',
      Action: 'dynamodb:Query',
      Resource: `${TABLE}/index/state`,
    },
    {
      Sid: 'HandleDeadLetters',
      Effect: 'Allow',
      Action: [
        'sqs:GetQueueUrl',
        'sqs:GetQueueAttributes',
        'sqs:ReceiveMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
      ],
      Resource: [arn('sqs', 'STAGE-dead-letter.fifo'), arn('sqs', 'STAGE-undelivered-events')],
    },
    {
      Sid: 'EnterRedrives',
      Effect: 'Allow',
      Action: ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      Resource: TABLE,
      Condition: forKeys('offboarding#*'),
    },
    {
      Sid: 'RedriveWorkItems',
      Effect: 'Allow',
      Action: ['sqs:GetQueueUrl', 'sqs:SendMessage'],
      Resource: operationNames.map((name) => arn('sqs', `STAGE-${name}.fifo`)),
    },
  ],
})
