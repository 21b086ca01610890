/** The published schema of the event says what the functions do. */
import { readFileSync } from 'node:fs'
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { offboarding } from '../../lib/offboarding-event.ts'

const schema: AnySchemaObject = JSON.parse(readFileSync('docs/offboarding-event.schema.json', 'utf8'))
const allows = new Ajv2020({ strict: true }).compile(schema)
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

test('an event that is valid is judged alike after one change anywhere', () => {
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
