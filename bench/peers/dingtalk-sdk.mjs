/** The calendar call through DingTalk's SDK; deep imports, an eleventh of what its documented import loads. */
import dingtalkCalendar from '@alicloud/dingtalk/dist/calendar_1_0/client.js'
import dingtalkOauth from '@alicloud/dingtalk/dist/oauth2_1_0/client.js'
import teaUtil from '@alicloud/tea-util'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'

const secrets = new SecretsManagerClient({})
const { host: endpoint, protocol } = new URL(process.env.DINGTALK_BASE_URL)
const config = { endpoint, protocol: protocol.slice(0, -1) }
/** @type {{ value: string, renewAtMs: number } | undefined} */
let token
/** @type {dingtalkCalendar.default | undefined} */
let calendar

async function accessToken() {
  if (token && Date.now() < token.renewAtMs) return token.value
  const { SecretString } = await secrets.send(
    new GetSecretValueCommand({ SecretId: process.env.DINGTALK_APP_SECRET_ID }),
  )
  const { appKey, appSecret } = JSON.parse(SecretString)
  const request = new dingtalkOauth.GetAccessTokenRequest({ appKey, appSecret })
  const { body } = await new dingtalkOauth.default(config).getAccessToken(request)
  token = { value: body.accessToken, renewAtMs: Date.now() + (body.expireIn - 300) * 1_000 }
  return token.value
}

export async function handler(event) {
  const { userId, calendarId } = event.pathParameters
  const headers = new dingtalkCalendar.UnsubscribeCalendarHeaders({ xAcsDingtalkAccessToken: await accessToken() })
  calendar ??= new dingtalkCalendar.default(config)
  const { body } = await calendar.unsubscribeCalendarWithOptions(
    userId,
    calendarId,
    headers,
    new teaUtil.RuntimeOptions({}),
  )
  console.log(JSON.stringify({ message: 'finished', calendarId }))
  return { statusCode: body.result === true ? 200 : 502, body: JSON.stringify(body) }
}
