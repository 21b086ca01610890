/** Tickets that vendors push: read anew when they are refused, awaited when they are missing, asked for once. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { soldWorld } from '../../../local/sandbox/sandbox.ts'
import { CALLBACK_VARIABLES, type Harness, itemOf, sampleOf, startHarness } from '../../harness.ts'

const FEISHU = 'feishu-approval-unsubscribe'
const DINGTALK = 'dingtalk-calendar-unsubscribe'
const APP_TICKET = CALLBACK_VARIABLES.FEISHU_APP_TICKET_SECRET_ID
const SUITE_TICKET = CALLBACK_VARIABLES.DINGTALK_SUITE_TICKET_SECRET_ID
const RESEND = '/open-apis/auth/v3/app_ticket/resend'

let harness: Harness
beforeEach(async () => {
  harness = await startHarness({ world: soldWorld(), isSold: true, env: CALLBACK_VARIABLES })
})
afterEach(() => harness.close())

const ofTenant = { queryStringParameters: { tenant_key: 'sandbox-tenant' } }
const countOf = (path: string) => harness.sandbox.requests.filter((request) => request.path === path).length
function setTickets(ticket: string) {
  const { feishu, dingtalk } = harness.sandbox.state.world
  for (const app of feishu.apps) app.appTicket = ticket
  for (const app of dingtalk.apps) app.suiteTicket = ticket
}
const push = (ticket: string) => {
  harness.secrets.seed(APP_TICKET, { appTicket: ticket, pushedAt: new Date().toISOString() })
  harness.secrets.seed(SUITE_TICKET, { suiteTicket: ticket, pushedAt: new Date().toISOString() })
}

test('the ticket that was pushed is used, whatever the app secret has', async () => {
  setTickets('ticket-2')
  push('ticket-2')
  harness.secrets.seed('test/feishu/app', {
    type: 'store',
    appId: 'cli_sandbox_store',
    appSecret: 'sandbox-store-secret',
    appTicket: 'ticket-1',
  })
  expect((await harness.http(FEISHU, ofTenant)).status).toBe(200)
  expect((await harness.http(DINGTALK)).status).toBe(200)
})

test('the ticket in the app secret is used where none was pushed', async () => {
  setTickets('ticket-1')
  harness.secrets.seed('test/feishu/app', {
    type: 'store',
    appId: 'cli_sandbox_store',
    appSecret: 'sandbox-store-secret',
    appTicket: 'ticket-1',
  })
  expect((await harness.http(FEISHU, ofTenant)).status).toBe(200)
  expect(countOf(RESEND)).toBe(0)
})

describe('a ticket that is missing', () => {
  test('is asked for once in ten minutes, awaited and used', async () => {
    harness.sandbox.state.resendTicket = () => {
      setTickets('ticket-1')
      push('ticket-1')
    }
    expect((await harness.http(FEISHU, ofTenant)).status).toBe(200)
    expect(countOf(RESEND)).toBe(1)
  })

  test('that does not come makes the call wait, and no other asks again', async () => {
    for (let count = 0; count < 3; count++) {
      const { status, headers, body } = await harness.http(FEISHU, ofTenant)
      expect([status, headers['retry-after'], body.kind]).toEqual([503, '5', 'unavailable'])
    }
    expect(countOf(RESEND)).toBe(1)
  })

  test('of DingTalk, which cannot be asked, is an operator’s to fix', async () => {
    const { body } = await harness.http(DINGTALK)
    expect(body).toMatchObject({ kind: 'misconfigured', hint: expect.stringContaining('vendorCallbacks=on') })
  })
})

describe('a ticket that the vendor refuses', () => {
  test.each([
    [FEISHU, ofTenant, '/open-apis/auth/v3/app_access_token'],
    [DINGTALK, {}, '/v1.0/oauth2/corpAccessToken'],
  ])('is read anew: %s', async (name, event, path) => {
    push('ticket-1')
    // The container knows the one before, and its token has ended.
    setTickets('ticket-1')
    expect((await harness.http(name, event)).status).toBe(200)
    harness.clock.pass(2 * 60 * 60_000)
    setTickets('ticket-2')
    push('ticket-2')
    const before = countOf(path)
    expect((await harness.http(name, event)).status).toBe(200)
    expect(countOf(path) - before).toBeLessThanOrEqual(2)
  })

  test.each([
    [FEISHU, ofTenant, '/open-apis/auth/v3/app_access_token'],
    [DINGTALK, {}, '/v1.0/oauth2/corpAccessToken'],
  ])('is not shown twice, and the call waits: %s', async (name, event, path) => {
    setTickets('ticket-2')
    push('ticket-1')
    // Too short for another try.
    const { status, body } = await harness.http(name, event, 8_000)
    expect([status, body.kind]).toEqual([503, 'unavailable'])
    expect(countOf(path)).toBe(1)
    push('ticket-2')
    expect((await harness.http(name, event)).status).toBe(200)
  })

  test.each([
    [FEISHU, ofTenant.queryStringParameters],
    [DINGTALK, {}],
  ])('holds the bucket, and no item steps aside: %s', async (name, tenant) => {
    setTickets('ticket-2')
    push('ticket-1')
    const input = { ...sampleOf(name).path, ...sampleOf(name).query, ...tenant }
    const items = ['event-1', 'event-2'].map((eventId) => itemOf(name, input, eventId))
    expect((await harness.queue(name, items)).failed).toEqual([0, 1])
    expect(await harness.aside(name)).toEqual([])
    const waits = harness.log.filter(({ message }) => message === 'deferred').map(({ waitMs }) => waitMs)
    expect(waits).toEqual([5_000])
    push('ticket-2')
    harness.clock.pass(5_000)
    expect((await harness.queue(name, items)).failed).toEqual([])
    expect(harness.outcomes()).toHaveLength(2)
  })
})
