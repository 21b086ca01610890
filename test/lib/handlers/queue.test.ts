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
    // SQS holds back only what is behind an invisible message: all of them wait.
    expect(await state(drive)).toEqual(['inFlight', 'inFlight'])
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
    expect((await harness.queue(acl, [itemOf(acl), itemOf(acl, undefined, 'event-0')], { attributes })).failed).toEqual(
      [],
    )
    expect([calls(), harness.outcomes().length]).toEqual([2, 2])

    harness.sandbox.answer({ path: sampleOf(acl).route }, { ...broken, body: 'down' }, 6)
    const another = itemOf(acl).replace('event-1', 'event-2')
    expect((await harness.queue(acl, [another], { attributes })).failed).toEqual([])
    expect(await harness.aside(acl)).toHaveLength(1)
  })

  test('begins nothing that would not fit, and leaves it for at once', async () => {
    expect((await harness.queue(drive, files(1, 2), { remainingMs: 12_000 })).failed).toEqual([0, 1])
    expect(harness.sandbox.requests).toEqual([])
    expect(deferred()).toMatchObject([{ waitMs: 0, items: 2 }])
  })
})

describe('an item that fails for now', () => {
  const HOUR_MS = 60 * MINUTE_MS
  const repeat = (...numbers: number[]) => harness.receive(drive, files(...numbers), { isRepeat: true })
  /** The vendor answers others of the bucket. */
  const answerAnother = (number: number) => harness.queue(drive, files(number))

  test('steps aside to the second queue, as it was, and holds back no other', async () => {
    harness.sandbox.answer({ path: path(1) }, broken)
    expect((await harness.queue(drive, files(1, 2))).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed'])
    expect(await harness.aside(drive)).toMatchObject([{ body: file(1), state: 'delayed' }])
    expect(harness.sandbox.requests.filter((request) => request.path.startsWith(path(1)))).toHaveLength(1)
  })

  test('is tried again by its own clock, and parked half an hour after its first failure', async () => {
    harness.sandbox.answer({ path: path(1) }, broken, 10)
    await harness.queue(drive, files(1, 2))
    await answerAnother(3)
    const batch = await repeat(1)
    harness.clock.pass(15 * MINUTE_MS)
    expect((await batch.deliver()).failed).toEqual([0])
    expect(Math.round(Number(deferred().at(-1)?.waitMs) / MINUTE_MS)).toBe(15)
    harness.clock.pass(15 * MINUTE_MS)
    expect((await batch.deliver()).failed).toEqual([])
    const [letter] = await harness.deadLetters()
    expect(letter?.body).toBe(file(1))
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'unavailable' },
      code: { StringValue: '1069601' },
      hint: { StringValue: expect.any(String) },
      requestId: { StringValue: expect.any(String) },
    })
    expect(harness.outcomes().at(-1)).toMatchObject({ outcome: 'parked', scope: 'item' })
  })

  const ding = 'dingtalk-calendar-unsubscribe' as const
  const calendar = (number: number) =>
    itemOf(ding, { userId: 'sandboxUnionId01iE', calendarId: `sandboxCalendar0${number}=` })
  const busy = { status: 503, body: { code: 'serviceBusy' } }

  test('is tried again after as long as it has been failing, so that its last try is after half an hour', async () => {
    harness.sandbox.answer({ path: /sandboxCalendar01/ }, busy, 100)
    for (const number of [1, 2]) await harness.queue(ding, [calendar(number)], { bucket: 'dingtalk:default' })
    // The first of them ends the hold, and the next is an answer since then.
    for (const number of [2, 3]) {
      harness.clock.pass(10_000)
      await harness.queue(ding, [calendar(number)], { bucket: 'dingtalk:default' })
    }
    const batch = await harness.receive(ding, [calendar(1)], { isRepeat: true })
    const waits: number[] = []
    for (const passedMs of [2, 2, 4, 8]) {
      harness.clock.pass(passedMs * MINUTE_MS)
      expect((await batch.deliver()).failed).toEqual([0])
      waits.push(Math.round(Number(deferred().at(-1)?.waitMs) / MINUTE_MS))
    }
    expect(waits).toEqual([2, 4, 8, 14])
    harness.clock.pass(14 * MINUTE_MS)
    expect((await batch.deliver()).failed).toEqual([])
    expect(harness.outcomes().at(-1)).toMatchObject({ outcome: 'parked', scope: 'item' })
  })

  test('is tried as often as a probe while the vendor answers no other', async () => {
    harness.sandbox.answer({ path: /sandboxCalendar01/ }, busy, 100)
    await harness.queue(ding, [calendar(1)], { bucket: 'dingtalk:default' })
    const batch = await harness.receive(ding, [calendar(1)], { isRepeat: true })
    const waits: number[] = []
    for (let times = 0; times < 8; times++) {
      harness.clock.pass(6 * MINUTE_MS)
      expect((await batch.deliver()).failed).toEqual([0])
      waits.push(Math.round(Number(deferred().at(-1)?.waitMs) / 1_000))
    }
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 240, 240])
  })

  test('is not parked for a day while the vendor answers no other', async () => {
    harness.sandbox.answer({ path: path(1) }, broken, 10)
    await harness.queue(drive, files(1))
    const batch = await repeat(1)
    harness.clock.pass(23.9 * HOUR_MS)
    expect((await batch.deliver()).failed).toEqual([0])
    harness.clock.pass(0.2 * HOUR_MS)
    expect((await batch.deliver()).failed).toEqual([])
    expect(harness.outcomes()).toMatchObject([{ outcome: 'parked', kind: 'unavailable', code: '1069601' }])
  })

  test('has half an hour more when another that failed succeeds at last', async () => {
    for (const number of [1, 2]) harness.sandbox.answer({ path: path(number) }, broken)
    await harness.queue(drive, files(1, 2, 3))
    harness.clock.pass(29 * MINUTE_MS)
    expect((await (await repeat(2)).deliver()).failed).toEqual([])
    harness.clock.pass(2 * MINUTE_MS)
    await answerAnother(4)
    // Untried items go first for a while.
    harness.clock.pass(2 * MINUTE_MS)
    harness.sandbox.answer({ path: path(1) }, broken, 2)
    const batch = await repeat(1)
    expect((await batch.deliver()).failed).toEqual([0])
    expect(deferred().at(-1)).toMatchObject({ kind: 'unavailable' })
    harness.clock.pass(30 * MINUTE_MS)
    await answerAnother(5)
    await answerAnother(6)
    harness.clock.pass(2 * MINUTE_MS)
    expect((await batch.deliver()).failed).toEqual([])
    expect(harness.outcomes().at(-1)).toMatchObject({ outcome: 'parked' })
  })

  test('is not called gone where it starts a subscription: it is parked', async () => {
    const acl = 'feishu-calendar-acl-subscribe' as const
    harness.sandbox.answer({ path: sampleOf(acl).route }, { status: 404, body: { code: 191000, msg: '' } })
    await harness.queue(acl, [itemOf(acl)])
    expect(harness.outcomes()).toMatchObject([{ outcome: 'parked', kind: 'not_found', scope: 'item' }])
  })

  test('is tried, and parked only then, when SQS is about to delete it', async () => {
    const sentMsAgo = (14 * 24 - 0.26) * HOUR_MS
    expect((await harness.queue(drive, files(1), { sentMsAgo })).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed'])
    const throttled = { status: 429, headers: { 'x-ogw-ratelimit-reset': '58' }, body: { code: 99991400, msg: '' } }
    harness.sandbox.answer({ path: path(2) }, throttled)
    expect((await harness.queue(drive, files(2), { sentMsAgo })).failed).toEqual([])
    const [letter] = await harness.deadLetters()
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'rate_limited' },
      code: { StringValue: '99991400' },
      hint: { StringValue: expect.stringContaining('Redrive it') },
    })
  })

  test('that was parked is tried again, and not announced as what it was, when its event comes again', async () => {
    harness.sandbox.answer({ path: path(1) }, { status: 403, body: { code: 1069603, msg: 'forbidden' } })
    const batch = await harness.receive(drive, files(1))
    await batch.deliver()
    harness.sandbox.answer({ path: path(1) }, broken)
    await batch.deliver()
    harness.clock.pass(20 * MINUTE_MS)
    expect((await harness.queue(drive, files(1), { isRepeat: true })).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['parked', 'changed'])
  })

  test('alone in its bucket has a day: its own answers are none about another', async () => {
    harness.sandbox.answer({ path: path(1) }, { status: 400, body: { code: 1061045, msg: 'busy' } }, 10)
    await harness.queue(drive, files(1))
    const batch = await repeat(1)
    harness.clock.pass(23 * HOUR_MS)
    expect((await batch.deliver()).failed).toEqual([0])
    harness.clock.pass(HOUR_MS)
    expect((await batch.deliver()).failed).toEqual([])
  })

  test('for its user is not parked because the vendor answers others', async () => {
    const ofUser = itemOf(drive, { file_token: 'doxcnSandbox09', file_type: 'docx', open_id: 'ou_sandbox_leaver' })
    const denied = { type: 'AccessDeniedException', status: 400 }
    harness.secrets.fail('GetSecretValue', denied, 1)
    expect((await harness.queue(drive, [ofUser])).failed).toEqual([])
    for (const number of [2, 3, 4]) {
      harness.clock.pass(10_000)
      await answerAnother(number)
    }
    harness.clock.pass(2 * HOUR_MS)
    harness.secrets.fail('GetSecretValue', denied, 1)
    expect((await harness.queue(drive, [ofUser], { isRepeat: true })).failed).toEqual([0])
    expect(deferred().at(-1)).toMatchObject({ kind: 'misconfigured', scope: 'user' })
    expect(harness.outcomes().filter(({ outcome }) => outcome === 'parked')).toEqual([])
  })

  test('because its document is being migrated holds back no other, and has a day', async () => {
    const migrating = { status: 400, body: { code: 1064230, msg: '' } }
    harness.sandbox.answer({ path: path(1) }, migrating, 10)
    expect((await harness.queue(drive, files(1, 2))).failed).toEqual([])
    const batch = await repeat(1)
    for (const passedMs of [10 * MINUTE_MS, 40 * MINUTE_MS, 23 * HOUR_MS]) {
      harness.clock.pass(passedMs)
      expect((await batch.deliver()).failed).toEqual([0])
    }
    expect(deferred().at(-1)).toMatchObject({ scope: 'item', waitMs: 30 * MINUTE_MS })
    harness.clock.pass(HOUR_MS)
    expect((await batch.deliver()).failed).toEqual([])
    expect(harness.outcomes().at(-1)).toMatchObject({ outcome: 'parked', scope: 'item', code: '1064230' })
  })

  test('that has stepped aside is not worked by a copy of its message in the first queue', async () => {
    harness.sandbox.answer({ path: path(1) }, broken)
    const batch = await harness.receive(drive, files(1))
    expect((await batch.deliver()).failed).toEqual([])
    const calls = harness.sandbox.requests.length
    expect((await batch.deliver()).failed).toEqual([])
    expect([harness.sandbox.requests.length, harness.outcomes()]).toEqual([calls, []])
    harness.clock.pass(20 * MINUTE_MS)
    expect((await harness.queue(drive, files(1), { isRepeat: true })).failed).toEqual([])
    expect(harness.outcomes()).toMatchObject([{ outcome: 'changed' }])
  })

  test('stays where it is while the second queue takes nothing', async () => {
    harness.sandbox.answer({ path: path(1) }, broken)
    await harness.close()
    harness = await startHarness({ env: { RETRY_QUEUE_URL: 'http://127.0.0.1:9/000000000000/none' } })
    harness.sandbox.answer({ path: path(1) }, broken)
    expect((await harness.queue(drive, files(1, 2))).failed).toEqual([0])
  })
})

