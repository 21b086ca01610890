import { createSign, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DescribeTableCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { DescribeArchiveCommand } from '@aws-sdk/client-eventbridge'
import { ListFunctionsCommand } from '@aws-sdk/client-lambda'
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Operation } from '../../infra/operation.ts'
import { loadOperations } from '../../infra/operations.ts'
import { deployerPolicy } from '../docs/policies.ts'
import { clientsOf, createUser, type Keys, outputsOf, query, send } from './aws.ts'
import { printedBy, tryNpmRun, tryOsls } from './npm.ts'
import { STAGE, storeSecrets } from './setup.ts'
import { vendorState } from './vendors.ts'

// A second stage beside the first, whose routes take bearer tokens: deployed, smoke-tested, used and removed.

const cloud = inject('cloud')
const OTHER = 'jwt'
const stack = `offboarding-${OTHER}`
const AUDIENCE = 'offboarding'
const TABLE = `${OTHER}-ledger`

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
let issuerServer: Server
let issuer: string
let deployer: Keys

beforeAll(async () => {
  issuerServer = createServer((request, response) => {
    const documents: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
      '/keys': { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'key-1', use: 'sig', alg: 'RS256' }] },
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(documents[request.url ?? '']))
  })
  await new Promise<void>((resolve) => issuerServer.listen(0, '127.0.0.1', resolve))
  issuer = `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}`
  deployer = await createUser(cloud, 'deployer-of-jwt', await deployerPolicy(OTHER))
  await deploy()
})
afterAll(() => issuerServer.close())

const osls = (command: string, ...args: string[]) =>
  printedBy(tryOsls({ ...cloud, deployer }, command, ['--stage', OTHER, ...args]))

const deploy = (...more: string[]) =>
  osls(
    'deploy',
    ...cloud.deployArguments,
    ...['--param=auth=jwt', `--param=jwtIssuer=${issuer}`, `--param=jwtAudience=${AUDIENCE}`],
    ...more,
  )

const remove = async () => expect(await osls('remove')).toMatch(/successfully removed/)

const operations = await loadOperations()
const actsAsUser = ({ operation, docs }: Operation) => operation.identity(docs.samples.changed).as === 'user'

const smoke = (stage: string, ...more: string[]) =>
  tryNpmRun({ ...cloud, deployer }, 'smoke', ['--stage', stage, ...more])

describe('npm run smoke', () => {
  // A role may read its app's secret by its exact name and suffix, so AWS answers "denied" where there is none.
  it('fails for each function whose secret is not stored yet, naming it', async () => {
    const { code, output } = await smoke(OTHER)
    expect(code).toBe(1)
    for (const { name, vendor } of operations.filter((operation) => !actsAsUser(operation)))
      expect(output).toMatch(
        new RegExp(
          `^FAIL +${name} .*"subscription-offboarding/${OTHER}/${vendor}/app" (does not exist|could not be read)`,
          'm',
        ),
      )
  })

  it('passes once they are, and changes nothing at the vendors', async () => {
    await storeSecrets(cloud, OTHER)
    const { subscriptions: before } = await vendorState(cloud.sandboxUrl)
    const { code, output } = await smoke(OTHER, '--open-id', 'ou_custodian')
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' ')),
    ).toEqual(
      operations.map((operation) => {
        const proved = actsAsUser(operation) ? "the user's token, accepted by the vendor" : 'secret, token and vendor'
        return `ok ${operation.name} ${proved}`
      }),
    )
    expect(code).toBe(0)
    expect((await vendorState(cloud.sandboxUrl)).subscriptions).toEqual(before)
  })

  it('without a user proves what can be proved', async () => {
    const { code, output } = await smoke(OTHER)
    expect(code).toBe(0)
    expect(output).toMatch(/^ok +feishu-calendar-unsubscribe +starts and may read user secrets/m)
  })

  it('fails where there is no such user or no such stage', async () => {
    const absent = await smoke(OTHER, '--open-id', 'ou_absent')
    expect(absent.code).toBe(1)
    expect(absent.output).toMatch(
      /^FAIL +feishu-calendar-unsubscribe +409 reauthorization_required: .*ou_absent" does not exist/m,
    )
    const nowhere = await smoke('nowhere')
    expect(nowhere.code).toBe(1)
    expect(nowhere.output).toMatch(/there is no function nowhere-\S+ here|InvokeFunction of "nowhere-\S+" failed/)
  })
})

