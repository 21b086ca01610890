/** The page's two tabs in headless Chromium, as a person uses them. SCREENSHOT=1 also writes docs/page.png. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Browser, Page } from 'playwright-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { close, listen } from '../../cli/loopback.ts'
import { operationNames } from '../../infra/operations.ts'
import { stopProcesses } from '../cli/operator.ts'
import { TARGETS } from '../sample-event.ts'
import { cardOf, sendOffboarding, usePage } from './open-page.ts'

const opened = usePage({ speed: 20 })
let url: string
let browser: Browser
let page: Page
beforeEach(() => {
  ;({ url, browser, page } = opened)
})

type Parameter = { name: string; schema: { type?: string }; examples?: Record<string, { value: string }> }
type Method = { operationId: string; summary: string; 'x-summary-zh': string; parameters: Parameter[] }
const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))
const operations = (Object.values(document.paths) as Record<string, Method>[])
  .flatMap((methods) => Object.values(methods))
  .filter(({ operationId }) => operationNames.includes(operationId))

const send = async (name = 'Send') => {
  const answered = page.waitForResponse((response) => /\/(feishu|dingtalk)\//.test(response.url()))
  await page.getByRole('button', { name, exact: true }).click()
  await answered
}
/** The answer's JSON; that of a failure is behind a fold. */
const answer = () => page.locator('.response pre')
const unfold = () => page.locator('.response summary').click()

describe.each(operations)('$operationId', ({ operationId, summary, 'x-summary-zh': summaryZh, parameters }) => {
  beforeEach(async () => {
    await page.goto(`${url}/#api`)
    await page.getByRole('link', { name: summary }).click()
    await page.getByRole('heading', { name: summary }).waitFor()
  })

  test('succeeds with the values it starts with, and in a dry run shows the request', async () => {
    await send()
    expect(await page.locator('.response .status').textContent()).toBe('200')
    expect(JSON.parse((await answer().textContent()) ?? '')).toMatchObject({ operation: operationId })
    await page.getByLabel('dry_run').check()
    await send()
    await answer().getByText('"planned"').waitFor()
    expect(await answer().textContent()).toMatch(/"url": "http:\/\/127\.0\.0\.1/)
  })

  test('has a labelled field for each parameter, and a value for each thing that can become of it', async () => {
    for (const { name, examples = {} } of parameters.filter((it) => it.name)) {
      expect(await page.getByLabel(name).count()).toBe(1)
      for (const [becomes, { value }] of Object.entries(examples)) {
        if (becomes === 'changed') continue
        await page.getByRole('button', { name: becomes, exact: true }).click()
        expect(await page.getByLabel(name).inputValue()).toBe(value)
        await send()
        await page.locator('.response').getByText(becomes).first().waitFor()
        await page.getByRole('button', { name: 'Sample values' }).click()
      }
    }
  })

  test('speaks Chinese, and so does what it answers', async () => {
    await page.getByRole('button', { name: '中文' }).click()
    await page.getByRole('heading', { name: summaryZh }).waitFor()
    const [text] = parameters.filter(({ schema, examples }) => schema && examples)
    await page.getByLabel(text?.name ?? '').fill('a b')
    await send('发送')
    await page.locator('.response').getByRole('heading', { name: '请求无效' }).waitFor()
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN')
  })
})

test('shows a command that no value can break out of', async () => {
  await page.goto(`${url}/#api/feishu-approval-unsubscribe`)
  await page.getByLabel('approval_code').fill("a';touch b;'")
  await page.getByLabel('tenant_key').fill("a';touch b;'")
  const [, quoted] = /^curl -X POST '([^']+)'$/.exec((await page.locator('.command code').textContent()) ?? '') ?? []
  expect(quoted).toContain('/a%27%3Btouch%20b%3B%27/')
})

test('is used with the keyboard alone', async () => {
  await page.goto(url)
  await page.getByRole('tab', { name: 'Offboardings' }).focus()
  await page.keyboard.press('ArrowLeft')
  await page.getByRole('tab', { name: 'API', selected: true }).waitFor()
  await page.getByLabel('open_id').focus()
  await page.keyboard.press('Enter')
  await answer().getByText('"feishu-calendar-unsubscribe"').waitFor()
})

