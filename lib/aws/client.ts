/**
 * Calls of AWS's own services: the three that speak JSON, signed by AWS's own signer with the credentials that its clients
 * would find. Why not those clients: docs/decisions/0022-signed-calls.md.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
 * https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
import { partition } from '@aws-sdk/core/client'
import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import { environment } from '../environment.ts'
import { send } from '../request.ts'

const SERVICES = {
  secretsmanager: {
    target: 'secretsmanager',
    protocol: 'application/x-amz-json-1.1',
    endpoint: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
    timeoutMs: 3_000,
  },
  sqs: {
    target: 'AmazonSQS',
    protocol: 'application/x-amz-json-1.0',
    endpoint: 'AWS_ENDPOINT_URL_SQS',
    timeoutMs: 2_000,
  },
  events: {
    target: 'AWSEvents',
    protocol: 'application/x-amz-json-1.1',
    endpoint: 'AWS_ENDPOINT_URL_EVENTBRIDGE',
    timeoutMs: 2_000,
  },
}

const credentials = defaultProvider()

/**
 * Sends `input` once and returns the answer. `queueUrl` says which host is called, unless one of the SDK's variables does.
 * A refusal throws an error of the shape that AWS's clients give it: `name`, `$metadata.httpStatusCode`. No answer in time
 * throws `timeout`, a connection that fails `unavailable`. An answer may lack what its operation promises.
 */
export async function callAws<Output>(
  service: keyof typeof SERVICES,
  operation: string,
  input: object,
  queueUrl?: string,
): Promise<Output> {
  const { target, protocol, endpoint, timeoutMs } = SERVICES[service]
  const region = environment('AWS_REGION')
  const { host, hostname, origin } = new URL(
    process.env[endpoint] ||
      process.env.AWS_ENDPOINT_URL ||
      queueUrl ||
      `https://${service}.${region}.${partition(region).dnsSuffix}`,
  )
  const { headers } = await new SignatureV4({ service, region, credentials, sha256: Sha256 }).sign({
    method: 'POST',
    protocol: 'https:',
    hostname,
    path: '/',
    headers: {
      host,
      'content-type': protocol,
      'x-amz-target': `${target}.${operation}`,
      // By it Lambda ends a function that calls itself for ever.
      ...(process.env._X_AMZN_TRACE_ID && { 'x-amzn-trace-id': process.env._X_AMZN_TRACE_ID }),
    },
    body: JSON.stringify(input),
  })
  const response = await send({ method: 'POST', url: `${origin}/`, headers, body: input }, timeoutMs)
  const answer = parse(response.text)
  if (response.status === 200 && answer) return answer as Output
  throw Object.assign(new Error(`${service} answered ${response.status}.`), {
    name: nameOf(response.headers['x-amzn-errortype'] ?? answer?.code ?? answer?.__type),
    $metadata: { httpStatusCode: response.status },
  })
}

/** Undefined for what is no JSON object; without what is null, as AWS's clients read it. Some operations answer nothing. */
function parse(text: string): Record<string, unknown> | undefined {
  try {
    const answer = JSON.parse(text || '{}', (_, value) => value ?? undefined)
    return typeof answer === 'object' && !Array.isArray(answer) ? answer : undefined
  } catch {
    return undefined
  }
}

/** `com.amazonaws.sqs#QueueDoesNotExist` and `QueueDoesNotExist:http://…` are both told by the name. */
const nameOf = (type: unknown): string => /^(?:[\w.-]*#)?(\w{1,100})/.exec(String(type ?? ''))?.[1] ?? 'UnknownError'
