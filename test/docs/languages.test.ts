/** English and Chinese: which one a caller gets, and that there is always a Chinese text. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { listCodeSections } from '../../cli/code-tables.ts'
import * as dingtalkTables from '../../lib/dingtalk/codes.ts'
import { KINDS, OperationError, type Text } from '../../lib/error.ts'
import * as feishuTables from '../../lib/feishu/codes.ts'
import * as feishuTokenTables from '../../lib/feishu/token-codes.ts'
import { languageOf, problem } from '../../lib/handlers/problem.ts'
import { byStatus } from '../../lib/vendor/classify.ts'
import type { CodeTable } from '../../lib/vendor/vendor.ts'
import { listHalfWidth } from './punctuation.ts'

describe('Accept-Language', () => {
  test.each([
    [undefined, 'en'],
    ['', 'en'],
    ['zh', 'zh'],
    ['zh-CN', 'zh'],
    ['ZH-cn', 'zh'],
    ['zh-Hant-TW', 'zh'],
    ['zho', 'en'],
    ['zhx-CN', 'en'],
    ['fr', 'en'],
    ['fr, zh;q=0.1', 'zh'],
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh'],
    ['en-US,en;q=0.9,zh;q=0.8', 'en'],
    ['en;q=0.8, zh;q=0.9', 'zh'],
    ['en,zh', 'en'],
    ['zh;q=0', 'en'],
    ['en;q=0, zh;q=0.001', 'zh'],
    ['zh ; q=0.5 , en ; q=0.4', 'zh'],
    ['zh;level=1;q=0.5, en;q=0.4', 'zh'],
    ['*', 'en'],
    ['*, zh;q=0.5', 'en'],
    ['zh, *;q=0.5', 'zh'],
    ['en;q=0.2, *;q=0.5', 'zh'],
    ['zh;q=0, *', 'en'],
    ['zh;q=nonsense, en;q=0.1', 'en'],
    ['zh;q=-1, en;q=0.1', 'en'],
    ['zh;q=7, en', 'en'],
    ['zh;q=Infinity, en', 'en'],
    [';;;,,,q=1;zh', 'en'],
    ['\u0000zh', 'en'],
    [`${'en,'.repeat(10_000)}zh`, 'en'],
  ])('%j is %s', (header, language) => {
    expect(languageOf({ headers: header === undefined ? {} : { 'accept-language': header } })).toBe(language)
  })

  test.each(['en', 'zh'] as const)('decides title, detail and hint, and is named in the answer (%s)', (language) => {
    const error = new OperationError(
      'forbidden',
      { en: 'Refused.', zh: '已拒绝。' },
      { hint: { en: 'Ask.', zh: '请询问。' } },
    )
    const { headers, body } = problem(error, { operation: 'feishu-drive-unsubscribe', instance: 'r-1', language })
    expect(headers).toMatchObject({ 'content-language': language, vary: 'accept-language' })
    expect(JSON.parse(body ?? '')).toMatchObject(
      language === 'en'
        ? { title: 'Forbidden', detail: 'Refused.', hint: 'Ask.' }
        : { title: '无权操作', detail: '已拒绝。', hint: '请询问。' },
    )
  })
})

/** Says something in Chinese, and in English in plain ASCII but for typography. */
function expectBoth({ en, zh }: Text): void {
  expect(zh).toMatch(/\p{Script=Han}/u)
  expect(en).toMatch(/[A-Za-z]/)
  expect(en).not.toMatch(/\p{Script=Han}/u)
}

describe('every text is there in both languages', () => {
  test.each(Object.entries(KINDS))('kind %s', (_, { title, hint }) => {
    expectBoth(title)
    expectBoth(hint)
  })

  test('every row of every table', async () => {
    const sections = await listCodeSections()
    const meanings = sections.flatMap(({ codes }) => Object.entries(codes))
    expect(meanings.length).toBeGreaterThan(90)
    for (const [, { means, hint }] of meanings) {
      expectBoth(means)
      if (hint) expectBoth(hint)
    }
    for (const status of [200, 429, 500]) expectBoth(byStatus(status).means)
  })

  // Texts that are put together elsewhere: the type asks for both languages, this that the Chinese one is Chinese.
  test.each(
    ['lib', 'functions', 'scripts'].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => `${folder}/${file}`),
    ),
  )('%s', (file) => {
    const literals = [...readFileSync(file, 'utf8').matchAll(/\bzh: (['"`])((?:(?!\1)[^\\]|\\.)*)\1/g)]
    for (const [, , text = ''] of literals) {
      if (text !== '') expect(text).toMatch(/\p{Script=Han}|zh/u)
      expect(listHalfWidth(text)).toEqual([])
    }
  })
})

test('docs/codes.md holds every code of every table', async () => {
  const page = readFileSync('docs/codes.md', 'utf8')
  const tables = [feishuTables, feishuTokenTables, dingtalkTables].flatMap((module): CodeTable[] =>
    Object.values(module),
  )
  expect(tables.length).toBeGreaterThanOrEqual(9)
  for (const code of tables.flatMap((table) => Object.keys(table))) expect(page).toMatch(new RegExp(`\`${code}…?\``))
})

/** In both languages at once. */
const BILINGUAL = 'docs/codes.md'
const isChinese = (file: string) => file.endsWith('.zh-CN.md')
const pages = ['README.md', 'README.zh-CN.md', ...globSync('docs/*.md').filter((file) => file !== BILINGUAL)]

test.each(pages.filter(isChinese))('%s has an English page', (file) => {
  expect(existsSync(file.replace('.zh-CN.md', '.md'))).toBe(true)
})

describe.each(pages.filter((file) => !isChinese(file)))('%s is there in Chinese, whole', (english) => {
  const chinese = english.replace(/\.md$/, '.zh-CN.md')
  const [en, zh] = [english, chinese].map((file) => partsOf(readFileSync(file, 'utf8'))) as [Parts, Parts]

  test('each links to the other', () => {
    for (const [file, other] of [
      [english, chinese],
      [chinese, english],
    ] as const)
      expect(readFileSync(file, 'utf8')).toContain(`](${path.basename(other)})`)
  })

  test('with the same headings', () => {
    expect(zh.headings).toEqual(en.headings)
  })

  test('with the same commands and samples', () => {
    expect(zh.samples).toEqual(en.samples)
  })

  test('with as many rows in its tables', () => {
    expect(zh.rows).toBe(en.rows)
  })

  test('with every name: fields, parameters, commands, files', () => {
    expect(en.names.filter((name) => !zh.names.includes(name))).toEqual([])
  })
})

test.each([...pages.filter(isChinese), BILINGUAL])('%s has full-width punctuation beside Chinese', (file) => {
  expect(listHalfWidth(readFileSync(file, 'utf8'))).toEqual([])
})

type Parts = { headings: string[]; samples: string[]; rows: number; names: string[] }

/** What must be equal in both languages: how headings nest, lines to copy without their comments, rows of tables, words in backticks. */
function partsOf(markdown: string): Parts {
  const blocks = markdown.split(/^```\w*\n/m)
  const prose = blocks.filter((_, index) => index % 2 === 0).join('')
  return {
    headings: [...prose.matchAll(/^(#+) /gm)].map(([, depth = '']) => depth),
    samples: [...markdown.matchAll(/^```(?:sh|json)\n(.*?)^```/gms)].map(([, sample = '']) =>
      sample.replace(/(^| +)# .*$/gm, ''),
    ),
    rows: [...prose.matchAll(/^\|/gm)].length,
    names: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name),
  }
}
