/** Every code that the sandbox can answer is one that the product knows and documents. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { listCodeSections } from '../../cli/code-tables.ts'
import { dingtalkCodes, feishuCodes, feishuOAuthCodes, feishuUserInfoCodes } from '../../local/sandbox/codes.ts'

const known = (await listCodeSections()).flatMap(({ codes }) => Object.keys(codes))
const isKnown = (code: string) =>
  known.includes(code) || known.some((name) => name.endsWith('…') && code.startsWith(name.slice(0, -1)))

const sandbox = Object.entries({ dingtalkCodes, feishuCodes, feishuOAuthCodes, feishuUserInfoCodes })

test.each(sandbox)('%s of the sandbox are all in the tables that judge answers', (_, codes) => {
  expect(Object.keys(codes).length).toBeGreaterThan(5)
  expect(Object.keys(codes).filter((code) => !isKnown(code))).toEqual([])
})

test('docs/codes.md has every code of every table', () => {
  const page = readFileSync('docs/codes.md', 'utf8')
  expect(known.length).toBeGreaterThan(200)
  expect(known.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})
