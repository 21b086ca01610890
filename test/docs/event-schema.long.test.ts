/** The published schema of the event says what the functions do, of any event. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { FILE_TYPES, FOLDER_EVENT_TYPE } from '../../lib/feishu/drive-file.ts'
import { offboarding } from '../../lib/offboarding-event.ts'
import { seedOf } from '../seed.ts'

const schema: AnySchemaObject = JSON.parse(readFileSync('docs/offboarding-event.schema.json', 'utf8'))
const allows = new Ajv2020({ strict: true }).compile(schema)
const accepts = (detail: unknown) => v.is(offboarding, detail)

const name = fc.constantFrom('ou_leaver', 'a', 'x'.repeat(100), '...', 'cal@group')
const id = fc.oneof(name, fc.constantFrom('日历', 'x'.repeat(256), '😀', '...'))
const odd = fc.oneof(
  fc.constantFrom('', '.', '..', ' ', 'a b', 'a/b', 'a\\b', 'a?', '#', '%2e', 'x'.repeat(101), 'x'.repeat(257), 'a\n'),
  fc.constantFrom('\u0000', '\u007f', '\u200b', '\ufeff', '\u202e', '\ud800', '\ue000', '😀'.repeat(129), '\u2028'),
  fc.string({ unit: 'binary' }),
  fc.jsonValue({ maxDepth: 1 }),
)
const often = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary: value as fc.Arbitrary<unknown>, weight: 60 }, { arbitrary: odd, weight: 1 })
const list = <Value>(item: fc.Arbitrary<Value>) => often(fc.array(often(item), { maxLength: 3 }))
/** An object of some of the fields, at times with one that nobody knows. */
const record = (fields: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[] = []) =>
  often(
    fc
      .tuple(
        fc.record(fields, { requiredKeys }),
        fc.oneof(
          { arbitrary: fc.constant(''), weight: 60 },
          { arbitrary: fc.constantFrom('toString', 'constructor', 'colour', 'openID', '__proto__'), weight: 1 },
        ),
      )
      .map(([known, unknown]) => JSON.parse(JSON.stringify(unknown ? { ...known, [unknown]: 1 } : known))),
  )
const file = record(
  {
    fileToken: often(id),
    fileType: often(fc.constantFrom(...FILE_TYPES)),
    eventType: often(fc.constantFrom(FOLDER_EVENT_TYPE, null, null, null, 'file.edit_v1')),
    openId: often(fc.constantFrom('ou_1', null)),
  },
  ['fileToken', 'fileType'],
)
const event = record(
  {
    offboardingId: often(id),
    dryRun: often(fc.boolean()),
    feishu: record({
      tenantKey: often(name),
      openId: often(name),
      calendar: often(fc.boolean()),
      calendarAcls: record({ openId: often(name), calendarIds: list(id) }, ['openId', 'calendarIds']),
      approvalCodes: list(id),
      files: list(file),
    }),
    dingtalk: record({ unionId: often(name), calendarIds: list(id) }, ['unionId', 'calendarIds']),
  },
  ['offboardingId'],
)

/** The two rules about ids that the schema tells in words: invisible characters, and a length in UTF-16 units. */
const beyondJsonSchema = (detail: unknown): boolean =>
  typeof detail === 'string'
    ? /\p{C}/u.test(detail) || (detail.length > 100 && [...detail].length < detail.length)
    : typeof detail === 'object' && detail !== null && Object.values(detail).some(beyondJsonSchema)

test('any event is accepted by the functions if and only if the schema allows it', () => {
  const counts = { both: 0, neither: 0, onlySchema: 0 }
  fc.assert(
    fc.property(event, (detail) => {
      const [accepted, allowed] = [accepts(detail), allows(detail)]
      if (accepted === allowed) counts[accepted ? 'both' : 'neither']++
      else {
        counts.onlySchema++
        expect([accepted, allowed, beyondJsonSchema(detail)]).toEqual([false, true, true])
      }
    }),
    { seed: seedOf(), numRuns: 20_000 },
  )
  // The generator must have gone both ways often.
  expect(Math.min(counts.both, counts.neither)).toBeGreaterThan(2_000)
})
