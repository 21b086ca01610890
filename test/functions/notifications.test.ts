/** What the robots of group chats say and when. On a virtual clock that begins at nine in the morning, with the function's own code. */
import { expect, test } from 'vitest'
import { MINUTE_MS, parked, ROBOT_NAMES, type Robots, startRobots } from '../robots.ts'

const texts = (robots: Robots, name: (typeof ROBOT_NAMES)[number] = 'feishu') =>
  robots.messages(name).map(({ text }) => text)

test('says nothing where nothing needs an operator', async () => {
  const robots = await startRobots()
  await robots.runMinutes(3)
  expect(robots.vendors.state.messages).toEqual([])
})

test('sums up what needs an operator in one message, with counts and ids alone', async () => {
  const robots = await startRobots()
  for (let index = 0; index < 12; index++) robots.tell('Parked', parked(index))
  robots.tell('Parked', { ...parked(0), input: { file_token: 'doc99' }, kind: 'reauthorization_required' })
  robots.tell('Rejected', { offboardingId: 'hr-90', eventId: 'event-9', kind: 'invalid_request', input: null })
  robots.tell('Held', { operation: 'feishu-approval-unsubscribe', bucket: 'feishu:t1', kind: 'misconfigured' })
  await robots.run()
  for (const name of ROBOT_NAMES)
    expect(texts(robots, name)).toEqual([
      `[subscription-offboarding prod] Needs an operator now
Parked targets: 13 (forbidden 12, reauthorization_required 1)
Rejected events: 1
Offboardings: 13 (hr-0, hr-1, hr-2, hr-3, hr-4, hr-5, hr-6, hr-7, hr-8, hr-9, and 3 more)
On hold: feishu-approval-unsubscribe (misconfigured)
Details: npx offboarding letters list --stage prod`,
    ])
  await robots.runMinutes(3)
  expect(texts(robots)).toHaveLength(1)
})

test('says it in Chinese', async () => {
  const robots = await startRobots({ env: { ROBOT_LANGUAGE: 'zh', DIGEST_HOUR: '8' } })
  robots.list('hr-1', 'attention', robots.startedAtMs - MINUTE_MS)
  robots.tell('Parked', parked(1))
  await robots.run()
  expect(texts(robots)).toEqual([
    `[subscription-offboarding prod] 每日摘要（2026-11-23）
自 2026-11-22 08:59 起完成：0
进行中：0
等待人工处理：1（hr-1）
详情：npx offboarding list --stage prod

需要立即人工处理
已搁置的对象：1（forbidden 1）
涉及的离职处理：1（hr-1）
详情：npx offboarding letters list --stage prod`,
  ])
})

test('counts an event that comes twice once, and leaves out what is none', async () => {
  const robots = await startRobots()
  robots.tell('Parked', parked(1))
  robots.tell('Parked', parked(1))
  for (const body of ['', '{', '[]', '{"detail-type":"Subscription Offboarding Finished","detail":{}}'])
    robots.polled.get('feishu-robot')?.send(body)
  await robots.run()
  expect(texts(robots)[0]).toContain('Parked targets: 1 (forbidden 1)')
  expect(robots.left('feishu')).toBe(0)
})

test('shows no id that could be an address or markup, and counts it', async () => {
  const robots = await startRobots()
  for (const [index, id] of [
    'leaver@corp.example',
    '<at user_id="all">all</at>',
    '离职',
    'hr-1\nOpen: 0',
    'www.corp.example',
    'https:corp.example',
    'san.zhang',
    '13800138000',
    '+8613800138000',
    'leaver-13800138000',
    '86-138-0013-8000_2',
    'leave.11010119900307123X',
    '10.0.0.1:8080',
    'offboard-20261128090000',
    '2026.11.28-7',
    'hr-2',
  ].entries())
    robots.tell('Parked', parked(index, id))
  robots.tell('Held', { operation: '<at user_id="all"></at>', bucket: 'b', kind: 'misconfigured' })
  await robots.run()
  expect(texts(robots)[0]).toContain('Offboardings: 16 (offboard-20261128090000, 2026.11.28-7, hr-2, and 13 more)')
  expect(texts(robots)[0]).not.toMatch(/[<@]|离职|Open/)
})

