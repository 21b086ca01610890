/** What a request for offboardings says: its detail, or which ones to show. Every wrong field is named. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import * as v from 'valibot'
import { environmentNumber } from '../environment.ts'
import { LEAVING, type Leaving, leaving } from '../leaving-event.ts'
import { type Place, STATES, type State } from '../ledger/records.ts'
import { OFFBOARDING, type Offboarding, offboarding, withinTargets } from '../offboarding-event.ts'
import { exactly, id, invalidField, parse } from '../schema.ts'

/** What EventBridge takes, less what goes around the detail. Bytes. */
const MOST_BYTES = 256 * 1024 - 1024
/** All wrong fields of any sensible body; an answer may not be larger than 6 MB. */
const MOST_ISSUES = 2_000

export type Order = { type: typeof OFFBOARDING | typeof LEAVING; detail: Offboarding | Leaving }

/** The body as the detail of an event: with a `leaver` of one that says who leaves, else of one with ids. */
export function readOrder(event: APIGatewayProxyEventV2): Order {
  for (const name of Object.keys(event.queryStringParameters ?? {})) throw invalidField(name, 'no_query')
  const body = readBody(event)
  if (typeof body === 'object' && body !== null && Object.hasOwn(body, 'leaver'))
    return { type: LEAVING, detail: parse(leaving, body, MOST_ISSUES) }
  const detail = parse(offboarding, body, MOST_ISSUES)
  return { type: OFFBOARDING, detail: withinTargets(detail, environmentNumber('MAX_TARGETS_PER_EVENT')) }
}

function readBody({ body = '', isBase64Encoded }: APIGatewayProxyEventV2): unknown {
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
  if (bytes.length > MOST_BYTES) throw invalidField('body', 'body_size')
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw invalidField('body', 'json')
  }
}

const dryRun = v.optional(v.picklist(['true', 'false']))
const isDry = (given: 'true' | 'false' | undefined) => (given === undefined ? undefined : given === 'true')

const oneQuery = exactly({ offboardingId: id, dry_run: dryRun })

/** Which offboarding to show; by default its real runs, where there are any. */
export function readOne(event: APIGatewayProxyEventV2): { offboardingId: string; dryRun: boolean | undefined } {
  const { queryStringParameters: query = {}, pathParameters: path = {} } = event
  for (const name of Object.keys(path)) if (Object.hasOwn(query, name)) throw invalidField(name, 'unknown')
  const { offboardingId, dry_run } = parse(oneQuery, { ...query, ...path }, MOST_ISSUES)
  return { offboardingId, dryRun: isDry(dry_run) }
}

const DEFAULT_LIMIT = 20
const MOST_LISTED = 100

/** DynamoDB takes no longer keys. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const page = exactly({
  pk: v.pipe(v.string(), v.startsWith('offboarding#'), v.maxBytes(2_048)),
  sk: v.pipe(v.string(), v.minLength(1), v.maxBytes(1_024)),
  state: v.picklist(STATES),
  since: v.pipe(v.string(), v.regex(/^\d{4}-/), v.maxBytes(1_024)),
  dryRun: v.boolean(),
})

const listQuery = exactly({
  state: v.optional(v.picklist(STATES)),
  limit: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => /^[1-9]\d{0,2}$/.test(text) && Number(text) <= MOST_LISTED, 'limit'),
    ),
  ),
  next: v.optional(
    v.pipe(
      v.string(),
      v.check((token) => readToken(token) !== undefined, 'page_token'),
    ),
  ),
  dry_run: dryRun,
})

type ListRequest = { states: readonly State[]; limit: number; dryRun: boolean; after: Place | undefined }

/** Which offboardings to list. */
export function readList({ queryStringParameters = {} }: APIGatewayProxyEventV2): ListRequest {
  const { state, limit, next, dry_run } = parse(listQuery, queryStringParameters, MOST_ISSUES)
  const states = state ? [state] : STATES
  const asked = isDry(dry_run) ?? false
  if (next === undefined) return { states, limit: Number(limit ?? DEFAULT_LIMIT), dryRun: asked, after: undefined }
  const { dryRun, ...after } = readToken(next) as v.InferOutput<typeof page>
  if (dryRun !== asked || !states.includes(after.state)) throw invalidField('next', 'page_token')
  return { states, limit: Number(limit ?? DEFAULT_LIMIT), dryRun, after }
}

/** The token of the page that begins behind a place; opaque to a caller. */
export const writeToken = (place: Place, dryRun: boolean): string =>
  Buffer.from(JSON.stringify({ ...place, dryRun })).toString('base64url')

function readToken(token: string): v.InferOutput<typeof page> | undefined {
  try {
    const { success, output } = v.safeParse(page, JSON.parse(Buffer.from(token, 'base64url').toString()))
    return success ? output : undefined
  } catch {
    return undefined
  }
}
