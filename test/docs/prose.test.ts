/** Documents in plain words, and a README that fits on a page. */
import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Words and turns that a reader stumbles over, and what to write instead. */
const WORDS: [RegExp, string][] = [
  [/\bnobody\b/i, 'no one, or make the thing the subject'],
  [/\b(some|any|every)body\b/i, 'the person meant: the sender, an operator, the leaver'],
  [/\bwho(so)?ever\b/i, 'the person meant'],
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\b(un)?tell(s|ing)?\b|\b(un)?told\b/i, 'report, show, print, notify, determine'],
  [/\bfor\b[^.\n]*\bsake\b/i, 'because of, for'],
  [/\bsays? what to do\b/i, 'name what is missing or expected'],
  [/\bwithout a word\b/i, 'silently, quietly'],
]

/** Where such a word stays: in a name, or in what others have written. */
const ALLOWED = [{ file: 'docs/openapi.json', text: 'NOBODY-KNOWS-IT' }]

const documents = globSync(['*.md', 'docs/**/*.{md,json}'])

test.each(documents)('%s is in plain words', (file) => {
  const allowed = ALLOWED.filter((one) => one.file === file).map(({ text }) => text)
  const lines = allowed.reduce((text, one) => text.replaceAll(one, ''), readFileSync(file, 'utf8')).split('\n')
  const found = lines.flatMap((line, index) =>
    WORDS.flatMap(([word, instead]) => {
      const [hit] = word.exec(line) ?? []
      return hit === undefined ? [] : [`line ${index + 1}: "${hit}". Better: ${instead}`]
    }),
  )
  expect(found).toEqual([])
})

test('every exception is still needed', () => {
  for (const { file, text } of ALLOWED) expect(readFileSync(file, 'utf8')).toContain(text)
})

test.each(['README.md', 'README.zh-CN.md'])('%s has at most 150 lines, and both commands in one block', (file) => {
  const readme = readFileSync(file, 'utf8')
  expect(readme.trimEnd().split('\n').length).toBeLessThanOrEqual(150)
  expect(readme).toMatch(/^```sh\nnpm ci && npm start -- --once +# .+\nnpm ci && npm test +# .+\n```$/m)
})

const DEFINED = 'leaver custodian target item bucket parked gone planned deferred outcome redrive letter'.split(' ')

test.each(['docs/glossary.md', 'docs/glossary.zh-CN.md'])('%s defines each word once', (file) => {
  const rows = [...readFileSync(file, 'utf8').matchAll(/^\| ([^|]+) \|/gm)].slice(2).map(([, word]) => word)
  expect(rows).toEqual([...new Set(rows)])
  for (const word of DEFINED) expect(rows.filter((row) => row === word || row?.endsWith(`（${word}）`))).toHaveLength(1)
})
