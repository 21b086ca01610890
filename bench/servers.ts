/**
 * What the measured functions talk to: the AWS pieces of `local/`, and the ledger's table and both vendors, which answer
 * success as fast as Node can.
 */
import { createServer, type IncomingMessage } from 'node:http'
import { close, listen } from '../cli/loopback.ts'
import { startEventBus } from '../local/aws/event-bus.ts'
import { startSecretsManager } from '../local/aws/secrets-manager.ts'
import { sampleSecrets } from '../local/sample-secrets.ts'
import { sampleWorld } from '../local/sandbox/sandbox.ts'

/** Every path but these is a call of Feishu. */
const ANSWERS: [prefix: string, answer: object][] = [
  ['/open-apis/auth/', { code: 0, msg: 'ok', tenant_access_token: 't-bench', expire: 7_200 }],
  ['/v1.0/oauth2/', { accessToken: 'dt-bench', expireIn: 7_200 }],
  ['/v1.0/calendar/', { result: true }],
]
const DONE = { code: 0, msg: 'success', data: {} }

/** The sandbox would do, but its bookkeeping is shared by all who call it and so would flatter every ratio. */
const startVendors = () =>
  startAnswering((request) => ANSWERS.find(([prefix]) => request.url?.startsWith(prefix))?.[1] ?? DONE)

/** A table in which nothing is known, every write succeeds, and each sending has one more open target. */
const startTable = () =>
  startAnswering(({ headers }) =>
    String(headers['x-amz-target']).endsWith('.Query') ? { Items: [{ pk: { S: 'open' }, sk: { S: 'open' } }] } : {},
  )

async function startAnswering(answer: (request: IncomingMessage) => object) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const body = JSON.stringify(answer(request))
      const headers = { 'content-type': 'application/json', 'content-length': body.length, 'x-tt-logid': 'bench' }
      response.writeHead(200, headers).end(body)
    })
  })
  return { url: await listen(server), close: () => close(server) }
}

const IDS = {
  FEISHU_APP_SECRET_ID: 'bench/feishu/app',
  FEISHU_USER_SECRET_PREFIX: 'bench/feishu/user/',
  DINGTALK_APP_SECRET_ID: 'bench/dingtalk/app',
  DINGTALK_USER_SECRET_PREFIX: 'bench/dingtalk/user/',
  FEISHU_CALLBACK_SECRET_ID: 'bench/feishu/callback',
  DINGTALK_CALLBACK_SECRET_ID: 'bench/dingtalk/callback',
}

/** Starts all on loopback. `env` is what a deployed function would have, pointed at them. */
export async function startServers() {
  const vendors = await startVendors()
  const secrets = await startSecretsManager({ secrets: sampleSecrets(sampleWorld(), IDS) })
  const bus = await startEventBus()
  const table = await startTable()
  const env = {
    ...IDS,
    AWS_REGION: 'ap-southeast-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
    AWS_ENDPOINT_URL_EVENTBRIDGE: bus.url,
    EVENT_BUS_NAME: 'default',
    AWS_ENDPOINT_URL_DYNAMODB: table.url,
    LEDGER_TABLE: 'bench',
    LEDGER_RETENTION_DAYS: '400',
    // A batch is measured, not the wait for its turn.
    LIMIT_SPEED: 'Infinity',
    WORK_QUEUE_URL: `${vendors.url}/not-reached`,
    DEAD_LETTER_QUEUE_URL: `${vendors.url}/not-reached`,
    FEISHU_BASE_URL: vendors.url,
    FEISHU_OAUTH_TOKEN_URL: `${vendors.url}/oauth/v3/token`,
    DINGTALK_BASE_URL: vendors.url,
  }
  const close = async () => {
    for (const it of [vendors, secrets, bus, table]) await it.close()
  }
  return { env, vendorUrl: vendors.url, close }
}
