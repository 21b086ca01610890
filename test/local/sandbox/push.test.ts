/** `POST /_sandbox/push`: an event as its vendor pushes it, to the URL that was registered. */
import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { close, listen, readBody } from '../../../cli/loopback.ts'
import { type Sandbox, startSandbox } from '../../../local/sandbox/sandbox.ts'

let sandbox: Sandbox
const received: { url: string | undefined; body: string }[] = []
const server = createServer(async (request, response) => {
  received.push({ url: request.url, body: String(await readBody(request)) })
  response.end('{"taken":true}')
})
beforeEach(async () => {
  sandbox = await startSandbox()
  received.length = 0
})
afterEach(() => sandbox.close())

const push = async (order: object) => {
  const response = await fetch(`${sandbox.url}/_sandbox/push`, { method: 'POST', body: JSON.stringify(order) })
  return { status: response.status, body: await response.json() }
}

test('pushes, and says what was answered', async () => {
  sandbox.pushTo(await listen(server))
  try {
    const { appTicket } = sandbox.state.world.feishu.apps[1] ?? {}
    expect(await push({ event: 'app_ticket', rotate: true })).toEqual({
      status: 200,
      body: { status: 200, body: { taken: true } },
    })
    expect(sandbox.state.world.feishu.apps[1]?.appTicket).not.toBe(appTicket)
    await push({ event: 'user_leave_org', user: 'sandboxUser01' })
    expect(received).toMatchObject([
      { url: '/feishu/callback?', body: expect.stringMatching(/^\{"encrypt":"/) },
      { url: expect.stringMatching(/^\/dingtalk\/callback\?msg_signature=[0-9a-f]{40}&/) },
    ])
    expect(sandbox.state.world.dingtalk.users[0]?.hasLeft).toBe(true)
  } finally {
    await close(server)
  }
})

test.each([
  [{ event: 'app_ticket' }, 'nothing takes what is pushed'],
  [{ event: 'made_up' }, 'event: Invalid'],
  [{ event: 'contact.user.deleted_v3' }, 'nothing takes what is pushed'],
])('refuses %j where nothing takes it or it is none', async (order, error) => {
  expect(await push(order)).toEqual({ status: 400, body: { error: expect.stringContaining(error) } })
})
