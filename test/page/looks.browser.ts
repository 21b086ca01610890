/**
 * The page as it looks, on a narrow and a wide screen, light and dark, in English and Chinese. Its screenshots are in
 * test/page/screenshots/, which Git ignores.
 */
import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { cardOf, openPage, sendOffboarding, usePage } from './open-page.ts'

const opened = usePage({ speed: 600 })
const LONG_ID = `long-${'0123456789abcdef'.repeat(15)}`
const HOSTILE_ID = '"><img/src=x>'

beforeAll(async () => {
  const samples = [
    { offboardingId: HOSTILE_ID, feishu: { approvalCodes: ['c'] } },
    { offboardingId: LONG_ID, feishu: { approvalCodes: ['c'.repeat(200)] }, dryRun: true },
    JSON.parse(readFileSync('local/events/offboarding.json', 'utf8')),
  ]
  for (const sample of samples) await sendOffboarding(opened, sample)
})

/** axe, a checker of accessibility, which puts itself into the window. */
const AXE = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const CHECK = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
  .then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    id + ': ' + failureSummary + ' ' + html.slice(0, 200))))`

/** Texts of less than 12 px, and what reaches over the right edge; a block of code may scroll in itself. */
const MISFITS = `[...document.body.querySelectorAll('*')].flatMap((element) => {
  const { right, width } = element.getBoundingClientRect()
  const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')
  const size = parseFloat(getComputedStyle(element).fontSize)
  const what = element.tagName + ' ' + element.textContent.slice(0, 60)
  return [
    ...(hasText && size < 12 ? [what + ' has ' + size + ' px'] : []),
    ...(width > 0 && right > innerWidth + 0.5 && !element.closest('pre') ? [what + ' ends at ' + right] : []),
  ]
})`

const PLACES = {
  offboardings: async (page: Page) => {
    await cardOf(page, 'hr-2026-000123').getByText('39/39').waitFor({ timeout: 50_000 })
    await cardOf(page, LONG_ID).getByText('1/1').first().waitFor()
    // Refused for its id.
    await cardOf(page, HOSTILE_ID).locator('.badge.bad').waitFor()
    const folds = page.locator('article details')
    for (let index = 0; index < (await folds.count()); index++)
      await folds.nth(index).locator('summary').first().click()
    await page.locator('article table').last().waitFor()
  },
  question: async (page: Page) => {
    await cardOf(page, 'hr-2026-000123').locator('.notice button').click()
    await page.getByRole('dialog').waitFor()
  },
  api: async (page: Page) => {
    await page.locator('input[type=text]').first().fill('doxcnSandboxForbidden')
    await page.locator('button[type=submit]').click()
    await page.locator('.response .notice').waitFor()
  },
} satisfies Record<string, (page: Page) => Promise<void>>
const HASHES = { offboardings: 'live', question: 'live', api: 'api/feishu-drive-unsubscribe' }

const VIEWS = [375, 1280].flatMap((width) =>
  (['light', 'dark'] as const).flatMap((colorScheme) =>
    ['en-GB', 'zh-CN'].map((locale) => ({ width, colorScheme, locale })),
  ),
)

test.each(VIEWS)(
  'fits, is large enough and is accessible: $width px, $colorScheme, $locale',
  async ({ width, colorScheme, locale }) => {
    const page = await openPage(opened, { locale, colorScheme, viewport: { width, height: 900 } })
    for (const [name, prepare] of Object.entries(PLACES)) {
      await page.goto(`${opened.url}/#${HASHES[name as keyof typeof HASHES]}`)
      await page.reload()
      await prepare(page)
      const file = `${name}-${width}-${colorScheme}-${locale.slice(0, 2)}.png`
      await page.evaluate('scrollTo(0, 0)')
      await page.screenshot({ path: `test/page/screenshots/${file}`, fullPage: name !== 'question' })
      expect.soft(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      expect.soft(await page.evaluate(MISFITS)).toEqual([])
      await page.evaluate(AXE)
      expect.soft(await page.evaluate(CHECK)).toEqual([])
    }
    await page.close()
  },
)
