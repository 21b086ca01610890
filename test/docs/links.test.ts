/** What the repository's pages and sources point to exists. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const ROOMS = '{functions,lib,infra,cli,local,scripts,bench,test}'
const pages = globSync(['*.md', 'docs/**/*.md'])

/** The page without its code blocks, in which neither links nor headings count. */
const proseOf = (page: string) => readFileSync(page, 'utf8').replace(/^```[\s\S]*?^```/gm, '')

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string) =>
  [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-'),
  )

test.each(pages)('every relative link and image of %s leads somewhere', (page) => {
  const prose = proseOf(page).replace(/`[^`\n]*`/g, '')
  const targets = [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, target = '']) => target)
  const broken = targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#')
      const linked = file ? path.join(path.dirname(page), file) : page
      return !existsSync(linked) || (anchor !== undefined && !anchorsOf(linked).includes(anchor))
    })
  expect(broken).toEqual([])
})

// Decision records and the changelog may speak of what is gone.
test.each(pages.filter((page) => !/^docs\/decisions\/|^CHANGELOG/.test(page)))(
  'every path that %s names exists',
  (page) => {
    const named = readFileSync(page, 'utf8').matchAll(
      /`((?:functions|lib|infra|cli|local|scripts|bench|test|docs)\/[\w./-]*)`/g,
    )
    const missing = [...named].map(([, file = '']) => file).filter((file) => !existsSync(file))
    expect(missing).toEqual([])
  },
)

test('every page of docs/ that a source names exists', () => {
  const missing = globSync([`${ROOMS}/**/*.{ts,tsx,cjs,py}`, 'serverless.yml', '.ci/*'], {
    exclude: ['**/node_modules'],
  })
    .flatMap((source) =>
      [...readFileSync(source, 'utf8').matchAll(/\bdocs\/[\w./-]+\.(?:md|json|svg|png)\b/g)].map(([page]) => ({
        source,
        page,
      })),
    )
    .filter(({ page }) => !existsSync(page))
  expect(missing).toEqual([])
})
