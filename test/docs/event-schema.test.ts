/** The published schema of the event says what the functions do. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { FILE_TYPES, FOLDER_EVENT_TYPE } from '../../lib/feishu/drive-file.ts'
import { offboarding } from '../../lib/offboarding-event.ts'

const schema: AnySchemaObject = JSON.parse(readFileSync('docs/offboarding-event.schema.json', 'utf8'))
const allows = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }).compile(schema)
const accepts = (detail: unknown) => v.is(offboarding, detail)

test('its example and the sample event are valid by both', () => {
  for (const detail of [...schema.examples, JSON.parse(readFileSync('local/events/offboarding.json', 'utf8'))])
    expect([accepts(detail), allows(detail)]).toEqual([true, true])
})

test('every field is described', () => {
  const undescribed = (node: unknown, path: string): string[] =>
    typeof node !== 'object' || node === null
      ? []
      : Object.entries(node).flatMap(([key, child]) => [
          ...(path.endsWith('/properties') && !child.description && !/\/(anyOf|then|else|if)\//.test(path)
            ? [`${path}/${key}`]
            : []),
          ...undescribed(child, `${path}/${key}`),
        ])
  expect(undescribed(schema, '')).toEqual([])
})

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

describe('any event', () => {
  test('is accepted by the functions if and only if the schema allows it', () => {
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
      { numRuns: 20_000 },
    )
    // The generator must have gone both ways often.
    expect(Math.min(counts.both, counts.neither)).toBeGreaterThan(2_000)
  })

  test('that is valid is judged alike after one change anywhere', () => {
    const [valid] = schema.examples
    const paths = (node: unknown, path: string[] = []): string[][] =>
      typeof node === 'object' && node !== null
        ? [path, ...Object.entries(node).flatMap(([key, child]) => paths(child, [...path, key]))]
        : [path]
    for (const path of paths(valid))
      for (const change of [undefined, null, '', ' ', 'x', '..', 0, true, false, [], {}, ['x'], [null], { x: 1 }]) {
        const detail = { root: structuredClone(valid) }
        const target = ['root', ...path]
        const last = target.pop() ?? ''
        // biome-ignore lint/suspicious/noExplicitAny: walks any JSON
        const parent = target.reduce((node: any, key) => node[key], detail)
        if (change === undefined && Array.isArray(parent)) parent.splice(Number(last), 1)
        else if (change === undefined) delete parent[last]
        else parent[last] = change
        expect([path.join('.'), change, allows(detail.root)]).toEqual([path.join('.'), change, accepts(detail.root)])
      }
  })
})
