/**
 * `offboarding smoke --stage dev`: a dry run of every operation in a deployed stage. Changes no subscription.
 *
 * It invokes Lambda, not the HTTP API, whose routes may require bearer tokens of another company's issuer. So API Gateway is
 * not part of the check, and `lambda:InvokeFunction`, which the deployer has, is all it needs.
 */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { Command } from 'commander'
import * as v from 'valibot'
import type { Operation } from '../infra/operation.ts'
import { loadOperations } from '../infra/operations.ts'
import { printable } from '../lib/schema.ts'
import { failed, nameOf } from './aws-errors.ts'
import type { Io } from './io.ts'
import { checkDeployment } from './stack/deployment.ts'

/** Stands for every id that is no person's. */
const NOBODY = 'smoke-check'

type Problem = { kind?: string; detail?: string; hint?: string }
type Line = { passed: boolean; told: string }

type Options = { stage: string; region?: string; openId?: string; unionId?: string }

export const smokeCommand = (io: Io): Command =>
  new Command('smoke')
    .summary('check every operation of a deployed stage')
    .description(
      'Calls every operation of a deployed stage with a dry run: it reads its secret and obtains its token, and changes no ' +
        "subscription. An app's token comes from the vendor; a user's stored token is checked by asking the vendor who owns it. " +
        'One that is about to expire is renewed and stored, as with every call.',
    )
    .option('--stage <stage>', 'the stage to check', 'dev')
    .option('--region <region>', 'the AWS region (default: the one in serverless.yml)')
    .option('--open-id <open-id>', 'a Feishu user with a stored token, for operations that act as a user')
    .option('--union-id <union-id>', 'the same for DingTalk, for apps that act as a user')
    .addHelpText(
      'after',
      `
Prints one line for each operation with what was proved. Exit code 0: all
passed. 1: one failed. 2: wrong options, nothing was called.

Example:
  AWS_PROFILE=ops npx offboarding smoke --stage prod --open-id ou_custodian`,
    )
    .action(async (options: Options) => {
      io.exitCode = await smoke(io, options)
    })

/** The event of an HTTP call of the operation, with `dry_run=true`: the sample's fields, its values only where needed. */
function dryRun({ route, operation, docs }: Operation, { openId = `ou_${NOBODY}`, unionId = NOBODY }: Options) {
  const [method = '', rawPath = ''] = route.split(' ')
  const named: Record<string, string> = { open_id: openId, userId: unionId }
  const fields = Object.entries(docs.samples.changed).map(([name, sample]) => {
    const schema = operation.input.entries[name]
    return [name, named[name] ?? (schema && v.is(schema, NOBODY) ? NOBODY : sample)] as const
  })
  const [ofPath = [], ofQuery = []] = [true, false].map((is) =>
    fields.filter(([name]) => rawPath.includes(`{${name}}`) === is),
  )
  return {
    version: '2.0',
    routeKey: route,
    rawPath,
    headers: {},
    pathParameters: Object.fromEntries(ofPath),
    queryStringParameters: { ...Object.fromEntries(ofQuery), dry_run: 'true' },
    requestContext: { http: { method, path: rawPath } },
    isBase64Encoded: false,
  }
}

async function check(lambda: LambdaClient, operation: Operation, options: Options): Promise<Line> {
  const FunctionName = `${options.stage}-${operation.name}`
  const event = dryRun(operation, options)
  try {
    const { FunctionError, Payload } = await lambda.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
    )
    const answer = JSON.parse(Payload?.transformToString() ?? 'null')
    if (FunctionError) return { passed: false, told: `${answer?.errorType}: ${answer?.errorMessage}` }
    return judge(answer.statusCode, JSON.parse(answer.body), 'open_id' in event.queryStringParameters)
  } catch (error) {
    // Without credentials nothing can be called: that is said once.
    if (nameOf(error) === 'CredentialsProviderError') failed('lambda:InvokeFunction')(error)
    const { name, message } = error as Error
    return { passed: false, told: `${FunctionName} could not be called. ${name}: ${message}` }
  }
}

function judge(status: number, body: Problem & { outcome?: string; scope?: string }, asUser: boolean): Line {
  // That the vendor does not know the ids is no fault.
  if (status === 200 && body.outcome === 'planned' && (body.scope ?? 'item') === 'item')
    return { passed: true, told: asUser ? "the user's token, accepted by the vendor" : 'secret, token and vendor' }
  // No such user is stored, and only a function that may read users' secrets learns that.
  const missing = new RegExp(`${NOBODY}" does not exist`)
  if (missing.test(body.detail ?? ''))
    return {
      passed: true,
      told: 'starts and may read user secrets; name a user to check the token: --open-id, --union-id',
    }
  return { passed: false, told: `${status} ${body.kind}: ${body.detail} ${body.hint ?? ''}` }
}

async function smoke(io: Io, options: Options): Promise<number> {
  const { used: region } = checkDeployment(options)
  const lambda = new LambdaClient({ region, maxAttempts: 2 })
  const operations = await loadOperations()
  const width = Math.max(...operations.map(({ name }) => name.length))
  const lines = await Promise.all(operations.map((operation) => check(lambda, operation, options)))
  for (const [index, { passed, told }] of lines.entries())
    io.stdout.write(
      `${passed ? 'ok  ' : 'FAIL'}  ${operations[index]?.name.padEnd(width)}  ${printable(told.trim(), 1_000)}\n`,
    )
  return lines.every(({ passed }) => passed) ? 0 : 1
}
