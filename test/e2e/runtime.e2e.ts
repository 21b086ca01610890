import { cp, mkdir, mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda'
import { GetQueueAttributesCommand, PurgeQueueCommand, type QueueAttributeName } from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { venvTool } from '../../scripts/python.ts'
import { clientsOf, outputsOf } from './aws.ts'
import { batch, httpEvent, names, offboardingEvent } from './lambda-events.ts'
import { tryRun } from './npm.ts'
import { type Runtime, startRuntime } from './runtime-api.ts'
import { STAGE } from './setup.ts'
import { answerNext, forgetAnswers, vendorState } from './vendors.ts'

// The packaged zips under the client that nodejs24.x itself runs, with the environment of the deployed functions.

const cloud = inject('cloud')
const { lambda, sqs } = clientsOf(cloud)

const DRIVE = 'feishu-drive-unsubscribe'
const VENDOR_CALL = { method: 'DELETE', path: '/open-apis/drive/v1/files/:file_token/delete_subscribe' }

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'e2e-runtime-'))
  for (const zip of (await readdir(cloud.artefacts)).filter((file) => file.endsWith('.zip'))) {
    const target = path.join(directory, path.basename(zip, '.zip'))
    await mkdir(target)
    const { code, output } = await tryRun(
      venvTool('python'),
      ['-m', 'zipfile', '-e', path.join(cloud.artefacts, zip), target],
      {},
    )
    if (code !== 0) throw new Error(output)
  }
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const opened: Runtime[] = []
afterEach(async () => {
  for (const runtime of opened.splice(0)) await runtime.close()
  await forgetAnswers(cloud.sandboxUrl)
})

/** A new container of a function; its handler and its unpacked zip may be others than the deployed ones. */
async function start(name: string, { exported = 'handler', taskRoot = path.join(directory, name) } = {}) {
  const functionName = `${STAGE}-${name}`
  const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: functionName }))
  const runtime = await startRuntime({
    taskRoot,
    handler: `dist/${name}/index.${exported}`,
    functionName,
    env: {
      ...Environment?.Variables,
      AWS_REGION: cloud.region,
      AWS_ENDPOINT_URL: cloud.url,
      AWS_ACCESS_KEY_ID: cloud.root.accessKeyId,
      AWS_SECRET_ACCESS_KEY: cloud.root.secretAccessKey,
    },
  })
  opened.push(runtime)
  return runtime
}

describe.each(names)('%s', (name) => {
  it('initialises and answers an HTTP event, an EventBridge event and an SQS batch in one container', async () => {
    const runtime = await start(name)
    const init = await runtime.initialised
    expect(init).not.toHaveProperty('error')

    const http = await runtime.invoke(httpEvent(name, { dry_run: 'true' }))
    expect(http).toMatchObject({ kind: 'response', body: { statusCode: 200 } })

    const event = await runtime.invoke(offboardingEvent(`runtime-${name}`))
    expect(event).toMatchObject({ kind: 'response', body: { planned: 1 } })

    const sqs = await runtime.invoke(batch(name, 2))
    expect(sqs).toMatchObject({ kind: 'response', body: { batchItemFailures: [] } })

    const finished = runtime.log().match(/"message":"finished","entrance":"queue".*?"outcome":"(changed|unchanged)"/g)
    expect(finished).toHaveLength(2)
  })
})

it('user-token-renewal initialises and answers its schedule', async () => {
  const runtime = await start('user-token-renewal')
  const schedule = { 'detail-type': 'Scheduled Event', source: 'aws.events', detail: {} }
  expect(await runtime.initialised).not.toHaveProperty('error')
  expect(await runtime.invoke(schedule, 60_000)).toMatchObject({ kind: 'response', body: null })
})

describe('a near deadline', () => {
  it('over HTTP is answered before it comes, though the vendor is silent', async () => {
    const runtime = await start(DRIVE)
    await answerNext(cloud.sandboxUrl, VENDOR_CALL, { stall: 'headers' })
    const { ms, ...answer } = await runtime.invoke(httpEvent(DRIVE), 4_000)
    expect(answer).toMatchObject({
      kind: 'response',
      body: { statusCode: 504, body: expect.stringContaining('"kind":"timeout"') },
    })
    expect(ms).toBeGreaterThan(2_000)
    expect(ms).toBeLessThan(4_000)
  })

  it('on the queue lets nothing begin that could not end: all is left for the next delivery', async () => {
    const runtime = await start(DRIVE)
    const { calls } = await vendorState(cloud.sandboxUrl)
    const { ms, ...answer } = await runtime.invoke(batch(DRIVE, 3), 8_000)
    const batchItemFailures = [0, 1, 2].map((index) => ({ itemIdentifier: `message-${index}` }))
    expect(answer).toMatchObject({ kind: 'response', body: { batchItemFailures } })
    expect(ms).toBeLessThan(8_000)
    expect((await vendorState(cloud.sandboxUrl)).calls).toEqual(calls)
  })

  it('on the queue ends a batch early: what was done is announced, what got no answer steps aside', async () => {
    const { FeishuDriveUnsubscribeRetryQueueUrl: QueueUrl } = await outputsOf(cloud, `offboarding-${STAGE}`)
    const runtime = await start(DRIVE)
    await answerNext(cloud.sandboxUrl, VENDOR_CALL, { stall: 'headers' })
    const { ms, ...answer } = await runtime.invoke(batch(DRIVE, 3), 17_000)
    expect(answer).toMatchObject({ kind: 'response', body: { batchItemFailures: [] } })
    expect(ms).toBeLessThan(17_000)
    expect(runtime.log().match(/"message":"finished"/g)).toHaveLength(2)

    const AttributeNames: QueueAttributeName[] = ['ApproximateNumberOfMessagesDelayed']
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }))
    expect(Attributes).toEqual({ ApproximateNumberOfMessagesDelayed: '1' })
    await sqs.send(new PurgeQueueCommand({ QueueUrl }))
  })
})

describe('an error', () => {
  it('of an event the function does not know is an error of the invocation', async () => {
    const runtime = await start(DRIVE)
    const answer = await runtime.invoke({ 'detail-type': 'Something Else' })
    expect(answer).toMatchObject({ kind: 'error', error: { errorMessage: 'Not an event of this function.' } })
    expect(await runtime.invoke(httpEvent(DRIVE, { dry_run: 'true' }))).toMatchObject({ kind: 'response' })
  })

  it('in the bundle is an error of initialisation', async () => {
    const taskRoot = path.join(directory, 'broken')
    await cp(path.join(directory, DRIVE), taskRoot, { recursive: true })
    await truncate(path.join(taskRoot, `dist/${DRIVE}/index.mjs`), 20_000)
    const { error } = await (await start(DRIVE, { taskRoot })).initialised
    expect(error).toMatchObject({
      errorType: 'Runtime.UserCodeSyntaxError',
      errorMessage: expect.stringMatching(/SyntaxError/),
    })
  })

  it('in the handler name is an error of initialisation', async () => {
    const { error } = await (await start(DRIVE, { exported: 'nothing' })).initialised
    expect(error).toMatchObject({
      errorType: 'Runtime.HandlerNotFound',
      errorMessage: expect.stringContaining('nothing'),
    })
  })

  it('of a bundle that is not there is an error of initialisation', async () => {
    const { error } = await (await start(DRIVE, { taskRoot: directory })).initialised
    expect(error).toMatchObject({ errorType: 'Runtime.ImportModuleError' })
  })
})
