/** The HTTP entrance for HR systems: who leaves goes on the bus, and what became of them comes from the ledger. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import { audit, errorFields, framesOf } from '../audit.ts'
import { putOnBus } from '../aws/eventbridge.ts'
import { environment } from '../environment.ts'
import { OperationError, toOperationError } from '../error.ts'
import { readRecords } from '../ledger/records.ts'
import { claimRequest, type RequestName, recordSent, releaseRequest } from '../ledger/requests.ts'
import { toJson } from '../report/json.ts'
import { readPage } from '../report/listing.ts'
import { needsOperator, type Row } from '../report/rows.ts'
import { summarize } from '../report/summary.ts'
import { callerOf } from './caller.ts'
import { different, held, unknown } from './offboarding-errors.ts'
import { readList, readOne, readOrder, writeToken } from './offboarding-request.ts'
import { json, languageOf, problem } from './problem.ts'
import { awsError } from './queue-waits.ts'

export const OFFBOARDINGS = 'offboardings'

/** An answer, and whom it is about. */
type Answer = { response: APIGatewayProxyStructuredResultV2 } & Partial<RequestName> & { eventId?: string }
type Route = (event: APIGatewayProxyEventV2, named: (name: Partial<RequestName>) => void) => Promise<Answer>

/** Answers a request, a failed one with problem details; one audit line says who called what. */
export async function answerOffboardings(
  event: APIGatewayProxyEventV2,
  lambdaRequestId: string,
): Promise<APIGatewayProxyStructuredResultV2> {
  const startedAtMs = Date.now()
  let name: Partial<RequestName> = {}
  const line = () => ({
    entrance: 'http' as const,
    operation: OFFBOARDINGS,
    route: event.routeKey,
    caller: callerOf(event),
    ...name,
    lambdaRequestId,
    ms: Date.now() - startedAtMs,
  })
  try {
    const route = ROUTES[event.routeKey]
    if (!route) throw new OperationError('not_found', { en: 'There is no such route.', zh: '没有此路由。' })
    const { response, ...told } = await route(event, (one) => {
      name = one
    })
    audit({ message: 'answered', ...line(), ...told, status: Number(response.statusCode) })
    return response
  } catch (thrown) {
    const error = toOperationError(thrown)
    const { hint, ...fields } = errorFields(error)
    // The hint of a bad request names fields, which may be anything.
    const why = error.kind === 'invalid_request' ? fields : { ...fields, hint }
    const stack = error === thrown ? {} : { stack: framesOf(thrown) }
    audit({ message: 'failed', ...line(), ...why, status: error.status, ...stack })
    return problem(error, { operation: OFFBOARDINGS, instance: lambdaRequestId, language: languageOf(event) })
  }
}

const ROUTES: Partial<Record<string, Route>> = {
  'POST /offboardings': order,
  'GET /offboardings': list,
  'GET /offboardings/{offboardingId}': show,
}

/**
 * Sends the event once for each offboarding, content and kind of run. One whose sending may have been cut off is sent again, so that an
 * event may come twice but is never lost.
 */
async function order(event: APIGatewayProxyEventV2, named: Parameters<Route>[1]): Promise<Answer> {
  const { type, detail } = readOrder(event)
  const { offboardingId, dryRun } = detail
  const name = { offboardingId, dryRun }
  named(name)
  // As the schema orders its fields, and with what it leaves to its defaults.
  const claim = await claimRequest(name, JSON.stringify([type, detail]), callerOf(event))
  if (claim.claim === 'different') throw different()
  if (claim.claim === 'held') throw held()
  if (claim.claim === 'sent') return accepted(200, name, claim.eventId)
  const [eventId = ''] = await putOnBus(type, [detail]).catch(async (thrown) => {
    await releaseRequest(name).catch(() => {})
    throw awsError(thrown)
  })
  await recordSent(name, eventId).catch((thrown) =>
    audit({ message: 'unrecorded', operation: OFFBOARDINGS, ...name, eventId, stack: framesOf(thrown) }),
  )
  return accepted(202, name, eventId)
}

function accepted(status: number, name: RequestName, eventId: string): Answer {
  const location = `/offboardings/${encodeURIComponent(name.offboardingId)}${name.dryRun ? '?dry_run=true' : ''}`
  return { eventId, response: json(status, { ...name, eventId }, { location }) }
}

async function list(event: APIGatewayProxyEventV2): Promise<Answer> {
  const { states, ...options } = readList(event)
  const { offboardings, next } = await readPage(states, options)
  return { response: json(200, { offboardings, ...(next && { next: writeToken(next, options.dryRun) }) }) }
}

/** More would not fit into an answer. */
const MOST_TARGETS = 5_000

async function show(event: APIGatewayProxyEventV2, named: Parameters<Route>[1]): Promise<Answer> {
  const { offboardingId, dryRun } = readOne(event)
  named({ offboardingId, ...(dryRun !== undefined && { dryRun }) })
  const records = await readRecords(offboardingId)
  const report = summarize(offboardingId, records, { operations: environment('OPERATIONS').split(','), dryRun })
  if (!report) throw unknown()
  const { held: _, ...shown } = toJson(report, report.rows.slice(0, MOST_TARGETS))
  const { hasDryRuns, rows, unplanned } = report
  const state = unplanned.length > 0 || rows.some(isOpen) ? 'open' : rows.some(needsOperator) ? 'attention' : 'finished'
  return { response: json(200, { state, hasDryRuns, ...shown, targetsLeftOut: rows.length - shown.targets.length }) }
}

const isOpen = ({ outcome }: Row): boolean => outcome === 'open'