test('shows a failure as text: kind, hint and request id, with the JSON behind a fold', async () => {
  await page.goto(`${url}/#api/feishu-drive-unsubscribe`)
  await page.getByRole('button', { name: 'forbidden', exact: true }).click()
  await send()
  const response = page.locator('.response')
  await response.getByRole('heading', { name: 'Forbidden' }).waitFor()
  await response.getByText('Make the app (or the user) a manager of the document').waitFor()
  expect(await response.getByRole('definition').allTextContents()).toEqual(
    expect.arrayContaining(['forbidden', '1069603', expect.stringMatching(/^[0-9a-f]{32}$/)]),
  )
  expect(await answer().count()).toBe(0)
  await unfold()
  await answer().getByText('"hint"').waitFor()
})

test('has a list of routes to choose from on a narrow screen', async () => {
  await page.setViewportSize({ width: 375, height: 700 })
  await page.goto(`${url}/#api`)
  await page.getByRole('combobox', { name: 'Routes' }).selectOption({ label: 'GET List offboardings by state' })
  await page.getByRole('heading', { name: 'List offboardings by state' }).waitFor()
})

const card = (name: string) => cardOf(page, name)

describe('offboardings', () => {
  const offboard = (detail: unknown) => sendOffboarding(opened, detail)

  test('go on live, from nothing to what needs an operator', async () => {
    await page.goto(`${url}/#live`)
    await page.getByText('No offboardings yet.').waitFor()
    const event = JSON.parse(readFileSync('local/events/offboarding.json', 'utf8'))
    // What is parked comes early then, while others still wait.
    event.feishu.files.reverse()
    await offboard(event)

    const it = card('hr-2026-000123')
    await it.getByText('running').waitFor()
    const drive = it.locator('details.operation').filter({ hasText: 'feishu-drive-unsubscribe' })
    await drive.getByText(/waits until \d\d:\d\d:\d\d/).waitFor()
    expect(await drive.locator('td').count()).toBe(0)
    await drive.getByText('feishu-drive-unsubscribe').click()
    await drive.getByRole('row', { name: /doxcnSandbox01 docx waiting/ }).waitFor()
    await it.getByRole('heading', { name: 'Needs an operator' }).waitFor()
    await it.getByText('Make the app (or the user) a manager of the document').waitFor()
    if (process.env.SCREENSHOT) {
      await drive.getByText('feishu-drive-unsubscribe').click()
      await drive.getByText(/waits until/).waitFor()
      await page.evaluate('scrollTo(0, 0)')
      await page.screenshot({ path: 'docs/page.png', fullPage: true })
      await drive.getByText('feishu-drive-unsubscribe').click()
    }

    await it.getByText('needs an operator', { exact: true }).waitFor()
    // Some were changed already by the tests before.
    expect(await it.locator('.counts').textContent()).toMatch(
      new RegExp(`^${TARGETS}/${TARGETS} targets(?=.*1 parked)(?=.*1 gone)`),
    )
    for (const [operation, targets] of Object.entries({
      'feishu-drive-unsubscribe': 31,
      'feishu-approval-unsubscribe': 2,
    }))
      expect(await it.getByRole('progressbar', { name: operation }).getAttribute('value')).toBe(String(targets))
    await drive.getByRole('row', { name: /doxcnSandbox01 docx (changed|unchanged)/ }).waitFor()

    await page.getByRole('button', { name: '中文' }).click()
    await it.getByText('请为应用（或该用户）授予文档管理权限').waitFor()
  })

  test('are told again to who comes later', async () => {
    await page.goto(`${url}/#live`)
    await card('hr-2026-000123').getByText(`${TARGETS}/${TARGETS}`).waitFor()
  })

  test('tell in Chinese too why they were rejected or parked', async () => {
    const chinese = await browser.newPage({ locale: 'zh-CN' })
    await chinese.goto(`${url}/#live`)
    await offboard({ offboardingId: 'no target' })
    await chinese.getByText('offboardingId 不得包含空白、控制字符').waitFor()
    await offboard({ offboardingId: 'too-long', feishu: { approvalCodes: ['c'.repeat(128)] } })
    await chinese.getByText('请检查所发送的 ID，更正错误的一项后重新发送。').waitFor()
    await chinese.close()
  })

  test('with hostile ids are text and nothing else', async () => {
    await page.goto(`${url}/#live`)
    const hostile = '<img src=x onerror=document.title=1>'
    await offboard({ offboardingId: hostile, feishu: { approvalCodes: ['c'] } })
    await card(hostile).getByText('rejected').first().waitFor()
    await card(hostile).getByText('offboardingId may not hold').waitFor()
    await offboard({ offboardingId: '"><b>bold', feishu: { approvalCodes: ['<svg><b>x'] } })
    const it = card('"><b>bold')
    await it.getByText('1/1').first().waitFor()
    await it.locator('details.operation').getByText('feishu-approval-unsubscribe').click()
    await it.getByRole('cell', { name: '<svg><b>x' }).waitFor()
    expect(await page.locator('main :is(img, svg, b)').count()).toBe(0)
    expect(await page.title()).toBe('Subscription offboarding')
  })
})