describe('a bucket', () => {
  const misconfigured = { status: 400, body: { code: 99991672, msg: 'Access denied' } }
  const holds = () => harness.outcomes().filter(({ type }) => type.endsWith(' Held'))

  test('whose settings are wrong is held: nothing is parked, one event and one line say why, and one probe ends it', async () => {
    harness.sandbox.answer({ path: /delete_subscribe/ }, misconfigured, 3)
    const batch = await harness.receive(drive, files(1, 2, 3))
    expect((await batch.deliver()).failed).toEqual([0, 1, 2])
    const calls = harness.sandbox.requests.length
    expect((await batch.deliver()).failed).toEqual([0, 1, 2])
    expect(harness.sandbox.requests).toHaveLength(calls)
    harness.clock.pass(5_000)
    expect((await batch.deliver()).failed).toEqual([])
    expect(holds()).toMatchObject([
      {
        operation: drive,
        bucket: 'feishu:default',
        kind: 'misconfigured',
        scope: 'bucket',
        code: '99991672',
        hint: expect.stringContaining('Enable the scope'),
        since: expect.any(String),
        nextTryAt: expect.any(String),
      },
    ])
    const lines = harness.log.filter(({ message }) => message === 'held' || message === 'released')
    expect(lines).toMatchObject([
      { message: 'held', level: 'WARN', kind: 'misconfigured', bucket: 'feishu:default' },
      { message: 'released', bucket: 'feishu:default' },
    ])
    expect(await harness.deadLetters()).toEqual([])
  })

  test('is announced at the next probe when the event could not be published', async () => {
    harness.retryAwsAtOnce()
    harness.sandbox.answer({ path: /delete_subscribe/ }, misconfigured, 2)
    harness.bus.fail('error', 3)
    const batch = await harness.receive(drive, files(1))
    await batch.deliver()
    expect(holds()).toEqual([])
    harness.clock.pass(5_000)
    await batch.deliver()
    expect(holds()).toHaveLength(1)
  })

  test('whose vendor answers with a page is tried with other items, and no item is parked', async () => {
    harness.sandbox.answer({ path: /delete_subscribe/ }, { status: 502, body: '<html>bad gateway</html>' }, 3)
    expect((await harness.queue(drive, files(1, 2, 3))).failed).toEqual([])
    expect(await harness.aside(drive)).toHaveLength(3)
    expect((await harness.queue(drive, files(4, 5))).failed).toEqual([0, 1])
    harness.clock.pass(5_000)
    expect((await harness.queue(drive, files(4, 5))).failed).toEqual([])
    expect(await harness.deadLetters()).toEqual([])
  })

  test('that is held for a day is given up item by item, with the reason', async () => {
    harness.sandbox.answer({ path: /delete_subscribe/ }, misconfigured, 1_000)
    let sentMsAgo = 0
    while (sentMsAgo < 24 * 60 * MINUTE_MS) {
      await harness.queue(drive, files(1, 2), { sentMsAgo })
      harness.clock.pass(30 * MINUTE_MS)
      sentMsAgo += 30 * MINUTE_MS
    }
    expect(harness.outcomes().filter(({ outcome }) => outcome)).toEqual([])
    expect((await harness.queue(drive, files(1, 2), { sentMsAgo })).failed).toEqual([])
    const reason = { outcome: 'parked', kind: 'misconfigured', scope: 'bucket', code: '99991672' }
    expect(harness.outcomes().filter(({ outcome }) => outcome)).toMatchObject([reason, reason])
    expect(holds()).toHaveLength(1)
  })

  test('counts no item as begun that was not tried', async () => {
    // Its container knows the bucket, and reserves without reading it.
    await harness.queue(drive, files(2))
    const batch = await harness.receive(drive, files(1))
    harness.retryAwsAtOnce()
    for (let delivery = 0; delivery < 8; delivery++) {
      harness.dynamoDb.fail('GetItem', { type: 'ThrottlingException', status: 400 }, 100)
      expect((await batch.deliver({ remainingMs: delivery % 2 === 0 ? 29_000 : 12_000 })).failed).toEqual([0])
      harness.dynamoDb.heal()
    }
    expect((await batch.deliver()).failed).toEqual([])
    expect(harness.outcomes()).toMatchObject([{ outcome: 'changed' }, { outcome: 'changed' }])
  })

  test('whose quota is used up keeps its patience when a probe meets another fault', async () => {
    const used = { status: 400, body: { code: 99991403, msg: 'used up' } }
    harness.sandbox.answer({ path: /delete_subscribe/ }, used)
    const batch = await harness.receive(drive, files(1, 2, 3), { sentMsAgo: 48 * 60 * MINUTE_MS })
    await batch.deliver()
    harness.clock.pass(6 * 60 * MINUTE_MS)
    harness.sandbox.answer({ path: /delete_subscribe/ }, { status: 502, body: 'bad gateway' })
    await batch.deliver()
    expect(await harness.deadLetters()).toEqual([])
  })

  test('of a dry run is not held', async () => {
    harness.secrets.fail('GetSecretValue', { type: 'AccessDeniedException', status: 400 }, 1)
    const item = JSON.stringify({ ...JSON.parse(file(1)), dryRun: true })
    expect((await harness.queue(drive, [item])).failed).toEqual([])
    expect(harness.outcomes()).toMatchObject([{ outcome: 'planned', expected: 'parked', kind: 'misconfigured' }])
    expect((await harness.queue(drive, files(1))).failed).toEqual([])
    expect(harness.outcomes().at(-1)).toMatchObject({ outcome: 'changed' })
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

  test('a dry run whose item would be parked leaves no letter', async () => {
    const item = { ...JSON.parse(itemOf('feishu-calendar-unsubscribe', { open_id: 'ou_nobody' })), dryRun: true }
    await harness.queue('feishu-calendar-unsubscribe', [JSON.stringify(item)])
    expect(harness.outcomes()).toMatchObject([{ outcome: 'planned', expected: 'parked' }])
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
    harness.secrets.fail('GetSecretValue', { type: 'InternalServiceError', status: 500 }, 3)
    expect((await harness.queue(drive, files(1))).failed).toEqual([])
    expect(await harness.aside(drive)).toHaveLength(1)
    harness.clock.pass(MINUTE_MS)
    expect((await harness.queue(drive, files(1), { isRepeat: true })).failed).toEqual([])
    expect(harness.outcomes().map(({ outcome }) => outcome)).toEqual(['changed'])
  })
})