test('the digest comes once a day at its hour, and counts each completed offboarding once', async () => {
  const robots = await startRobots({ env: { DIGEST_HOUR: '9' } })
  const at = (ms: number) => robots.startedAtMs + ms
  robots.list('hr-1', 'finished', at(-MINUTE_MS))
  robots.list('hr-2', 'finished', at(-26 * 60 * MINUTE_MS))
  robots.list('hr-3', 'finished', at(-MINUTE_MS), true)
  robots.list('hr-4', 'open', at(-MINUTE_MS))
  robots.list('hr-5', 'attention', at(-48 * 60 * MINUTE_MS))
  robots.list('hr-6', 'attention', at(-MINUTE_MS))
  await robots.runMinutes(5)
  expect(texts(robots)).toEqual([])
  await robots.runMinutes(5)
  const digest = (day: string, since: string, completed: number) =>
    `[subscription-offboarding prod] Daily digest, 2026-11-${day}
Completed since 2026-11-${since}: ${completed}
Open: 1
Waiting for an operator: 2 (hr-5, hr-6)
Details: npx offboarding list --stage prod`
  expect(texts(robots)).toEqual([digest('23', '22 09:04', 1)])
  robots.list('hr-7', 'finished', at(5 * MINUTE_MS))
  robots.list('hr-8', 'finished', at(600 * MINUTE_MS))
  // A day without a run: what was completed meanwhile is in the next digest.
  await robots.pass(47 * 60 * MINUTE_MS)
  await robots.runMinutes(120)
  expect(texts(robots).slice(1)).toEqual([digest('25', '23 09:04', 2)])
  expect(texts(robots, 'dingtalk')).toEqual(texts(robots))
})

test('takes no more than one message a minute, and twenty a day before it waits for the hour', async () => {
  const robots = await startRobots()
  await robots.runMinutes(180, { before: (minute) => robots.tell('Parked', parked(minute)) })
  const sent = robots.messages('dingtalk').map(({ atMs }) => atMs - robots.startedAtMs)
  expect(sent).toHaveLength(22)
  for (const [index, atMs] of sent.slice(1).entries()) {
    const waitMs = atMs - (sent[index] ?? 0)
    expect(waitMs).toBeGreaterThanOrEqual(index < 19 ? MINUTE_MS : 60 * MINUTE_MS)
    expect(waitMs).toBeLessThan(index < 19 ? 2.5 * MINUTE_MS : 62 * MINUTE_MS)
  }
  // Days are those of UTC, where the clock began at one o'clock.
  await robots.pass(22 * 60 * MINUTE_MS)
  const before = robots.messages('dingtalk').length
  await robots.runMinutes(10, { before: (minute) => robots.tell('Parked', parked(1_000 + minute)) })
  expect(robots.messages('dingtalk').length - before).toBeGreaterThanOrEqual(9)
})

test('the digest does not wait for the hour that other messages wait for', async () => {
  const robots = await startRobots({ env: { DIGEST_HOUR: '10' } })
  await robots.runMinutes(70, { before: (minute) => robots.tell('Parked', parked(minute)) })
  const digest = robots.messages('feishu').find(({ text }) => text.includes('Daily digest'))
  expect(digest?.atMs).toBeLessThan(robots.startedAtMs + 66 * MINUTE_MS)
  expect(digest?.text).toMatch(/Needs an operator now/)
})

test('of two containers at once one sends', async () => {
  const robots = await startRobots({ env: { DIGEST_HOUR: '8' } })
  robots.tell('Parked', parked(1))
  await robots.run(5)
  expect(texts(robots)).toHaveLength(1)
  expect(texts(robots, 'dingtalk')).toHaveLength(1)
})

test('what a robot does not take is in its next message, and the other robot has it at once', async () => {
  let isDown = true
  const robots = await startRobots({
    faults: { vendor: (path) => (isDown && path.includes('hook') ? { fault: 'html' } : undefined) },
  })
  robots.tell('Parked', parked(1))
  await robots.runMinutes(10, { before: (minute) => minute === 4 && robots.tell('Parked', parked(2)) })
  expect(texts(robots)).toEqual([])
  expect(texts(robots, 'dingtalk')).toHaveLength(2)
  isDown = false
  await robots.runMinutes(20)
  expect(texts(robots)).toEqual([expect.stringContaining('Parked targets: 2 (forbidden 2)')])
  expect(robots.left('feishu')).toBe(0)
})

