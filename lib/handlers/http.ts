/** The HTTP entrance: do it now, answer the caller. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { audit, errorFields, framesOf } from '../audit.ts'
import { toOperationError } from '../error.ts'
import type { Operation } from '../operation.ts'
import { type Input, invalidField, parse } from '../schema.ts'
import { execute, type Result } from '../vendor/execute.ts'
import { json } from './problem.ts'

/** A caller is kept waiting for a rate limit no longer than this; above it the answer says when to come back. */
const PATIENCE_MS = 5_000

/** Answers 200, or throws the `OperationError` that says why not; either way one audit line tells. */
export async function answer(
  operation: Operation,
  event: APIGatewayProxyEventV2,
  lambdaRequestId: string,
  remainingMs: () => number,
): Promise<APIGatewayProxyStructuredResultV2> {
  const startedAtMs = Date.now()
  let input: Input | undefined
  const line = () => ({
    entrance: 'http' as const,
    operation: operation.name,
    ...(input && { input }),
    lambdaRequestId,
    ms: Date.now() - startedAtMs,
  })
  try {
    const request = read(operation, event)
    input = request.input
    const result = await execute(operation, input, { dryRun: request.dryRun, remainingMs, patienceMs: PATIENCE_MS })
    const { outcome, upstream, attempts } = result
    audit({ message: 'finished', ...line(), outcome, ...upstream, attempts })
    return json(200, done(operation, result))
  } catch (thrown) {
    const error = toOperationError(thrown)
    audit({ message: 'failed', ...line(), ...errorFields(error), ...(error !== thrown && { stack: framesOf(thrown) }) })
    throw error
  }
}

const done = ({ name }: Operation, { outcome, upstream, request }: Result) => ({
  operation: name,
  outcome,
  upstream,
  ...(outcome === 'planned' && { request }),
})

/** The request as the operation's input. Whatever is not asked for is refused, so that nothing is silently ignored. */
function read(operation: Operation, event: APIGatewayProxyEventV2): { input: Input; dryRun: boolean } {
  const { dry_run: dryRun, ...query } = event.queryStringParameters ?? {}
  const path = event.pathParameters ?? {}
  for (const name of Object.keys(query)) if (Object.hasOwn(path, name)) throw invalidField(name, 'unknown')
  if (dryRun !== undefined && dryRun !== 'true' && dryRun !== 'false') throw invalidField('dry_run', 'boolean')
  if (!isEmpty(event)) throw invalidField('body', 'empty_body')
  return { input: parse(operation.input, { ...query, ...path }), dryRun: dryRun === 'true' }
}

/** No body, or the empty object that some clients always send. */
function isEmpty({ body, isBase64Encoded }: APIGatewayProxyEventV2): boolean {
  const text = (isBase64Encoded ? Buffer.from(body ?? '', 'base64').toString() : (body ?? '')).trim()
  return text === '' || text === '{}'
}
