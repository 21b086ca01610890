/** The HTTP entrance: do it now, answer the caller. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import * as v from 'valibot'
import { audit, errorFields, expectationFields, framesOf } from '../audit.ts'
import { toOperationError } from '../error.ts'
import type { CallOutcome } from '../ledger/calls.ts'
import type { Operation } from '../operation.ts'
import { type Input, id, invalidField, parse } from '../schema.ts'
import { execute, type Result } from '../vendor/execute.ts'
import type { Rehearsal } from '../vendor/rehearse.ts'
import { callerOf } from './caller.ts'
import { json, languageOf } from './problem.ts'

/** A caller is kept waiting for a rate limit no longer than this; above it the answer says when to come back. */
const MAX_WAIT_MS = 5_000

/** The answer waits no longer than this for the ledger; of the caller's time so much is kept back from the vendor. */
const RECORDING_MS = 2_000

/**
 * Answers 200, or throws the `OperationError` that says why not; either way one audit line says so. A call with an
 * `offboarding_id` is recorded in the ledger, whose client no other call loads.
 */
export async function answer(
  operation: Operation,
  event: APIGatewayProxyEventV2,
  lambdaRequestId: string,
  remainingMs: () => number,
): Promise<APIGatewayProxyStructuredResultV2> {
  const startedAtMs = Date.now()
  let request: Request | undefined
  const line = () => ({
    entrance: 'http' as const,
    operation: operation.name,
    ...(request && { input: request.input }),
    ...(request?.offboardingId !== undefined && { offboardingId: request.offboardingId }),
    lambdaRequestId,
    ms: Date.now() - startedAtMs,
  })
  const record = async (ended: Omit<CallOutcome, 'finishedAt'>) => {
    if (request?.offboardingId === undefined) return
    const { offboardingId, ...target } = request
    const sending = { offboardingId, eventId: lambdaRequestId, redrive: 0, operation: operation.name }
    const origin = { source: 'http', sentAt: new Date(startedAtMs).toISOString(), sentBy: callerOf(event) }
    const { promise: late, reject } = Promise.withResolvers<never>()
    const signal = AbortSignal.timeout(Math.max(0, Math.min(RECORDING_MS, remainingMs())))
    signal.addEventListener('abort', () => reject(signal.reason))
    const recorded = import('../ledger/calls.ts').then(({ recordCall }) =>
      recordCall({ ...sending, ...target }, origin, { ...ended, finishedAt: new Date().toISOString() }),
    )
    await Promise.race([recorded, late]).catch((thrown) =>
      audit({ message: 'unrecorded', ...line(), stack: framesOf(thrown) }),
    )
  }
  try {
    request = read(operation, event)
    const { input, dryRun, offboardingId } = request
    const recordingMs = offboardingId === undefined ? 0 : Math.min(RECORDING_MS, remainingMs() / 10)
    const limits = { remainingMs: () => remainingMs() - recordingMs, maxWaitMs: MAX_WAIT_MS }
    // The module of dry runs is loaded by them alone.
    const result = dryRun
      ? await (await import('../vendor/rehearse.ts')).rehearse(operation, input, limits)
      : await execute(operation, input, limits)
    const { outcome, upstream, attempts } = result
    const told = { outcome, ...('expected' in result && expectationFields(result)), ...upstream, attempts }
    audit({ message: 'finished', ...line(), ...told })
    await record(told)
    return json(200, done(operation, result, event))
  } catch (thrown) {
    const error = toOperationError(thrown)
    audit({ message: 'failed', ...line(), ...errorFields(error), ...(error !== thrown && { stack: framesOf(thrown) }) })
    await record({ outcome: error.queue === 'gone' && !operation.starts ? 'gone' : 'failed', ...errorFields(error) })
    throw error
  }
}

const done = ({ name }: Operation, result: Result | Rehearsal, event: APIGatewayProxyEventV2) => {
  const { outcome, upstream, request } = result
  if (!('expected' in result)) return { operation: name, outcome, upstream }
  const { expected, error, hint } = result
  const language = languageOf(event)
  const why = {
    ...(error && { kind: error.kind, scope: error.scope, detail: error.detail[language] }),
    ...(hint && { hint: hint[language] }),
  }
  return { operation: name, outcome, expected, ...why, upstream, request }
}

type Request = { input: Input; dryRun: boolean; offboardingId: string | undefined }

/** The request as the operation's input. Whatever is not asked for is refused, so that nothing is silently ignored. */
function read(operation: Operation, event: APIGatewayProxyEventV2): Request {
  const { dry_run: dryRun, offboarding_id, ...query } = event.queryStringParameters ?? {}
  const path = event.pathParameters ?? {}
  for (const name of Object.keys(query)) if (Object.hasOwn(path, name)) throw invalidField(name, 'unknown')
  if (dryRun !== undefined && dryRun !== 'true' && dryRun !== 'false') throw invalidField('dry_run', 'boolean')
  if (!isEmpty(event)) throw invalidField('body', 'empty_body')
  const input = parse(operation.input, { ...query, ...path })
  return { input, dryRun: dryRun === 'true', offboardingId: parse(ofOffboarding, { offboarding_id }).offboarding_id }
}

const ofOffboarding = v.object({ offboarding_id: v.optional(id) })

/** No body, or the empty object that some clients always send. */
function isEmpty({ body, isBase64Encoded }: APIGatewayProxyEventV2): boolean {
  const text = (isBase64Encoded ? Buffer.from(body ?? '', 'base64').toString() : (body ?? '')).trim()
  return text === '' || text === '{}'
}
