import { DescribeReplayCommand, ListArchivesCommand, StartReplayCommand } from '@aws-sdk/client-eventbridge'
import { InvokeCommand } from '@aws-sdk/client-lambda'
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import { beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { clientsOf } from './aws.ts'
import { openStage } from './queues.ts'
import { NEWCOMER, STAGE } from './setup.ts'
import { answerNext, forgetAnswers, operationCalls, vendorState } from './vendors.ts'

// Offboarding events on the deployed bus, through rules, functions and queues, with the roles' permissions enforced.

const cloud = inject('cloud')
const { events, lambda, secrets, sqs } = clientsOf(cloud)

let stage: Awaited<ReturnType<typeof openStage>>
beforeAll(async () => {
  stage = await openStage(cloud, STAGE)
})

/** Fifteen targets of five operations; the files alone are more than the vendor takes in a minute. */
const leaver = {
  offboardingId: 'hr-e2e-1',
  feishu: {
    openId: 'ou_leaver',
    calendar: true,
    calendarAcls: { openId: 'ou_custodian', calendarIds: ['feishu.cn_project@group.calendar.feishu.cn'] },
    approvalCodes: ['7C468A54-8745-2245-9675-08B7C63E7A86'],
    files: [
      ...[4, 7, 10, 13, 16, 19, 22, 25, 28].map((n) => ({
        fileToken: `doxcnSandbox${String(n).padStart(2, '0')}`,
        fileType: 'docx',
      })),
      { fileToken: 'fldcnSandbox01', fileType: 'folder', eventType: 'file.created_in_folder_v1' },
      { fileToken: 'doxcnSandboxMissing', fileType: 'docx' },
    ],
  },
  dingtalk: { unionId: 'sandboxUnionId01iE', calendarIds: ['sandboxCalendar02='] },
}
const TARGETS = 15

/** Every operation once and nothing changed: when all its outcomes are there, whatever was sent before it was seen. */
async function letEverythingBeSeen() {
  const files = leaver.feishu.files.slice(0, 1)
  const eventId = await stage.offboard({ ...leaver, dryRun: true, feishu: { ...leaver.feishu, files } })
  await stage.waitForOutcomes(eventId, 5)
}

describe('one event with targets for all operations', () => {
  let eventId: string
  let sentAtMs: number

  it('ends with the outcome of every target on the bus and nothing in any queue', async () => {
    sentAtMs = Date.now()
    eventId = await stage.offboard(leaver)
    const outcomes = await stage.waitForOutcomes(eventId, TARGETS)
    await stage.waitUntilEmpty()
    expect(outcomes).toHaveLength(TARGETS)
    const told = outcomes.map(
      ({ operation, outcome, input }) => `${operation} ${Object.values(input).join(' ')}: ${outcome}`,
    )
    expect(told.sort()).toEqual([
      'dingtalk-calendar-unsubscribe sandboxUnionId01iE sandboxCalendar02=: changed',
      'feishu-approval-unsubscribe 7C468A54-8745-2245-9675-08B7C63E7A86: unchanged',
      'feishu-calendar-acl-subscribe feishu.cn_project@group.calendar.feishu.cn ou_custodian: changed',
      'feishu-calendar-unsubscribe ou_leaver: changed',
      'feishu-drive-unsubscribe doxcnSandbox04 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox07 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox10 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox13 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox16 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox19 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox22 docx: changed',
      'feishu-drive-unsubscribe doxcnSandbox25 docx: unchanged',
      'feishu-drive-unsubscribe doxcnSandbox28 docx: changed',
      'feishu-drive-unsubscribe doxcnSandboxMissing docx: gone',
      'feishu-drive-unsubscribe fldcnSandbox01 folder file.created_in_folder_v1: changed',
    ])
    expect(new Set(outcomes.map(({ type }) => type))).toEqual(new Set(['Subscription Offboarding Finished']))
    expect(await stage.waitForCompletion(eventId)).toEqual({ changed: 12, unchanged: 2, gone: 1 })
  })

  it('adds nothing when the archive replays the same event', async () => {
    const before = await operationCalls(cloud.sandboxUrl)
    expect(Object.keys(before)).toContain('DELETE /open-apis/drive/v1/files/:file_token/delete_subscribe')
    await replay(sentAtMs)
    await letEverythingBeSeen()
    await stage.waitUntilEmpty()
    expect(await stage.outcomesOf(eventId)).toHaveLength(TARGETS)
    expect(await operationCalls(cloud.sandboxUrl)).toEqual(before)
  })

  it('changes nothing more when a new event says the same', async () => {
    const { subscriptions: before } = await vendorState(cloud.sandboxUrl)
    const again = await stage.offboard(leaver)
    const outcomes = await stage.waitForOutcomes(again, TARGETS)
    await stage.waitUntilEmpty()
    expect(outcomes).toHaveLength(TARGETS)
    // Calendars document no answer for a repeat: the sandbox takes it as a success.
    const changed = outcomes.filter(({ outcome }) => outcome === 'changed').map(({ operation }) => operation)
    expect(changed.filter((operation) => !operation.includes('calendar'))).toEqual([])
    expect((await vendorState(cloud.sandboxUrl)).subscriptions).toEqual(before)
  })
})

/** Has EventBridge deliver what was archived from then on once more, under the events' own ids. */
async function replay(fromMs: number): Promise<void> {
  const { Archives = [] } = await events.send(new ListArchivesCommand({}))
  const archive = Archives.find(({ EventSourceArn }) => EventSourceArn?.endsWith(`/${stage.EventBusName}`))
  expect(archive?.EventCount).toBeGreaterThan(0)
  const bus = archive?.EventSourceArn ?? ''
  const ReplayName = `replay-${Date.now()}`
  await events.send(
    new StartReplayCommand({
      ReplayName,
      EventSourceArn: bus.replace(/event-bus\/.*/, `archive/${archive?.ArchiveName}`),
      EventStartTime: new Date(fromMs - 1_000),
      EventEndTime: new Date(),
      Destination: { Arn: bus },
    }),
  )
  await vi.waitFor(async () => {
    const { State } = await events.send(new DescribeReplayCommand({ ReplayName }))
    expect(State).toBe('COMPLETED')
  })
}

it('an invalid event ends as one dead letter and one event that tells', async () => {
  const detail = { ...leaver, offboardingId: 'hr-e2e-invalid', feishu: { ...leaver.feishu, calender: true } }
  const eventId = await stage.offboard(detail)
  const [rejected] = await stage.waitForOutcomes(eventId, 1)
  expect(rejected).toMatchObject({ type: 'Subscription Offboarding Rejected', kind: 'invalid_request' })
  await letEverythingBeSeen()
  await stage.waitUntilEmpty({ [stage.deadLetters]: 1 })
  expect(await stage.outcomesOf(eventId)).toHaveLength(1)
  const [letter] = await stage.take(stage.deadLetters)
  expect(JSON.parse(letter?.Body ?? '')).toMatchObject({ id: eventId, detail })
  expect(letter?.MessageAttributes).toMatchObject({
    kind: { StringValue: 'invalid_request' },
    hint: { StringValue: expect.stringContaining('feishu.calender') },
  })
})

it('what fails for good is parked, and a redrive finishes it once the cause is mended', async () => {
  const detail = { offboardingId: 'hr-e2e-parked', feishu: { openId: NEWCOMER, calendar: true } }
  const eventId = await stage.offboard(detail)
  const [parked] = await stage.waitForOutcomes(eventId, 1)
  expect(parked).toMatchObject({ type: 'Subscription Offboarding Parked', kind: 'reauthorization_required' })
  await stage.waitUntilEmpty({ [stage.deadLetters]: 1 })

  const token = { accessToken: 'u-newcomer', accessTokenExpiresAt: inHours(2) }
  const renewal = { refreshToken: 'ur-newcomer', refreshTokenExpiresAt: inHours(100) }
  const Name = `subscription-offboarding/${STAGE}/feishu/user/${NEWCOMER}`
  await secrets.send(new CreateSecretCommand({ Name, SecretString: JSON.stringify({ ...token, ...renewal }) }))

  const [letter] = await stage.take(stage.deadLetters)
  const { operation } = JSON.parse(letter?.Body ?? '')
  const redriven = { MessageBody: letter?.Body, MessageGroupId: 'redrive', MessageDeduplicationId: letter?.MessageId }
  await sqs.send(new SendMessageCommand({ QueueUrl: stage.workQueueOf(operation), ...redriven }))
  const [, finished] = await stage.waitForOutcomes(eventId, 2)
  expect(finished).toMatchObject({ type: 'Subscription Offboarding Finished', outcome: 'changed' })
  await stage.waitUntilEmpty()
})

it('what fails for now steps aside to the retry queue, holds nothing up and is done from there', async () => {
  const offboard = (openId: string) =>
    stage.offboard({ offboardingId: `hr-e2e-aside-${openId}`, feishu: { openId, calendar: true } })
  const unsubscription = { method: 'POST', path: '/open-apis/calendar/v4/calendars/unsubscription' }
  const contention = { status: 400, body: { code: 96201, msg: 'data conflict' } }
  await answerNext(cloud.sandboxUrl, unsubscription, contention, 10)
  const failing = await offboard('ou_leaver')
  await stage.waitUntilEmpty({ [stage.retryQueueOf('feishu-calendar-unsubscribe')]: 1 })
  await forgetAnswers(cloud.sandboxUrl)

  const other = await offboard('ou_custodian')
  expect(await stage.waitForOutcomes(other, 1)).toMatchObject([{ outcome: 'changed' }])
  expect(await stage.outcomesOf(failing)).toEqual([])

  // A repeat comes after a minute, and after untried items of the last minute and a half.
  expect(await stage.waitForOutcomes(failing, 1, 160_000)).toMatchObject([
    { type: 'Subscription Offboarding Finished', outcome: 'changed', attempts: 1 },
  ])
  await stage.waitUntilEmpty()
}, 240_000)

const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString()

it('an event that a function throws on again and again is kept', async () => {
  const FunctionName = `${STAGE}-feishu-drive-unsubscribe`
  const event = { id: 'unknown', 'detail-type': 'Something Else', detail: {} }
  await lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload: JSON.stringify(event) }))
  await stage.waitUntilEmpty({ [stage.undelivered]: 1 })
  const [kept] = await stage.take(stage.undelivered)
  expect(JSON.parse(kept?.Body ?? '')).toMatchObject({
    requestContext: { condition: 'RetriesExhausted' },
    requestPayload: event,
    responsePayload: { errorMessage: 'Not an event of this function.' },
  })
})
