/** The approval call through Feishu's SDK for Node, as its README shows. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import * as lark from '@larksuiteoapi/node-sdk'

const secrets = new SecretsManagerClient({})
/** @type {lark.Client | undefined} */
let client

async function connect() {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.FEISHU_APP_SECRET_ID }))
  const { appId, appSecret } = JSON.parse(SecretString)
  return new lark.Client({ appId, appSecret, domain: process.env.FEISHU_BASE_URL })
}

export async function handler(event) {
  client ??= await connect()
  const path = { approval_code: event.pathParameters.approval_code }
  const answer = await client.approval.v4.approval.unsubscribe({ path })
  console.log(JSON.stringify({ message: 'finished', approval_code: event.pathParameters.approval_code }))
  return { statusCode: answer.code === 0 ? 200 : 502, body: JSON.stringify(answer) }
}
