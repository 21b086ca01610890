/** The body of a dead letter. */
import { bodyOf, type Reason } from '../aws/sqs.ts'

/** SQS's limit, for the body with the names, types and values of all attributes. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_MessageAttributeValue.html */
const MAX_BYTES = 1_048_576

/**
 * The event as it was; without its detail, which the archive has, where it is too long for SQS together with the reason, or
 * nested too deeply to be written.
 */
export function letterOf(event: object, reason: Reason): string {
  try {
    const body = bodyOf(event)
    if (isSendable(body, reason)) return body
  } catch {}
  return bodyOf({ ...event, detail: null })
}

/** Whether SQS takes the body with the reason as its attributes, as `sendDeadLetter` sends them. */
export function isSendable(body: string, { kind, code, hint, requestId }: Reason): boolean {
  const attributes = Object.entries({ kind, code, hint, requestId })
  const texts = [body, ...attributes.flatMap(([name, value]) => [name, 'String', value || 'none'])]
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0) <= MAX_BYTES
}
