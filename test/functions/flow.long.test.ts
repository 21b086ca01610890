/** The whole path from event to outcomes: the bundles of dist/, wired as the compiled template says. */
import { randomUUID } from 'node:crypto'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileTemplate } from '../../infra/compile.ts'
import { loadOperations } from '../../infra/operations.ts'
import { readTemplate } from '../../infra/wiring.ts'
import type { PeekedMessage } from '../../local/aws/queues.ts'
import sample from '../../local/events/offboarding.json' with { type: 'json' }
import { sampleSecrets } from '../../local/sample-secrets.ts'
import { type Sandbox, sampleWorld, startSandbox } from '../../local/sandbox/sandbox.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { sampleOf } from '../harness.ts'
import { TARGETS } from '../sample-event.ts'

const DEAD_LETTERS = 'local-dead-letter.fifo'
const operations = await loadOperations()

let sandbox: Sandbox
let stack: Stack
const log: string[] = []
/** The sample event, tried and then sent, and what was to be seen after each. */
let tried: Awaited<ReturnType<typeof offboard>> & { writes: unknown[] }
let sent: Awaited<ReturnType<typeof offboard>> & { letters: PeekedMessage[] }

beforeAll(async () => {
  const template = await compileTemplate({ stage: 'local' })
  const variables = Object.assign({}, ...readTemplate(template, { queueUrl: String }).functions.map(({ env }) => env))
  sandbox = await startSandbox({ speed: 120 })
  stack = await startStack({
    template,
    env: sandbox.variables,
    secrets: sampleSecrets(sampleWorld(), variables),
    httpPort: 0,
    onLog: ({ line }) => log.push(line),
  })
  const dryRun = await offboard({ ...sample, dryRun: true })
  tried = { ...dryRun, writes: sandbox.requests.filter(({ path, method }) => !/token/i.test(path) && method !== 'GET') }
  sent = { ...(await offboard(sample)), letters: await stack.queues.messages(DEAD_LETTERS) }
})
afterAll(async () => {
  await stack.close()
  await sandbox.close()
})

type Outcome = { type: string; outcome: string; operation: string; input: object; eventId: string; hint?: string }

async function offboard(detail: object): Promise<{ eventId: string; outcomes: Outcome[] }> {
  const [rule] = stack.wiring.rules
  const client = new EventBridgeClient({
    endpoint: stack.bus.url,
    region: 'local',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  const { Entries = [] } = await client.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: rule?.bus,
          Source: String(rule?.pattern.source),
          DetailType: 'User Offboarding',
          Detail: JSON.stringify(detail),
        },
      ],
    }),
  )
  const eventId = Entries[0]?.EventId ?? ''
  await stack.drained()
  return { eventId, outcomes: outcomesOf(eventId) }
}

const outcomesOf = (eventId: string): Outcome[] =>
  stack.bus.events.flatMap(({ event }) => {
    const detail = event.detail as Outcome
    return detail.eventId === eventId && detail.outcome ? [{ ...detail, type: event['detail-type'] }] : []
  })

const completionsOf = (eventId: string) =>
  stack.bus.events.flatMap(({ event }) => {
    const detail = event.detail as { eventId?: string; completionId: string; counts: Record<string, number> }
    const isCompletion = event['detail-type'] === 'Subscription Offboarding Completed'
    return isCompletion && detail.eventId === eventId ? [detail] : []
  })

const count = (outcomes: Outcome[]) =>
  Object.fromEntries([...Map.groupBy(outcomes, ({ outcome }) => outcome)].map(([key, some]) => [key, some.length]))
const distinct = (outcomes: Outcome[]) =>
  new Set(outcomes.map(({ operation, input }) => JSON.stringify([operation, input])))

