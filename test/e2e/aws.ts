/** Calls to the emulated account that no client of the project makes: signed by hand, so that any key and any host will do. */
import { createHash, createHmac } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'
import { request } from 'undici'

export type Keys = { accessKeyId: string; secretAccessKey: string }
/** Where the emulated account is, and its root user. */
export type Account = { url: string; region: string; root: Keys }

export const ACCOUNT_ID = '000000000000'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const encode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

type Call = {
  method: string
  /** With its query. */
  path: string
  service: string
  host?: string
  headers?: Record<string, string>
  body?: string
  keys?: Keys | undefined
}

/** Sends `call`, signed (Signature Version 4) when there are keys, and returns the answer whatever its status. */
export async function send({ url, region }: Account, call: Call) {
  const { method, path, service, body = '', keys, host = new URL(url).host } = call
  const [pathname = '', query = ''] = path.split('?')
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort()
  const canonical = [
    method,
    pathname.split('/').map(encode).join('/'),
    parameters.join('&'),
    `host:${host}\nx-amz-date:${time}\n`,
    'host;x-amz-date',
    sha256(body),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${keys?.secretAccessKey}`)
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys?.accessKeyId}/${scope}, SignedHeaders=host;x-amz-date, Signature=${hmac(key, toSign).toString('hex')}`
  const answer = await request(url + path, {
    method: method as 'POST',
    headers: { host, ...call.headers, ...(keys && { 'x-amz-date': time, authorization }) },
    body: body || null,
  })
  return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
}

/** A call of IAM or CloudFormation, as the root user; returns the XML. */
export async function query(account: Account, service: 'iam' | 'cloudformation', parameters: Record<string, string>) {
  const Version = service === 'iam' ? '2010-05-08' : '2010-05-15'
  const { status, text } = await send(account, {
    method: 'POST',
    path: '/',
    service,
    keys: account.root,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: String(new URLSearchParams({ Version, ...parameters })),
  })
  if (status >= 300) throw new Error(`${service} ${parameters.Action}: ${text}`)
  return text
}

/** Makes a user who may do what `policy` says, and nothing at all without one. */
export async function createUser(account: Account, UserName: string, policy?: unknown): Promise<Keys> {
  await query(account, 'iam', { Action: 'CreateUser', UserName })
  if (policy) {
    const PolicyDocument = JSON.stringify(policy)
    await query(account, 'iam', { Action: 'CreatePolicy', PolicyName: UserName, PolicyDocument })
    const PolicyArn = `arn:aws:iam::${ACCOUNT_ID}:policy/${UserName}`
    await query(account, 'iam', { Action: 'AttachUserPolicy', UserName, PolicyArn })
  }
  const xml = await query(account, 'iam', { Action: 'CreateAccessKey', UserName })
  const value = (name: string) => xml.match(`<${name}>(.*?)</${name}>`)?.[1] ?? ''
  return { accessKeyId: value('AccessKeyId'), secretAccessKey: value('SecretAccessKey') }
}

/** A stack's outputs, by key. */
export async function outputsOf(account: Account, StackName: string): Promise<Record<string, string>> {
  const xml = await query(account, 'cloudformation', { Action: 'DescribeStacks', StackName })
  const pairs = xml.matchAll(/<OutputKey>(.*?)<\/OutputKey>\s*<OutputValue>(.*?)<\/OutputValue>/g)
  return Object.fromEntries([...pairs].map(([, key, value]) => [key, value]))
}

/** The SDK's clients, by default as the root user. */
export function clientsOf({ url, region, root }: Account, credentials: Keys = root) {
  const settings = { endpoint: url, region, credentials, maxAttempts: 1 }
  return {
    dynamodb: new DynamoDBClient(settings),
    events: new EventBridgeClient(settings),
    lambda: new LambdaClient(settings),
    secrets: new SecretsManagerClient(settings),
    sqs: new SQSClient(settings),
  }
}
