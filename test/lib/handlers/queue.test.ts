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

  test('asks with one call first; a rate limit makes the bucket wait as long as the vendor says', async () => {
    harness.sandbox.answer(
      { path: path(1) },
      { status: 429, headers: { 'x-ogw-ratelimit-reset': '58' }, body: { code: 99991400, msg: '' } },
    )
    expect((await harness.queue(drive, files(1, 2, 3, 4))).failed).toEqual([0, 1, 2, 3])
    expect(harness.sandbox.requests.filter(({ path }) => path.includes('/files/'))).toHaveLength(1)
    expect(deferred()).toMatchObject([{ bucket: 'feishu:default', items: 4, waitMs: 58_000, kind: 'rate_limited' }])
    // One invisible message holds the whole group back; the others wait behind it.
    expect(await state(drive)).toEqual(['inFlight', 'visible', 'visible', 'visible'])
  })

  test('sends at once what still fits into the minute, and then one call that finds out', async () => {
    await harness.close()
    harness = await startHarness({ speed: 1 })
    expect((await harness.queue(drive, files(1, 2, 3, 4, 5, 6))).failed).toEqual([])
    expect((await harness.queue(drive, files(7, 8, 9, 10, 11, 12, 13, 14))).failed).toEqual([4, 5, 6, 7])
    const refused = harness.sandbox.requests.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(1)
    expect(harness.outcomes()).toHaveLength(10)
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

  test('of a limit per second ends no earlier than the next may begin', async () => {
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
    // 20 calls a second make two batches, and 5 % are for what happens on the way.
    const beginsMs = [0, 10, 20, 30, 40].map((index) => (calls[index]?.time ?? 0) - (calls[0]?.time ?? 0))
    expect(beginsMs).toEqual([0, 525, 1_050, 1_575, 2_100])
  })

  test.each([undefined, '', 'garbage'])('is worked through though its times are told as %j', async (time) => {
    const acl = 'feishu-calendar-acl-subscribe' as const
    const attributes = { SentTimestamp: time, ApproximateFirstReceiveTimestamp: time }
    const calls = () => harness.sandbox.requests.filter(({ path }) => path.includes('/acls/')).length
    expect((await harness.queue(acl, [itemOf(acl), itemOf(acl)], { attributes })).failed).toEqual([])
    expect([calls(), harness.outcomes().length]).toEqual([2, 2])

    harness.sandbox.answer({ path: sampleOf(acl).route }, { ...broken, body: 'down' }, 6)
    expect((await harness.queue(acl, [itemOf(acl)], { attributes })).failed).toEqual([0])
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
  /** The waits before the two retries of one delivery. */
  const RETRIES_MS = 125 + 250

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
    const batch = await harness.receive(drive, files(1, 2))
    expect((await batch.deliver()).failed).toEqual([0])
    harness.clock.pass(6 * MINUTE_MS)
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    expect((await batch.deliver()).failed).toEqual([])
    const [letter] = await harness.deadLetters()
    expect(letter?.body).toBe(file(1))
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'unavailable' },
      code: { StringValue: '1069601' },
      hint: { StringValue: expect.any(String) },
      requestId: { StringValue: expect.any(String) },
    })
  })

  test('is parked as soon by a container that has not seen it before, if its bucket has moved on since', async () => {
    harness.sandbox.answer({ path: path(1) }, broken, 6)
    const agesMs = [6 * MINUTE_MS, 0]
    expect((await harness.queue(drive, files(1, 2), { agesMs })).failed).toEqual([])
    expect(await harness.deadLetters()).toHaveLength(1)
  })

  test('is not parked before one more try, though the vendor answers its neighbours at the same moment', async () => {
    const ding = 'dingtalk-calendar-unsubscribe' as const
    const calendar = (number: number) =>
      itemOf(ding, { userId: 'sandboxUnionId01iE', calendarId: `sandboxCalendar0${number}=` })
    const fails = (times: number) =>
      harness.sandbox.answer({ path: /sandboxCalendar01/ }, { status: 503, body: { code: 'serviceBusy' } }, times)
    const batch = await harness.receive(ding, [calendar(1), calendar(2)], { bucket: 'dingtalk:default' })
    fails(6)
    expect((await batch.deliver()).failed).toEqual([0])
    harness.clock.pass(6 * MINUTE_MS)
    fails(3)
    expect((await batch.deliver()).failed).toEqual([])
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
    harness.sandbox.answer({ path: path(1) }, broken, 3)
    expect((await harness.queue(drive, files(1), { ageMs: 25 * HOUR_MS })).failed).toEqual([])
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
  test('an outcome that could not be published is done again, and nothing is parked before it is told', async () => {
    harness.bus.fail('error', 200)
    const forbidden = itemOf(drive, { file_token: 'doxcnSandboxForbidden', file_type: 'docx' })
    expect((await harness.queue(drive, [file(1), forbidden])).failed).toEqual([0, 1])
    expect(await harness.deadLetters()).toEqual([])
    expect(harness.outcomes()).toEqual([])
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
