/** Redaction as a property of whole functions. */
import fc from 'fast-check'
import { type Harness, itemOf, sampleOf } from '../harness.ts'
import { distortions, readable } from '../lib/redaction.ts'
import { seedOf } from '../seed.ts'

/** Where a vendor may repeat something. An answer without a code of the vendor's makes the queue wait, and is tried over HTTP alone. */
const PLACES: Record<string, { isCoded: boolean; answer: (echo: string) => object }> = {
  message: { isCoded: true, answer: (echo) => ({ body: { code: 4711, msg: echo, message: echo } }) },
  'long message': {
    isCoded: true,
    answer: (echo) => ({ body: { code: 4711, msg: 'x'.repeat(280) + echo, message: 'x'.repeat(280) + echo } }),
  },
  'request id': {
    isCoded: true,
    answer: (echo) => ({ body: { code: 4711, requestid: echo, error: { log_id: echo } } }),
  },
  'request id header': {
    isCoded: true,
    answer: (echo) => ({
      headers: { 'x-tt-logid': encodeURI(echo), 'x-acs-request-id': encodeURI(echo) },
      body: { code: 4711 },
    }),
  },
  scopes: {
    isCoded: false,
    answer: (echo) => ({
      status: 403,
      body: {
        code: 99991672,
        error: { permission_violations: [{ subject: echo }], field_violations: [{ field: echo }] },
        accessdenieddetail: { requiredScopes: [echo] },
      },
    }),
  },
  code: { isCoded: false, answer: (echo) => ({ body: { code: echo } }) },
  HTML: { isCoded: false, answer: (echo) => ({ body: `<html>${echo}` }) },
}

/** Every text in a value, names included. */
const textsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => [key, ...textsIn(inner)])
      : []

/** Fails when a part of the token or of the app's secret gets out of the function. Returns every text that it wrote. */
export async function assertNothingLeaves(harness: Harness, name: string, numRuns: number): Promise<string[]> {
  const told: string[] = []
  await harness.http(name)
  const { headers = {} } = harness.sandbox.requests.findLast(({ path }) => !/token|oauth/i.test(path)) ?? {}
  const token = headers.authorization?.replace('Bearer ', '') || headers['x-acs-dingtalk-access-token'] || ''
  const readsApp = harness.secrets.requests.some(({ input }) => String(input.SecretId).endsWith('/app'))
  const secrets = fc.constantFrom(...(readsApp ? [token, 'sandbox-app-secret'] : [token]))
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      secrets,
      distortions,
      fc.constantFrom(...Object.keys(PLACES)),
      async (secret, { encodings, distort }, place) => {
        const { isCoded, answer } = PLACES[place] as (typeof PLACES)[string]
        const script = { status: 400, ...answer(distort(secret)) }
        harness.log.length = 0
        const known = { events: harness.outcomes().length, letters: (await harness.deadLetters()).length }
        harness.sandbox.answer({ path: sampleOf(name).route }, script, isCoded ? 2 : 1)
        const { text, body, headers } = await harness.http(name)
        if (isCoded) await harness.queue(name, [itemOf(name, undefined, `event-${++run}`).replace('hr-1', `hr-${run}`)])
        const events = harness.outcomes().slice(known.events)
        const letters = (await harness.deadLetters()).slice(known.letters)
        if (isCoded && (events.length !== 1 || letters.length !== 1)) throw new Error('nothing was parked')
        const texts = textsIn([text, body, headers, harness.log, events, letters])
        told.push(...texts)
        const left = texts.flatMap((one) => readable(secret, encodings, one))
        if (left.length > 0) throw new Error(`left of ${place}: ${left.join(' ')}`)
      },
    ),
    { numRuns, seed: seedOf() },
  )
  return told
}
