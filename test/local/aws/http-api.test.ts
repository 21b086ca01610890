/** The HTTP API: who may call it, payload 2.0, its own answers, routes. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { expect, onTestFinished, test } from 'vitest'
import { findRoute, startHttpApi } from '../../../local/aws/http-api.ts'
import { statusOf } from './clients.ts'

const echo = async (event: APIGatewayProxyEventV2) => ({ statusCode: 200, body: JSON.stringify(event) })
const route = (routeKey: string) => ({ routeKey, invoke: echo })

test.each([
  ['another site by its own origin', { origin: 'https://evil.example' }, 403],
  ['another server on this machine', { origin: 'http://127.0.0.1:1' }, 403],
  ['a sandboxed frame', { origin: 'null' }, 403],
  ['a name that was made to resolve to this machine', { host: 'evil.example:8787' }, 403],
  ['the page that is served here', {}, 200],
  ['a command', { origin: undefined }, 200],
])('takes a request of %s as it should: %j', async (_, headers, status) => {
  const api = await startHttpApi({ routes: [route('POST /x')] })
  onTestFinished(() => api.close())
  const { host, origin } = new URL(api.url)
  expect(await statusOf(`${api.url}/x`, { host, origin, ...headers })).toBe(status)
})

test('builds payload 2.0: decoded parameters, joined queries, lower-case headers, cookies', async () => {
  const api = await startHttpApi({ routes: [route('POST /files/{file_token}/x')] })
  onTestFinished(() => api.close())
  const response = await fetch(`${api.url}/files/a%2Fb%20c/x?dry_run=true&id=1&id=2&q=a%26b&empty=`, {
    method: 'POST',
    headers: { 'X-Custom': 'One', cookie: 'a=1; b=2', 'content-type': 'application/json', 'user-agent': 'test' },
    body: '{"ä":1}',
  })
  const event = (await response.json()) as APIGatewayProxyEventV2
  expect(event).toMatchObject({
    version: '2.0',
    routeKey: 'POST /files/{file_token}/x',
    rawPath: '/files/a/b c/x',
    rawQueryString: 'dry_run=true&id=1&id=2&q=a%26b&empty=',
    cookies: ['a=1', 'b=2'],
    headers: { 'x-custom': 'One', 'content-type': 'application/json' },
    queryStringParameters: { dry_run: 'true', id: '1,2', q: 'a&b', empty: '' },
    pathParameters: { file_token: 'a/b c' },
    body: '{"ä":1}',
    isBase64Encoded: false,
    requestContext: {
      accountId: '000000000000',
      http: { method: 'POST', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      routeKey: 'POST /files/{file_token}/x',
      stage: '$default',
      time: expect.stringMatching(/^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
      timeEpoch: expect.any(Number),
      requestId: response.headers.get('apigw-requestid'),
    },
  })
  const binary = await fetch(`${api.url}/files/a/x`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: new Uint8Array([255]),
  })
  expect(await binary.json()).toMatchObject({ body: '/w==', isBase64Encoded: true })
  expect(await (await fetch(`${api.url}/files/a/x`, { method: 'POST' })).json()).not.toHaveProperty('body')
  const bad = await fetch(`${api.url}/files/%zz/x`, { method: 'POST' })
  expect([bad.status, await bad.json()]).toEqual([400, { message: 'Bad Request' }])
})

test('answers for the function: its response, 404, 500 and 503', async () => {
  const invoke = (result: unknown) => async () => result
  const api = await startHttpApi({
    routes: [
      {
        routeKey: 'GET /full',
        invoke: invoke({
          statusCode: 429,
          headers: { 'content-type': 'application/problem+json', 'retry-after': 3 },
          cookies: ['a=1', 'b=2'],
          body: Buffer.from('é').toString('base64'),
          isBase64Encoded: true,
        }),
      },
      { routeKey: 'GET /plain', invoke: invoke({ ok: true }) },
      { routeKey: 'GET /malformed', invoke: invoke({ statusCode: 'x' }) },
      { routeKey: 'GET /throws', invoke: () => Promise.reject(new Error('secret')) },
      { routeKey: 'GET /slow', invoke: () => new Promise(() => {}), timeoutMs: 20 },
    ],
  })
  onTestFinished(() => api.close())
  const get = async (path: string) => {
    const response = await fetch(api.url + path)
    return { status: response.status, headers: response.headers, body: await response.text() }
  }
  const full = await get('/full')
  expect(full).toMatchObject({ status: 429, body: 'é' })
  expect(full.headers.get('retry-after')).toBe('3')
  expect(full.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  expect(await get('/plain')).toMatchObject({ status: 200, body: '{"ok":true}' })
  for (const path of ['/malformed', '/throws'])
    expect(await get(path)).toMatchObject({ status: 500, body: '{"message":"Internal Server Error"}' })
  expect(await get('/slow')).toMatchObject({ status: 503, body: '{"message":"Service Unavailable"}' })
  expect(await get('/none')).toMatchObject({ status: 404, body: '{"message":"Not Found"}' })
})

test('prefers literals to parameters, parameters to greedy ones, methods to ANY', () => {
  const keys = ['GET /a/{id}', 'GET /a/list', 'ANY /a/{id}', 'GET /a/{rest+}', '$default', 'GET /']
  const found = (method: string, path: string) => {
    const match = findRoute(keys.map(route), method, path)
    return [match?.route.routeKey, match?.pathParameters]
  }
  expect(found('GET', '/a/list')).toEqual(['GET /a/list', {}])
  expect(found('GET', '/a/x%2Fy')).toEqual(['GET /a/{id}', { id: 'x/y' }])
  expect(found('PUT', '/a/x')).toEqual(['ANY /a/{id}', { id: 'x' }])
  expect(found('GET', '/a/x/y')).toEqual(['GET /a/{rest+}', { rest: 'x/y' }])
  expect(found('GET', '/a/')).toEqual(['$default', {}])
  expect(found('GET', '/')).toEqual(['GET /', {}])
})

test('takes another port when the wanted one is in use', async () => {
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
  const { port } = blocker.address() as AddressInfo
  const api = await startHttpApi({ routes: [], port })
  onTestFinished(async () => {
    blocker.close()
    await api.close()
  })
  expect(Number(new URL(api.url).port)).not.toBe(port)
  expect((await fetch(api.url)).status).toBe(404)
})