describe('a route that takes bearer tokens', () => {
  const APPROVAL = '/feishu/approvals/7C468A54-8745-2245-9675-08B7C63E7A86/unsubscribe'
  type Media = { examples: { gateway: { value: object } } }
  type Documented = { responses: { 401: { content: Record<string, Media> } } }
  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url')

  /** A token that would do, but for `changes`. */
  function token(changes: object = {}, key = privateKey): string {
    const claims = {
      iss: issuer,
      aud: AUDIENCE,
      sub: 'hr-portal',
      iat: inSeconds(-60),
      exp: inSeconds(600),
      ...changes,
    }
    const signed = `${part({ alg: 'RS256', typ: 'JWT', kid: 'key-1' })}.${part(claims)}`
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`
  }

  async function call(authorization?: string, method = 'POST', path = APPROVAL) {
    const { HttpApiId } = await outputsOf(cloud, stack)
    const answer = await send(cloud, {
      method,
      path,
      service: 'execute-api',
      host: `${HttpApiId}.execute-api.${new URL(cloud.url).host}`,
      headers: authorization ? { authorization } : {},
    })
    return { status: answer.status, type: answer.headers['content-type'], text: answer.text }
  }

  it('lets in who has a good one', async () => {
    expect(await call(`Bearer ${token()}`)).toMatchObject({ status: 200 })
  })

  it('refuses everybody else as docs/openapi.json says, whichever it is', async () => {
    const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
    const refused = Object.entries<Record<string, Documented>>(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(async ([method, { responses }]) => {
        const [[type, { examples }]] = Object.entries(responses[401].content) as [[string, Media]]
        const { status, text, ...answer } = await call(undefined, method.toUpperCase(), path.replaceAll(/[{}]/g, ''))
        expect([path, status, answer.type, JSON.parse(text)]).toEqual([path, 401, type, examples.gateway.value])
      }),
    )
    expect(refused).toHaveLength(operations.length + 3)
    await Promise.all(refused)
  })

  it.each([
    ['no token', () => undefined],
    ['an expired token', () => token({ exp: inSeconds(-5) })],
    ['a token for another audience', () => token({ aud: 'payroll' })],
    ['a token of another issuer', () => token({ iss: 'https://login.example.com' })],
    ['a token that somebody else signed', () => token({}, stranger)],
    ['something that is no token', () => 'letmein'],
  ])('refuses %s', async (_, make) => {
    const made = make()
    expect(await call(made && `Bearer ${made}`)).toMatchObject({ status: 401 })
  })
})

describe('osls remove', () => {
  it('takes the stage down, and only that stage', async () => {
    await remove()
    const { lambda, sqs, dynamodb } = clientsOf(cloud)
    const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}))
    const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}))
    const left = [
      ...Functions.map(({ FunctionName }) => FunctionName),
      ...QueueUrls.map((url) => url.split('/').at(-1)),
    ]
    expect(left.filter((name) => name?.startsWith(OTHER))).toEqual([])
    expect(left).toContain(`${STAGE}-feishu-drive-unsubscribe`)
    await expect(outputsOf(cloud, stack)).rejects.toThrow(/does not exist/)
    await expect(query(cloud, 'iam', { Action: 'ListRoles' })).resolves.not.toMatch(
      new RegExp(`role/subscription-offboarding/${OTHER}/`),
    )
    await expect(dynamodb.send(new DescribeTableCommand({ TableName: TABLE }))).rejects.toThrow(/not found/i)
  })

  it('keeps what must not be lost where that is wished; the next deploy of the stage takes it back', async () => {
    const { dynamodb, events, sqs } = clientsOf(cloud)
    const logGroups = async () => {
      const prefix = `/aws/lambda/${OTHER}-`
      const { text } = await send(cloud, {
        method: 'POST',
        path: '/',
        service: 'logs',
        keys: cloud.root,
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Logs_20140328.DescribeLogGroups' },
        body: JSON.stringify({ logGroupNamePrefix: prefix }),
      })
      const { logGroups: found } = JSON.parse(text) as { logGroups: { logGroupName: string }[] }
      return found.map(({ logGroupName }) => logGroupName.slice(prefix.length)).sort()
    }
    const Item = { pk: { S: 'offboarding#kept' }, sk: { S: 'summary#real' } }
    const itemInLedger = async () =>
      (await dynamodb.send(new GetItemCommand({ TableName: TABLE, Key: Item, ConsistentRead: true }))).Item
    const urlOf = async (name: string) =>
      (await sqs.send(new GetQueueUrlCommand({ QueueName: `${OTHER}-${name}` }))).QueueUrl ?? ''
    const queues = () =>
      Promise.all(
        ['dead-letter.fifo', 'undelivered-events', 'stranded.fifo', 'stranded'].map(async (name) => {
          const AttributeNames = ['ApproximateNumberOfMessages' as const, 'CreatedTimestamp' as const]
          const { Attributes } = await sqs.send(
            new GetQueueAttributesCommand({ QueueUrl: await urlOf(name), AttributeNames }),
          )
          return { name, ...Attributes }
        }),
      )
    const archivedSince = async () => {
      const ArchiveName = `subscription-offboarding-${OTHER}`
      return (await events.send(new DescribeArchiveCommand({ ArchiveName }))).CreationTime
    }
    const all = async () => [await itemInLedger(), await logGroups(), await queues(), await archivedSince()]

    await deploy('--param=onRemoval=keep')
    await dynamodb.send(new PutItemCommand({ TableName: TABLE, Item }))
    const letter = { MessageBody: '{}', MessageGroupId: 'kept', MessageDeduplicationId: 'kept' }
    await sqs.send(new SendMessageCommand({ QueueUrl: await urlOf('dead-letter.fifo'), ...letter }))
    await sqs.send(new SendMessageCommand({ QueueUrl: await urlOf('undelivered-events'), MessageBody: '{}' }))
    const before = await all()
    expect(before.slice(0, 3)).toEqual([
      Item,
      [
        ...operations.map(({ name }) => name),
        'offboarding-resolution',
        'offboarding-sweep',
        'offboardings',
        'subscription-register',
        'user-token-renewal',
      ].sort(),
      [1, 1, 0, 0].map((count) => expect.objectContaining({ ApproximateNumberOfMessages: String(count) })),
    ])
    await remove()
    expect(await all()).toEqual(before)
    await deploy('--param=onRemoval=keep')
    expect(await all()).toEqual(before)
    expect(await outputsOf(cloud, stack)).toMatchObject({
      LedgerTable: TABLE,
      DeadLetterQueueUrl: await urlOf('dead-letter.fifo'),
      EventBusName: `subscription-offboarding-${OTHER}`,
    })

    await deploy('--param=onRemoval=delete')
    await remove()
    expect(await logGroups()).toEqual([])
    await expect(queues()).rejects.toThrow(/does not exist/)
    await expect(archivedSince()).rejects.toThrow(/does not exist/)
  }, 600_000)
})