test('another site can neither read it, nor call it, nor take its place', async () => {
  const approval = '/feishu/approvals/7C468A54-8745-2245-9675-08B7C63E7A85/unsubscribe'
  const site = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>a site'))
  const { port } = new URL(await listen(site))
  const visitor = await browser.newPage()
  await visitor.goto(`http://evil.example:${port}`)
  const statuses: (number | string)[] = []
  visitor.on('response', (response) => response.url().startsWith(url) && statuses.push(response.status()))
  visitor.on('requestfailed', (request) => statuses.push(request.failure()?.errorText ?? ''))
  const attempt = (script: string) => visitor.evaluate(`(${script}).then(() => 'done', () => 'refused')`)
  await attempt(`fetch('${url}${approval}', { method: 'POST', mode: 'no-cors' })`)
  expect(statuses).toEqual([403])
  expect(await attempt(`fetch('${url}${approval}', { method: 'DELETE' })`)).toBe('refused')
  expect(await attempt(`fetch('${url}/_page/openapi.json', { mode: 'no-cors' })`)).toBe('refused')
  expect(await attempt(`fetch('${url}/_stack.json')`)).toBe('refused')
  await visitor.setContent(`<form method="post" action="${url}${approval}"><button>`)
  const [posted] = await Promise.all([visitor.waitForResponse(url + approval), visitor.getByRole('button').click()])
  expect(posted.status()).toBe(403)
  // The site's name, made to resolve to this machine.
  const rebound = await visitor.goto(url.replace('127.0.0.1', 'evil.example'))
  expect(rebound?.status()).toBe(403)
  await visitor.close()
  await close(site)
})

test('asks for an offboarding with the body that stands there, lists it and shows it', async () => {
  const choose = async (summary: string) => {
    await page.getByRole('link', { name: summary }).click()
    await page.getByRole('heading', { name: summary }).waitFor()
  }
  const press = () => page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.goto(`${url}/#api`)
  await choose('Ask for an offboarding')
  const body = { offboardingId: 'page-1', feishu: { openId: 'ou_leaver', calendar: true } }
  await page.getByLabel('Body, as JSON').fill(JSON.stringify(body))
  expect(await page.locator('.command code').first().textContent()).toContain(`-d '${JSON.stringify(body)}'`)
  await press()
  await answer().getByText('"eventId"').waitFor()
  expect(await page.locator('.response .status').textContent()).toBe('202')
  await choose('List offboardings by state')
  // The ledger has it a moment later.
  const listed = async () => {
    await press()
    await answer().waitFor()
    return answer().textContent()
  }
  await expect.poll(listed, { timeout: 30_000 }).toContain('"page-1"')
  await choose('Show what became of an offboarding')
  await page.getByLabel('offboardingId').fill('page-1')
  await press()
  await answer().getByText('"targetsLeftOut"').waitFor()
})

// The last, for it stops what the others use.
test('says that the stack is gone', async () => {
  await page.goto(`${url}/#live`)
  await page.getByText('live', { exact: true }).waitFor()
  stopProcesses()
  await page.getByText('not connected').waitFor()
  await page.getByText('The local stack does not answer.').waitFor()
  await page.getByLabel("Leaver's e-mail address").fill('leaver@corp.example')
  await page.getByRole('button', { name: 'Start dry run' }).click()
  await page.getByText('No answer: is npm start still running?').waitFor()
  await card('hr-2026-000123').waitFor()
  await page.getByRole('tab', { name: 'API' }).click()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.getByText('No answer: is npm start still running?').waitFor()
  // Chromium logs each attempt by itself.
  opened.faults = opened.faults.filter((fault) => !/^Failed to load resource: net::ERR_/.test(fault))
})
