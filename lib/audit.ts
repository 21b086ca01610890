/**
 * The log: one JSON line for each thing done, made of ids and codes alone.
 *
 * No logger library, which would add about 40 KB to a bundle and 7 ms to a start: here the type lists every field a line
 * may have, and no error can be spread into it.
 */
import type { OperationError } from './error.ts'
import type { Expected } from './operation.ts'
import type { Input } from './schema.ts'
import type { Expectation } from './vendor/rehearse.ts'

/** What a line may hold. There is no field for a token, a secret, a name or a body. */
export type AuditLine = {
  message:
    | 'finished'
    | 'answered'
    | 'parked'
    | 'rejected'
    | 'completed'
    | 'planned'
    | 'resolving'
    | 'resolved'
    | 'deferred'
    | 'held'
    | 'indexed'
    | 'notified'
    | 'released'
    | 'failed'
    | 'unrecorded'
    | 'renewed'
    | 'unrenewable'
    | 'unstored'
    | 'registered'
    | 'unregistered'
    | 'refused'
    | 'repeated'
    | 'unused'
    | 'ticket'
    | 'departed'
    | 'revoked'
  operation: string
  entrance?: 'http' | 'queue'
  offboardingId?: string | null
  eventId?: string | null
  input?: Input | null
  /** Whose subscription it is, by the vendor's id. */
  person?: string
  outcome?: string
  /** Of a dry run: what a real run would do. */
  expected?: Expected | undefined
  /** Of a sending that has ended, and how many of its targets ended with each outcome. */
  completionId?: string
  counts?: Record<string, number>
  kind?: string | undefined
  scope?: string | undefined
  code?: string | null | undefined
  requestId?: string | null | undefined
  hint?: string | undefined
  attempts?: number
  /** Times the queue has delivered the item. */
  deliveries?: number
  ms?: number
  /** Work items: made from an event, or deferred. */
  items?: number
  /** Of the items; those of an event and operation are all in one. */
  bucket?: string | undefined
  dryRun?: boolean
  waitMs?: number
  /** Of a hold: when it began. ISO 8601. */
  since?: string
  /** Where an internal error came from; frames only, for a message may hold content. */
  stack?: string[]
  lambdaRequestId?: string
  /** Of what a vendor pushed: which one, and why it was refused. */
  vendor?: string
  reason?: string
  /** Which robot sent a message, or could not. */
  robot?: string
  /** Of an HTTP request that is no operation: its route without ids, who called, and the answer's status. */
  route?: string
  caller?: string | undefined
  status?: number
  /** Of a user secret; it ends in the user's id. */
  secretId?: string
}

const WARNINGS: AuditLine['message'][] = [
  'parked',
  'rejected',
  'held',
  'failed',
  'unrecorded',
  'unrenewable',
  'unstored',
  'unused',
  'refused',
]

/** Writes the line to standard output, where CloudWatch Logs takes it as JSON. */
export function audit(line: AuditLine): void {
  const level = WARNINGS.includes(line.message) ? 'WARN' : 'INFO'
  process.stdout.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...line })}\n`)
}

/** The part of a line, or of an outcome event, that an error fills. */
export const errorFields = ({ kind, scope, hint, upstream, attempts }: OperationError) => ({
  kind,
  scope,
  ...(upstream && { code: upstream.code, requestId: upstream.requestId }),
  hint: hint.en,
  attempts,
})

/** The part of a line, or of an outcome event, that a dry run fills. */
export const expectationFields = ({ expected, error, hint }: Expectation) => ({
  expected,
  ...(error && { kind: error.kind, scope: error.scope }),
  ...(hint && { hint: hint.en }),
})

/** Name and frames of an unexpected error. */
export const framesOf = (error: unknown): string[] =>
  error instanceof Error
    ? [
        error.name,
        ...(error.stack ?? '')
          .split('\n')
          .filter((line) => /^\s+at /.test(line))
          .map((line) => line.trim()),
      ]
    : [typeof error]

/**
 * Writes metrics in CloudWatch's embedded format, from which Logs makes them without a call.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function writeMetrics(
  dimensions: Record<string, string>,
  values: Record<string, number>,
  Unit: 'Count' | 'Seconds' = 'Count',
): void {
  const Metrics = Object.keys(values).map((Name) => ({ Name, Unit }))
  const CloudWatchMetrics = [{ Namespace: NAMESPACE, Dimensions: [Object.keys(dimensions)], Metrics }]
  process.stdout.write(
    `${JSON.stringify({ _aws: { Timestamp: Date.now(), CloudWatchMetrics }, ...dimensions, ...values })}\n`,
  )
}

const NAMESPACE = 'SubscriptionOffboarding'
