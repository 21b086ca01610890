/** Offboardings that are scheduled for later: one-time schedules of EventBridge Scheduler, in the stack's own group. */
import { createHash } from 'node:crypto'
import { DescribeEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge'
import {
  CreateScheduleCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from '@aws-sdk/client-scheduler'
import { failed, nameOf } from '../aws-errors.ts'
import { CommandError, UsageError } from '../command.ts'
import type { Connection } from '../stack/connection.ts'

/** So far ahead an offboarding may be scheduled. */
const MOST_MS = 366 * 86_400_000
/** As long as the bus's own rules try. */
const RETRY = { MaximumEventAgeInSeconds: 24 * 60 * 60, MaximumRetryAttempts: 185 }
/** Schedules that are read at once. */
const READ_AT_ONCE = 10

/** The moment that the option `--at` names, in epoch milliseconds. Throws `UsageError`. */
export function readTime(text: string, nowMs = Date.now()): number {
  const [, local = '', zone = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  if (local === '') throw new UsageError('--at must be a time with its zone, as in 2026-12-04T18:00+08:00')
  if (zone === '') throw new UsageError('--at needs the time zone, as in 2026-12-04T18:00+08:00')
  const ms = Date.parse(`${local}${zone}`)
  // A day that the month does not have becomes one of the next month.
  const isReal = new Date(Date.parse(`${local}Z`)).toJSON()?.startsWith(local)
  if (Number.isNaN(ms) || !isReal) throw new UsageError('--at is no date that exists')
  if (ms <= nowMs) throw new UsageError('--at is in the past. Nothing was scheduled.')
  if (ms > nowMs + MOST_MS) throw new UsageError('--at is more than a year ahead. Nothing was scheduled.')
  return ms
}

/** A name that any id has, and that says nothing of it. */
const scheduleName = (offboardingId: string): string =>
  createHash('sha256').update(offboardingId).digest('hex').slice(0, 40)

/** Has the event sent then. Throws `CommandError`, also when there is such an offboarding already. */
export async function schedule(
  connection: Connection,
  { offboardingId, type, detail, atMs }: { offboardingId: string; type: string; detail: unknown; atMs: number },
): Promise<void> {
  const { names } = connection
  const { group, role } = groupOf(connection)
  const eventBridge = new EventBridgeClient(connection.settings('eventbridge'))
  const { Arn: busArn = '' } = await eventBridge
    .send(new DescribeEventBusCommand({ Name: names.bus }))
    .catch(failed('events:DescribeEventBus', names.bus))
  const [, partition, , region, account] = busArn.split(':')
  await clientOf(connection)
    .send(
      new CreateScheduleCommand({
        Name: scheduleName(offboardingId),
        GroupName: group,
        ScheduleExpression: `at(${new Date(atMs).toISOString().slice(0, 19)})`,
        ScheduleExpressionTimezone: 'UTC',
        FlexibleTimeWindow: { Mode: 'OFF' },
        ActionAfterCompletion: 'DELETE',
        Target: {
          Arn: busArn,
          RoleArn: `arn:${partition}:iam::${account}:role${role}`,
          EventBridgeParameters: { DetailType: type, Source: names.source },
          Input: JSON.stringify(detail),
          RetryPolicy: RETRY,
          DeadLetterConfig: { Arn: `arn:${partition}:sqs:${region}:${account}:${names.undeliveredEventsQueue}` },
        },
      }),
    )
    .catch((error) => {
      if (nameOf(error) === 'ConflictException')
        throw new CommandError('this offboarding is scheduled already: cancel it first, or give another --id')
      return failed('scheduler:CreateSchedule', group)(error)
    })
}

export type Scheduled = { offboardingId: string /** ISO 8601. */; at: string }

/** What is scheduled, the earliest first. */
export async function listScheduled(connection: Connection): Promise<Scheduled[]> {
  const { group } = groupOf(connection)
  const client = clientOf(connection)
  const found: string[] = []
  for (let NextToken: string | undefined; ; ) {
    const page = await client
      .send(new ListSchedulesCommand({ GroupName: group, NextToken }))
      .catch(failed('scheduler:ListSchedules', group))
    found.push(...(page.Schedules ?? []).flatMap(({ Name }) => Name ?? []))
    NextToken = page.NextToken
    if (!NextToken) break
  }
  const all: Scheduled[] = []
  for (let first = 0; first < found.length; first += READ_AT_ONCE)
    await Promise.all(
      found.slice(first, first + READ_AT_ONCE).map(async (Name) => {
        const one = await client.send(new GetScheduleCommand({ GroupName: group, Name })).catch((error) => {
          // It has run meanwhile.
          if (nameOf(error) === 'ResourceNotFoundException') return undefined
          return failed('scheduler:GetSchedule', group)(error)
        })
        const [, time] = /^at\((.+)\)$/.exec(one?.ScheduleExpression ?? '') ?? []
        const offboardingId = readId(one?.Target?.Input)
        if (time !== undefined && offboardingId !== undefined) all.push({ offboardingId, at: `${time}Z` })
      }),
    )
  return all.sort((a, b) => (a.at < b.at ? -1 : 1))
}

function readId(input: string | undefined): string | undefined {
  try {
    const { offboardingId } = JSON.parse(input ?? '') as { offboardingId?: unknown }
    return typeof offboardingId === 'string' ? offboardingId : undefined
  } catch {
    return undefined
  }
}

/** Removes a schedule. Throws `CommandError` when there is none. */
export async function cancelSchedule(connection: Connection, offboardingId: string): Promise<void> {
  const { group } = groupOf(connection)
  await clientOf(connection)
    .send(new DeleteScheduleCommand({ GroupName: group, Name: scheduleName(offboardingId) }))
    .catch((error) => {
      if (nameOf(error) === 'ResourceNotFoundException')
        throw new CommandError('nothing is scheduled under this id: it was cancelled, has been sent, or never was')
      return failed('scheduler:DeleteSchedule', group)(error)
    })
}

const clientOf = (connection: Connection) => new SchedulerClient(connection.settings('scheduler'))

function groupOf({ names }: Connection) {
  if (names.schedules) return names.schedules
  throw new CommandError('this stack has no group of schedules')
}
