/**
 * `npm run smoke -- --stage dev`: a dry run of every operation in a deployed stage. Changes no subscription.
 *
 * It invokes Lambda, not the HTTP API, whose routes may require bearer tokens of another company's issuer. So API Gateway is
 * not part of the check, and `lambda:InvokeFunction`, which the deployer has, is all it needs.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { parse } from 'yaml'
import { printable } from '../lib/schema.ts'
import { failed, nameOf, runCommand } from './command.ts'
import { checkDeployment } from './stack/deployment.ts'

const HELP = `npm run smoke -- [options]

Calls every operation of a deployed stage with a dry run: it reads its secret and obtains its token, and changes no
subscription. The token of an app comes from the vendor; the stored token of a user is shown to the vendor, which says
whose it is. One that is about to expire is renewed and stored, as with every call.

  --stage STAGE         (default dev)
  --region REGION       (default: serverless.yml's)
  --open-id OPEN_ID     a Feishu user whose token is stored, for the operations that act as a user
  --union-id UNION_ID   the same for DingTalk, for apps that act as a user
  --help

One line for each operation with what was proved. Exit code 0: all passed. 1: one failed. 2: wrong options, nothing was called.

  AWS_PROFILE=ops npm run smoke -- --stage prod --open-id ou_custodian
`

/** What an operation wants beyond its path; a user is filled in by `--open-id` or `--union-id`. */
const QUERIES: Record<string, Record<string, string>> = {
  'feishu-calendar-unsubscribe': { open_id: '' },
  'feishu-calendar-acl-subscribe': { open_id: '' },
  'feishu-drive-unsubscribe': { file_type: 'docx' },
}
/** Stands for every id that a dry run does not look up. */
const NOBODY = 'smoke-check'

type Problem = { kind?: string; detail?: string; hint?: string }
type Line = { passed: boolean; told: string }

const OPTIONS = {
  stage: { type: 'string', default: 'dev' },
  region: { type: 'string' },
  'open-id': { type: 'string', default: NOBODY },
  'union-id': { type: 'string', default: NOBODY },
  help: { type: 'boolean', default: false },
} as const

type Users = { 'open-id': string; 'union-id': string }

/** The event of an HTTP call of the operation, with `dry_run=true`. */
function dryRun(operation: string, route: string, users: Users) {
  const [method = '', rawPath = ''] = route.split(' ')
  const named: Record<string, string> = { open_id: users['open-id'], userId: users['union-id'] }
  const names = [...rawPath.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '')
  const query = Object.entries(QUERIES[operation] ?? {}).map(([name, value]) => [name, value || named[name]])
  return {
    version: '2.0',
    routeKey: route,
    rawPath,
    headers: {},
    pathParameters: Object.fromEntries(names.map((name) => [name, named[name] ?? NOBODY])),
    queryStringParameters: { ...Object.fromEntries(query), dry_run: 'true' },
    requestContext: { http: { method, path: rawPath } },
    isBase64Encoded: false,
  }
}

async function check(lambda: LambdaClient, FunctionName: string, event: ReturnType<typeof dryRun>): Promise<Line> {
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

function judge(status: number, body: Problem & { outcome?: string }, asUser: boolean): Line {
  if (status === 200 && body.outcome === 'planned')
    return { passed: true, told: asUser ? "the user's token, accepted by the vendor" : 'secret, token and vendor' }
  // Nobody's token is not there, which only a function that may read such secrets is told.
  const missing = new RegExp(`${NOBODY}" does not exist`)
  if (missing.test(body.detail ?? ''))
    return {
      passed: true,
      told: 'starts and may read user secrets; name a user to check the token: --open-id, --union-id',
    }
  return { passed: false, told: `${status} ${body.kind}: ${body.detail} ${body.hint ?? ''}` }
}

await runCommand('smoke', async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS })
  if (values.help) {
    process.stdout.write(HELP)
    return 0
  }
  const { used: region } = checkDeployment(values)
  const { custom } = parse(readFileSync('serverless.yml', 'utf8'), {
    logLevel: 'error', // CloudFormation's own tags, as in !Ref, are none of its business
  }) as {
    custom: { operations: Record<string, { route: string }> }
  }
  const lambda = new LambdaClient({ region, maxAttempts: 2 })
  const operations = Object.entries(custom.operations)
  const width = Math.max(...operations.map(([operation]) => operation.length))
  const lines = await Promise.all(
    operations.map(([operation, { route }]) =>
      check(lambda, `${values.stage}-${operation}`, dryRun(operation, route, values)),
    ),
  )
  for (const [index, { passed, told }] of lines.entries())
    process.stdout.write(
      `${passed ? 'ok  ' : 'FAIL'}  ${operations[index]?.[0].padEnd(width)}  ${printable(told.trim(), 1_000)}\n`,
    )
  return lines.every(({ passed }) => passed) ? 0 : 1
})