test('a robot that has recovered sends by the minute again', async () => {
  let isDown = true
  const robots = await startRobots({
    robots: ['feishu'],
    faults: { vendor: () => (isDown ? { fault: 'html' } : undefined) },
  })
  const before = (minute: number) => robots.tell('Parked', parked(minute))
  await robots.runMinutes(10, { before })
  isDown = false
  await robots.runMinutes(16, { before })
  expect(texts(robots).length).toBeGreaterThan(5)
})

test('a robot that fails is asked less and less, and how long it has failed is measured for the alarm', async () => {
  const robots = await startRobots({
    robots: ['dingtalk'],
    faults: { vendor: () => ({ fault: 'answer', status: 200, body: { errcode: 310000 } }) },
  })
  robots.tell('Parked', parked(1))
  await robots.runMinutes(4 * 60)
  const tries = robots.log.filter(({ message }) => message === 'failed')
  expect(tries.length).toBeGreaterThan(5)
  expect(tries.length).toBeLessThan(12)
  expect(tries[0]).toMatchObject({ robot: 'dingtalk', kind: 'misconfigured', code: '310000' })
  const measured = robots.log.flatMap(({ FailingSeconds, Robot }) => (Robot === 'dingtalk' ? [FailingSeconds] : []))
  expect(measured[0]).toBe(0)
  expect(Number(measured.at(-1))).toBeGreaterThan(3 * 3_600)
})

test('a secret that is missing or leads elsewhere is named, and its content is in no log', async () => {
  const robots = await startRobots({
    secrets: {
      'robot/feishu': { url: 'https://example.com/open-apis/bot/v2/hook/abcdefgh-12345678' },
      'robot/dingtalk': { webhook: 'https://oapi.dingtalk.com/robot/send?access_token=abcdefgh-12345678' },
    },
  })
  robots.tell('Parked', parked(1))
  await robots.run()
  const hints = robots.log.filter(({ message }) => message === 'failed').map(({ kind, hint }) => `${kind}: ${hint}`)
  expect(hints.sort()).toEqual([
    expect.stringMatching(/^misconfigured: Store the documented JSON in the secret "robot\/dingtalk"/),
    expect.stringMatching(/^misconfigured: Store the webhook URL/),
  ])
  expect(JSON.stringify(robots.log)).not.toMatch(/abcdefgh|example\.com/)
})

test('the ledger out of reach fails the run, and nothing is sent without its turn', async () => {
  let isDown = true
  const robots = await startRobots({
    faults: { aws: (operation) => (isDown && operation === 'UpdateItem' ? 'denied' : undefined) },
  })
  robots.tell('Parked', parked(1))
  expect(await robots.run()).toMatchObject([{ status: 'rejected' }])
  expect(robots.vendors.state.messages).toEqual([])
  isDown = false
  await robots.runMinutes(5)
  expect(texts(robots)).toHaveLength(1)
})

test('a container that is killed after it has sent costs a second message at worst, two minutes later', async () => {
  let killed = 0
  const robots = await startRobots({
    robots: ['feishu'],
    faults: {
      aws: (operation) => (operation === 'DeleteMessageBatch' && killed++ === 0 ? 'killed-before' : undefined),
    },
  })
  robots.tell('Parked', parked(1))
  await robots.runMinutes(10)
  const [first, second] = robots.messages('feishu')
  expect(robots.messages('feishu')).toHaveLength(2)
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(MINUTE_MS)
  expect(robots.left('feishu')).toBe(0)
})

test('one that is killed before it has written that it sent keeps its turn for two minutes', async () => {
  let writes = 0
  const robots = await startRobots({
    robots: ['feishu'],
    env: { DIGEST_HOUR: '9' },
    // The digest, which is the second message: its turn is taken, it is sent, and its end is not written.
    faults: { aws: (operation) => (operation === 'UpdateItem' && ++writes === 4 ? 'killed-before' : undefined) },
  })
  robots.tell('Parked', parked(1))
  await robots.runMinutes(20)
  const [, second, third] = robots.messages('feishu')
  expect(texts(robots)).toEqual([
    expect.stringContaining('Parked'),
    expect.stringContaining('Daily digest'),
    expect.stringContaining('Daily digest'),
  ])
  expect((third?.atMs ?? 0) - (second?.atMs ?? 0)).toBeGreaterThan(1.5 * MINUTE_MS)
})
