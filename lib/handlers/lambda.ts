/** The handler of a function: three entrances, told apart by the event's shape. The only file that knows middy. */
import middy, { type MiddlewareObj } from '@middy/core'
import type { APIGatewayProxyEventV2, Context, SQSEvent } from 'aws-lambda'
import { OperationError, toOperationError } from '../error.ts'
import { OFFBOARDING } from '../offboarding-event.ts'
import type { Operation } from '../operation.ts'
import type { Input } from '../schema.ts'
import { answer } from './http.ts'
import { languageOf, problem } from './problem.ts'
import type { BusEvent } from './reject.ts'

type Event = APIGatewayProxyEventV2 | BusEvent | SQSEvent

/** Kept back from the function's time for the answer, or for outcome events, dead letters and deferrals. */
const HTTP_RESERVE_MS = 1_000
const QUEUE_RESERVE_MS = 7_000

/**
 * The Lambda handler of `operation`.
 *
 * - An API Gateway request (payload 2.0) is carried out at once and answered, errors as problem details.
 * - A `User Offboarding` event becomes work items; it returns `{planned}`, how many.
 * - A batch of the operation's queue is worked through; it returns `{batchItemFailures}`.
 *
 * Any other event throws, and so ends in the queue for undelivered events.
 */
export function lambda<I extends Input>(contract: Operation<I>) {
  // Each entrance parses its input with the contract's own schema before anything of the contract sees it.
  const operation = contract as unknown as Operation
  return middy({ timeoutEarlyInMillis: 500 })
    .use(problemDetails(operation))
    .handler(async (event: Event, context: Context) => {
      const left = () => context.getRemainingTimeInMillis?.() ?? 30_000
      if (isHttp(event)) return answer(operation, event, context.awsRequestId, () => left() - HTTP_RESERVE_MS)
      const { plan, work } = await import('./asynchronous.ts')
      if ('Records' in event) return work(operation, event, () => left() - QUEUE_RESERVE_MS)
      if (event['detail-type'] === OFFBOARDING) return plan(operation, event, left)
      throw new OperationError('invalid_request', { en: 'Not an event of this function.', zh: '不是本函数的事件。' })
    })
}

const isHttp = (event: Event): event is APIGatewayProxyEventV2 => 'requestContext' in event

/** Over HTTP every error becomes an answer. From an event or a queue it stays an error, or AWS would take it for success. */
const problemDetails = ({ name }: Operation): MiddlewareObj<Event> => ({
  onError: (request) => {
    const { event, context, error } = request
    if (!isHttp(event)) return
    const failure =
      error?.name === 'TimeoutError'
        ? new OperationError('timeout', { en: 'The function ran out of time.', zh: '函数执行超时。' })
        : toOperationError(error)
    request.response = problem(failure, {
      operation: name,
      instance: context.awsRequestId,
      language: languageOf(event),
    })
  },
})