describe('an offboarding event', () => {
  test('as a dry run plans every target and changes nothing', () => {
    expect(count(tried.outcomes)).toEqual({ planned: TARGETS })
    expect(tried.writes).toEqual([])
  })

  test('ends with one event that counts its outcomes', () => {
    const [completion, ...others] = completionsOf(sent.eventId)
    expect(others).toEqual([])
    expect(completion).toMatchObject({ dryRun: false, redrive: 0, counts: count(sent.outcomes) })
    expect(completionsOf(tried.eventId)).toMatchObject([{ dryRun: true, counts: { planned: TARGETS } }])
  })

  test('ends with an outcome for every target, across the limit of 10 a minute, and the vendors agree', () => {
    const { outcomes, letters } = sent
    expect(count(outcomes)).toEqual({ changed: TARGETS - 6, unchanged: 4, gone: 1, parked: 1 })
    expect(distinct(outcomes).size).toBe(TARGETS)
    const { documents, approvals, users, calendars } = sandbox.state.world.feishu
    expect(documents.filter(({ subscribed, appManages }) => subscribed && appManages)).toEqual([])
    expect(approvals.filter(({ subscribed }) => subscribed)).toEqual([])
    expect(users.find(({ openId }) => openId === 'ou_leaver')?.calendarSubscribed).toBe(false)
    for (const id of sample.feishu.calendarAcls.calendarIds)
      expect(calendars.find(({ calendarId }) => calendarId === id)?.aclSubscribers).toContain('ou_custodian')
    for (const { calendarId, subscribers } of sandbox.state.world.dingtalk.calendars)
      if (sample.dingtalk.calendarIds.includes(calendarId)) expect(subscribers).not.toContain(sample.dingtalk.unionId)
    expect(letters.map(({ body }) => JSON.parse(body).input.file_token)).toEqual(['doxcnSandboxForbidden'])
  })

  test('delivered again adds nothing', async () => {
    await stack.bus.redeliver(tried.eventId)
    await stack.drained()
    expect(outcomesOf(tried.eventId)).toHaveLength(TARGETS)
  })

  test('sent anew for the same leaver ends as unchanged or changed', async () => {
    const { outcomes } = await offboard({
      ...sample,
      feishu: { ...sample.feishu, files: sample.feishu.files.slice(0, 9) },
    })
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['changed', 'unchanged']))
  })

  test.each([
    ['that selects nothing', {}],
    ['with an unknown field', { ...sample, feishu: { ...sample.feishu, fiels: [] } }],
    ['with one bad target among good ones', { ...sample, dingtalk: { unionId: 'u', calendarIds: ['ok', 'a/b'] } }],
  ])('%s is rejected whole: one dead letter, one event, no item', async (_, detail) => {
    const letters = (await stack.queues.messages(DEAD_LETTERS)).length
    const calls = sandbox.requests.length
    const invalid = { ...detail, offboardingId: `hr-${randomUUID()}` }
    const { eventId, outcomes } = await offboard(invalid)
    expect(outcomes).toMatchObject([
      { type: 'Subscription Offboarding Rejected', outcome: 'rejected', operation: null },
    ])
    const [letter, ...others] = (await stack.queues.messages(DEAD_LETTERS)).slice(letters)
    expect(others).toEqual([])
    expect(JSON.parse(letter?.body ?? '')).toMatchObject({ id: eventId, detail: invalid })
    expect(letter?.messageAttributes).toMatchObject({
      kind: { StringValue: 'invalid_request' },
      hint: { StringValue: outcomes[0]?.hint },
    })
    expect(sandbox.requests).toHaveLength(calls)
  })

  test('leaves no secret in any line the functions wrote, event or dead letter', async () => {
    const told = JSON.stringify([log, stack.bus.events, await stack.queues.messages(DEAD_LETTERS)])
    expect(log.length).toBeGreaterThan(TARGETS)
    const issued = sandbox.requests.flatMap(({ headers }) => [
      headers.authorization?.replace('Bearer ', ''),
      headers['x-acs-dingtalk-access-token'],
    ])
    for (const secret of new Set(['sandbox-app-secret', 'ur-sandbox-leaver', ...issued]))
      if (secret && told.includes(secret)) expect.fail(`a secret was told that begins with ${secret.slice(0, 4)}`)
  })
})

describe('the HTTP API', () => {
  const api = (method: string, path: string) => fetch(stack.apiUrl + path, { method })

  test.each(operations)('$route answers 200', async ({ name, route }) => {
    const { path, query } = sampleOf(name)
    const [method = '', template = ''] = route.split(' ')
    const filled = template.replace(/\{(\w+)\}/g, (_, field) => encodeURIComponent(path[field] ?? ''))
    const response = await api(method, `${filled}?${new URLSearchParams(query)}`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ operation: name })
  })

  test('an encoded slash in an id is refused', async () => {
    const response = await api('POST', '/feishu/approvals/a%2F..%2Fb/unsubscribe')
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })
})
