/** The queue entrance: pace, waits, parking, and what happens when AWS itself fails. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Harness, itemOf, sampleOf, startHarness } from '../../harness.ts'

const MINUTE_MS = 60_000
const drive = 'feishu-drive-unsubscribe' as const
const file = (number: number) =>
  itemOf(drive, {
    file_token: `doxcnSandbox${String(number).padStart(2, '0')}`,
    file_type: ['bitable', 'docx', 'sheet'][number % 3] ?? '',
  })
const files = (...numbers: number[]) => numbers.map(file)
const path = (number: number) => `/open-apis/drive/v1/files/doxcnSandbox0${number}/delete_subscribe`
const broken = { status: 500, body: { code: 1069601, msg: 'fail' } }

let harness: Harness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.close())

const deferred = () => harness.log.filter(({ message }) => message === 'deferred')
const state = async (name: typeof drive) => (await harness.waiting(name)).map(({ state }) => state).sort()

describe('a batch', () => {
  test('finishes every item with an event and an audit line, in one PutEvents call', async () => {
    expect((await harness.queue(drive, files(1, 2, 3, 9))).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed', 'changed', 'changed', 'unchanged'])
    expect(harness.bus.requests).toHaveLength(1)
    expect(harness.log.map(({ message, outcome, deliveries }) => [message, outcome, deliveries])).toEqual([
      ['finished', 'changed', 1],
      ['finished', 'changed', 1],
      ['finished', 'changed', 1],
      ['finished', 'unchanged', 1],
    ])
  })

  test('that meets a rate limit makes its bucket wait as long as the vendor says, in any container', async () => {
    harness.sandbox.answer(
      { path: path(1) },
      { status: 429, headers: { 'x-ogw-ratelimit-reset': '58' }, body: { code: 99991400, msg: '' } },
    )
    expect((await harness.queue(drive, files(1, 2, 3, 4))).failed).toEqual([0])
    expect(deferred()).toMatchObject([{ bucket: 'feishu:default', items: 1, waitMs: 58_000, kind: 'rate_limited' }])
    await harness.startCold()
    const calls = harness.sandbox.requests.length
    expect((await harness.queue(drive, files(5, 6))).failed).toEqual([0, 1])
    expect(harness.sandbox.requests).toHaveLength(calls)
    // One invisible message holds the whole group back; the others wait behind it.
    expect(await state(drive)).toEqual(['inFlight', 'visible'])
    harness.clock.pass(58_000)
    expect((await harness.queue(drive, files(5, 6))).failed).toEqual([])
  })

  test('sends what still fits into the minute, and leaves the rest until the minute is over', async () => {
    await harness.close()
    harness = await startHarness({ speed: 1 })
    expect((await harness.queue(drive, files(1, 2, 3, 4, 5, 6))).failed).toEqual([])
    await harness.startCold()
    expect((await harness.queue(drive, files(7, 8, 9, 10, 11, 12, 13, 14))).failed).toEqual([4, 5, 6, 7])
    expect(harness.sandbox.requests.filter(({ status }) => status === 429)).toEqual([])
    expect(harness.outcomes()).toHaveLength(10)
    const waitMs = Number(deferred().at(-1)?.waitMs)
    expect(waitMs).toBeGreaterThan(59_000)
    harness.clock.pass(waitMs)
    expect((await harness.queue(drive, files(11, 12, 13, 14))).failed).toEqual([])
    expect(harness.sandbox.requests.filter(({ status }) => status === 429)).toEqual([])
  })

  test.each([
    ['-1', 60_000],
    ['never', 60_000],
    ['0.2', 1_000],
    ['7', 7_000],
    ['1e99', 15 * MINUTE_MS],
  ])('a reset of %s becomes a wait of %i ms', async (reset, waitMs) => {
    harness.sandbox.answer(
      { path: path(1) },
      { status: 400, headers: { 'x-ogw-ratelimit-reset': reset }, body: { code: 99991400, msg: '' } },
    )
    await harness.queue(drive, files(1))
    expect(deferred()).toMatchObject([{ waitMs }])
  })

  test('one tenant waiting does not keep another from going on', async () => {
    const acl = 'feishu-calendar-acl-subscribe' as const
    const limited = { status: 429, headers: { 'x-ogw-ratelimit-reset': '30' }, body: { code: 99991400, msg: '' } }
    harness.sandbox.answer({ path: sampleOf(acl).route }, limited)
    expect((await harness.queue(acl, [itemOf(acl)], { bucket: 'feishu:a' })).failed).toEqual([0])
    expect((await harness.queue(acl, [itemOf(acl)], { bucket: 'feishu:b' })).failed).toEqual([])
  })

  test('of a limit per second waits for the moment when it may go on', async () => {
    await harness.close()
    harness = await startHarness({ speed: 1 })
    const ding = 'dingtalk-calendar-unsubscribe' as const
    const batch = (name: string) =>
      Array.from({ length: 10 }, (_, index) =>
        itemOf(ding, { userId: 'sandboxUnionId01iE', calendarId: 'sandboxCalendar01=' }).replace(
          'hr-1',
          `${name}-${index}`,
        ),
      )
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      expect((await harness.queue(ding, batch(name), { bucket: 'dingtalk:default' })).failed).toEqual([])
    const calls = harness.sandbox.requests.filter(({ path }) => path.includes('/calendars/'))
    expect(calls).toHaveLength(50)
    expect(calls.filter(({ status }) => status !== 200)).toEqual([])
    // 20 calls a second make two batches, and 5 % are for what happens on the way. Time passes only while something waits:
    // each batch for the 20 ms in which its reservation is written, or for its turn.
    const beginsMs = [0, 10, 20, 30, 40].map((index) => (calls[index]?.time ?? 0) - (calls[0]?.time ?? 0))
    expect(beginsMs).toEqual([0, 20, 1_050, 1_070, 2_100])
  })

  test.each([undefined, '', 'garbage'])('is worked through though its times are told as %j', async (time) => {
    const acl = 'feishu-calendar-acl-subscribe' as const
    const attributes = { SentTimestamp: time, ApproximateFirstReceiveTimestamp: time }
    const calls = () => harness.sandbox.requests.filter(({ path }) => path.includes('/acls/')).length
    expect((await harness.queue(acl, [itemOf(acl), itemOf(acl)], { attributes })).failed).toEqual([])
    expect([calls(), harness.outcomes().length]).toEqual([2, 2])

    harness.sandbox.answer({ path: sampleOf(acl).route }, { ...broken, body: 'down' }, 6)
    const another = itemOf(acl).replace('event-1', 'event-2')
    expect((await harness.queue(acl, [another], { attributes })).failed).toEqual([0])
    expect(deferred()).toMatchObject([{ waitMs: 5_000 }])
  })

  test('begins nothing that would not fit, and leaves it for at once', async () => {
    expect((await harness.queue(drive, files(1, 2), { remainingMs: 12_000 })).failed).toEqual([0, 1])
    expect(harness.sandbox.requests).toEqual([])
    expect(deferred()).toMatchObject([{ waitMs: 0, items: 2 }])
  })
})

describe('an item that fails', () => {
  const HOUR_MS = 60 * MINUTE_MS
  /** The waits before the two retries of one delivery, and each call's for its reservation. */
  const RETRIES_MS = 125 + 250 + 3 * 20

  test('is tried again after as long as it has been failing, up to 4 minutes', async () => {
    const waits: number[] = []
    const batch = await harness.receive(drive, files(1))
    for (const passedMs of [0, 20_000, 2 * MINUTE_MS, 60 * MINUTE_MS]) {
      harness.clock.pass(passedMs)
      harness.sandbox.answer({ path: path(1) }, broken, 3)
      expect((await batch.deliver()).failed).toEqual([0])
      waits.push(Number(deferred().at(-1)?.waitMs))
    }
    expect(waits).toEqual([5_000, 20_000 + RETRIES_MS, 140_000 + 2 * RETRIES_MS, 4 * MINUTE_MS])
  })

  test('gets a second chance in the batch when the vendor answers its neighbours', async () => {
    harness.sandbox.answer({ path: path(1) }, broken, 3)
    expect((await harness.queue(drive, files(1, 2))).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed', 'changed'])
  })

  test('is parked when it has failed for 5 minutes and the vendor answers its neighbours', async () => {
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    expect((await harness.queue(drive, files(1, 2))).failed).toEqual([0])
    harness.clock.pass(6 * MINUTE_MS)
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    expect((await harness.queue(drive, files(1, 3))).failed).toEqual([])
    const [letter] = await harness.deadLetters()
    expect(letter?.body).toBe(file(1))
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'unavailable' },
      code: { StringValue: '1069601' },
      hint: { StringValue: expect.any(String) },
      requestId: { StringValue: expect.any(String) },
    })
  })

  test('is parked as soon by a container that has not seen it before', async () => {
    const batch = await harness.receive(drive, files(1, 2))
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    expect((await batch.deliver()).failed).toEqual([0])
    await harness.startCold()
    harness.clock.pass(6 * MINUTE_MS)
    const again = await harness.receive(drive, files(1, 3))
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    expect((await again.deliver()).failed).toEqual([])
    expect(await harness.deadLetters()).toHaveLength(1)
  })

  test('is not parked before one more try, though the vendor answers its neighbours at the same moment', async () => {
    const ding = 'dingtalk-calendar-unsubscribe' as const
    const calendar = (number: number) =>
      itemOf(ding, { userId: 'sandboxUnionId01iE', calendarId: `sandboxCalendar0${number}=` })
    const fails = (times: number) =>
      harness.sandbox.answer({ path: /sandboxCalendar01/ }, { status: 503, body: { code: 'serviceBusy' } }, times)
    const bucket = 'dingtalk:default'
    fails(6)
    expect((await harness.queue(ding, [calendar(1), calendar(2)], { bucket })).failed).toEqual([0])
    harness.clock.pass(6 * MINUTE_MS)
    fails(3)
    const another = calendar(2).replace('event-1', 'event-2')
    expect((await harness.queue(ding, [calendar(1), another], { bucket })).failed).toEqual([])
    expect(await harness.deadLetters()).toEqual([])
  })

  test('is not parked at its first failure, however long it waited for its bucket before', async () => {
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    expect((await harness.queue(drive, files(1, 2), { ageMs: 2 * HOUR_MS })).failed).toEqual([0])
    expect(await harness.deadLetters()).toEqual([])
  })

  test('is not parked for hours while the vendor answers nobody', async () => {
    const batch = await harness.receive(drive, files(1, 2))
    for (const passedMs of [0, 23 * HOUR_MS]) {
      harness.clock.pass(passedMs)
      for (const number of [1, 2]) harness.sandbox.answer({ path: path(number) }, broken, 3)
      expect((await batch.deliver()).failed).toEqual([0, 1])
    }
    expect(await harness.deadLetters()).toEqual([])
  })

  test('is parked after 24 hours all the same', async () => {
    const batch = await harness.receive(drive, files(1))
    harness.sandbox.answer({ path: path(1) }, broken, 3)
    expect((await batch.deliver()).failed).toEqual([0])
    harness.clock.pass(25 * HOUR_MS)
    harness.sandbox.answer({ path: path(1) }, broken, 3)
    expect((await batch.deliver()).failed).toEqual([])
    expect(await harness.deadLetters()).toHaveLength(1)
  })

  test('is parked untried when SQS is about to delete it', async () => {
    const sentMsAgo = (14 * 24 - 0.5) * HOUR_MS
    expect((await harness.queue(drive, files(1), { sentMsAgo })).failed).toEqual([])
    expect(harness.sandbox.requests).toEqual([])
    const [letter] = await harness.deadLetters()
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'rate_limited' },
      hint: { StringValue: expect.stringContaining('Redrive it') },
    })
    expect((await harness.queue(drive, files(2), { sentMsAgo: sentMsAgo - 24 * HOUR_MS })).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['parked', 'changed'])
  })

  test('because its document is being migrated waits 10 minutes, and not only once', async () => {
    const migrating = { status: 400, body: { code: 1064230, msg: '' } }
    const batch = await harness.receive(drive, files(1, 2))
    for (const passedMs of [0, 10 * MINUTE_MS, 10 * MINUTE_MS]) {
      harness.clock.pass(passedMs)
      harness.sandbox.answer({ path: path(1) }, migrating, 2)
      expect((await batch.deliver()).failed).toEqual([0])
      expect(deferred().at(-1)).toMatchObject({ waitMs: 10 * MINUTE_MS })
    }
  })
})

