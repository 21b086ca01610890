/**
 * `offboarding smoke`: a dry run of every operation of a stack. Changes no subscription.
 *
 * It invokes Lambda, not the HTTP API, whose routes may require bearer tokens of another company's issuer. So API Gateway is
 * not part of the check, and `lambda:InvokeFunction`, which the deployer has, is all it needs.
 */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { Command, Option } from 'commander'
import * as v from 'valibot'
import type { Operation } from '../infra/operation.ts'
import { loadOperations } from '../infra/operations.ts'
import { printable } from '../lib/schema.ts'
import { nameOf, refusalOf, toCommandError } from './aws-errors.ts'
import { CommandError, vendorId, withOptions } from './command.ts'
import { type Io, paint } from './io.ts'
import { type ConnectionOptions, connect, connectionOptions } from './stack/connection.ts'
import { checkDeployment } from './stack/deployment.ts'

/** Stands for every id that is no person's. */
const NOBODY = 'smoke-check'

type Problem = { kind?: string; detail?: string; hint?: string }
/** What was found out about an operation. */
type Line = { passed: boolean; text: string }

type Options = ConnectionOptions & { openId?: string; unionId?: string; json?: boolean }

export const smokeCommand = (io: Io): Command =>
  withOptions(
    new Command('smoke')
      .summary('check every operation of a stack')
      .description(
        'Calls every operation with a dry run: it reads its secret and obtains its token, and changes no subscription. ' +
          "An app's token comes from the vendor; a user's stored token is checked by asking the vendor who owns it. " +
          'One that is about to expire is renewed and stored, as with every call.',
      ),
    [
      new Option(
        '--open-id <open-id>',
        'a Feishu user with a stored token, for operations that act as a user',
      ).argParser(vendorId),
      new Option('--union-id <union-id>', 'the same for DingTalk, for apps that act as a user').argParser(vendorId),
      new Option('--json', 'print a JSON array of objects with operation, passed and text'),
      ...connectionOptions(),
    ],
  )
    .addHelpText(
      'after',
      `
Prints one line for each operation with what was proved.

Exit code 0: all passed. 1: one failed. 2: wrong options, nothing was called.

Examples:
  npx offboarding smoke
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

/** The functions of a stack. Those of a deployed stage are named after it, which needs no template. */
async function reach(
  io: Io,
  options: Options,
): Promise<{ lambda: LambdaClient; toName: (operation: string) => string }> {
  const { stage } = options
  if (stage !== undefined) {
    const { used: region } = checkDeployment(options)
    return { lambda: new LambdaClient({ region, maxAttempts: 2 }), toName: (operation) => `${stage}-${operation}` }
  }
  const { names, settings } = await connect(io, options)
  return {
    lambda: new LambdaClient({ ...settings('lambda'), maxAttempts: 2 }),
    toName: (operation) => names.operations[operation]?.functionName ?? operation,
  }
}

/** Rejects with `CommandError` for what is wrong with every call. */
async function check(
  lambda: LambdaClient,
  FunctionName: string,
  operation: Operation,
  options: Options,
): Promise<Line> {
  const event = dryRun(operation, options)
  try {
    const { FunctionError, Payload } = await lambda.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }),
    )
    const answer = JSON.parse(Payload?.transformToString() ?? 'null')
    if (FunctionError) return { passed: false, text: `${answer?.errorType}: ${answer?.errorMessage}` }
    return judge(answer.statusCode, JSON.parse(answer.body), 'open_id' in event.queryStringParameters)
  } catch (error) {
    const problem = toCommandError('lambda:InvokeFunction', FunctionName, error)
    if (refusalOf(error) || nameOf(error) === 'ResourceNotFoundException') throw problem
    return { passed: false, text: problem.message }
  }
}

function judge(status: number, body: Problem & { outcome?: string; scope?: string }, asUser: boolean): Line {
  // That the vendor does not know the ids is no fault.
  if (status === 200 && body.outcome === 'planned' && (body.scope ?? 'item') === 'item')
    return { passed: true, text: asUser ? "the user's token, accepted by the vendor" : 'secret, token and vendor' }
  // No such user is stored, and only a function that may read users' secrets learns that.
  const missing = new RegExp(`${NOBODY}" does not exist`)
  if (missing.test(body.detail ?? ''))
    return {
      passed: true,
      text: 'starts and may read user secrets; name a user to check the token: --open-id, --union-id',
    }
  return { passed: false, text: `${status} ${body.kind}: ${body.detail} ${body.hint ?? ''}` }
}

async function smoke(io: Io, options: Options): Promise<number> {
  const { lambda, toName } = await reach(io, options)
  const operations = await loadOperations()
  const width = Math.max(...operations.map(({ name }) => name.length))
  const ended = await Promise.allSettled(
    operations.map((operation) => check(lambda, toName(operation.name), operation, options)),
  )
  const lines = ended.map((one): Line => {
    if (one.status === 'fulfilled') return one.value
    // Where it is the same for all, it is said once.
    if (ended.every(({ status }) => status === 'rejected') || !(one.reason instanceof CommandError)) throw one.reason
    return { passed: false, text: one.reason.message }
  })
  const found = lines.map(({ passed, text }, index) => ({
    operation: operations[index]?.name ?? '',
    passed,
    text: printable(text.trim(), 1_000),
  }))
  if (options.json) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
  else
    for (const { operation, passed, text } of found) {
      const sign = passed ? paint(io.stdout, 'green', 'ok  ') : paint(io.stdout, 'red', 'FAIL')
      io.stdout.write(`${sign}  ${operation.padEnd(width)}  ${text}\n`)
    }
  return lines.every(({ passed }) => passed) ? 0 : 1
}
