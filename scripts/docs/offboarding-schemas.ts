/** What the routes for HR systems take and answer, as the OpenAPI document has it. */
import { STATES } from '../../lib/ledger/records.ts'
import { offboardingDetail } from './event-schema.ts'
import { nullable, plain, REFERENCES, ref } from './json-schema.ts'
import { leavingDetail } from './leaving-schema.ts'

/** Answers may gain fields; the ones listed are there. */
const answer = (properties: Record<string, unknown>, optional: string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
})
const text = { type: 'string' }
const time = { type: 'string', description: 'ISO 8601.' }
const list = (items: object) => ({ type: 'array', items })
const mapOf = (additionalProperties: object) => ({ type: 'object', additionalProperties })
const count = { type: 'integer', minimum: 0 }

const ENTRY = {
  outcome: { enum: ['changed', 'unchanged', 'planned', 'parked', 'failed', 'rejected', 'gone', 'open'] },
  kind: nullable('string'),
  code: { ...nullable('string'), description: "The vendor's code." },
  requestId: { ...nullable('string'), description: "What the vendor's support asks for." },
  hint: nullable('string'),
  time: { ...time, description: 'When it ended, or was queued if it is open. ISO 8601.' },
  eventId: text,
  redrive: count,
}

/** By name. */
export async function offboardingSchemas() {
  return {
    UserOffboarding: plain(await offboardingDetail(REFERENCES)),
    UserLeaving: plain(leavingDetail(REFERENCES)),
    Accepted: answer({ offboardingId: ref('Id'), dryRun: { type: 'boolean' }, eventId: text }),
    Offboardings: answer(
      {
        offboardings: list(
          answer({
            offboardingId: { ...nullable('string'), description: 'Null of a rejected event that names none.' },
            state: { enum: STATES },
            since: time,
            isDryRun: { type: 'boolean' },
            gone: { ...count, description: 'Targets that the vendor does not know: check their ids.' },
            rejected: { anyOf: [answer({ eventId: text, kind: text, hint: text }), { type: 'null' }] },
            resolving: {
              anyOf: [answer({ kind: nullable('string'), hint: nullable('string') }), { type: 'null' }],
              description: 'The leaver is still to be found; why the last try failed.',
            },
          }),
        ),
        next: { type: 'string', description: 'Where the next page begins; left out on the last. Opaque.' },
      },
      ['next'],
    ),
    Offboarding: answer({
      offboardingId: text,
      state: { enum: STATES, description: 'attention: something needs an operator. open: something is under way.' },
      isDryRun: { type: 'boolean' },
      hasDryRuns: { type: 'boolean', description: 'There are dry runs besides: ask with dry_run=true.' },
      counts: { ...mapOf(count), description: 'Targets by outcome, without those that are open or gone.' },
      operations: mapOf(mapOf(count)),
      gone: { ...mapOf(count), description: 'Unknown to the vendor, by operation: check the ids.' },
      notFinished: { ...mapOf(count), description: 'Open targets by operation.' },
      notPlanned: { ...list(text), description: 'Operations that have not listed their targets yet.' },
      people: list(
        answer({
          eventId: text,
          role: { enum: ['leaver', 'custodian'] },
          vendor: text,
          state: { enum: ['found', 'not_found', 'ambiguous', 'resigned', 'not_asked'] },
          ids: mapOf(text),
          reason: nullable('string'),
        }),
      ),
      targets: {
        ...list(
          answer({
            ...ENTRY,
            operation: nullable('string'),
            input: { anyOf: [mapOf(text), { type: 'null' }] },
            history: list(answer(ENTRY)),
          }),
        ),
        description: 'What needs an operator first, then what is open, then what is gone; the first 5,000.',
      },
      targetsLeftOut: count,
    }),
  }
}
