/** The approval call as one would write it by hand: Secrets Manager, undici, no framework. Works for a self-built app. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import request from 'undici/lib/api/api-request.js'
import Agent from 'undici/lib/dispatcher/agent.js'

const secrets = new SecretsManagerClient({ requestHandler: { connectionTimeout: 1_000, requestTimeout: 3_000 } })
const agent = new Agent({ allowH2: false, connect: { timeout: 3_000 }, headersTimeout: 10_000, bodyTimeout: 10_000 })

/** @type {{ value: string, renewAtMs: number } | undefined} */
let token

async function post(path, headers, body) {
  const response = await request.call(agent, {
    origin: process.env.FEISHU_BASE_URL,
    path,
    method: 'POST',
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: body && JSON.stringify(body),
  })
  const answer = await response.body.json()
  if (answer.code !== 0) throw new Error(`Feishu answered ${answer.code}`)
  return answer
}

async function accessToken() {
  if (token && Date.now() < token.renewAtMs) return token.value
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.FEISHU_APP_SECRET_ID }))
  const { appId, appSecret } = JSON.parse(SecretString)
  const answer = await post(
    '/open-apis/auth/v3/tenant_access_token/internal',
    {},
    { app_id: appId, app_secret: appSecret },
  )
  token = { value: answer.tenant_access_token, renewAtMs: Date.now() + (answer.expire - 300) * 1_000 }
  return token.value
}

export async function handler(event) {
  const code = encodeURIComponent(event.pathParameters.approval_code)
  try {
    await post(`/open-apis/approval/v4/approvals/${code}/unsubscribe`, {
      authorization: `Bearer ${await accessToken()}`,
    })
    console.log(JSON.stringify({ message: 'finished', approval_code: code }))
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: '{"outcome":"changed"}' }
  } catch (error) {
    console.log(JSON.stringify({ message: 'failed', approval_code: code, error: error.message }))
    return { statusCode: 502, headers: { 'content-type': 'application/json' }, body: '{"outcome":"failed"}' }
  }
}
