/** Every code that the sandbox can answer is one that the product knows and documents. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listCodeSections } from '../../cli/code-tables.ts'
import {
  dingtalkCodes,
  dingtalkOapiCodes,
  feishuCodes,
  feishuOAuthCodes,
  feishuUserInfoCodes,
} from '../../local/sandbox/codes.ts'

const known = (await listCodeSections()).flatMap(({ codes }) => Object.keys(codes))
const isKnown = (code: string) =>
  known.includes(code) || known.some((name) => name.endsWith('…') && code.startsWith(name.slice(0, -1)))

const sandbox = Object.entries({ dingtalkCodes, dingtalkOapiCodes, feishuCodes, feishuOAuthCodes, feishuUserInfoCodes })

test.each(sandbox)('%s of the sandbox are all in the tables that judge answers', (_, codes) => {
  expect(Object.keys(codes).length).toBeGreaterThan(5)
  expect(Object.keys(codes).filter((code) => !isKnown(code))).toEqual([])
})

test('docs/codes.md has the scope of each code, and its patience where that is not the usual', () => {
  const rows = readFileSync('docs/codes.md', 'utf8').split('\n')
  const scopeOf = (code: string) => rows.find((line) => line.startsWith(`| \`${code}\``))?.split(' | ')[2]
  expect([scopeOf('1064230'), scopeOf('1069603'), scopeOf('1390007')]).toEqual([
    'item, for 24 h<br>该任务，24 小时',
    'item<br>该任务',
    '–',
  ])
})

test('docs/codes.md has every code of every table', () => {
  const page = readFileSync('docs/codes.md', 'utf8')
  expect(known.length).toBeGreaterThan(200)
  expect(known.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})