describe('when AWS fails', () => {
  beforeEach(async () => {
    await harness.close()
    harness = await startHarness({ sdk: true })
  })
  const calls = () => harness.sandbox.requests.filter(({ path }) => path.includes('/files/')).length

  test('an outcome that could not be published is only published again, later and later; nothing is parked before it is', async () => {
    harness.retryAwsAtOnce()
    harness.bus.fail('error', 3 * 3)
    const forbidden = itemOf(drive, { file_token: 'doxcnSandboxForbidden', file_type: 'docx' })
    const batch = await harness.receive(drive, [file(1), forbidden])
    const waits: unknown[] = []
    for (const passedMs of [0, 30_000, 60 * MINUTE_MS]) {
      harness.clock.pass(passedMs)
      expect((await batch.deliver()).failed).toEqual([0, 1])
      waits.push(deferred().at(-1)?.waitMs)
    }
    expect(waits.map((ms) => Math.round(Number(ms) / 10_000))).toEqual([1, 3, 24])
    expect(await harness.deadLetters()).toEqual([])
    expect(harness.outcomes()).toEqual([])
    expect((await batch.deliver()).failed).toEqual([])
    expect(calls()).toBe(2)
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed', 'parked'])
    expect(await harness.deadLetters()).toHaveLength(1)
  })

  test('a parked item that comes again after it was announced is tried again', async () => {
    const batch = await harness.receive(drive, files(1))
    harness.sandbox.answer({ path: path(1) }, { status: 403, body: { code: 1069603, msg: 'forbidden' } })
    await batch.deliver()
    await batch.deliver()
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['parked', 'changed'])
  })

  test('what is done stays done, whatever is delivered again, to whatever container', async () => {
    const batch = await harness.receive(drive, files(1, 2))
    await batch.deliver()
    await harness.startCold()
    expect((await batch.deliver()).failed).toEqual([])
    expect(calls()).toBe(2)
  })

  test.each<[string, { type: string; status: number }, number]>([
    ['does not answer', { type: 'InternalServerError', status: 500 }, 5_000],
    ['throttles', { type: 'ThrottlingException', status: 400 }, 5_000],
    ['refuses', { type: 'AccessDeniedException', status: 400 }, 4 * MINUTE_MS],
  ])('a ledger that %s lets everything wait: nothing is called, nothing parked', async (_, fault, waitMs) => {
    harness.retryAwsAtOnce()
    harness.dynamoDb.fail('*', fault, 1_000)
    expect((await harness.queue(drive, files(1, 2))).failed).toEqual([0, 1])
    expect(calls()).toBe(0)
    expect(deferred()).toMatchObject([{ items: 2, waitMs }])
    expect(await harness.deadLetters()).toEqual([])
  })

  test('an outcome that could not be written is not published, and worked again', async () => {
    const batch = await harness.receive(drive, files(1))
    harness.dynamoDb.fail('PutItem', { type: 'InternalServerError', status: 500 }, 3)
    expect((await batch.deliver()).failed).toEqual([0])
    expect(harness.outcomes()).toEqual([])
    expect((await batch.deliver()).failed).toEqual([])
    expect(harness.outcomes()).toHaveLength(1)
  })

  test('a parked item of a dry run leaves no letter', async () => {
    const item = { ...JSON.parse(itemOf('feishu-calendar-unsubscribe', { open_id: 'ou_nobody' })), dryRun: true }
    await harness.queue('feishu-calendar-unsubscribe', [JSON.stringify(item)])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['parked'])
    expect(await harness.deadLetters()).toEqual([])
  })

  test('a partly refused PutEvents is completed', async () => {
    harness.bus.fail('partial', 2)
    expect((await harness.queue(drive, files(1, 2, 3))).failed).toEqual([])
    expect(harness.outcomes()).toHaveLength(3)
  })

  test('an item that could not be parked comes back', async () => {
    const { failed } = await harness.queue(drive, ['not JSON'], { deadLetterQueue: 'missing.fifo' })
    expect(failed).toEqual([0])
  })

  test('Secrets Manager out of reach is unavailable, and nothing is cached', async () => {
    harness.secrets.fail('GetSecretValue', { type: 'InternalServiceError', status: 500 }, 9)
    expect((await harness.queue(drive, files(1))).failed).toEqual([0])
    expect(deferred()).toMatchObject([{ kind: 'unavailable' }])
    expect((await harness.queue(drive, files(1))).failed).toEqual([])
  })
})
